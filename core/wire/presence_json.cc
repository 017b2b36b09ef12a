// See presence_json.h.
#include "wire/presence_json.h"

#include <string_view>
#include <vector>

#include "wire/json/json.h"

namespace chat::wire {
namespace {

void append_people(std::string& out, std::string_view name, const std::vector<Person>& people) {
  out += ",\"";
  out += name;
  out += "\":[";
  for (const Person& person : people) {
    if (&person != people.data()) out += ',';
    if (person.user_id.empty()) {
      out += "{\"id\":\"";
      json::append_number(out, person.client);
      out += '"';
    } else {
      out += "{\"user\":";
      json::append_quoted(out, person.user_id);
    }
    out += ",\"name\":";
    json::append_quoted(out, person.name);
    if (person.state) {
      out += ",\"state\":";
      out += *person.state;
    }
    out += '}';
  }
  out += ']';
}

}  // namespace

void append_presence(std::string& out, const PresenceNotice& notice) {
  out += "\"count\":";
  json::append_number(out, std::uint64_t{notice.count});
  if (notice.listed) append_people(out, "people", notice.people);
  if (!notice.joined.empty()) append_people(out, "joined", notice.joined);
  if (!notice.left.empty()) append_people(out, "left", notice.left);
  if (!notice.changed.empty()) append_people(out, "changed", notice.changed);
}

}  // namespace chat::wire
