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
  transactions_.push_back({std::string(id), {}, 0});
  return true;
}

bool StompTransactions::add(std::string_view id, Step step, std::size_t bytes) {
  const auto transaction = find(id);
  if (transaction == transactions_.end() || frames_ >= limits_.max_frames || bytes > limits_.max_bytes - bytes_)
    return false;
  ++frames_;
  bytes_ += bytes;
  transaction->bytes += bytes;
  transaction->steps.push_back(std::move(step));
  return true;
}

StompTransactions::Steps StompTransactions::end(std::string_view id) {
  const auto transaction = find(id);
  if (transaction == transactions_.end()) return {};
  Steps steps = std::move(transaction->steps);
  frames_ -= steps.size();
  bytes_ -= transaction->bytes;
  transactions_.erase(transaction);
  return steps;
}

void StompTransactions::clear() {
  transactions_.clear();
  frames_ = bytes_ = 0;
}

}  // namespace chat::session
