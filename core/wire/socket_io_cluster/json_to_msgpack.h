// JSON with placeholders as MessagePack, in the shortest formats, as notepack.io encodes what JSON.parse reads. Binary data
// takes the places of its placeholders.
//
// Integers keep all digits up to 64 bits, which JavaScript's decoders round as JSON.parse does. Larger ones (which
// notepack.io writes wrongly), fractions and what overflows (infinity, as for JSON.parse) are float 64. An unpaired
// surrogate becomes U+FFFD. Duplicate names stay.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "model/types.h"
#include "wire/socket_io_cluster/placed_json.h"

namespace chat::wire {

// Appends one value. json: checked (json::check(), at most TokenReader::kDepthCeiling deep). A placeholder of an attachment
// that is missing stays an object; an attachment without a placeholder is left out. Errors: too_large (one attachment may
// have many placeholders), invalid_json.
Status append_msgpack(std::string& out, std::string_view json, std::span<const std::string> attachments,
                      const ClusterLimits& limits = {});

}  // namespace chat::wire
