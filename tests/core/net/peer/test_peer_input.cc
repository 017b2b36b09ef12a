// A client's commands on their way to the dispatcher: rate limits, replies that are charged, and the order of commands while a
// verdict is awaited.
#include "net/peer/peer_input.h"

#include "core/net/peer/peer_fixture.h"

using namespace chat;
using namespace chat::net;
using namespace chat::test;

namespace {

constexpr std::int64_t kVerdictMs = 10'000;  // the default of verdict_timeout_ms

ServerOptions rate(std::int64_t per_second, std::int64_t burst) {
  ServerOptions options;
  options.inbound_rate = per_second;
  options.inbound_burst = burst;
  return options;
}

void defer_messages(PeerFixture& f) {
  f.application.hearing = [](MessageRequest&) { return PeerFixture::deferred(); };
}

// Rates ---------------------------------------------------------------------------------------------------------------

void too_many_are_refused_and_reading_pauses(void**) {
  PeerFixture f(rate(10, 3));
  Seat& ann = f.open("ann");
  for (int i = 1; i <= 3; ++i) ann.says(say("x", "r" + std::to_string(i)));
  f.run();
  assert_told(f.story, "ann: ack r1 #1", "ann: lobby#1 x", "ann: ack r2 #2", "ann: lobby#2 x", "ann: ack r3 #3",
              "ann: lobby#3 x");
  ann.says(say("x", "r4"));
  ann.says(enter("dev", "r5"));
  f.run();
  assert_told(f.story, "ann: pauses for 101 ms", "ann: error r4 rate_limited send: too many messages in a short time",
              "ann: pauses for 101 ms", "ann: error r5 rate_limited: too many messages in a short time");
  assert_int_equal(f.server.refused(Refusal::message_rate), 2);
  assert_int_equal(f.loop().stats().messages_refused.get(), 2);
  f.server.now_ms += 99;
  ann.says(say("x", "r6"));
  f.server.now_ms += 1;
  ann.says(say("x", "r7"));
  f.run();
  assert_told(f.story, "ann: pauses for 2 ms", "ann: error r6 rate_limited send: too many messages in a short time",
              "ann: ack r7 #4", "ann: lobby#4 x");
}

// The pause lasts until a tenth of the burst is available.
void a_large_burst_pauses_longer(void**) {
  PeerFixture f(rate(10, 20));
  Seat& ann = f.open("ann");
  for (int i = 0; i < 20; ++i) ann.says(ping());
  f.run();
  f.story.take();
  ann.says(ping("late"));
  f.run();
  assert_told(f.story, "ann: pauses for 201 ms", "ann: error late rate_limited: too many messages in a short time");
}

// A protocol that cannot express a refusal: messages pass, and each one makes the pause longer.
void without_a_word_for_it_messages_pass_on_credit(void**) {
  PeerFixture f(rate(10, 2));
  Coming coming;
  coming.form.replies = false;
  Seat& ann = f.open("ann", coming);
  for (int i = 0; i < 4; ++i) ann.says(say("x"));
  f.run();
  assert_told(f.story, "ann: pauses for 201 ms", "ann: pauses for 301 ms", "ann: lobby#1 x", "ann: lobby#2 x",
              "ann: lobby#3 x", "ann: lobby#4 x");
  assert_int_equal(f.server.refused(Refusal::message_rate), 2);
  assert_int_equal(f.loop().stats().messages_refused.get(), 0);
}

void there_may_be_no_rate(void**) {
  PeerFixture f(rate(kUnlimited, 1));
  Seat& ann = f.open("ann");
  for (int i = 0; i < 1'000; ++i) ann.says(ping());
  f.run();
  std::string pongs;
  for (int i = 0; i < 1'000; ++i) pongs += "ann: pong p\n";
  assert_string_equal(f.story.take().c_str(), pongs.c_str());
}

// Commands from before the welcome take tokens too, but are not refused.
void the_rate_counts_before_the_welcome(void**) {
  PeerFixture f(rate(10, 2));
  Seat& ann = f.come("ann");
  for (int i = 0; i < 4; ++i) ann.says(ping(std::to_string(i)));
  f.run();
  assert_told(f.story, "ann: welcome ann lobby#0", "on_open ann lobby", "on_join ann lobby", "ann: pong 0",
              "ann: pong 1", "ann: pong 2", "ann: pong 3");
  ann.says(ping("4"));
  f.run();
  assert_told(f.story, "ann: pauses for 301 ms", "ann: error 4 rate_limited: too many messages in a short time");
}

void malformed_packets_are_answered(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  ann.says(fault(Error::unsupported));
  ann.says(say("text"));
  ann.says(fault(Error::invalid_json));
  ann.says(fault(Error::too_large));
  f.run();
  assert_told(f.story, "ann: error f unsupported: a fault", "ann: error f invalid_json: a fault",
              "ann: error f too_large: a fault", "ann: lobby#1 text");
  assert_int_equal(f.server.refused(Refusal::malformed), 1);
  assert_int_equal(f.server.refused(Refusal::message_bytes), 1);
  assert_int_equal(f.loop().stats().messages_refused.get(), 3);
  assert_int_equal(f.loop().stats().messages_in_by_protocol[static_cast<std::size_t>(Protocol::chat_v1)].get(), 4);

  ann.says(fault(Error::invalid_json, 1003));
  ann.says(say("too late", "r"));
  f.run();
  assert_told(f.story, "ann: error f invalid_json: a fault", "ann: closes 1003 a fault", "on_leave ann lobby a fault",
              "on_disconnect ann 1003 a fault");
}

// Each refused command is answered, and the next one is executed.
void refused_commands_are_answered(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  ann.says(say("x", "r1", "nowhere"));
  ann.says(enter("bad/room", "r2"));
  f.application.authorizing = [](const AuthorizeRequest&) { return PeerFixture::refused("not you"); };
  ann.says(say("x", "r3"));
  f.application.authorizing = nullptr;
  f.application.hearing = [](MessageRequest&) { return PeerFixture::refused(""); };
  ann.says(say("x", "r4"));
  f.application.hearing = nullptr;
  ann.says(say("x", "r5"));
  f.run();
  assert_told(f.story, "ann: error r1 not_joined send: not a member of the room nowhere",
              "ann: error r2 invalid_room: " + check_room_name("bad/room").detail, "on_authorize ann publish lobby",
              "ann: error r3 forbidden send: not you", "on_message ann x", "ann: error r4 forbidden send: refused",
              "ann: ack r5 #1", "ann: lobby#1 x");
  assert_int_equal(f.loop().stats().messages_refused.get(), 4);
}

// Leaving -------------------------------------------------------------------------------------------------------------

Decoded goodbye() { return Command(DisconnectCommand{"bye"}); }

// The goodbye is answered behind what the client's messages have caused. What follows it is not executed.
void a_client_may_disconnect(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  f.open("bob");
  f.story.take();
  ann.says(say("last", "r1"));
  ann.says(goodbye());
  ann.says(say("never", "r2"));
  f.run();
  assert_told(f.story, "ann: ack r1 #1", "ann: lobby#1 last", "ann: disconnected bye", "bob: lobby#1 last",
              "ann: closes 1000 the client has disconnected", "on_leave ann lobby the client has disconnected",
              "on_disconnect ann 1000 the client has disconnected");
  assert_null(ann.find());
}

// It has its place behind a message that waits for a verdict, and drops what waits behind it.
void a_goodbye_waits_for_the_verdict_before_it(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  f.application.hearing = [](MessageRequest&) { return PeerFixture::deferred(); };
  ann.says(say("one", "r1"));
  ann.says(goodbye());
  ann.says(say("never", "r2"));
  f.run();
  assert_told(f.story, "on_message ann one");
  f.decide(ann);
  f.run();
  assert_told(f.story, "ann: ack r1 #1", "ann: lobby#1 one", "ann: disconnected bye",
              "ann: closes 1000 the client has disconnected", "on_leave ann lobby the client has disconnected",
              "on_disconnect ann 1000 the client has disconnected");
}

// Replies that are charged ----------------------------------------------------------------------------------------------

// Publishes five messages of 2,000 bytes.
void fill(PeerFixture& f) {
  for (int i = 0; i < 5; ++i) f.publish("lobby", std::string(2'000, 'x'));
}

// The test's codec writes only the seqs of a history, so a long reply takes many messages.
void long_replies_are_paid_for(void**) {
  ServerOptions options = rate(1, 1);
  options.inbound_burst = 2;
  options.hub.history.messages = kUnlimited;
  PeerFixture f(options);
  Seat& ann = f.open("ann");
  ann.link.set_room(0);
  for (int i = 0; i < 3'000; ++i) f.publish("dev", "x");
  ann.says(Command(HistoryCommand{"dev", 0, 0, "h1"}));  // about 16 KB: 4 tokens of 2
  f.run();
  assert_told(f.story, "ann: pauses for its output");
  f.server.now_ms += 1'000;
  ann.says(Command(HistoryCommand{"dev", 0, 1, "h2"}));
  f.run();
  f.server.now_ms += 2'001;
  ann.says(Command(HistoryCommand{"dev", 0, 1, "h3"}));
  f.run();
  f.server.now_ms += 1'000;
  ann.link.reads();
  const std::string story = f.story.take();
  const std::string after_long = story.substr(story.find("ann: error"));
  assert_string_equal(after_long.c_str(),
                      "ann: error h2 rate_limited: too many bytes of replies in a short time\n"
                      "ann: history h3 dev#3000 incomplete: #3000\n");
  assert_int_equal(f.server.refused(Refusal::reply_rate), 1);
}

// A join is never refused because of its replay. Reading pauses instead, so the next command waits in the socket.
void replayed_history_is_paid_for_by_a_pause(void**) {
  PeerFixture f(rate(1, 2));
  fill(f);
  Seat& ann = f.open("ann");
  ann.says(enter("lobby", "j", f.position("lobby", 0)));  // 10,000 bytes: 2 tokens of 2
  f.run();
  const std::string message = " " + std::string(2'000, 'x');
  assert_told(f.story, "ann: joined j lobby#5 resumed", "ann: lobby#1" + message, "ann: lobby#2" + message,
              "ann: lobby#3" + message, "ann: lobby#4" + message, "ann: lobby#5" + message, "ann: pauses for 1001 ms");
  ann.says(Command(HistoryCommand{{}, 4, 0, "h"}));
  f.run();
  assert_told(f.story, "ann: error h rate_limited: too many bytes of replies in a short time");
}

void a_history_is_cut_to_one_outbox(void**) {
  ServerOptions options;
  options.max_outbox_bytes = 5'000;
  PeerFixture f(options);
  fill(f);
  Seat& ann = f.open("ann");
  ann.says(history(0));
  f.run();
  assert_told(f.story, "ann: history h lobby#5 incomplete: #4 #5", "ann: pauses for its output");
  // Bytes that are queued already leave less room for it.
  ann.link.set_room(0);
  f.publish("lobby", std::string(2'000, 'y'));
  f.run();
  ann.says(history(0));
  f.run();
  assert_told(f.story, "ann: pauses for its output");
  ann.link.reads();
  assert_told(f.story, "ann: lobby#6 " + std::string(2'000, 'y'), "ann: history h lobby#6 incomplete: #6");
}

// A client that does not read its replies is not read either.
void reading_pauses_while_half_of_the_outbox_waits(void**) {
  ServerOptions options;
  options.max_outbox_messages = 4;
  PeerFixture f(options);
  Seat& ann = f.open("ann");
  ann.link.set_room(0);
  ann.says(ping("1"));
  ann.says(ping("2"));
  assert_told(f.story);
  ann.says(ping("3"));
  assert_told(f.story, "ann: pauses for its output");
  ann.link.reads();
  ann.says(ping("4"));
  f.run();
  assert_told(f.story, "ann: pong 1", "ann: pong 2", "ann: pong 3", "ann: pong 4");
}

// Verdicts that come later ----------------------------------------------------------------------------------------------

// Later commands wait, except for a ping.
void a_deferred_message_holds_back_what_follows(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  Seat& bob = f.open("bob");
  f.story.take();
  f.application.hearing = [](MessageRequest& request) {
    return request.draft.payload == "one" ? PeerFixture::deferred() : Decision{};
  };
  ann.says(say("one", "r1"));
  assert_true(ann.peer().undecided());
  ann.says(say("two", "r2"));
  ann.says(enter("dev", "r3"));
  ann.says(say("for dev", "r4", "dev"));
  ann.says(fault(Error::invalid_json));
  ann.says(ping());
  bob.says(say("another's"));
  f.run();
  assert_told(f.story, "on_message ann one", "ann: pong p", "on_message bob another's", "ann: lobby#1 another's",
              "bob: lobby#1 another's");
  f.decide(ann);
  assert_told(f.story);
  f.run();
  // Acknowledgements and the reply to the join come through the inbox, but she is a member before the next command.
  assert_told(f.story, "on_message ann two", "on_message ann for dev", "ann: error f invalid_json: a fault",
              "ann: ack r1 #2", "ann: lobby#2 one", "ann: ack r2 #3", "ann: lobby#3 two", "ann: joined r3 dev#0",
              "bob: lobby#2 one", "bob: lobby#3 two", "on_join ann dev", "ann: ack r4 #1", "ann: dev#1 for dev");
  assert_false(ann.peer().undecided());
}

void each_verdict_ends_its_own_command(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  defer_messages(f);
  for (const char* const text : {"pass", "refuse", "consume", "replace"}) ann.says(say(text, text));
  assert_told(f.story, "on_message ann pass");
  f.decide(ann);
  f.run();
  assert_told(f.story, "on_message ann refuse", "ann: ack pass #1", "ann: lobby#1 pass");
  const DecisionId stale = f.application.asked;
  f.decide(ann, PeerFixture::refused("no"));
  assert_status(f.hub().decide(ann.client, stale, {}), Error::wrong_state);
  f.run();
  assert_told(f.story, "ann: error refuse forbidden send: no", "on_message ann consume");
  f.decide(ann, {Verdict::consume, {}, std::nullopt});
  f.run();
  assert_told(f.story, "on_message ann replace");
  Decision replaced;
  replaced.replacement.emplace();
  replaced.replacement->payload = "with this";
  f.decide(ann, std::move(replaced));
  f.run();
  assert_told(f.story, "ann: ack replace #2", "ann: lobby#2 with this");
  // A decision with an unknown id is ignored.
  f.loop().post(DecisionGiven{ann.client->id(), 12'345, {}});
  f.run();
  assert_told(f.story);
}

void one_message_may_wait_twice(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  f.application.authorizing = [](const AuthorizeRequest&) { return PeerFixture::deferred(); };
  defer_messages(f);
  ann.says(say("one", "r1"));
  ann.says(say("two", "r2"));
  assert_told(f.story, "on_authorize ann publish lobby");
  f.pass(kVerdictMs - 100);
  f.decide(ann);
  f.run();
  assert_told(f.story, "on_message ann one");
  f.pass(kVerdictMs - 100);  // the time begins anew
  f.decide(ann);
  f.run();
  assert_told(f.story, "on_authorize ann publish lobby", "ann: ack r1 #1", "ann: lobby#1 one");
  f.decide(ann, PeerFixture::refused("no"));
  f.run();
  assert_told(f.story, "ann: error r2 forbidden send: no");
}

void joins_and_requests_wait_too(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  f.application.authorizing = [](const AuthorizeRequest&) { return PeerFixture::deferred(); };
  ann.says(enter("dev", "j"));
  ann.says(leave("dev", "l"));
  ann.says(history(0));
  f.run();
  f.decide(ann);
  f.run();
  f.decide(ann, PeerFixture::refused("no history"));
  f.run();
  assert_told(f.story, "on_authorize ann join dev", "on_authorize ann history lobby", "ann: joined j dev#0",
              "on_join ann dev", "ann: left l dev ", "on_leave ann dev ", "ann: error h forbidden: no history");
}

// The client was removed from the room while the verdict was awaited.
void a_message_to_a_room_that_it_has_left_is_refused(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  ann.says(enter("dev"));
  f.run();
  f.story.take();
  defer_messages(f);
  ann.says(say("one", "r1", "dev"));
  assert_ok(f.hub().leave(ann.client, "dev", "out"));
  f.decide(ann);
  f.run();
  assert_told(f.story, "on_message ann one", "ann: left  dev out", "on_leave ann dev out",
              "ann: error r1 not_joined send: not a member of the room dev");
}

void no_verdict_in_time_refuses(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  defer_messages(f);
  ann.says(say("one", "r1"));
  ann.says(say("two", "r2"));
  f.pass(kVerdictMs - 2 * TimerWheel::kTickMs);
  assert_told(f.story, "on_message ann one");
  f.pass(2 * TimerWheel::kTickMs);
  assert_told(f.story, "ann: error r1 forbidden send: no verdict in time", "on_message ann two");
  // The second message has its own deadline.
  f.pass(kVerdictMs - 2 * TimerWheel::kTickMs);
  assert_told(f.story);
  f.pass(2 * TimerWheel::kTickMs);
  assert_told(f.story, "ann: error r2 forbidden send: no verdict in time");
  assert_status(f.hub().decide(ann.client, f.application.asked, {}), Error::wrong_state);
  f.pass(10 * kVerdictMs);
  assert_told(f.story);
}

// The verdict is in the inbox when the time-out fires. decide() returned ok for it, so it counts.
void a_verdict_that_comes_just_in_time_counts(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  defer_messages(f);
  ann.says(say("one", "r1"));
  f.decide(ann);
  f.pass(kVerdictMs + 100);
  assert_told(f.story, "on_message ann one", "ann: ack r1 #1", "ann: lobby#1 one");
}

// The application's own answer replaces the acknowledgement.
void it_may_be_answered_before_it_is_decided(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  defer_messages(f);
  ann.says(say("one", "r1"));
  assert_ok(f.hub().answer(ann.client, {0, f.application.asked_ack, "[1]", {}}));
  f.decide(ann);
  f.run();
  assert_told(f.story, "on_message ann one", "ann: answer r1 [1]", "ann: lobby#1 one");
}

// Reading pauses at 32 waiting commands and resumes when there are fewer.
void reading_pauses_when_too_much_waits(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  f.application.hearing = [](MessageRequest& request) {
    return request.draft.payload == "first" ? PeerFixture::deferred() : Decision{Verdict::consume, {}, std::nullopt};
  };
  ann.says(say("first"));
  for (int i = 1; i < 32; ++i) ann.says(say("x"));
  assert_told(f.story, "on_message ann first");
  f.server.now_ms += 1'000;
  ann.says(say("x"));
  assert_told(f.story, "ann: pauses for 9000 ms");
  f.decide(ann);
  f.run();
  std::string all;
  for (int i = 0; i < 32; ++i) all += "on_message ann x\n";
  assert_string_equal(f.story.take().c_str(), (all + "ann: resumes\nann: lobby#1 first\n").c_str());
}

// One read may bring more commands than can wait.
void commands_that_do_not_fit_are_refused(void**) {
  ServerOptions options;
  options.max_outbox_bytes = 4'000;
  PeerFixture f(options);
  Seat& ann = f.open("ann");
  defer_messages(f);
  ann.says(say("first"));
  ann.says(say(std::string(3'900, 'a'), "r1"));
  ann.says(say(std::string(3'900, 'b'), "r2"));
  assert_told(f.story, "on_message ann first", "ann: pauses for 10000 ms",
              "ann: error r2 rate_limited send: too many messages in a short time", "ann: pauses for 10000 ms");
  assert_int_equal(f.server.refused(Refusal::undecided), 1);
  assert_int_equal(f.loop().stats().messages_refused.get(), 1);
  f.decide(ann, PeerFixture::refused("no"));
  f.run();
  assert_told(f.story, "ann: error  forbidden send: no", "on_message ann " + std::string(3'900, 'a'), "ann: resumes");
}

// Before the welcome the client is not known yet, so the bound closes its connection.
void too_much_before_the_welcome_ends_it(void**) {
  ServerOptions options;
  options.max_outbox_bytes = 10'000;
  PeerFixture f(options);
  f.application.connecting = [](const ConnectRequest&) { return PeerFixture::deferred(); };
  Seat& ann = f.come("ann");
  ann.says(say(std::string(8'900, 'a')));
  assert_told(f.story);
  ann.says(say(std::string(8'900, 'a')));
  assert_told(f.story, "ann: pauses for 10000 ms");
  for (int i = 2; i < 8; ++i) ann.says(say(std::string(8'900, 'a')));  // was in the socket
  f.story.take();
  ann.says(say(std::string(8'900, 'a')));
  f.run();
  assert_told(f.story, "ann: closes 1008 too much data before the welcome",
              "on_abandon ann 1008 too much data before the welcome");
  assert_int_equal(f.server.refused(Refusal::undecided), 1);
}

void reading_goes_on_with_the_welcome(void**) {
  ServerOptions options;
  options.max_outbox_bytes = 10'000;
  PeerFixture f(options);
  f.application.connecting = [](const ConnectRequest&) { return PeerFixture::deferred(); };
  Seat& ann = f.come("ann");
  f.application.hearing = [](MessageRequest&) { return Decision{Verdict::consume, {}, std::nullopt}; };
  ann.says(say(std::string(10'000, 'a')));
  assert_told(f.story, "ann: pauses for 10000 ms");
  assert_ok(f.hub().accept(ann.client, std::nullopt));
  f.run();
  assert_told(f.story, "ann: welcome ann lobby#0", "on_open ann lobby", "on_join ann lobby",
              "on_message ann " + std::string(10'000, 'a'), "ann: resumes");
}

// Retirement while something is undecided ------------------------------------------------------------------------------

// Commands from before the loss of the connection are still executed.
void it_outlives_its_link_until_the_verdict(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  f.open("bob");
  f.story.take();
  defer_messages(f);
  ann.says(say("one", "r1"));
  ann.says(say("two", "r2"));
  ann.link.lose();
  ann.says(say("not heard", "r3"));
  f.run();
  f.publish("lobby", "to bob alone");
  f.send(ann, "direct", {5, 1'000});
  f.run();
  assert_told(f.story, "on_message ann one", "bob: lobby#1 to bob alone");
  assert_non_null(ann.find());
  f.decide(ann);
  f.run();
  assert_told(f.story, "on_message ann two", "bob: lobby#2 one");
  f.pass(2'000);
  assert_told(f.story, "on_ack ann 5 timed_out ");
  f.decide(ann);
  f.run();
  assert_told(f.story, "bob: lobby#3 two", "on_leave ann lobby the connection was lost",
              "on_disconnect ann 1006 the connection was lost");
  assert_null(ann.find());
}

// The verdict is in the inbox when the link is lost.
void the_verdict_comes_before_the_link_goes(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  Seat& bob = f.open("bob");
  f.story.take();
  defer_messages(f);
  ann.says(say("one"));
  f.decide(ann);
  ann.link.lose();
  f.run();
  assert_told(f.story, "on_message ann one", "bob: lobby#1 one", "on_leave ann lobby the connection was lost",
              "on_disconnect ann 1006 the connection was lost");
  assert_non_null(bob.find());
}

void it_outlives_its_link_for_a_time_only(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  defer_messages(f);
  ann.says(say("one", "r1"));
  ann.says(say("two", "r2"));
  f.server.now_ms += 4'000;
  ann.link.lose();
  f.run();
  assert_told(f.story, "on_message ann one");
  f.pass(6'000);  // no verdict on the first: the second has its turn
  assert_told(f.story, "on_message ann two");
  f.pass(4'000 - 2 * TimerWheel::kTickMs);
  assert_told(f.story, "on_leave ann lobby the connection was lost", "on_disconnect ann 1006 the connection was lost");
  assert_status(f.hub().decide(ann.client, f.application.asked, {}), Error::no_such_client);
}

void only_the_first_end_counts(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  defer_messages(f);
  ann.says(say("one"));
  ann.link.lose();
  f.run();
  f.loop().peers().retire(ann.client->id(), {1000, "again"});
  f.run();
  assert_told(f.story, "on_message ann one");
  f.decide(ann);
  f.run();
  assert_told(f.story, "on_leave ann lobby the connection was lost", "on_disconnect ann 1006 the connection was lost");
}

// A dismissed client's waiting commands are dropped, with or without a link.
void dismissal_drops_waiting_commands(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  Seat& bob = f.open("bob");
  f.story.take();
  defer_messages(f);
  ann.says(say("one"));
  ann.says(say("two"));
  assert_ok(f.hub().close_client(ann.client, 1008, "out"));
  assert_status(f.hub().decide(ann.client, f.application.asked, {}), Error::no_such_client);
  f.run();
  assert_told(f.story, "on_message ann one", "ann: closes 1008 out", "on_leave ann lobby out",
              "on_disconnect ann 1008 out");

  bob.says(say("three"));
  bob.link.lose();
  f.run();
  assert_told(f.story, "on_message bob three");
  assert_ok(f.hub().close_client(bob.client, 1008, "out"));
  f.run();
  assert_told(f.story, "on_leave bob lobby the connection was lost", "on_disconnect bob 1006 the connection was lost");
}

// The verdict comes before the close in the inbox. Neither the message nor the ones behind it are published.
void dismissal_behind_the_verdict(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  defer_messages(f);
  ann.says(say("one", "r1"));
  ann.says(say("two", "r2"));
  f.decide(ann);
  assert_ok(f.hub().close_client(ann.client, 1008, "out"));
  f.run();
  assert_told(f.story, "on_message ann one", "ann: closes 1008 out", "on_leave ann lobby out",
              "on_disconnect ann 1008 out");
}

void no_peer_outlives_its_link_when_the_server_stops(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  defer_messages(f);
  ann.says(say("one"));
  f.loop().drains = true;
  ann.link.lose();
  f.run();
  assert_told(f.story, "on_message ann one", "on_leave ann lobby the connection was lost",
              "on_disconnect ann 1006 the connection was lost");

  f.loop().drains = false;
  Seat& bob = f.open("bob");
  bob.says(say("two"));
  bob.link.lose();
  f.run();
  assert_told(f.story, "on_message bob two");
  f.loop().drains = true;
  bob.peer().give_up_waiting();
  f.run();
  assert_told(f.story, "on_leave bob lobby the connection was lost", "on_disconnect bob 1006 the connection was lost");
}

// A client that was never welcomed has no commands that could still be executed.
void one_that_waits_for_its_first_room_does_not_outlive_its_link(void**) {
  PeerFixture f;
  f.application.authorizing = [](const AuthorizeRequest&) { return PeerFixture::deferred(); };
  Seat& ann = f.come("ann");
  ann.says(say("one"));
  ann.link.lose();
  f.run();
  assert_told(f.story, "on_authorize ann join lobby", "on_disconnect ann 1006 the connection was lost");
  assert_status(f.hub().decide(ann.client, f.application.asked, {}), Error::no_such_client);
}

// A malformed packet that closes the connection is handled in its place: commands before it are executed, later ones dropped.
void a_fault_that_closes_keeps_its_place(void**) {
  PeerFixture f;
  Seat& ann = f.open("ann");
  f.open("bob");
  f.story.take();
  defer_messages(f);
  ann.says(say("one"));
  ann.says(say("two"));
  ann.says(fault(Error::invalid_json, 1003));
  ann.says(say("never"));
  f.decide(ann);
  f.run();
  assert_told(f.story, "on_message ann one", "on_message ann two", "ann: lobby#1 one", "bob: lobby#1 one");
  f.decide(ann);
  f.run();
  // The member leaves at the end of the round, after the message.
  assert_told(f.story, "ann: error f invalid_json: a fault", "ann: closes 1003 a fault", "bob: lobby#2 two",
              "on_leave ann lobby a fault", "on_disconnect ann 1003 a fault");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(too_many_are_refused_and_reading_pauses),
      cmocka_unit_test(a_large_burst_pauses_longer),
      cmocka_unit_test(without_a_word_for_it_messages_pass_on_credit),
      cmocka_unit_test(there_may_be_no_rate),
      cmocka_unit_test(the_rate_counts_before_the_welcome),
      cmocka_unit_test(malformed_packets_are_answered),
      cmocka_unit_test(refused_commands_are_answered),
      cmocka_unit_test(a_client_may_disconnect),
      cmocka_unit_test(a_goodbye_waits_for_the_verdict_before_it),
      cmocka_unit_test(long_replies_are_paid_for),
      cmocka_unit_test(replayed_history_is_paid_for_by_a_pause),
      cmocka_unit_test(a_history_is_cut_to_one_outbox),
      cmocka_unit_test(reading_pauses_while_half_of_the_outbox_waits),
      cmocka_unit_test(a_deferred_message_holds_back_what_follows),
      cmocka_unit_test(each_verdict_ends_its_own_command),
      cmocka_unit_test(one_message_may_wait_twice),
      cmocka_unit_test(joins_and_requests_wait_too),
      cmocka_unit_test(a_message_to_a_room_that_it_has_left_is_refused),
      cmocka_unit_test(no_verdict_in_time_refuses),
      cmocka_unit_test(a_verdict_that_comes_just_in_time_counts),
      cmocka_unit_test(it_may_be_answered_before_it_is_decided),
      cmocka_unit_test(reading_pauses_when_too_much_waits),
      cmocka_unit_test(commands_that_do_not_fit_are_refused),
      cmocka_unit_test(too_much_before_the_welcome_ends_it),
      cmocka_unit_test(reading_goes_on_with_the_welcome),
      cmocka_unit_test(it_outlives_its_link_until_the_verdict),
      cmocka_unit_test(the_verdict_comes_before_the_link_goes),
      cmocka_unit_test(it_outlives_its_link_for_a_time_only),
      cmocka_unit_test(only_the_first_end_counts),
      cmocka_unit_test(dismissal_drops_waiting_commands),
      cmocka_unit_test(dismissal_behind_the_verdict),
      cmocka_unit_test(no_peer_outlives_its_link_when_the_server_stops),
      cmocka_unit_test(one_that_waits_for_its_first_room_does_not_outlive_its_link),
      cmocka_unit_test(a_fault_that_closes_keeps_its_place),
  };
  return cmocka_run_group_tests_name("core/net/peer/peer_input", tests, nullptr, nullptr);
}
