// Names of rooms here and in the Socket.IO cluster, and the URL that names them.
#include "guest/guest_rooms.h"

#include <string>

#include "guest/guest_settings.h"

// Last, because it defines macros with common names.
#include "../hub/hub_fixture.h"

using namespace chat;
using namespace chat::test;
using guest::GuestRooms;

namespace {

const char* const kSocketId = "abcdefghij0123456-_Z";

void assert_place(const GuestRooms& rooms, const char* room, const char* nsp, const char* there) {
  const GuestRooms::Place place = rooms.place_of(room);
  assert_text(place.nsp, nsp);
  assert_text(place.room, there);
  // And back.
  assert_text(place.room.empty() ? rooms.own_room(nsp) : rooms.room_of(nsp, there).value_or("none"), room);
}

void assert_none(const GuestRooms& rooms, const char* nsp, const std::string& room) {
  assert_false(rooms.room_of(nsp, room).has_value());
}

void rooms_of_the_main_namespace_keep_their_names(void**) {
  const GuestRooms rooms({"/", "/dev"}, "lobby", {});
  assert_place(rooms, "lobby", "/", "");
  assert_place(rooms, "dev", "/dev", "");
  assert_place(rooms, "ops", "/", "ops");
  assert_place(rooms, "dev:ops", "/dev", "ops");
  assert_place(rooms, "dev:", "/", "dev:");
  assert_none(rooms, "/", "lobby");    // it is the namespace
  assert_none(rooms, "/", "dev");      // it is the other namespace
  assert_none(rooms, "/", "dev:ops");  // and this its room
}

void names_that_no_room_can_have_are_none(void**) {
  const GuestRooms rooms({"/"}, "lobby", {});
  for (const char* name : {"", "a/b", "a#b", "a?", "a,b", " a", "\xff", "a\n"}) assert_none(rooms, "/", name);
  assert_none(rooms, "/", std::string(129, 'a'));
  assert_none(rooms, "/", kSocketId);
  assert_text(rooms.room_of("/", "abcdefghij0123456-_:").value_or("none"), "abcdefghij0123456-_:");
}

void a_prefix_is_only_in_the_cluster(void**) {
  const GuestRooms rooms({"/dev", "/"}, "lobby", "chat:");
  assert_place(rooms, "ops", "/dev", "chat:ops");
  assert_place(rooms, "lobby", "/", "");
  assert_place(rooms, "lobby:ops", "/", "chat:ops");
  assert_place(rooms, kSocketId, "/dev", (std::string("chat:") + kSocketId).c_str());
  assert_none(rooms, "/dev", "ops");
  assert_none(rooms, "/dev", kSocketId);
}

void a_url_has_keys_of_its_own(void**) {
  const Result<guest::GuestSettings> settings = guest::parse_guest_url(
      "rediss://u:p@h:7/2?adapter=streams&namespaces=%2F,/"
      "dev&verify=no&streams=4&max_length=9&pubsub=sharded&stream=s&prefix=p%23&"
      "room_prefix=a:");
  assert_ok(settings.status());
  assert_text(settings->target.describe(), "rediss://h:7/2");
  assert_false(settings->target.verify);
  assert_true(settings->adapter == guest::Adapter::streams && settings->sharded_pubsub);
  assert_int_equal(settings->namespaces.size(), 2);
  assert_text(settings->namespaces[0], "/");
  assert_text(settings->namespaces[1], "/dev");
  assert_int_equal(settings->streams, 4);
  assert_int_equal(settings->max_length, 9);
  assert_text(settings->stream, "s");
  assert_text(settings->prefix, "p#");
  assert_text(settings->room_prefix, "a:");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(rooms_of_the_main_namespace_keep_their_names),
      cmocka_unit_test(names_that_no_room_can_have_are_none),
      cmocka_unit_test(a_prefix_is_only_in_the_cluster),
      cmocka_unit_test(a_url_has_keys_of_its_own),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
