// A client whose format has no first room: it opens in no room, and joins rooms by commands.
#include "core/net/peer/peer_fixture.h"

using namespace chat;
using namespace chat::net;
using namespace chat::test;

namespace {

Coming roomless() {
  Coming how;
  how.form.first_room = false;
  return how;
}

void it_opens_in_no_room(void**) {
  PeerFixture f;
  std::string room = "?";
  f.application.connecting = [&](const ConnectRequest& request) {
    room = request.room;
    return Decision{};
  };
  f.application.authorizing = [](const AuthorizeRequest&) { return PeerFixture::refused("never asked"); };
  Seat& ann = f.come("ann", roomless());
  assert_string_equal(room.c_str(), "");
  f.run();
  assert_told(f.story, "ann: welcome ann #0", "on_open ann ");
  assert_true(ann.peer().welcomed());
  assert_false(ann.peer().undecided());
  assert_true(ann.client->state() == ClientState::open);
  assert_true(ann.client->rooms().empty());
  assert_int_equal(f.hub().stats().rooms_now, 0);
  assert_int_equal(f.hub().clients().size(), 1);
}

void it_joins_and_leaves_by_commands(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann", roomless());
  Seat& bob = f.open("bob");
  ann.says(enter("lobby", "j1"));
  ann.says(enter("dev", "j2"));
  f.run();
  assert_told(f.story, "ann: joined j1 lobby#0", "on_join ann lobby", "ann: joined j2 dev#0", "on_join ann dev");
  bob.says(say("hello"));
  ann.says(say("hi", "r", "dev"));
  f.run();
  assert_told(f.story, "ann: lobby#1 hello", "ann: ack r #1", "ann: dev#1 hi", "bob: lobby#1 hello");
  ann.says(leave("lobby", "l1"));
  ann.says(leave("dev", "l2"));
  f.run();
  assert_told(f.story, "ann: left l1 lobby ", "on_leave ann lobby ", "ann: left l2 dev ", "on_leave ann dev ");
  f.publish("lobby", "not for her");
  f.publish("", "for all");
  f.run();
  assert_told(f.story, "bob: lobby#2 not for her", "bob: #0 for all", "ann: #0 for all");
}

void a_command_without_a_room_needs_one(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann", roomless());
  ann.says(say("hi", "r1"));
  ann.says(history(0, "r2"));
  ann.says(leave("lobby", "r3"));
  f.run();
  assert_told(f.story, "ann: error r1 not_joined send: no room is named, and the client has joined none",
              "ann: error r2 not_joined: no room is named, and the client has joined none",
              "ann: error r3 not_joined: not a member of the room lobby");
}

void what_it_is_sent_before_the_welcome_follows_it(void**) {
  PeerFixture f;
  f.application.connecting = [](const ConnectRequest&) { return PeerFixture::deferred(); };
  Seat& ann = f.come("ann", roomless());
  f.send(ann, "early");
  ann.says(enter("dev", "j"));
  f.run();
  assert_told(f.story);
  assert_ok(f.hub().accept(ann.client, std::nullopt));
  f.run();
  assert_told(f.story, "ann: welcome ann #0", "on_open ann ", "ann: #0 early", "ann: joined j dev#0",
              "on_join ann dev");
}

void the_application_may_refuse_it(void**) {
  PeerFixture f;
  f.application.connecting = [](const ConnectRequest&) { return PeerFixture::deferred(); };
  Seat& ann = f.come("ann", roomless());
  assert_ok(f.hub().refuse(ann.client, "no", {}));
  f.run();
  assert_told(f.story, "ann: closes 1008 no");
  assert_int_equal(f.hub().stats().clients_now, 0);
}

void the_application_may_make_it_a_member(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann", roomless());
  assert_ok(f.hub().join(ann.client, "dev", std::nullopt, std::nullopt, current_moment()));
  f.run();
  assert_told(f.story, "ann: joined  dev#0", "on_join ann dev");
  assert_ok(f.hub().leave(ann.client, "dev", "out"));
  f.run();
  assert_told(f.story, "ann: left  dev out", "on_leave ann dev out");
  assert_non_null(ann.find());
}

void it_is_disconnected_as_any_other(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann", roomless());
  Seat& bob = f.open("bob", roomless());
  Seat& eve = f.open("eve", roomless());
  ann.says(Command(DisconnectCommand{"d"}));
  f.run();
  assert_told(f.story, "ann: disconnected d", "ann: closes 1000 the client has disconnected",
              "on_disconnect ann 1000 the client has disconnected");
  assert_ok(f.hub().close_client(bob.client, 1008, "kicked"));
  f.run();
  assert_told(f.story, "bob: closes 1008 kicked", "on_disconnect bob 1008 kicked");
  eve.says(enter("dev"));
  f.run();
  f.story.take();
  eve.link.lose();
  f.run();
  assert_told(f.story, "on_leave eve dev the connection was lost", "on_disconnect eve 1006 the connection was lost");
  assert_int_equal(f.hub().stats().clients_now, 0);
}

void its_first_room_is_not_charged(void**) {
  ServerOptions options;
  options.hub.max_rooms_per_client = 2;
  PeerFixture f(options);
  Seat& ann = f.open("ann", roomless());
  for (const char* const room : {"a", "b", "c"}) ann.says(enter(room, room));
  f.run();
  assert_told(f.story, "ann: error c too_many: the client is in the maximum number of rooms", "ann: joined a a#0",
              "on_join ann a", "ann: joined b b#0", "on_join ann b");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(it_opens_in_no_room),
      cmocka_unit_test(it_joins_and_leaves_by_commands),
      cmocka_unit_test(a_command_without_a_room_needs_one),
      cmocka_unit_test(what_it_is_sent_before_the_welcome_follows_it),
      cmocka_unit_test(the_application_may_refuse_it),
      cmocka_unit_test(the_application_may_make_it_a_member),
      cmocka_unit_test(it_is_disconnected_as_any_other),
      cmocka_unit_test(its_first_room_is_not_charged),
  };
  return cmocka_run_group_tests_name("core/net/peer/peer_without_room", tests, nullptr, nullptr);
}
