// What the formats of a cluster share: JSON whose binary data stands beside it, as in a MessageDraft, and the limits of a
// message.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "model/types.h"

namespace chat::wire {

// {"_placeholder":true,"num":N} in the JSON stands for attachment N.
struct PlacedJson {
  std::string json;
  std::vector<std::string> attachments;

  bool operator==(const PlacedJson&) const = default;
};

// Of one message to or from a cluster. Whatever exceeds them is refused with too_large or too_many.
struct ClusterLimits {
  std::size_t max_bytes = 16 * 1024 * 1024;  // as read or written; also of the JSON and the attachments that it becomes
  std::size_t max_names = 10'000;            // of each list of rooms or ids
  std::size_t max_sockets = 100'000;         // in the answer to a fetch

  Status too_large() const {
    return {Error::too_large, "the message is larger than " + std::to_string(max_bytes) + " bytes"};
  }
};

}  // namespace chat::wire
