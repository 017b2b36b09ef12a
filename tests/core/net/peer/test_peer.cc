// One client on its loop: admission and welcome, the hub's events in every state, acknowledgements, and retirement.
#include "net/peer/peer.h"

#include "core/net/peer/peer_fixture.h"

using namespace chat;
using namespace chat::net;
using namespace chat::test;

namespace {

constexpr std::int64_t kVerdictMs = 10'000;  // the default of verdict_timeout_ms

// Coming --------------------------------------------------------------------------------------------------------------

void accepted_at_once(void**) {
  PeerFixture f;
  Seat& ann = f.come("ann");
  assert_told(f.story);
  assert_false(ann.peer().welcomed());
  f.run();
  assert_true(ann.peer().welcomed());
  assert_told(f.story, "ann: welcome ann lobby#0", "on_open ann lobby", "on_join ann lobby");
  f.publish("lobby", "hello");
  f.publish("", "all");
  f.run();
  assert_told(f.story, "ann: lobby#1 hello", "ann: #0 all");
}

void accepted_later(void**) {
  PeerFixture f;
  f.application.connecting = [](const ConnectRequest&) { return PeerFixture::deferred(); };
  Seat& ann = f.come("ann");
  f.run();
  f.pass(kVerdictMs - 100);
  f.publish("lobby", "too early");
  f.publish("", "too early");
  f.run();
  assert_told(f.story);
  assert_ok(f.hub().accept(ann.client, Identity{{}, "anna", {}}));
  f.run();
  assert_told(f.story, "ann: welcome anna lobby#1", "on_open anna lobby", "on_join anna lobby");
  // The time-out no longer applies.
  f.pass(2 * kVerdictMs);
  assert_told(f.story);
}

void refused_at_once(void**) {
  PeerFixture f;
  f.application.connecting = [](const ConnectRequest&) { return PeerFixture::refused("no guests"); };
  Seat& ann = f.come("ann");
  assert_int_equal(static_cast<int>(ann.client->state()), static_cast<int>(ClientState::refused));
  f.run();
  assert_told(f.story, "ann: closes 1008 no guests");
  assert_null(ann.find());
}

void refused_later(void**) {
  PeerFixture f;
  f.application.connecting = [](const ConnectRequest&) { return PeerFixture::deferred(); };
  Seat& ann = f.come("ann");
  assert_ok(f.hub().refuse(ann.client, "no guests", {}));
  assert_told(f.story);
  f.run();
  // The application refused the client itself, so it gets no callback.
  assert_told(f.story, "ann: closes 1008 no guests");
  assert_null(ann.find());
  assert_null(f.hub().find_client(ann.client->id()).get());
  assert_status(f.hub().accept(ann.client, std::nullopt), Error::wrong_state);
}

void no_verdict_in_time(void**) {
  PeerFixture f;
  f.application.connecting = [](const ConnectRequest&) { return PeerFixture::deferred(); };
  Seat& ann = f.come("ann");
  f.pass(kVerdictMs - 2 * TimerWheel::kTickMs);
  assert_told(f.story);
  f.pass(2 * TimerWheel::kTickMs);
  f.run();
  assert_told(f.story, "owner of ann: on_verdict_timeout", "ann: closes 1008 no verdict in time",
              "on_abandon ann 1008 no verdict in time");
  assert_null(ann.find());
  assert_status(f.hub().accept(ann.client, std::nullopt), Error::wrong_state);
}

// The verdict is in the inbox when the time-out fires.
void a_verdict_that_comes_just_in_time_counts(void**) {
  PeerFixture f;
  f.application.connecting = [](const ConnectRequest&) { return PeerFixture::deferred(); };
  Seat& ann = f.come("ann");
  f.server.now_ms += kVerdictMs - TimerWheel::kTickMs;
  assert_ok(f.hub().accept(ann.client, std::nullopt));
  f.pass(2 * TimerWheel::kTickMs);
  assert_told(f.story, "owner of ann: on_verdict_timeout", "ann: welcome ann lobby#0", "on_open ann lobby",
              "on_join ann lobby");
}

void the_first_room_is_refused_at_once(void**) {
  PeerFixture f;
  f.application.authorizing = [](const AuthorizeRequest&) { return PeerFixture::refused("members only"); };
  Seat& ann = f.come("ann");
  f.run();
  assert_told(f.story, "on_authorize ann join lobby", "ann: closes 1008 members only",
              "on_disconnect ann 1008 members only");
  assert_null(ann.find());
}

void the_first_room_is_allowed_later(void**) {
  PeerFixture f;
  f.application.authorizing = [](const AuthorizeRequest&) { return PeerFixture::deferred(); };
  Seat& ann = f.come("ann");
  f.run();
  assert_true(ann.peer().undecided());
  assert_told(f.story, "on_authorize ann join lobby");
  f.decide(ann);
  f.run();
  assert_false(ann.peer().undecided());
  assert_told(f.story, "owner of ann: on_first_room ok", "ann: welcome ann lobby#0", "on_open ann lobby",
              "on_join ann lobby");
  f.pass(2 * kVerdictMs);
  assert_told(f.story);
}

void the_first_room_is_refused_later(void**) {
  PeerFixture f;
  f.application.authorizing = [](const AuthorizeRequest&) { return PeerFixture::deferred(); };
  Seat& ann = f.come("ann");
  f.decide(ann, PeerFixture::refused("members only"));
  f.run();
  assert_told(f.story, "on_authorize ann join lobby", "owner of ann: on_first_room forbidden",
              "ann: closes 1008 members only", "on_disconnect ann 1008 members only");
  assert_null(ann.find());
}

void no_verdict_on_the_first_room_in_time(void**) {
  PeerFixture f;
  f.application.authorizing = [](const AuthorizeRequest&) { return PeerFixture::deferred(); };
  Seat& ann = f.come("ann");
  f.run();
  f.story.take();
  f.pass(kVerdictMs - 2 * TimerWheel::kTickMs);
  assert_told(f.story);
  f.pass(2 * TimerWheel::kTickMs);
  assert_told(f.story, "owner of ann: on_first_room forbidden", "ann: closes 1008 no verdict in time",
              "on_disconnect ann 1008 no verdict in time");
  assert_status(f.hub().decide(ann.client, f.application.asked, {}), Error::no_such_client);
}

void both_verdicts_come_later(void**) {
  PeerFixture f;
  f.application.connecting = [](const ConnectRequest&) { return PeerFixture::deferred(); };
  f.application.authorizing = [](const AuthorizeRequest&) { return PeerFixture::deferred(); };
  Seat& ann = f.come("ann");
  assert_ok(f.hub().accept(ann.client, std::nullopt));
  f.run();
  assert_told(f.story, "on_authorize ann join lobby");
  f.decide(ann);
  f.run();
  assert_told(f.story, "owner of ann: on_first_room ok", "ann: welcome ann lobby#0", "on_open ann lobby",
              "on_join ann lobby");
}

// The application allows the client, but the room does not.
void a_banned_client_is_refused(void**) {
  PeerFixture f;
  assert_ok(f.hub().ban("address:192.0.2.1", "lobby", 1'000'000, "", current_moment()));
  f.come("ann");
  f.run();
  assert_told(f.story, "ann: closes 1008 banned from the room lobby",
              "on_disconnect ann 1008 banned from the room lobby");
}

// The order is fixed: the welcome, the missed messages, direct messages that waited, then the client's own early commands.
void the_welcome_comes_before_everything(void**) {
  PeerFixture f;
  f.open("bob");
  for (const char* const text : {"one", "two", "three"}) f.publish("lobby", text);
  f.run();
  f.story.take();
  f.application.authorizing = [](const AuthorizeRequest& request) -> std::optional<Decision> {
    return request.action == Action::join ? PeerFixture::deferred() : Decision{};
  };
  Coming coming;
  coming.since = f.position("lobby", 1);
  Seat& ann = f.come("ann", coming);
  ann.says(say("early", "r1"));
  f.send(ann, "direct one");
  ann.says(ping("early"));
  f.run();
  f.send(ann, "direct two");
  f.run();
  assert_told(f.story, "on_authorize ann join lobby");
  f.decide(ann);
  f.application.authorizing = nullptr;
  f.publish("lobby", "four");  // before she is a member
  f.run();
  assert_told(f.story, "owner of ann: on_first_room ok", "ann: welcome ann lobby#4 resumed", "on_open ann lobby",
              "on_join ann lobby", "ann: lobby#2 two", "ann: lobby#3 three", "ann: lobby#4 four", "ann: #0 direct one",
              "ann: #0 direct two", "ann: pong early", "ann: ack r1 #5", "ann: lobby#5 early", "bob: lobby#4 four",
              "bob: lobby#5 early");
}

// A message from before the join comes with the history, one from after it by the room. Neither comes twice.
void nothing_comes_twice_between_the_history_and_what_follows(void**) {
  PeerFixture f;
  f.publish("lobby", "one");
  Coming coming;
  coming.since = f.position("lobby", 0);
  f.come("ann", coming);  // is a member from here on
  f.publish("lobby", "two");
  f.run();
  assert_told(f.story, "ann: welcome ann lobby#1 resumed", "on_open ann lobby", "on_join ann lobby", "ann: lobby#1 one",
              "ann: lobby#2 two");
}

void history_that_is_not_kept_is_told(void**) {
  ServerOptions options;
  options.hub.history.messages = 2;
  PeerFixture f(options);
  for (const char* const text : {"one", "two", "three"}) f.publish("lobby", text);
  Coming coming;
  coming.since = f.position("lobby", 0);
  f.come("ann", coming);
  f.run();
  assert_told(f.story, "ann: welcome ann lobby#3 resumed incomplete", "on_open ann lobby", "on_join ann lobby",
              "ann: lobby#2 two", "ann: lobby#3 three");
}

// At most twice max_outbox_bytes of history are replayed.
void more_history_than_fits_is_cut_at_its_beginning(void**) {
  ServerOptions options;
  options.max_outbox_bytes = 1'000;
  PeerFixture f(options);
  for (int i = 0; i < 5; ++i) f.publish("lobby", std::string(450, static_cast<char>('a' + i)));
  Coming coming;
  coming.since = f.position("lobby", 0);
  f.come("ann", coming);
  f.run();
  assert_told(f.story, "ann: welcome ann lobby#5 resumed incomplete", "on_open ann lobby", "on_join ann lobby",
              "ann: lobby#2 " + std::string(450, 'b'), "ann: lobby#3 " + std::string(450, 'c'),
              "ann: lobby#4 " + std::string(450, 'd'), "ann: lobby#5 " + std::string(450, 'e'));
}

// Messages that the client sent with except_self are not replayed to it.
void messages_of_its_own_are_not_replayed(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  ann.says(say("mine", "r1", {}, true));
  f.publish("lobby", "another's");
  f.run();
  assert_told(f.story, "ann: ack r1 #1", "ann: lobby#2 another's");
  ann.says(enter("lobby", "again", f.position("lobby", 0)));
  f.run();
  assert_told(f.story, "ann: joined again lobby#2 resumed", "ann: lobby#2 another's");
}

// The limits are those of an outbox, in messages and in bytes.
void what_waits_for_the_welcome_is_bounded(void**) {
  ServerOptions options;
  options.max_outbox_messages = 3;
  options.max_outbox_bytes = 100;
  PeerFixture f(options);
  f.application.connecting = [](const ConnectRequest&) { return PeerFixture::deferred(); };
  Seat& ann = f.come("ann");
  f.send(ann, std::string(60, 'a'));
  f.send(ann, std::string(60, 'b'));              // too much with the first
  f.send(ann, std::string(41, 'c'), {7, 1'000});  // one byte too much
  f.send(ann, "two");
  f.send(ann, "three", {8, 1'000});
  f.send(ann, "four");
  f.send(ann, "five", {9, 1'000});
  f.run();
  assert_told(f.story, "on_ack ann 7 too_many ", "on_ack ann 9 too_many ");
  assert_int_equal(f.loop().stats().drops.get(), 4);
  assert_ok(f.hub().accept(ann.client, std::nullopt));
  f.run();
  assert_told(f.story, "ann: welcome ann lobby#0", "on_open ann lobby", "on_join ann lobby",
              "ann: #0 " + std::string(60, 'a'), "ann: #0 two", "ann: #0 three ?8");
}

// What the hub tells it, in every state --------------------------------------------------------------------------------

// Posts one event of each kind.
void tell_everything(PeerFixture& f, Seat& seat) {
  const ClientId id = seat.client->id();
  const auto message = std::make_shared<Message>();
  message->room = "lobby";
  message->seq = 9;
  message->payload = "said";
  const auto to_all = std::make_shared<Message>();
  to_all->payload = "to all";
  const auto direct = std::make_shared<Message>();
  direct->payload = "direct";
  const auto asked = std::make_shared<Message>();
  asked->payload = "asked";
  FakeLoop& loop = f.loop();
  loop.post(RoomMessage{message});
  loop.post(EveryoneMessage{to_all});
  loop.post(DirectMessage{id, direct, {}});
  loop.post(DirectMessage{id, asked, {5, 1'000}});
  loop.post(Renamed{id, "other"});
  loop.post(Answer{id, 77, "[]", {}});
  loop.post(DecisionGiven{id, 99, {}});
  loop.post(Joined{id, "dev", "e", 3, false, true, false, {}, "j", true});
  loop.post(Left{id, "dev", "out", "l"});
  loop.post(Left{id, "nowhere", "out", "l"});
  loop.post(DecisionGiven{id, 0, {}});
  loop.post(Continued{id});
  loop.post(CloseClient{id, 1001, "bye", false});
}

// Before the verdict the client receives no message. Direct messages wait, and it can be closed.
void while_connecting(void**) {
  PeerFixture f;
  f.application.connecting = [](const ConnectRequest&) { return PeerFixture::deferred(); };
  Seat& ann = f.come("ann");
  ann.tells_all = true;
  const ClientId id = ann.client->id();
  f.publish("lobby", "said");
  f.publish("", "to all");
  f.send(ann, "direct", {5, 1'000});
  f.loop().post(Renamed{id, "other"});
  f.loop().post(Answer{id, 77, "[]", {}});
  f.loop().post(DecisionGiven{id, 99, {}});
  f.loop().post(Left{id, "lobby", "out", "l"});
  f.loop().post(Continued{id});
  f.run();
  assert_told(f.story, "owner of ann: on_continued");
  assert_ok(f.hub().close_client(ann.client, 1001, "bye"));
  f.run();
  assert_told(f.story, "owner of ann: close_client 1001 bye", "ann: closes 1001 bye", "on_ack ann 5 no_such_client ",
              "on_abandon ann 1001 bye");
}

void while_open(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  ann.tells_all = true;
  tell_everything(f, ann);
  f.run();
  assert_told(f.story, "ann: lobby#9 said", "ann: #0 to all", "ann: #0 direct", "ann: #0 asked ?5",
              "ann: renamed  other", "ann: joined j dev#3", "on_join ann dev", "ann: left l dev out",
              "on_leave ann dev out", "owner of ann: on_left dev out", "owner of ann: on_verdict",
              "owner of ann: on_continued", "owner of ann: close_client 1001 bye", "ann: closes 1001 bye",
              "on_ack ann 5 no_such_client ", "on_leave ann lobby bye", "on_disconnect ann 1001 bye");
}

// The peer is retired at the end of the round. Until then it receives nothing and joins no room.
void while_its_link_closes(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  ann.tells_all = true;
  ann.link.lose();
  tell_everything(f, ann);
  f.loop().drain_inbox();
  assert_told(f.story, "owner of ann: on_verdict", "owner of ann: on_continued", "owner of ann: close_client 1001 bye");
  f.run();
  assert_told(f.story, "on_ack ann 5 no_such_client ", "on_leave ann lobby the connection was lost",
              "on_disconnect ann 1006 the connection was lost");
}

// The same for one of several clients of a link that stays open.
void while_it_is_silent(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  ann.tells_all = ann.keeps = true;
  ann.peer().silence();
  ann.says(say("unheard", "r"));
  tell_everything(f, ann);
  f.run();
  assert_told(f.story, "owner of ann: on_verdict", "owner of ann: on_continued", "owner of ann: close_client 1001 bye",
              "ann: closes 1001 bye");
  f.loop().peers().retire(ann.client->id(), {1000, "done"});
  f.run();
  assert_told(f.story, "on_ack ann 5 no_such_client ", "on_leave ann lobby done", "on_disconnect ann 1000 done");
}

// Events for a client that has gone are ignored.
void after_it_has_gone(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  ann.tells_all = true;
  ann.link.lose();
  f.run();
  f.story.take();
  tell_everything(f, ann);
  f.run();
  assert_told(f.story);
}

void the_whole_connection_is_closed_by_its_owner(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  ann.tells_all = true;
  assert_ok(f.hub().close_client(ann.client, 1008, "out", true));
  f.run();
  assert_told(f.story, "owner of ann: close_connection 1008 out", "owner of ann: close_client 1008 out",
              "ann: closes 1008 out", "on_leave ann lobby out", "on_disconnect ann 1008 out");
}

// Rooms ---------------------------------------------------------------------------------------------------------------

void rooms_come_and_go(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  ann.says(enter("dev", "j1"));
  f.run();
  f.publish("dev", "for dev");
  f.run();
  assert_told(f.story, "ann: joined j1 dev#0", "on_join ann dev", "ann: dev#1 for dev");
  ann.says(enter("dev", "j2"));  // is answered, but she is in it
  f.run();
  assert_told(f.story, "ann: joined j2 dev#1");
  ann.says(leave("dev", "l1"));
  f.publish("dev", "not for her");
  f.run();
  assert_told(f.story, "ann: left l1 dev ", "on_leave ann dev ");
  ann.says(leave("dev", "l2"));
  f.run();
  assert_told(f.story, "ann: error l2 not_joined: not a member of the room dev");
  // The application joins her: she is told, but not again when she is a member already.
  assert_ok(f.hub().join(ann.client, "dev", std::nullopt, std::nullopt, current_moment()));
  assert_ok(f.hub().join(ann.client, "dev", std::nullopt, std::nullopt, current_moment()));
  assert_ok(f.hub().leave(ann.client, "dev", "kicked"));
  f.run();
  assert_told(f.story, "ann: joined  dev#2", "on_join ann dev", "ann: left  dev kicked", "on_leave ann dev kicked");
}

// Messages, joins and leaves arrive in the order of the calls.
void the_hubs_order_is_kept(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  f.publish("dev", "before");
  assert_ok(f.hub().join(ann.client, "dev", std::nullopt, std::nullopt, current_moment()));
  f.publish("dev", "one");
  f.publish("lobby", "one");
  f.send(ann, "direct");
  f.publish("", "to all");
  f.publish("dev", "two");
  assert_ok(f.hub().leave(ann.client, "dev", "out"));
  f.publish("dev", "after");
  f.publish("lobby", "two");
  f.run();
  assert_told(f.story, "ann: joined  dev#1", "on_join ann dev", "ann: dev#2 one", "ann: lobby#1 one",
              "ann: lobby#0 direct", "ann: #0 to all", "ann: dev#3 two", "ann: left  dev out", "on_leave ann dev out",
              "ann: lobby#2 two");
}

// Slow readers --------------------------------------------------------------------------------------------------------

ServerOptions small_outbox(OutboxPolicy policy) {
  ServerOptions options;
  options.max_outbox_messages = 3;
  options.outbox_policy = policy;
  return options;
}

void a_slow_reader_is_closed(void**) {
  PeerFixture f(small_outbox(OutboxPolicy::disconnect));
  Seat& ann = f.open("ann");
  Seat& bob = f.open("bob");
  ann.link.set_room(0);
  for (int i = 1; i <= 7; ++i) f.publish("lobby", std::to_string(i));  // twice the limit, and one
  f.loop().drain_inbox();
  assert_told(f.story, "ann: closes 1013 reading too slowly", "bob: lobby#1 1", "bob: lobby#2 2", "bob: lobby#3 3",
              "bob: lobby#4 4", "bob: lobby#5 5", "bob: lobby#6 6");
  f.run();
  assert_told(f.story, "bob: lobby#7 7", "on_leave ann lobby reading too slowly",
              "on_disconnect ann 1013 reading too slowly");
  assert_null(ann.find());
  assert_int_equal(f.server.refused(Refusal::slow_reader), 1);
  assert_non_null(bob.find());
}

void the_oldest_are_dropped_and_a_gap_is_told_first(void**) {
  PeerFixture f(small_outbox(OutboxPolicy::drop_oldest));
  Seat& ann = f.open("ann");
  ann.says(enter("dev"));
  f.run();
  f.story.take();
  ann.link.set_room(0);
  f.publish("lobby", "1");
  f.publish("dev", "1");
  for (int i = 2; i <= 5; ++i) f.publish("lobby", std::to_string(i));
  f.run();
  assert_told(f.story);
  assert_int_equal(f.loop().stats().drops.get(), 3);
  ann.link.reads();
  assert_told(f.story, "ann: gap lobby #1-2 of 2", "ann: gap dev #1-1 of 1", "ann: lobby#3 3", "ann: lobby#4 4",
              "ann: lobby#5 5");
  f.publish("lobby", "6");
  f.run();
  assert_told(f.story, "ann: lobby#6 6");
}

void the_newest_are_dropped_and_a_gap_is_told_where_it_is(void**) {
  PeerFixture f(small_outbox(OutboxPolicy::drop_newest));
  Seat& ann = f.open("ann");
  ann.link.set_room(0);
  for (int i = 1; i <= 5; ++i) f.publish("lobby", std::to_string(i));
  f.run();
  ann.link.reads();
  assert_told(f.story, "ann: lobby#1 1", "ann: lobby#2 2", "ann: lobby#3 3");
  f.publish("lobby", "6");
  f.run();
  assert_told(f.story, "ann: gap lobby #4-5 of 2", "ann: lobby#6 6");
}

// A protocol that cannot express a gap is sent none.
void a_protocol_without_gap_notices(void**) {
  PeerFixture f(small_outbox(OutboxPolicy::drop_newest));
  Coming coming;
  coming.form.replies = false;
  Seat& ann = f.come("ann", coming);
  f.run();
  assert_told(f.story, "on_open ann lobby", "on_join ann lobby");
  ann.link.set_room(0);
  for (int i = 1; i <= 5; ++i) f.publish("lobby", std::to_string(i));
  f.run();
  ann.link.reads();
  f.publish("lobby", "6");
  f.run();
  assert_told(f.story, "ann: lobby#1 1", "ann: lobby#2 2", "ann: lobby#3 3", "ann: lobby#6 6");
}

// Acknowledgements ----------------------------------------------------------------------------------------------------

void the_client_acknowledges(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  f.send(ann, "one", {1, 1'000});
  f.send(ann, "two", {2, kUnlimited});
  f.send(ann, "three", {3, 1'000});
  f.run();
  assert_told(f.story, "ann: lobby#0 one ?1", "ann: lobby#0 two ?2", "ann: lobby#0 three ?3");
  ann.peer().receive_ack(3, R"(["c"])", {});
  ann.peer().receive_ack(3, R"(["again"])", {});
  ann.peer().receive_ack(4, R"(["unknown"])", {});
  assert_told(f.story, R"(on_ack ann 3 ok ["c"])");
  f.pass(1'000 - 2 * TimerWheel::kTickMs);
  assert_told(f.story);
  f.pass(TimerWheel::kTickMs);
  assert_told(f.story, "on_ack ann 1 timed_out ");
  ann.peer().receive_ack(1, "[]", {});
  f.pass(1'000'000);
  assert_told(f.story);
  ann.peer().receive_ack(2, "[]", {});
  assert_told(f.story, "on_ack ann 2 ok []");
}

// Each acknowledgement has its own deadline.
void acknowledgements_time_out_each_at_its_time(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  f.send(ann, "late", {1, 3'000});
  f.send(ann, "early", {2, 1'000});
  f.send(ann, "middle", {3, 2'000});
  f.run();
  f.story.take();
  f.pass(1'000);
  assert_told(f.story, "on_ack ann 2 timed_out ");
  ann.peer().receive_ack(3, "[]", {});
  assert_told(f.story, "on_ack ann 3 ok []");
  f.pass(1'000);
  assert_told(f.story);
  f.pass(1'000);
  assert_told(f.story, "on_ack ann 1 timed_out ");
}

void too_many_acknowledgements_are_told(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  for (std::uint64_t i = 1; i <= AckTable::kMaxPending; ++i) f.send(ann, "x", {i, kUnlimited});
  f.run();
  f.story.take();
  f.send(ann, "one too many", {5'000, kUnlimited});
  f.send(ann, "without", {});
  f.run();
  assert_told(f.story, "on_ack ann 5000 too_many ", "ann: lobby#0 without");
}

// The application gets one on_ack for each pending acknowledgement, before on_disconnect.
void retirement_ends_pending_acknowledgements(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  f.send(ann, "one", {1, 1'000});
  f.send(ann, "two", {2, kUnlimited});
  f.run();
  f.story.take();
  ann.link.lose();
  ann.peer().receive_ack(1, "[]", {});  // in the same round, still
  f.run();
  assert_told(f.story, "on_ack ann 1 ok []", "on_ack ann 2 no_such_client ",
              "on_leave ann lobby the connection was lost", "on_disconnect ann 1006 the connection was lost");
  f.pass(10'000);
  assert_told(f.story);
}

// The application consumes messages and answers them itself.
void the_application_acknowledges(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  f.application.hearing = [](MessageRequest&) { return Decision{Verdict::consume, {}, std::nullopt}; };
  ann.says(say("what time is it", "r1"));
  const std::uint64_t first = f.application.asked_ack;
  ann.says(say("and now", "r2"));
  const std::uint64_t second = f.application.asked_ack;
  ann.says(say("no answer wanted"));
  assert_int_equal(f.application.asked_ack, 0);
  assert_told(f.story, "on_message ann what time is it", "on_message ann and now", "on_message ann no answer wanted");
  assert_ok(f.hub().answer(ann.client, {0, second, "[2]", {}}));
  assert_ok(f.hub().answer(ann.client, {0, second, "[3]", {}}));
  assert_ok(f.hub().answer(ann.client, {0, first, "[1]", {}}));
  f.run();
  assert_told(f.story, "ann: answer r2 [2]", "ann: answer r1 [1]");
}

// The sender's own copy goes through the inbox. Its acknowledgement goes out first, or last when the command asks for that.
void the_acknowledgement_and_its_own_message(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  Seat& bob = f.open("bob");
  f.run();
  f.story.take();
  ann.says(say("first", "r1"));
  f.run();
  assert_told(f.story, "ann: ack r1 #1", "ann: lobby#1 first", "bob: lobby#1 first");
  bob.says(say_with_ack_last("second", "r2"));
  bob.says(say_with_ack_last("third", "r3"));
  f.run();
  assert_told(f.story, "bob: lobby#2 second", "bob: ack r2 #2", "bob: lobby#3 third", "bob: ack r3 #3",
              "ann: lobby#2 second", "ann: lobby#3 third");
}

// The client is retired before the acknowledgement is sent.
void an_acknowledgement_for_a_retired_client(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  ann.says(say_with_ack_last("hello", "r1"));
  ann.link.lose();
  f.loop().peers().retire_due();
  f.run();
  assert_told(f.story, "on_leave ann lobby the connection was lost", "on_disconnect ann 1006 the connection was lost");
}

// Going ---------------------------------------------------------------------------------------------------------------

// The callback depends on the state in which the client is retired.
void the_right_callback_for_each_state(void**) {
  PeerFixture f;
  // Accepted, and not in a room yet.
  f.application.authorizing = [](const AuthorizeRequest&) { return PeerFixture::deferred(); };
  Seat& accepted = f.come("accepted");
  f.application.authorizing = nullptr;
  // A member of its room, but not welcomed yet.
  Seat& entering = f.come("entering");
  Seat& open = f.open("open");
  Seat& twice = f.open("twice");
  f.application.connecting = [](const ConnectRequest&) { return PeerFixture::deferred(); };
  Seat& connecting = f.come("connecting");
  Seat& refused = f.come("refused");
  assert_ok(f.hub().refuse(refused.client, "no", {}));
  Seat& late = f.come("late");
  assert_ok(f.hub().time_out(late.client));
  Seat& removed = f.come("removed");
  f.hub().remove_client(removed.client);
  f.story.take();

  const auto go = [&](Seat& seat) {
    f.loop().peers().retire(seat.client->id(), {1006, "lost"});
    f.loop().peers().retire(seat.client->id(), {1000, "again"});
    f.loop().peers().retire_due();
    assert_null(seat.find());
    assert_null(f.hub().find_client(seat.client->id()).get());
    assert_int_equal(static_cast<int>(seat.client->state()), static_cast<int>(ClientState::gone));
  };
  go(accepted);
  assert_told(f.story, "on_disconnect accepted 1006 lost");
  go(entering);
  assert_told(f.story, "on_leave entering lobby lost", "on_disconnect entering 1006 lost");
  go(open);
  assert_told(f.story, "on_leave open lobby lost", "on_disconnect open 1006 lost");
  go(connecting);
  assert_told(f.story, "on_abandon connecting 1006 lost");
  go(refused);
  assert_told(f.story);
  go(late);
  assert_told(f.story, "on_abandon late 1006 lost");
  go(removed);
  assert_told(f.story);
  f.loop().peers().drop(twice.client->id());
  f.loop().peers().retire(twice.client->id(), {1006, "lost"});
  f.run();
  assert_told(f.story);
}

// Its Joined event is still in the inbox, so on_open and on_join have not been called, and on_leave is not either.
void retirement_before_the_welcome(void**) {
  PeerFixture f;
  Seat& ann = f.come("ann");
  ann.link.lose();
  f.run();
  assert_told(f.story, "on_disconnect ann 1006 the connection was lost");
  assert_null(ann.find());
  assert_false(f.hub().has_room("lobby"));
}

void all_rooms_are_left_first(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  for (const char* const room : {"dev", "ops"}) ann.says(enter(room));
  f.run();
  f.story.take();
  assert_ok(f.hub().close_client(ann.client, 4'001, "kicked"));
  f.run();
  assert_told(f.story, "ann: closes 4001 kicked", "on_leave ann ops kicked", "on_leave ann dev kicked",
              "on_leave ann lobby kicked", "on_disconnect ann 4001 kicked");
  f.publish("", "to all");
  f.publish("lobby", "to nobody");
  f.run();
  assert_told(f.story);
  assert_int_equal(f.hub().stats().clients_now, 0);
}

// close_client() at every point of a client's life.
void dismissal_at_every_point(void**) {
  PeerFixture f;
  f.application.connecting = [](const ConnectRequest&) { return PeerFixture::deferred(); };
  Seat& connecting = f.come("connecting");
  assert_ok(f.hub().close_client(connecting.client, 1008, "out"));
  f.run();
  assert_told(f.story, "connecting: closes 1008 out", "on_abandon connecting 1008 out");
  assert_status(f.hub().accept(connecting.client, std::nullopt), Error::wrong_state);

  // The verdict and the close are both in the inbox.
  Seat& accepted = f.come("accepted");
  assert_ok(f.hub().accept(accepted.client, std::nullopt));
  assert_ok(f.hub().close_client(accepted.client, 1008, "out"));
  f.run();
  assert_told(f.story, "accepted: closes 1008 out", "on_disconnect accepted 1008 out");
  f.application.connecting = nullptr;

  f.application.authorizing = [](const AuthorizeRequest&) { return PeerFixture::deferred(); };
  Seat& entering = f.come("entering");
  assert_ok(f.hub().close_client(entering.client, 1008, "out"));
  f.run();
  assert_told(f.story, "on_authorize entering join lobby", "entering: closes 1008 out",
              "on_disconnect entering 1008 out");
  assert_status(f.hub().decide(entering.client, f.application.asked, {}), Error::no_such_client);

  // The verdict on the room comes before the close in the inbox, but the client joins no room any more.
  Seat& allowed = f.come("allowed");
  f.decide(allowed);
  assert_ok(f.hub().close_client(allowed.client, 1008, "out"));
  f.run();
  assert_told(f.story, "on_authorize allowed join lobby", "allowed: closes 1008 out", "on_disconnect allowed 1008 out");
  f.application.authorizing = nullptr;

  // A member already, but not welcomed yet.
  Seat& entered = f.come("entered");
  assert_ok(f.hub().close_client(entered.client, 1008, "out"));
  f.run();
  assert_told(f.story, "entered: welcome entered lobby#0", "on_open entered lobby", "on_join entered lobby",
              "entered: closes 1008 out", "on_leave entered lobby out", "on_disconnect entered 1008 out");

  Seat& open = f.open("open");
  assert_ok(f.hub().close_client(open.client, 1008, "out"));
  assert_ok(f.hub().close_client(open.client, 1000, "again"));
  f.run();
  assert_told(f.story, "open: closes 1008 out", "on_leave open lobby out", "on_disconnect open 1008 out");
  assert_status(f.hub().close_client(open.client, 1000, "too late"), Error::no_such_client);
}

// Messages from before the close are written before it, later ones are not sent.
void what_was_sent_before_the_end_arrives(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  f.publish("lobby", "last words");
  f.send(ann, "direct");
  assert_ok(f.hub().close_client(ann.client, 1000, "bye"));
  f.publish("lobby", "too late");
  f.send(ann, "too late");
  f.run();
  assert_told(f.story, "ann: lobby#1 last words", "ann: lobby#0 direct", "ann: closes 1000 bye",
              "on_leave ann lobby bye", "on_disconnect ann 1000 bye");
}

// A client that continues an earlier one ---------------------------------------------------------------------------------

struct Returning {
  explicit Returning(PeerFixture& f) : client(*f.hub().add_client({0, "192.0.2.1", Protocol::chat_v1})) {
    assert_ok(f.hub().accept(client, Identity{{}, "ann", {}}));
    seat = std::make_unique<Seat>(f.loop(), f.story, "ann", client);
    seat->set_opened();
    f.loop().peers().add(
        std::make_unique<Peer>(f.loop(), *seat, seat->link, client, std::make_unique<TextCodec>(TextCodec::Form{})));
  }
  ClientPtr client;
  std::unique_ptr<Seat> seat;
};

void it_continues_in_all_its_rooms(void**) {
  PeerFixture f;
  f.publish("lobby", "seen");
  f.publish("lobby", "missed");
  f.publish("dev", "missed too");
  f.publish("dev", "its own", 77);
  Returning back(f);
  Peer& peer = back.seat->peer();
  peer.keep_delivery_log();
  assert_ok(peer.restore({{"lobby", f.position("lobby", 1)}, {"dev", f.position("dev", 0)}}, {77}));
  f.publish("dev", "new");
  assert_told(f.story);
  f.run();
  assert_told(f.story, "ann: welcome ann lobby#2 resumed", "on_open ann lobby again", "on_join ann lobby",
              "ann: lobby#2 missed", "ann: joined  dev#2 resumed", "on_join ann dev", "ann: dev#1 missed too",
              "ann: dev#3 new");
  // The message that the earlier client sent itself counts as received.
  const auto positions = peer.delivery_log()->positions_at("dev", f.position("dev", 1));
  assert_true(positions.has_value());
  assert_string_equal(positions->at(0).room.c_str(), "dev");
  assert_int_equal(positions->at(0).position.seq, 2);
  assert_string_equal(positions->at(1).room.c_str(), "lobby");
  assert_int_equal(positions->at(1).position.seq, 2);
}

void it_continues_only_what_is_complete(void**) {
  ServerOptions options;
  options.hub.history.messages = 1;
  PeerFixture f(options);
  f.publish("lobby", "one");
  f.publish("lobby", "two");
  Returning back(f);
  assert_status(back.seat->peer().restore({{"lobby", f.position("lobby", 0)}}, {77}), Error::wrong_state);
  assert_true(back.seat->peer().earlier().empty());
  f.loop().peers().retire(back.client->id(), {1006, "lost"});
  f.run();
  assert_told(f.story, "on_disconnect ann 1006 lost");
}

// on_open would have been the first callback about this client, so there is no on_disconnect.
void retirement_before_it_is_continued(void**) {
  PeerFixture f;
  f.publish("lobby", "one");
  Returning back(f);
  assert_ok(back.seat->peer().restore({{"lobby", f.position("lobby", 0)}}, {77}));
  back.seat->link.lose();
  f.run();
  assert_told(f.story);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(accepted_at_once),
      cmocka_unit_test(accepted_later),
      cmocka_unit_test(refused_at_once),
      cmocka_unit_test(refused_later),
      cmocka_unit_test(no_verdict_in_time),
      cmocka_unit_test(a_verdict_that_comes_just_in_time_counts),
      cmocka_unit_test(the_first_room_is_refused_at_once),
      cmocka_unit_test(the_first_room_is_allowed_later),
      cmocka_unit_test(the_first_room_is_refused_later),
      cmocka_unit_test(no_verdict_on_the_first_room_in_time),
      cmocka_unit_test(both_verdicts_come_later),
      cmocka_unit_test(a_banned_client_is_refused),
      cmocka_unit_test(the_welcome_comes_before_everything),
      cmocka_unit_test(nothing_comes_twice_between_the_history_and_what_follows),
      cmocka_unit_test(history_that_is_not_kept_is_told),
      cmocka_unit_test(more_history_than_fits_is_cut_at_its_beginning),
      cmocka_unit_test(messages_of_its_own_are_not_replayed),
      cmocka_unit_test(what_waits_for_the_welcome_is_bounded),
      cmocka_unit_test(while_connecting),
      cmocka_unit_test(while_open),
      cmocka_unit_test(while_its_link_closes),
      cmocka_unit_test(while_it_is_silent),
      cmocka_unit_test(after_it_has_gone),
      cmocka_unit_test(the_whole_connection_is_closed_by_its_owner),
      cmocka_unit_test(rooms_come_and_go),
      cmocka_unit_test(the_hubs_order_is_kept),
      cmocka_unit_test(a_slow_reader_is_closed),
      cmocka_unit_test(the_oldest_are_dropped_and_a_gap_is_told_first),
      cmocka_unit_test(the_newest_are_dropped_and_a_gap_is_told_where_it_is),
      cmocka_unit_test(a_protocol_without_gap_notices),
      cmocka_unit_test(the_client_acknowledges),
      cmocka_unit_test(acknowledgements_time_out_each_at_its_time),
      cmocka_unit_test(too_many_acknowledgements_are_told),
      cmocka_unit_test(retirement_ends_pending_acknowledgements),
      cmocka_unit_test(the_application_acknowledges),
      cmocka_unit_test(the_acknowledgement_and_its_own_message),
      cmocka_unit_test(an_acknowledgement_for_a_retired_client),
      cmocka_unit_test(the_right_callback_for_each_state),
      cmocka_unit_test(retirement_before_the_welcome),
      cmocka_unit_test(all_rooms_are_left_first),
      cmocka_unit_test(dismissal_at_every_point),
      cmocka_unit_test(what_was_sent_before_the_end_arrives),
      cmocka_unit_test(it_continues_in_all_its_rooms),
      cmocka_unit_test(it_continues_only_what_is_complete),
      cmocka_unit_test(retirement_before_it_is_continued),
  };
  return cmocka_run_group_tests_name("core/net/peer/peer", tests, nullptr, nullptr);
}
