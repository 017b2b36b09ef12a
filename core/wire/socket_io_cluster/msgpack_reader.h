// Reads MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md) item by item. It does not allocate, does not
// recurse and keeps no tree: a container is reported by its head, and its elements follow as items of their own. What an
// extension means is for msgpack_to_json.h.
//
// Every length is compared with the bytes that are left before it is reported. An element takes at least one byte, so a
// container that claims more elements than there are bytes is a fault, too.
#pragma once

#include <cstdint>
#include <string_view>

#include "model/types.h"

namespace chat::wire {

enum class MsgpackKind : std::uint8_t {
  nil,
  boolean,
  unsigned_integer,
  negative_integer,
  real,
  string,
  binary,
  extension,
  array,
  map
};

struct MsgpackItem {
  MsgpackKind kind = MsgpackKind::nil;
  bool boolean = false;
  bool fixed = false;         // of an extension: one of the formats with a fixed length
  std::int8_t type = 0;       // of an extension
  std::uint32_t count = 0;    // elements of an array, pairs of a map
  std::uint64_t number = 0;   // of an unsigned integer
  std::int64_t negative = 0;  // of a negative integer
  double real = 0;            // float 32 is widened
  std::string_view bytes;     // of a string, which may be invalid UTF-8, of binary and of an extension
};

class MsgpackReader {
 public:
  // `bytes` must outlive the reader and its items.
  explicit MsgpackReader(std::string_view bytes) : rest_(bytes), size_(bytes.size()) {}

  // Reads the next item. Errors: encoding, which every later call returns, too.
  Status next(MsgpackItem& item);

  bool at_end() const { return rest_.empty(); }

 private:
  Status fault(const char* what);
  bool take_number(std::size_t size, std::uint64_t& number);
  Status read_sized(MsgpackItem& item, MsgpackKind kind, std::size_t length_size);
  Status read_bytes(MsgpackItem& item, std::uint64_t length);
  Status read_extension(MsgpackItem& item, std::uint64_t length, bool fixed);
  Status read_sized_extension(MsgpackItem& item, std::size_t length_size);
  Status read_container(MsgpackItem& item, MsgpackKind kind, std::uint64_t count);
  Status read_sized_container(MsgpackItem& item, MsgpackKind kind, std::size_t length_size);
  Status read_unsigned(MsgpackItem& item, std::size_t size);
  Status read_signed(MsgpackItem& item, std::size_t size);
  Status read_real(MsgpackItem& item, std::size_t size);
  Status read_long_form(MsgpackItem& item, std::uint8_t prefix);

  std::string_view rest_;
  std::size_t size_;
  bool failed_ = false;
};

}  // namespace chat::wire
