// The clients of a loop: events that reach them, and retirement that does not disturb the others.
#include "net/peer/peers.h"

#include "core/net/peer/peer_fixture.h"

using namespace chat;
using namespace chat::net;
using namespace chat::test;

namespace {

void clients_are_found_by_their_id(void**) {
  PeerFixture f;
  Peers& peers = f.loop().peers();
  assert_true(peers.empty());
  Seat& ann = f.open("ann");
  Seat& bob = f.open("bob");
  assert_int_equal(peers.size(), 2);
  assert_ptr_equal(peers.find(ann.client->id()), &ann.peer());
  assert_int_equal(peers.find(bob.client->id())->id(), bob.client->id());
  assert_null(peers.find(12'345));
  std::size_t seen = 0;
  for (const auto& [id, peer] : peers) seen += id == peer->id() ? 1 : 0;
  assert_int_equal(seen, 2);
  peers.clear();
  assert_true(peers.empty());
}

void they_go_at_the_end_of_the_round_in_order(void**) {
  PeerFixture f;
  Peers& peers = f.loop().peers();
  const ClientId ann = f.open("ann").client->id();
  const ClientId bob = f.open("bob").client->id();
  const ClientId eve = f.open("eve").client->id();
  f.story.take();
  peers.retire(eve, {1000, "first"});
  peers.retire(ann, {1001, "second"});
  peers.retire(eve, {1002, "again"});
  peers.retire(12'345, {1003, "nobody"});
  assert_true(peers.retirement_due());
  assert_int_equal(peers.size(), 3);
  assert_told(f.story);
  assert_true(peers.retire_due());
  assert_false(peers.retirement_due());
  assert_told(f.story, "on_leave eve lobby first", "on_disconnect eve 1000 first", "on_leave ann lobby second",
              "on_disconnect ann 1001 second");
  assert_int_equal(peers.size(), 1);
  assert_non_null(peers.find(bob));
  // A client that has gone is not retired again.
  peers.retire(ann, {1000, "late"});
  f.run();
  assert_told(f.story);
}

// A callback retires another client, its own client again, and one that is due already.
void callbacks_may_retire_others(void**) {
  PeerFixture f;
  Peers& peers = f.loop().peers();
  const ClientId ann = f.open("ann").client->id();
  const ClientId bob = f.open("bob").client->id();
  const ClientId eve = f.open("eve").client->id();
  f.story.take();
  f.application.then = [&](const std::string& line) {
    if (line.starts_with("on_leave ann")) {
      peers.retire(ann, {4000, "from her own callback"});
      peers.retire(eve, {4001, "from ann's callback"});
      peers.retire(bob, {4002, "from ann's callback"});
      assert_null(peers.find(ann));  // she has left the table already
      assert_non_null(peers.find(bob));
    }
  };
  peers.retire(ann, {1000, "one"});
  peers.retire(bob, {1001, "two"});
  assert_true(peers.retire_due());
  assert_told(f.story, "on_leave ann lobby one", "on_disconnect ann 1000 one", "on_leave bob lobby two",
              "on_disconnect bob 1001 two", "on_leave eve lobby from ann's callback",
              "on_disconnect eve 4001 from ann's callback");
  assert_true(peers.empty());
}

// A message that a callback publishes reaches the remaining clients only.
void callbacks_may_speak(void**) {
  PeerFixture f;
  f.open("ann");
  Seat& bob = f.open("bob");
  f.story.take();
  f.application.then = [&](const std::string& line) {
    if (line.starts_with("on_disconnect bob")) {
      f.publish("lobby", "bob has gone");
      MessageDraft draft;
      assert_status(f.hub().send(bob.client, draft, current_moment()), Error::no_such_client);
      assert_status(f.hub().close_client(bob.client, 1000, ""), Error::no_such_client);
    }
  };
  bob.link.lose();
  f.run();
  assert_told(f.story, "on_leave bob lobby the connection was lost", "on_disconnect bob 1006 the connection was lost",
              "ann: lobby#1 bob has gone");
}

// The time budget is over after each client. The next call continues with the next one.
void an_interrupted_round_goes_on(void**) {
  PeerFixture f;
  Peers& peers = f.loop().peers();
  for (const char* const name : {"ann", "bob", "eve"}) f.open(name);
  for (const auto& seat : f.seats) peers.retire(seat->client->id(), {1000, "bye"});
  f.story.take();
  f.application.then = [&](const std::string& line) {
    if (line.starts_with("on_disconnect ann")) peers.retire(12'345, {1000, "nobody"});
  };
  f.loop().budget().begin(0);
  assert_false(peers.retire_due());
  assert_told(f.story, "on_leave ann lobby bye", "on_disconnect ann 1000 bye");
  assert_true(peers.retirement_due());
  assert_int_equal(peers.size(), 2);
  assert_false(peers.retire_due());
  assert_told(f.story, "on_leave bob lobby bye", "on_disconnect bob 1000 bye");
  assert_false(peers.retire_due());
  assert_told(f.story, "on_leave eve lobby bye", "on_disconnect eve 1000 bye");
  assert_true(peers.retire_due());  // the one that was never here
  assert_false(peers.retirement_due());
  f.loop().budget().lift();
}

// Neither the hub nor the application is told, because the client lives on another loop.
void drop_calls_nobody(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  Seat& bob = f.open("bob");
  ann.says(enter("dev"));
  f.run();
  f.story.take();
  f.loop().peers().drop(ann.client->id());
  f.loop().peers().drop(12'345);
  f.publish("lobby", "one");
  f.publish("dev", "one");
  f.publish("", "all");
  f.send(ann, "direct");
  f.loop().peers().retire(ann.client->id(), {1000, "bye"});
  f.run();
  assert_told(f.story, "bob: lobby#1 one", "bob: #0 all");
  assert_null(ann.find());
  assert_non_null(bob.find());
  assert_true(ann.client->state() == ClientState::open);
  assert_ptr_equal(f.hub().find_client(ann.client->id()).get(), ann.client.get());
}

// The retirement moves with its state. The first one counts.
void a_departing_peer_is_not_retired_here(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  Peer& peer = ann.peer();
  peer.set_departing();
  f.loop().peers().retire(peer.id(), {1001, "first"});
  f.loop().peers().retire(peer.id(), {1002, "second"});
  f.run();
  assert_told(f.story);
  assert_ptr_equal(ann.find(), &peer);
  assert_true(peer.state().meanwhile->retirement.has_value());
  assert_int_equal(peer.state().meanwhile->retirement->close_code, 1001);
  assert_string_equal(peer.state().meanwhile->retirement->reason.c_str(), "first");
}

// All of them go, whatever they wait for. Each one's callback runs once.
void retire_all_retires_every_client(void**) {
  PeerFixture f;
  f.application.hearing = [](MessageRequest&) { return PeerFixture::deferred(); };
  Seat& undecided = f.open("undecided");
  undecided.says(say("x"));
  Seat& outliving = f.open("outliving");
  outliving.says(say("x"));
  outliving.link.lose();
  Seat& departing = f.open("departing");
  departing.peer().set_departing();
  Seat& doomed = f.open("doomed");
  f.run();
  f.application.connecting = [](const ConnectRequest&) { return PeerFixture::deferred(); };
  f.come("connecting");
  f.story.take();
  f.application.then = [&](const std::string& line) {
    if (line.starts_with("on_disconnect doomed")) {
      for (const auto& seat : f.seats) f.loop().peers().retire(seat->client->id(), {4000, "from a callback"});
    }
  };
  f.loop().peers().retire(doomed.client->id(), {1008, "before"});
  f.loop().peers().retire_all({1001, "the server is stopping"});
  // Those that were due go first; the order of the others is unspecified.
  std::map<std::string, int> lines;
  const std::string story = f.story.take();
  for (std::size_t at = 0; at < story.size(); at = story.find('\n', at) + 1) {
    ++lines[story.substr(at, story.find('\n', at) - at)];
  }
  assert_true(story.starts_with("on_leave doomed lobby before\non_disconnect doomed 1008 before\n"));
  const std::map<std::string, int> expected = {
      {"on_leave doomed lobby before", 1},
      {"on_disconnect doomed 1008 before", 1},
      {"on_leave undecided lobby the server is stopping", 1},
      {"on_disconnect undecided 1001 the server is stopping", 1},
      {"on_leave outliving lobby the server is stopping", 1},
      {"on_disconnect outliving 1001 the server is stopping", 1},
      {"on_leave departing lobby the server is stopping", 1},
      {"on_disconnect departing 1001 the server is stopping", 1},
      {"on_abandon connecting 1001 the server is stopping", 1},
  };
  assert_true(lines == expected);
  assert_true(f.loop().peers().empty());
  assert_int_equal(f.hub().stats().clients_now, 0);
}

// A client that is closed during a fan-out stays in the table until the round ends, and the others get each message once.
void no_peer_is_destroyed_during_a_fan_out(void**) {
  ServerOptions options;
  options.max_outbox_messages = 1;
  PeerFixture f(options);
  std::vector<Seat*> seats;
  for (const char* const name : {"a", "b", "c", "d"}) seats.push_back(&f.open(name));
  f.story.take();
  seats[0]->link.set_room(0);
  seats[2]->link.set_room(0);
  for (int i = 1; i <= 3; ++i) f.publish("lobby", std::to_string(i));
  f.loop().drain_inbox();
  assert_told(f.story, "a: closes 1013 reading too slowly", "b: lobby#1 1", "b: lobby#2 2", "b: lobby#3 3",
              "c: closes 1013 reading too slowly", "d: lobby#1 1", "d: lobby#2 2");
  for (const Seat* const seat : seats) assert_non_null(f.loop().peers().find(seat->client->id()));
  f.run();
  assert_told(f.story, "d: lobby#3 3", "on_leave a lobby reading too slowly", "on_disconnect a 1013 reading too slowly",
              "on_leave c lobby reading too slowly", "on_disconnect c 1013 reading too slowly");
}

void an_interrupted_message_goes_on(void**) {
  for (const bool to_everyone : {false, true}) {
    PeerFixture f;
    for (int i = 0; i < 40; ++i) f.open(std::to_string(i));
    auto message = std::make_shared<Message>();
    message->payload = "x";
    if (!to_everyone) message->room = "lobby";
    LoopEvent event = to_everyone ? LoopEvent(EveryoneMessage{message}) : LoopEvent(RoomMessage{message});
    assert_true(f.loop().peers().handle(event));
    int parts = 1;
    f.loop().budget().begin(0);
    while (!f.loop().peers().finish_deliveries()) {
      ++parts;
      f.loop().budget().begin(0);
    }
    f.loop().budget().lift();
    assert_int_equal(parts, 3);  // 16 and 16 and 8
    f.run();
    std::string heard;
    for (int i = 0; i < 40; ++i) heard += std::to_string(i) + (to_everyone ? ": #0 x\n" : ": lobby#0 x\n");
    assert_string_equal(f.story.take().c_str(), heard.c_str());
  }
}

// Senders that are too quick for their readers ----------------------------------------------------------------------

void a_sender_is_paused_on_its_own_loop(void**) {
  PeerFixture f({}, 2);
  Seat& ann = f.open("ann");
  Coming there;
  there.loop = 1;
  Seat& bob = f.open("bob", there);
  f.story.take();
  f.loop(0).pause_sender(ann.client->id(), 100);
  assert_told(f.story, "ann: pauses for 100 ms");
  f.loop(0).pause_sender(bob.client->id(), 50);
  assert_told(f.story);
  f.loop(1).run();
  assert_told(f.story, "bob: pauses for 50 ms");
  f.loop(0).pause_sender(12'345, 100);  // has gone
  f.run();
  assert_told(f.story);
}

// A repeated pause of the same sender is ignored unless it lasts longer.
void one_pause_is_not_asked_for_again_and_again(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  const ClientId id = ann.client->id();
  for (int i = 0; i < 5; ++i) f.loop().pause_sender(id, 100);
  f.loop().pause_sender(id, 119);
  assert_told(f.story, "ann: pauses for 100 ms");
  f.loop().pause_sender(id, 120);
  f.server.now_ms += 100;
  f.loop().pause_sender(id, 50);
  assert_told(f.story, "ann: pauses for 120 ms", "ann: pauses for 50 ms");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(clients_are_found_by_their_id),
      cmocka_unit_test(they_go_at_the_end_of_the_round_in_order),
      cmocka_unit_test(callbacks_may_retire_others),
      cmocka_unit_test(callbacks_may_speak),
      cmocka_unit_test(an_interrupted_round_goes_on),
      cmocka_unit_test(drop_calls_nobody),
      cmocka_unit_test(a_departing_peer_is_not_retired_here),
      cmocka_unit_test(retire_all_retires_every_client),
      cmocka_unit_test(no_peer_is_destroyed_during_a_fan_out),
      cmocka_unit_test(an_interrupted_message_goes_on),
      cmocka_unit_test(a_sender_is_paused_on_its_own_loop),
      cmocka_unit_test(one_pause_is_not_asked_for_again_and_again),
  };
  return cmocka_run_group_tests_name("core/net/peer/peers", tests, nullptr, nullptr);
}
