// Reads and writes the parts that the formats of a cluster have in common. Their messages are JSON, or MessagePack that
// msgpack_to_json() has made JSON, so each format is read once. JSON here may be as deep as TokenReader::kDepthCeiling: the
// payload's own limit is checked by check_args().
//
// Unknown members are ignored. Of duplicate ones the last counts, as for JSON.parse.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "model/types.h"
#include "wire/socket_io_cluster/cluster_message.h"

namespace chat::wire::cluster {

// A message as JSON. Checks it. Bytes that do not begin with one of these characters are MessagePack.
Result<PlacedJson> read_json_or_msgpack(std::string_view bytes, const ClusterLimits& limits);
Result<PlacedJson> read_json(std::string_view bytes, const ClusterLimits& limits);

struct Field {
  std::string_view name;
  std::string_view& value;  // becomes the raw JSON; stays empty when there is no such member
};
// what: names the object in errors.
Status read_fields(std::string_view object, std::string_view what, std::initializer_list<Field> fields);

// Most readers treat an absent value (empty) as an error, which names it.
Status read_text(std::string_view value, std::string_view what, std::string& text);
Status read_id(std::string_view value, std::string_view what, std::string& id);           // at most kMaxClusterIdBytes
Status read_optional_id(std::string_view value, std::string_view what, std::string& id);  // absent, null or "": empty
Status read_number(std::string_view value, std::string_view what, std::uint64_t& number);
bool is_true(std::string_view value);

// A list of rooms. Names that are numbers become text: the room 1 is the room "1". Absent or null: none.
Status read_names(std::string_view value, std::string_view what, const ClusterLimits& limits,
                  std::vector<std::string>& names);
// {"rooms":[],"except":[],"flags":{}}
Status read_target(std::string_view value, const ClusterLimits& limits, ClusterTarget& target);
// ["name",...]
Status read_event(std::string_view value, std::vector<std::string> attachments, ClusterEvent& event);
// {"type":2,"data":["name",...]}
Status read_packet(std::string_view value, std::vector<std::string> attachments, ClusterEvent& event);
// The argument of an acknowledgement. Absent: no arguments.
Status read_argument(std::string_view value, std::vector<std::string> attachments, PlacedJson& args);
Status read_sockets(std::string_view value, PlacedJson& message, const ClusterLimits& limits, ClusterSockets& answer);

// Appends `,"name":` or, at the beginning of an object, `"name":`.
void append_name(std::string& out, std::string_view name);
void append_text_field(std::string& out, std::string_view name, std::string_view value);
void append_names(std::string& out, const std::vector<std::string>& names);
void append_target(std::string& out, const ClusterTarget& target, bool with_flags);
void append_event(std::string& out, const ClusterEvent& event);
// Appends `,"name":argument` unless there is no argument.
void append_argument_field(std::string& out, std::string_view name, const PlacedJson& args);
void append_sockets(std::string& out, const std::vector<ClusterSocket>& sockets);

}  // namespace chat::wire::cluster
