// A client that moves to another loop, as its two peers see it: the first departs and the second arrives. Everything that happens
// before, during and after the move reaches the client once and in order.
#include <random>

#include "core/net/peer/peer_fixture.h"
#include "net/peer/peer.h"

using namespace chat;
using namespace chat::net;
using namespace chat::test;

namespace {

constexpr std::int64_t kVerdictMs = 10'000;  // the default of verdict_timeout_ms

// The steps of a session's move: the second peer is created, the hub is told, and the state follows behind everything that the hub
// posted to the first loop.
struct Move {
  Move(PeerFixture& given, Seat& first) : f(given), from(first) {
    f.seats.push_back(std::make_unique<Seat>(f.loop(1), f.story, from.name + "'", from.client));
    to = f.seats.back().get();
    to->keeps = true;  // until it has arrived
    to->set_opened();
    f.loop(1).post_task([this] {
      auto peer =
          std::make_unique<Peer>(f.loop(1), *to, to->link, from.client, std::make_unique<TextCodec>(TextCodec::Form{}));
      peer->set_arriving();
      f.loop(1).peers().add(std::move(peer));
    });
    from.peer().set_departing();
    f.hub().move_client(from.client, 1);
    f.loop(0).post_task([this] { depart(); });
  }
  void depart() {
    f.loop(0).peers().retire_due();
    const auto state = std::make_shared<Peer::State>(std::move(from.peer().state()));
    if (!f.loop(1).post_task([this, state] { arrive(std::move(*state)); })) {
      from.peer().take_back(std::move(*state));
      return;
    }
    f.loop(0).peers().drop(from.client->id());
  }
  void arrive(Peer::State state) {
    to->keeps = false;
    to->peer().arrive(std::move(state));
    to->peer().end_arriving();
    arrived = true;
  }
  // Runs both loops until nothing is left to do.
  void finish() {
    f.run();
    assert_true(arrived);
    assert_null(from.find());
    assert_int_equal(from.client->loop(), 1);
  }

  PeerFixture& f;
  Seat& from;
  Seat* to = nullptr;
  bool arrived = false;
};

// Splits a story into the lines of the first link, those of the second, and the callbacks.
struct Heard {
  explicit Heard(const std::string& story) {
    for (std::size_t at = 0; at < story.size(); at = story.find('\n', at) + 1) {
      const std::string line = story.substr(at, story.find('\n', at) - at);
      if (line.starts_with("ann: ")) {
        first += line.substr(5) + '\n';
      } else if (line.starts_with("ann': ")) {
        second += line.substr(6) + '\n';
      } else {
        told += line + '\n';
      }
    }
  }
  std::string client() const { return first + second; }
  std::string first, second, told;
};

void a_client_moves(void**) {
  PeerFixture f({}, 2);
  Seat& ann = f.open("ann");
  f.publish("lobby", "before");
  Move move(f, ann);
  f.publish("lobby", "after");
  move.finish();
  assert_told(f.story, "ann: lobby#1 before", "ann': lobby#2 after");
  assert_true(move.to->peer().welcomed());
  assert_int_equal(f.loop(0).stats().clients_now_by_protocol[static_cast<std::size_t>(Protocol::chat_v1)].get(), 0);
  assert_int_equal(f.loop(1).stats().clients_now_by_protocol[static_cast<std::size_t>(Protocol::chat_v1)].get(), 1);
  move.to->says(say("hello", "r1"));
  f.publish("", "all");
  f.run();
  assert_told(f.story, "ann': ack r1 #3", "ann': lobby#3 hello", "ann': #0 all");
  move.to->link.lose();
  f.run();
  assert_told(f.story, "on_leave ann lobby the connection was lost", "on_disconnect ann 1006 the connection was lost");
}

// The loops take their events in random turns; the client always hears the same.
void everything_is_heard_once_however_the_loops_take_turns(void**) {
  const std::string expected =
      "lobby#1 1\n#0 2\nlobby#0 3\njoined  dev#0\ndev#1 4\nrenamed  anna\n"
      "lobby#2 5\nlobby#0 6\n#0 7\ndev#2 8\nleft  dev out\nrenamed  ann\nlobby#3 9\njoined  ops#0\nops#1 10\n"
      "lobby#0 11 ?77\nlobby#4 12\n#0 13\n";
  for (unsigned seed = 0; seed < 600; ++seed) {
    std::minstd_rand random(seed + 1);
    PeerFixture f({}, 2);
    Seat& ann = f.open("ann");
    const auto turns = [&] {
      for (unsigned i = random() / 64 % 4; i != 0; --i) f.loop(random() / 64 % 2).take_one();
    };
    const auto moment = current_moment();
    f.publish("lobby", "1");
    turns();
    f.publish("", "2");
    turns();
    f.send(ann, "3");
    turns();
    assert_ok(f.hub().join(ann.client, "dev", std::nullopt, std::nullopt, moment));
    turns();
    f.publish("dev", "4");
    turns();
    assert_ok(f.hub().set_identity(ann.client, Identity{{}, "anna", {}}));
    turns();
    Move move(f, ann);
    turns();
    f.publish("lobby", "5");
    turns();
    f.send(ann, "6");
    turns();
    f.publish("", "7");
    turns();
    f.publish("dev", "8");
    turns();
    assert_ok(f.hub().leave(ann.client, "dev", "out"));
    turns();
    f.publish("dev", "not for her");
    assert_ok(f.hub().set_identity(ann.client, Identity{{}, "ann", {}}));
    turns();
    f.publish("lobby", "9");
    turns();
    assert_ok(f.hub().join(ann.client, "ops", std::nullopt, std::nullopt, moment));
    turns();
    f.publish("ops", "10");
    turns();
    f.send(ann, "11", {77, 1'000});
    turns();
    f.publish("lobby", "12");
    f.publish("", "13");
    move.finish();
    const Heard heard(f.story.take());
    assert_string_equal(heard.client().c_str(), expected.c_str());
    // A callback shows the name at the time when it runs.
    assert_true(heard.told.starts_with("on_join ann"));
    std::string told = heard.told;
    for (std::size_t at; (at = told.find("anna")) != std::string::npos;) told.erase(at + 3, 1);
    assert_string_equal(told.c_str(), "on_join ann dev\non_leave ann dev out\non_join ann ops\n");
  }
}

// Until the state of the first peer is here nobody knows what the client may still be sent: everything waits, in order.
void the_second_peer_keeps_everything_until_it_has_arrived(void**) {
  PeerFixture f({}, 2);
  Seat& ann = f.open("ann");
  Move move(f, ann);
  move.to->tells_all = true;
  f.publish("lobby", "one");
  f.loop(1).run();
  assert_told(f.story);
  assert_ok(f.hub().answer(ann.client, {0, 5, "[]", {}}));
  assert_ok(f.hub().continue_elsewhere(ann.client));
  f.send(ann, "two");
  f.publish("lobby", "three");  // behind what is kept
  f.publish("", "four");
  f.loop(1).run();
  assert_told(f.story);
  f.loop(0).run();
  assert_told(f.story);
  f.loop(1).run();
  assert_told(f.story, "ann': lobby#1 one", "owner of ann': on_continued", "ann': lobby#0 two", "ann': lobby#2 three",
              "ann': #0 four");
}

// A client that is not welcomed yet: its first room, waiting direct messages and early commands move with it.
void a_client_that_waits_for_its_room_moves(void**) {
  PeerFixture f({}, 2);
  f.publish("lobby", "missed");
  f.application.authorizing = [](const AuthorizeRequest& request) -> std::optional<Decision> {
    return request.action == Action::join ? PeerFixture::deferred() : Decision{};
  };
  Coming coming;
  coming.since = f.position("lobby", 0);
  Seat& ann = f.come("ann", coming);
  ann.says(ping("early"));
  f.send(ann, "waits");
  f.run();
  assert_told(f.story, "on_authorize ann join lobby");
  Move move(f, ann);
  f.send(ann, "waits too");
  f.loop(1).run();
  f.decide(ann);
  f.loop(1).run();
  assert_told(f.story);
  move.finish();
  assert_told(f.story, "owner of ann': on_first_room ok", "ann': welcome ann lobby#1 resumed", "on_open ann lobby",
              "on_join ann lobby", "ann': lobby#1 missed", "ann': #0 waits", "ann': #0 waits too", "ann': pong early");
  f.publish("", "all");
  f.publish("lobby", "one");
  f.run();
  assert_told(f.story, "ann': #0 all", "ann': lobby#2 one");
}

// Its Joined event is still in the first loop's inbox, which welcomes it there.
void a_client_moves_before_its_welcome(void**) {
  PeerFixture f({}, 2);
  Seat& ann = f.come("ann");
  f.send(ann, "waits");
  Move move(f, ann);
  f.publish("lobby", "one");
  f.publish("", "all");
  f.loop(1).run();
  move.finish();
  const Heard heard(f.story.take());
  assert_string_equal(heard.first.c_str(), "welcome ann lobby#0\nlobby#0 waits\n");
  assert_string_equal(heard.second.c_str(), "lobby#1 one\n#0 all\n");
  assert_string_equal(heard.told.c_str(), "on_open ann lobby\non_join ann lobby\n");
}

void acknowledgements_go_along(void**) {
  PeerFixture f({}, 2);
  Seat& ann = f.open("ann");
  f.send(ann, "one", {1, 1'000});
  f.send(ann, "two", {2, 5'000});
  f.send(ann, "three", {3, kUnlimited});
  f.application.hearing = [](MessageRequest&) { return Decision{Verdict::consume, {}, std::nullopt}; };
  ann.says(say("question", "q"));
  f.run();
  f.story.take();
  Move move(f, ann);
  assert_ok(f.hub().answer(ann.client, {0, f.application.asked_ack, "[42]", {}}));
  f.send(ann, "four", {4, 1'000});
  f.loop(0).advance(2'000);  // the first one's timer is met where it was set
  assert_told(f.story, "on_ack ann 1 timed_out ");
  move.finish();
  assert_told(f.story, "ann': answer q [42]", "ann': lobby#0 four ?4");
  move.to->peer().receive_ack(3, "[3]", {});
  assert_told(f.story, "on_ack ann 3 ok [3]");
  f.loop(1).advance(1'100);
  assert_told(f.story, "on_ack ann 4 timed_out ");
  f.loop(1).advance(2'000);
  assert_told(f.story, "on_ack ann 2 timed_out ");
  f.loop(0).advance(10'000);
  assert_told(f.story);
}

// The verdict is posted to the first loop, or to the second.
void a_verdict_during_the_move(void**) {
  for (const bool after : {false, true}) {
    PeerFixture f({}, 2);
    Seat& ann = f.open("ann");
    f.application.hearing = [](MessageRequest& request) {
      return request.draft.payload == "one" ? PeerFixture::deferred() : Decision{};
    };
    ann.says(say("one", "r1"));
    ann.says(say("two", "r2"));
    assert_told(f.story, "on_message ann one");
    if (!after) f.decide(ann);  // in the first loop's inbox
    Move move(f, ann);
    if (after) f.decide(ann);
    f.loop(1).run();
    assert_told(f.story);
    move.finish();
    assert_told(f.story, "on_message ann two", "ann': ack r1 #1", "ann': lobby#1 one", "ann': ack r2 #2",
                "ann': lobby#2 two");
    assert_false(move.to->peer().undecided());
  }
}

void the_time_for_a_verdict_ends_during_the_move(void**) {
  PeerFixture f({}, 2);
  Seat& ann = f.open("ann");
  f.application.hearing = [](MessageRequest&) { return PeerFixture::deferred(); };
  ann.says(say("one", "r1"));
  f.story.take();
  Move move(f, ann);
  f.server.now_ms += kVerdictMs;
  f.loop(0).advance(TimerWheel::kTickMs);
  assert_status(f.hub().decide(ann.client, f.application.asked, {}), Error::wrong_state);
  move.finish();
  assert_told(f.story, "ann': error r1 forbidden send: no verdict in time");
}

void the_time_for_a_verdict_ends_after_the_move(void**) {
  PeerFixture f({}, 2);
  Seat& ann = f.open("ann");
  f.application.hearing = [](MessageRequest&) { return PeerFixture::deferred(); };
  ann.says(say("one", "r1"));
  f.story.take();
  Move move(f, ann);
  move.finish();
  f.loop(1).advance(kVerdictMs - TimerWheel::kTickMs);
  assert_told(f.story);
  f.loop(1).advance(2 * TimerWheel::kTickMs);
  assert_told(f.story, "ann': error r1 forbidden send: no verdict in time");
}

// A peer that is retired while it departs is retired on the second loop, which calls the application.
void retirement_during_the_move(void**) {
  PeerFixture f({}, 2);
  Seat& ann = f.open("ann");
  f.send(ann, "asked", {5, kUnlimited});
  f.run();
  f.story.take();
  assert_ok(f.hub().join(ann.client, "dev", std::nullopt, std::nullopt, current_moment()));  // not taken yet
  Move move(f, ann);
  ann.link.lose();
  f.loop(0).peers().retire(ann.client->id(), {1000, "again"});
  f.send(ann, "too late", {6, kUnlimited});
  f.publish("lobby", "too late");
  f.loop(1).run();
  f.run();
  assert_null(move.to->find());
  const Heard heard(f.story.take());
  assert_string_equal(heard.told.c_str(),
                      "on_join ann dev\n"
                      "on_ack ann 5 no_such_client \non_ack ann 6 no_such_client \n"
                      "on_leave ann dev the connection was lost\non_leave ann lobby the connection was lost\n"
                      "on_disconnect ann 1006 the connection was lost\n");
  assert_int_equal(f.hub().stats().clients_now, 0);
}

// The close is posted to the first loop, or to the second.
void dismissal_during_the_move(void**) {
  for (const bool after : {false, true}) {
    PeerFixture f({}, 2);
    Seat& ann = f.open("ann");
    f.publish("lobby", "last");
    if (!after) assert_ok(f.hub().close_client(ann.client, 1008, "out"));
    Move move(f, ann);
    if (after) assert_ok(f.hub().close_client(ann.client, 1008, "out"));
    f.loop(1).run();
    assert_told(f.story);
    f.run();
    const std::string closes = after ? "ann': closes 1008 out" : "ann: closes 1008 out";
    assert_told(f.story, "ann: lobby#1 last", closes, "on_leave ann lobby out", "on_disconnect ann 1008 out");
    assert_null(ann.find());
    assert_null(move.to->find());
  }
}

// The client has gone; its second peer is dropped without a callback.
void a_client_that_has_gone_does_not_arrive(void**) {
  PeerFixture f({}, 2);
  Seat& ann = f.open("ann");
  Move move(f, ann);
  f.loop(1).run();
  assert_non_null(move.to->find());
  f.hub().remove_client(ann.client);
  f.loop(1).peers().drop(ann.client->id());
  f.publish("lobby", "to nobody");
  f.loop(1).run();
  assert_told(f.story);
  f.loop(0).peers().drop(ann.client->id());
}

// The second loop retires the waiting peer when it ends. The first peer then takes its state back and calls nothing.
void the_second_loop_ends_during_the_move(void**) {
  PeerFixture f({}, 2);
  Seat& ann = f.open("ann");
  Move move(f, ann);
  f.loop(1).run();
  f.loop(1).end();
  f.loop(1).peers().retire_all({1001, "the server is stopping"});
  assert_told(f.story, "on_leave ann lobby the server is stopping", "on_disconnect ann 1001 the server is stopping");
  f.loop(0).run();
  assert_false(move.arrived);
  assert_false(ann.peer().departing());
  f.loop(0).peers().retire(ann.client->id(), {1001, "the server is stopping"});
  f.loop(0).run();
  assert_told(f.story);
  assert_null(ann.find());
}

// A peer that does not move after all goes on with its state.
void a_state_may_be_taken_back(void**) {
  PeerFixture f({}, 2);
  Seat& ann = f.open("ann");
  f.send(ann, "asked", {5, kUnlimited});
  f.application.hearing = [](MessageRequest&) { return PeerFixture::deferred(); };
  ann.says(say("one", "r1"));
  f.run();
  f.story.take();
  Peer& peer = ann.peer();
  peer.set_departing();
  Peer::State state = std::move(peer.state());
  peer.take_back(std::move(state));
  assert_false(peer.departing());
  assert_true(peer.welcomed());
  assert_true(peer.undecided());
  peer.receive_ack(5, "[]", {});
  f.decide(ann);
  f.run();
  assert_told(f.story, "on_ack ann 5 ok []", "ann: ack r1 #1", "ann: lobby#1 one");
}

// The log includes what both loops delivered.
void the_delivery_log_goes_along(void**) {
  PeerFixture f({}, 2);
  Seat& ann = f.come("ann");
  ann.peer().keep_delivery_log();
  f.run();
  f.story.take();
  ann.says(enter("dev"));
  f.publish("lobby", "1");
  f.publish("dev", "1");
  Move move(f, ann);
  f.publish("lobby", "2");
  f.publish("dev", "2");
  f.loop(1).run();
  f.send(ann, "direct");
  f.publish("lobby", "3");
  f.publish("dev", "own", ann.client->id());
  f.loop(1).run();
  move.finish();
  const auto positions = move.to->peer().delivery_log()->positions_at("lobby", f.position("lobby", 3));
  assert_true(positions.has_value());
  assert_int_equal(positions->size(), 2);
  assert_string_equal(positions->at(0).room.c_str(), "lobby");
  assert_int_equal(positions->at(0).position.seq, 3);
  assert_string_equal(positions->at(1).room.c_str(), "dev");
  assert_int_equal(positions->at(1).position.seq, 3);
}

// On the same loop, for example after an upgrade.
void its_link_may_be_another(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  StreamLink other(f.loop(), ann, "other", f.story);
  f.publish("lobby", "one");
  f.run();
  const auto now = [&](Transport transport) {
    return f.loop().stats().clients_now_by_transport[static_cast<std::size_t>(transport)].get();
  };
  assert_int_equal(now(Transport::websocket), 1);
  ann.peer().set_link(other, Transport::polling);
  assert_int_equal(now(Transport::websocket), 0);
  assert_int_equal(now(Transport::polling), 1);
  assert_true(ann.client->transport() == Transport::polling);
  f.publish("lobby", "two");
  ann.says(ping());
  f.run();
  assert_told(f.story, "ann: lobby#1 one", "other: pong p", "other: lobby#2 two");
}

// The task that would have sent it runs when the first peer has departed.
void a_goodbye_follows_its_client(void**) {
  PeerFixture f({}, 2);
  Seat& ann = f.open("ann");
  Move move(f, ann);
  ann.says(Command(DisconnectCommand{"d"}));
  move.finish();
  f.run();
  assert_told(f.story, "ann': disconnected d", "ann': closes 1000 the client has disconnected",
              "on_leave ann lobby the client has disconnected", "on_disconnect ann 1000 the client has disconnected");
  assert_int_equal(f.hub().stats().clients_now, 0);
}

// Memory failed before the move, on the way, or where the client arrives.
void a_client_that_has_failed_is_closed_where_it_arrives(void**) {
  for (const int when : {0, 1, 2}) {
    PeerFixture f({}, 2);
    Seat& ann = f.open("ann");
    if (when == 0) (ann.peer().fail)();  // in brackets, because cmocka has a macro of this name
    Move move(f, ann);
    if (when == 1) (ann.peer().fail)();
    f.loop(1).take_one();  // the second peer is there
    if (when == 2) (move.to->peer().fail)();
    f.loop(0).run();
    f.loop(1).end_round();
    assert_told(f.story);
    f.run();
    assert_true(move.arrived);
    assert_told(f.story, "ann': closes 1011 out of memory", "on_leave ann lobby out of memory",
                "on_disconnect ann 1011 out of memory");
    assert_int_equal(f.hub().stats().clients_now, 0);
    assert_true(f.loop(0).peers().empty() && f.loop(1).peers().empty());
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_goodbye_follows_its_client),
      cmocka_unit_test(a_client_that_has_failed_is_closed_where_it_arrives),
      cmocka_unit_test(a_client_moves),
      cmocka_unit_test(everything_is_heard_once_however_the_loops_take_turns),
      cmocka_unit_test(the_second_peer_keeps_everything_until_it_has_arrived),
      cmocka_unit_test(a_client_that_waits_for_its_room_moves),
      cmocka_unit_test(a_client_moves_before_its_welcome),
      cmocka_unit_test(acknowledgements_go_along),
      cmocka_unit_test(a_verdict_during_the_move),
      cmocka_unit_test(the_time_for_a_verdict_ends_during_the_move),
      cmocka_unit_test(the_time_for_a_verdict_ends_after_the_move),
      cmocka_unit_test(retirement_during_the_move),
      cmocka_unit_test(dismissal_during_the_move),
      cmocka_unit_test(a_client_that_has_gone_does_not_arrive),
      cmocka_unit_test(the_second_loop_ends_during_the_move),
      cmocka_unit_test(a_state_may_be_taken_back),
      cmocka_unit_test(the_delivery_log_goes_along),
      cmocka_unit_test(its_link_may_be_another),
  };
  return cmocka_run_group_tests_name("core/net/peer/peer_move", tests, nullptr, nullptr);
}
