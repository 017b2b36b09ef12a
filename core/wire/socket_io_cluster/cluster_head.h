// Reads some members of a message whose rest may be anything. A request that is refused can so be answered: the node that
// asked would wait for every other node until its time-out.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace chat::wire::cluster {

struct HeadField {
  std::string_view name;
  std::string& value;  // becomes JSON: a string or a number; stays empty when there is no such member
};

// Reads the fields of a message, which is a JSON object or a map in MessagePack of any size, and those of the object that is
// its member `inner`. Attachments may be too many, and MessagePack may be nested as deep as it likes. Of duplicate members
// the last counts. False: it is malformed.
bool read_head(std::string_view bytes, std::initializer_list<HeadField> fields, std::string_view inner = {},
               std::initializer_list<HeadField> inner_fields = {});

}  // namespace chat::wire::cluster
