// See position_answer.h.
#include "cluster/position_answer.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "cluster/words.h"
#include "model/names.h"

namespace chat::cluster {

PositionAnswer PositionAnswer::read(redis::Value& answer) {
  PositionAnswer result;
  std::vector<redis::Value>& items = answer.items;
  if (items.size() == 2) {
    result.kind = Kind::wait;
  } else if (items.size() == 3) {
    result.kind = Kind::tell;
    result.top = number_in<std::uint64_t>(items[2]).value_or(0);
  }
  if (items.size() != 8) return result;
  const auto top = number_in<std::uint64_t>(items[2]);
  const auto redis_ms = number_in<std::int64_t>(items[3]);
  const auto own_first = number_in<std::uint64_t>(items[7]);
  if (!top || !redis_ms || !own_first || !check_epoch(items[1].text).ok()) return result;
  result.top = *top;
  result.redis_ms = *redis_ms;
  result.own_first = *own_first;
  for (const redis::Value& entry : items[4].items) {
    if (std::optional<Batch> batch = batch_of_entry(entry)) result.batches.push_back(std::move(*batch));
  }
  std::reverse(result.batches.begin(), result.batches.end());
  result.epoch = std::move(items[1].text);
  result.values_version = std::move(items[5].text);
  result.values = std::move(items[6].items);
  result.kind = Kind::open;
  return result;
}

}  // namespace chat::cluster
