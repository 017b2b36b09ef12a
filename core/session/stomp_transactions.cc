// See stomp_transactions.h.
#include "session/stomp_transactions.h"

#include <algorithm>
#include <utility>

namespace chat::session {

std::vector<StompTransactions::Transaction>::iterator StompTransactions::find(std::string_view id) {
  return std::find_if(transactions_.begin(), transactions_.end(), [&](const Transaction& t) { return t.id == id; });
}

bool StompTransactions::contains(std::string_view id) const {
  return std::any_of(transactions_.begin(), transactions_.end(), [&](const Transaction& t) { return t.id == id; });
}

bool StompTransactions::begin(std::string_view id) {
  if (transactions_.size() >= limits_.max_transactions) return false;
  transactions_.push_back({std::string(id), {}, id.size()});
  bytes_ += id.size();
  return true;
}

bool StompTransactions::add(std::string_view id, Step step, std::size_t bytes) {
  const auto transaction = find(id);
  bytes += sizeof(Step);
  const std::size_t free_bytes = limits_.max_bytes - std::min(bytes_, limits_.max_bytes);
  if (transaction == transactions_.end() || frames_ >= limits_.max_frames || bytes > free_bytes) return false;
  transaction->content.steps.push_back(std::move(step));
  ++frames_;
  bytes_ += bytes;
  transaction->bytes += bytes;
  return true;
}

void StompTransactions::refuse(std::string_view id) {
  const auto transaction = find(id);
  if (transaction != transactions_.end()) transaction->content.refused = true;
}

StompTransactions::Ended StompTransactions::end(std::string_view id) {
  const auto transaction = find(id);
  if (transaction == transactions_.end()) return {};
  Ended content = std::move(transaction->content);
  frames_ -= content.steps.size();
  bytes_ -= transaction->bytes;
  transactions_.erase(transaction);
  return content;
}

void StompTransactions::clear() {
  transactions_.clear();
  frames_ = bytes_ = 0;
}

}  // namespace chat::session
