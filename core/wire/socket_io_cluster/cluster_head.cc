// See cluster_head.h.
#include "wire/socket_io_cluster/cluster_head.h"

#include <cstdint>

#include "model/utf8.h"
#include "wire/json/json.h"
#include "wire/socket_io_cluster/msgpack_reader.h"

namespace chat::wire::cluster {
namespace {

using Fields = std::initializer_list<HeadField>;

constexpr std::size_t kDepth = json::TokenReader::kDepthCeiling;

bool read_json_object(std::string_view object, Fields fields, std::string_view inner, Fields inner_fields) {
  json::MemberReader members(object, kDepth);
  for (json::Member member; members.next(member);) {
    const json::Kind kind = json::kind_of(member.value);
    if (kind == json::Kind::object && !inner.empty() && json::equals(member.name, inner)) {
      if (!read_json_object(member.value, inner_fields, {}, {})) return false;
    }
    if (kind != json::Kind::string && kind != json::Kind::number) continue;
    for (const HeadField& field : fields) {
      if (json::equals(member.name, field.name)) field.value = member.value;
    }
  }
  return members.ok();
}

// The items that follow the head of a container and belong to it directly.
std::uint64_t children_of(const MsgpackItem& item) {
  if (item.kind == MsgpackKind::map) return std::uint64_t{item.count} * 2;
  return item.kind == MsgpackKind::array ? item.count : 0;
}

bool skip_children(MsgpackReader& reader, const MsgpackItem& item) {
  for (std::uint64_t left = children_of(item); left != 0; --left) {
    MsgpackItem child;
    if (!reader.next(child).ok()) return false;
    left += children_of(child);
  }
  return true;
}

void keep(const MsgpackItem& value, std::string& json) {
  if (value.kind == MsgpackKind::unsigned_integer) {
    json.clear();
    json::append_number(json, value.number);
  } else if (value.kind == MsgpackKind::string && is_utf8(value.bytes)) {
    json.clear();
    json::append_quoted(json, value.bytes);
  }
}

bool read_map(MsgpackReader& reader, std::uint32_t pairs, Fields fields, std::string_view inner, Fields inner_fields) {
  for (; pairs != 0; --pairs) {
    MsgpackItem key;
    MsgpackItem value;
    if (!reader.next(key).ok() || children_of(key) != 0 || !reader.next(value).ok()) return false;
    if (key.kind == MsgpackKind::string) {
      if (value.kind == MsgpackKind::map && !inner.empty() && key.bytes == inner) {
        if (!read_map(reader, value.count, inner_fields, {}, {})) return false;
        continue;
      }
      for (const HeadField& field : fields) {
        if (key.bytes == field.name) keep(value, field.value);
      }
    }
    if (!skip_children(reader, value)) return false;
  }
  return true;
}

}  // namespace

bool read_head(std::string_view bytes, Fields fields, std::string_view inner, Fields inner_fields) {
  if (bytes.starts_with('{')) {
    return json::check(bytes, kDepth).ok() && read_json_object(bytes, fields, inner, inner_fields);
  }
  MsgpackReader reader(bytes);
  MsgpackItem item;
  return reader.next(item).ok() && item.kind == MsgpackKind::map &&
         read_map(reader, item.count, fields, inner, inner_fields) && reader.at_end();
}

}  // namespace chat::wire::cluster
