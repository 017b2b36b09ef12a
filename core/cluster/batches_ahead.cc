// See batches_ahead.h.
#include "cluster/batches_ahead.h"

#include <cstddef>
#include <iterator>
#include <utility>

namespace chat::cluster {
namespace {

constexpr std::size_t kMaxAhead = 1'000;

// One of this server has no epoch and no run: the room's Redis answered it.
bool is_of(const Batch& batch, const std::string& epoch, const std::string& run) {
  return (batch.epoch.empty() || batch.epoch == epoch) && (batch.run.empty() || batch.run == run);
}

}  // namespace

void BatchesAhead::put(Batch batch, std::int64_t now_ms) {
  if (batches_.empty()) since_ms_ = now_ms;
  if (batches_.size() >= kMaxAhead) batches_.erase(std::prev(batches_.end()));
  const std::uint64_t first = batch.first;
  const auto [place, added] = batches_.try_emplace(first, std::move(batch));
  // NOLINTNEXTLINE(bugprone-use-after-move): try_emplace() moves only what it adds
  if (added) return;
  const bool of_another = !batch.run.empty() && place->second.run != batch.run;  // the later one is of the room's Redis
  if (of_another || place->second.messages.empty()) place->second = std::move(batch);
}

std::optional<Batch> BatchesAhead::take_after(std::uint64_t seq, const std::string& epoch, const std::string& run,
                                              std::int64_t now_ms) {
  while (!batches_.empty() && batches_.begin()->first <= seq + 1) {
    Batch next = std::move(batches_.begin()->second);
    batches_.erase(batches_.begin());
    if (is_of(next, epoch, run) && next.last() > seq) return next;
  }
  if (!batches_.empty()) since_ms_ = now_ms;
  return std::nullopt;
}

void BatchesAhead::drop_others(const std::string& epoch, const std::string& run) {
  std::erase_if(batches_, [&](const auto& one) { return !is_of(one.second, epoch, run); });
}

}  // namespace chat::cluster
