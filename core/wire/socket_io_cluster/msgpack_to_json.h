// MessagePack as JSON, as JSON.stringify prints what notepack.io 3 and @msgpack/msgpack 2 decode. With binary data it is what
// socket.io-parser makes of it: attachments in the order in which they occur, and placeholders.
//
// | MessagePack | JSON |
// |---|---|
// | integers | all digits, also of those that JavaScript's numbers cannot represent |
// | float 32, float 64 | as JavaScript prints them; NaN and the infinities are null |
// | bin, and ext type 0 with a length (ArrayBuffer) | an attachment and its placeholder |
// | fixext 1 of type 0 (undefined) | null; as the value of a map's key, the key is left out |
// | fixext 8 of type 0, and type -1 (Date) | a string as of toISOString(); null when it is out of range |
// | map | an object in the same order. Of duplicate keys all stay, and JSON.parse reads the last. Integers as keys become text |
#pragma once

#include <string_view>

#include "model/types.h"
#include "wire/socket_io_cluster/placed_json.h"

namespace chat::wire {

// Converts one value, which must take up all bytes. Errors: encoding (malformed, or no other value has this form in JSON),
// invalid_utf8 (a string; not replaced), unsupported (other extensions), invalid_argument (an object that looks like a
// placeholder), too_large, too_many (attachments, kMaxAttachments), invalid_json (nested deeper than
// TokenReader::kDepthCeiling).
Result<PlacedJson> msgpack_to_json(std::string_view bytes, const ClusterLimits& limits = {});

// Appends a number as JavaScript's Number.prototype.toString() prints it; null when it is not finite.
void append_js_number(std::string& out, double number);

}  // namespace chat::wire
