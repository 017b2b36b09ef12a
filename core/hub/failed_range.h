// The answer of a store that could not read.
#pragma once

#include <memory>
#include <utility>

#include "hub/kept_range.h"

namespace chat {

inline KeptRangePtr failed_range(const KeptQuery& query, Status status) {
  auto range = std::make_shared<KeptRange>();
  range->status = std::move(status);
  range->epoch = query.epoch;
  range->after_seq = range->before_seq = query.before_seq;
  range->complete = false;
  return range;
}

}  // namespace chat
