// See msgpack_reader.h.
#include "wire/socket_io_cluster/msgpack_reader.h"

#include <bit>
#include <string>

namespace chat::wire {

Status MsgpackReader::next(MsgpackItem& item) {
  item = {};
  if (failed_) return fault("is invalid");
  if (rest_.empty()) return fault("ends too early");
  const auto prefix = static_cast<std::uint8_t>(rest_.front());
  rest_.remove_prefix(1);
  if (prefix < 0x80) {
    item.kind = MsgpackKind::unsigned_integer;
    item.number = prefix;
    return {};
  }
  if (prefix < 0x90) return read_container(item, MsgpackKind::map, prefix & 0x0FU);
  if (prefix < 0xA0) return read_container(item, MsgpackKind::array, prefix & 0x0FU);
  if (prefix < 0xC0) {
    item.kind = MsgpackKind::string;
    return read_bytes(item, prefix & 0x1FU);
  }
  if (prefix >= 0xE0) {
    item.kind = MsgpackKind::negative_integer;
    item.negative = std::int64_t{prefix} - 0x100;
    return {};
  }
  return read_long_form(item, prefix);
}

// Of the formats 0xc0 to 0xdf, those with lengths of 1, 2 and 4 bytes (numbers of 1 to 8) follow each other.
Status MsgpackReader::read_long_form(MsgpackItem& item, std::uint8_t prefix) {
  const auto size_from = [&](std::uint8_t first) { return std::size_t{1} << (prefix - first); };
  switch (prefix) {
    case 0xC0:
      return {};
    case 0xC2:
    case 0xC3:
      item.kind = MsgpackKind::boolean;
      item.boolean = prefix == 0xC3;
      return {};
    case 0xC4:
    case 0xC5:
    case 0xC6:
      return read_sized(item, MsgpackKind::binary, size_from(0xC4));
    case 0xC7:
    case 0xC8:
    case 0xC9:
      return read_sized_extension(item, size_from(0xC7));
    case 0xCA:
      return read_real(item, 4);
    case 0xCB:
      return read_real(item, 8);
    case 0xCC:
    case 0xCD:
    case 0xCE:
    case 0xCF:
      return read_unsigned(item, size_from(0xCC));
    case 0xD0:
    case 0xD1:
    case 0xD2:
    case 0xD3:
      return read_signed(item, size_from(0xD0));
    case 0xD4:
    case 0xD5:
    case 0xD6:
    case 0xD7:
    case 0xD8:
      return read_extension(item, size_from(0xD4), true);
    case 0xD9:
    case 0xDA:
    case 0xDB:
      return read_sized(item, MsgpackKind::string, size_from(0xD9));
    case 0xDC:
    case 0xDD:
      return read_sized_container(item, MsgpackKind::array, size_from(0xDC) * 2);
    case 0xDE:
    case 0xDF:
      return read_sized_container(item, MsgpackKind::map, size_from(0xDE) * 2);
    default:
      return fault("has a format that is not defined");
  }
}

Status MsgpackReader::fault(const char* what) {
  failed_ = true;
  return {Error::encoding, std::string("the MessagePack ") + what + " at byte " + std::to_string(size_ - rest_.size())};
}

// Big-endian.
bool MsgpackReader::take_number(std::size_t size, std::uint64_t& number) {
  if (rest_.size() < size) return false;
  number = 0;
  for (std::size_t i = 0; i < size; ++i) number = number << 8 | static_cast<std::uint8_t>(rest_[i]);
  rest_.remove_prefix(size);
  return true;
}

Status MsgpackReader::read_bytes(MsgpackItem& item, std::uint64_t length) {
  if (length > rest_.size()) return fault("has a length beyond its end");
  item.bytes = rest_.substr(0, length);
  rest_.remove_prefix(length);
  return {};
}

Status MsgpackReader::read_sized(MsgpackItem& item, MsgpackKind kind, std::size_t length_size) {
  std::uint64_t length = 0;
  if (!take_number(length_size, length)) return fault("ends too early");
  item.kind = kind;
  return read_bytes(item, length);
}

Status MsgpackReader::read_extension(MsgpackItem& item, std::uint64_t length, bool fixed) {
  std::uint64_t type = 0;
  if (!take_number(1, type)) return fault("ends too early");
  item.kind = MsgpackKind::extension;
  item.type = static_cast<std::int8_t>(type);
  item.fixed = fixed;
  return read_bytes(item, length);
}

Status MsgpackReader::read_sized_extension(MsgpackItem& item, std::size_t length_size) {
  std::uint64_t length = 0;
  if (!take_number(length_size, length)) return fault("ends too early");
  return read_extension(item, length, false);
}

Status MsgpackReader::read_container(MsgpackItem& item, MsgpackKind kind, std::uint64_t count) {
  const std::uint64_t least_bytes = kind == MsgpackKind::map ? count * 2 : count;
  if (least_bytes > rest_.size()) return fault("has a count beyond its end");
  item.kind = kind;
  item.count = static_cast<std::uint32_t>(count);
  return {};
}

Status MsgpackReader::read_sized_container(MsgpackItem& item, MsgpackKind kind, std::size_t length_size) {
  std::uint64_t count = 0;
  if (!take_number(length_size, count)) return fault("ends too early");
  return read_container(item, kind, count);
}

Status MsgpackReader::read_unsigned(MsgpackItem& item, std::size_t size) {
  item.kind = MsgpackKind::unsigned_integer;
  return take_number(size, item.number) ? Status{} : fault("ends too early");
}

Status MsgpackReader::read_signed(MsgpackItem& item, std::size_t size) {
  std::uint64_t bits = 0;
  if (!take_number(size, bits)) return fault("ends too early");
  const unsigned unused = static_cast<unsigned>(8 - size) * 8;
  const std::int64_t value = static_cast<std::int64_t>(bits << unused) >> unused;
  item.kind = value < 0 ? MsgpackKind::negative_integer : MsgpackKind::unsigned_integer;
  item.negative = value < 0 ? value : 0;
  item.number = value < 0 ? 0 : static_cast<std::uint64_t>(value);
  return {};
}

Status MsgpackReader::read_real(MsgpackItem& item, std::size_t size) {
  std::uint64_t bits = 0;
  if (!take_number(size, bits)) return fault("ends too early");
  item.kind = MsgpackKind::real;
  item.real = size == 4 ? static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(bits)))
                        : std::bit_cast<double>(bits);
  return {};
}

}  // namespace chat::wire
