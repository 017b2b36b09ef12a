// The execution of client commands: authorization, replies, and the order of events when the application acts inside a
// callback.
#include "hub/dispatcher.h"

#include <functional>

#include "hub/callback_scope.h"
#include "hub_fixture.h"

using namespace chat;
using namespace chat::test;

namespace {

struct FakeApplication : Application {
  bool decides_requests() const override { return decides; }
  bool decides_messages() const override { return decides; }
  std::optional<Decision> on_authorize(const AuthorizeRequest& request) override {
    asked.push_back({request.action, std::string(request.room), std::string(request.value)});
    return authorize ? authorize(request) : std::nullopt;
  }
  Decision on_message(MessageRequest& request) override {
    ++messages;
    return message ? message(request) : Decision{};
  }

  struct Question {
    Action action;
    std::string room;
    std::string value;
  };
  bool decides = true;
  std::vector<Question> asked;
  int messages = 0;
  std::function<std::optional<Decision>(const AuthorizeRequest&)> authorize;
  std::function<Decision(MessageRequest&)> message;
};

struct Fixture : HubFixture {
  Fixture() : dispatcher(*hub, application), client(open()) {
    assert_ok(join(client, "lobby"));
    take();
  }

  std::optional<Reply> execute(Command command) {
    return reply_in(dispatcher.execute(client, std::move(command), acks, now));
  }
  // Executes a command that must be suspended without a reply.
  Suspended suspend(Command command) { return suspended_in(dispatcher.execute(client, std::move(command), acks, now)); }
  Outcome resume(Suspended suspended, Decision decision) {
    return dispatcher.resume(client, std::move(suspended), std::move(decision), acks, now);
  }

  static std::optional<Reply> reply_in(Outcome outcome) {
    assert_false(std::holds_alternative<Suspended>(outcome));
    if (auto* reply = std::get_if<Reply>(&outcome)) return std::move(*reply);
    return std::nullopt;
  }
  static Suspended suspended_in(Outcome outcome) {
    assert_true(std::holds_alternative<Suspended>(outcome));
    return std::get<Suspended>(std::move(outcome));
  }

  FakeApplication application;
  Dispatcher dispatcher;
  AckTable acks;
  ClientPtr client;
};

SendCommand send(std::string room, std::string text, std::string ref = {}) {
  SendCommand command;
  command.draft() = draft(std::move(room), std::move(text));
  command.ref = std::move(ref);
  return command;
}

ErrorReply error_of(const std::optional<Reply>& reply) {
  assert_true(reply.has_value());
  assert_true(std::holds_alternative<ErrorReply>(*reply));
  return std::get<ErrorReply>(*reply);
}

#define assert_error(reply, expected) assert_int_equal(number(error_of(reply).code), number(expected))

std::vector<std::string> payloads(Fixture& f) {
  std::vector<std::string> result;
  for (const RoomMessage& said : only<RoomMessage>(f.take())) result.push_back(said.message->payload);
  return result;
}

using Texts = std::vector<std::string>;

// send

void send_publishes_in_the_clients_name(void**) {
  Fixture f;
  assert_ok(f.hub->set_identity(f.client, Identity{"u1", "Ann", {}}));
  SendCommand command = send("lobby", "hi");
  command.draft().sender = {999, "Somebody else", "u2"};
  assert_false(f.execute(command).has_value());
  const auto said = only<RoomMessage>(f.take());
  assert_int_equal(said.size(), 1);
  assert_text(said[0].message->payload, "hi");
  assert_int_equal(said[0].message->sender.id, f.client->id());
  assert_text(said[0].message->sender.name, "Ann");
  assert_text(said[0].message->sender.user_id, "u1");
  assert_int_equal(said[0].message->except, 0);
  assert_int_equal(f.application.asked.size(), 1);
  assert_true(f.application.asked[0].action == Action::publish);
  assert_text(f.application.asked[0].room, "lobby");
  assert_text(f.application.asked[0].value, "chat message");
}

void a_message_is_published_without_being_copied(void**) {
  Fixture f;
  SendCommand command = send("lobby", "hi");
  const Message* const message = command.message.get();
  assert_false(f.execute(std::move(command)).has_value());
  assert_ptr_equal(only<RoomMessage>(f.take()).at(0).message.get(), message);
}

void a_message_goes_to_the_room_that_has_the_name_now(void**) {
  Fixture f;
  const ClientPtr other = f.open();
  assert_ok(f.join(f.client, "brief"));
  f.application.message = [&](MessageRequest&) {
    // As on another thread. The room is empty and thus removed, and a new one gets its name.
    assert_ok(f.hub->leave(f.client, "brief", {}));
    assert_false(f.hub->has_room("brief"));
    assert_ok(f.join(other, "brief"));
    f.take();
    return Decision{};
  };
  assert_false(f.execute(send("brief", "hi")).has_value());
  assert_true(payloads(f) == Texts({"hi"}));
  assert_int_equal(f.hub->history("brief", 0, 0, f.now)->messages.size(), 1);
}

void send_without_a_room_means_the_first(void**) {
  Fixture f;
  assert_ok(f.join(f.client, "second"));
  f.take();
  assert_false(f.execute(send("", "hi")).has_value());
  assert_text(only<RoomMessage>(f.take()).at(0).message->room, "lobby");
  assert_ok(f.hub->leave(f.client, "lobby", ""));
  assert_ok(f.hub->leave(f.client, "second", ""));
  const auto reply = f.execute(send("", "hi", "1"));
  assert_error(reply, Error::not_joined);
  assert_text(error_of(reply).ref, "1");
  assert_true(error_of(reply).of_send);
}

void send_is_for_members(void**) {
  Fixture f;
  assert_error(f.execute(send("elsewhere", "hi", "1")), Error::not_joined);
  assert_false(f.hub->has_room("elsewhere"));
  assert_true(f.application.asked.empty());
  assert_int_equal(f.application.messages, 0);
}

void send_refuses_bad_names(void**) {
  Fixture f;
  assert_error(f.execute(send("a/b", "hi", "1")), Error::invalid_room);
  SendCommand command = send("lobby", "hi", "2");
  command.draft().event = "disconnect";
  assert_error(f.execute(command), Error::invalid_event);
  assert_int_equal(f.application.messages, 0);
}

void send_with_a_ref_is_acknowledged(void**) {
  Fixture f;
  assert_false(f.execute(send("lobby", "hi", "\"r\"")).has_value());
  std::vector<LoopEvent> events = f.take();
  assert_int_equal(events.size(), 2);
  const Acknowledged& ack = std::get<Acknowledged>(events[0]);
  assert_int_equal(ack.client, f.client->id());
  assert_text(ack.ref, "\"r\"");
  assert_int_equal(ack.seq, 1);
  assert_false(ack.epoch.empty());
  assert_ok(ack.status);
  assert_true(std::holds_alternative<RoomMessage>(events[1]));
  assert_false(f.acks.take(1).has_value());  // no acknowledgement is pending

  SendCommand last = send("lobby", "hi", "3");
  last.acknowledge_last = true;
  assert_false(f.execute(last).has_value());
  events = f.take();
  assert_int_equal(events.size(), 2);
  assert_true(std::holds_alternative<RoomMessage>(events[0]));
  assert_int_equal(std::get<Acknowledged>(events[1]).seq, 2);

  SendCommand ephemeral = send("lobby", "typing", "2");
  ephemeral.draft().ephemeral = true;
  assert_false(f.execute(ephemeral).has_value());
  assert_int_equal(only<Acknowledged>(f.take()).at(0).seq, 0);
}

void except_self(void**) {
  Fixture f;
  SendCommand command = send("lobby", "hi");
  command.except_self = true;
  f.execute(command);
  assert_int_equal(only<RoomMessage>(f.take()).at(0).message->except, f.client->id());
}

void a_refusal_to_authorize_reaches_the_sender(void**) {
  Fixture f;
  f.application.authorize = [](const AuthorizeRequest&) { return Decision{Verdict::refuse, "muted", {}}; };
  const ErrorReply error = error_of(f.execute(send("lobby", "hi", "1")));
  assert_int_equal(number(error.code), number(Error::forbidden));
  assert_text(error.reason, "muted");
  assert_text(error.ref, "1");
  assert_true(error.of_send);
  assert_int_equal(f.application.messages, 0);
  assert_true(f.take().empty());
  f.application.authorize = [](const AuthorizeRequest&) { return Decision{Verdict::refuse, "", {}}; };
  assert_false(error_of(f.execute(send("lobby", "hi"))).reason.empty());
}

void on_message_may_refuse(void**) {
  Fixture f;
  f.application.message = [](MessageRequest&) { return Decision{Verdict::refuse, "language", {}}; };
  const ErrorReply error = error_of(f.execute(send("lobby", "hi", "1")));
  assert_int_equal(number(error.code), number(Error::forbidden));
  assert_text(error.reason, "language");
  assert_true(error.of_send);
  assert_true(f.take().empty());
  assert_false(f.acks.take(1).has_value());
}

void on_message_may_consume(void**) {
  Fixture f;
  std::uint64_t ack_id = 0;
  f.application.message = [&](MessageRequest& request) {
    ack_id = request.ack_id;
    return Decision{Verdict::consume, {}, {}};
  };
  assert_false(f.execute(send("lobby", "hi", "7")).has_value());
  assert_true(f.take().empty());
  assert_int_equal(f.hub->stats().published, 0);
  assert_true(ack_id != 0);
  assert_text(f.acks.take(ack_id).value(), "7");  // the application may still answer
}

void on_message_may_change(void**) {
  Fixture f;
  f.application.message = [](MessageRequest& request) {
    assert_text(request.draft.payload, "hi");
    request.draft.payload = "HI";
    request.draft.event = "shout";
    return Decision{};
  };
  f.execute(send("lobby", "hi"));
  const auto said = only<RoomMessage>(f.take());
  assert_text(said.at(0).message->payload, "HI");
  assert_text(said.at(0).message->event, "shout");
}

void a_change_for_the_worse_is_an_error(void**) {
  Fixture f;
  f.application.message = [](MessageRequest& request) {
    request.draft.event = "connect";
    return Decision{};
  };
  assert_error(f.execute(send("lobby", "hi", "1")), Error::invalid_event);
  assert_false(f.acks.take(1).has_value());
}

void no_ref_no_ack_id(void**) {
  Fixture f;
  f.application.message = [](MessageRequest& request) {
    assert_int_equal(request.ack_id, 0);
    return Decision{};
  };
  assert_false(f.execute(send("lobby", "hi")).has_value());
}

void ack_ids_are_not_reused(void**) {
  Fixture f;
  std::vector<std::uint64_t> ids;
  f.application.message = [&](MessageRequest& request) {
    ids.push_back(request.ack_id);
    return Decision{};
  };
  for (int i = 0; i < 3; ++i) f.execute(send("lobby", "hi", "same"));
  assert_true(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2]);
}

// Deferral

void what_on_message_does_comes_after_the_message(void**) {
  Fixture f;
  f.application.message = [&](MessageRequest&) {
    CallbackScope* scope = CallbackScope::current(*f.hub);
    assert_non_null(scope);
    scope->defer([&] { f.publish("lobby", "second"); });
    scope->defer([&] { f.publish("lobby", "third"); });
    return Decision{};
  };
  f.execute(send("lobby", "first"));
  assert_true(payloads(f) == Texts({"first", "second", "third"}));
  assert_int_equal(f.application.messages, 1);  // on_message is not called
  assert_null(CallbackScope::current(*f.hub));
}

// Members of a room may ask who is there, unless the application says otherwise; others receive the number.
void who_is_there_depends_on_the_right_to_list_members(void**) {
  Fixture f;
  assert_error(f.execute(PresenceCommand{"lobby", "1"}), Error::forbidden);  // the level is off
  assert_ok(f.hub->set_presence("lobby", PresenceLevel::full));
  assert_ok(f.hub->set_presence("dev", PresenceLevel::full));
  f.application.asked.clear();
  const auto ask = [&](const char* room) {
    return std::get<PresenceReply>(*f.execute(PresenceCommand{room, "1"})).notice;
  };
  assert_int_equal(ask("")->people.size(), 1);
  assert_true(ask("dev")->counts_only);
  f.application.authorize = [](const AuthorizeRequest&) { return Decision{Verdict::refuse}; };
  assert_true(ask("lobby")->counts_only && ask("lobby")->people.empty());
  assert_int_equal(ask("lobby")->count, 1);
  assert_false(f.dispatcher.may_see_people(f.client, "lobby"));
  f.application.authorize = [](const AuthorizeRequest&) { return Decision{Verdict::defer}; };
  assert_true(ask("lobby")->counts_only);
  assert_false(f.dispatcher.may_see_people(f.client, "lobby"));
  f.application.authorize = [](const AuthorizeRequest&) { return Decision{}; };
  assert_false(ask("dev")->counts_only);
  assert_true(f.dispatcher.may_see_people(f.client, "lobby"));
  for (const FakeApplication::Question& question : f.application.asked) assert_true(question.action == Action::members);
  assert_error(f.execute(PresenceCommand{"a/b", "1"}), Error::invalid_room);
  f.application.decides = false;
  assert_true(f.dispatcher.may_see_people(f.client, "lobby"));
}

void what_on_authorize_does_comes_after_the_command(void**) {
  Fixture f;
  f.application.authorize = [&](const AuthorizeRequest&) -> std::optional<Decision> {
    CallbackScope::current(*f.hub)->defer([&] { f.publish("dev", "welcome"); });
    return std::nullopt;
  };
  f.execute(JoinCommand{"dev", std::nullopt, "1"});
  const std::vector<LoopEvent> events = f.take();
  assert_int_equal(events.size(), 2);
  assert_true(std::holds_alternative<Joined>(events[0]));
  assert_true(std::holds_alternative<RoomMessage>(events[1]));
}

void what_was_deferred_happens_after_a_refusal_too(void**) {
  Fixture f;
  f.application.message = [&](MessageRequest&) {
    CallbackScope::current(*f.hub)->defer([&] { f.publish("lobby", "somebody was rude"); });
    return Decision{Verdict::refuse, "rude", {}};
  };
  error_of(f.execute(send("lobby", "x")));
  assert_true(payloads(f) == Texts({"somebody was rude"}));
}

void an_answer_of_the_application_takes_the_place_of_the_ack(void**) {
  Fixture f;
  f.application.message = [&](MessageRequest& request) {
    CallbackScope::current(*f.hub)->note_answer(request.ack_id);
    return Decision{};
  };
  assert_false(f.execute(send("lobby", "hi", "5")).has_value());
  assert_text(f.acks.take(1).value(), "5");  // pending until the acknowledgement in the inbox
  const std::vector<LoopEvent> events = f.take();
  assert_int_equal(events.size(), 1);
  assert_true(std::holds_alternative<RoomMessage>(events[0]));
}

void scopes_nest_by_hub(void**) {
  HubFixture one;
  HubFixture two;
  std::string order;
  {
    CallbackScope outer(*one.hub);
    {
      CallbackScope other(*two.hub);
      assert_true(CallbackScope::current(*one.hub) == &outer);
      assert_true(CallbackScope::current(*two.hub) == &other);
      CallbackScope inner(*one.hub);
      inner.defer([&] { order += 'a'; });
      other.defer([&] { order += 'b'; });
    }
    assert_text(order, "b");  // the outer scope of the first hub still defers
    outer.defer([&] { order += 'c'; });
  }
  assert_text(order, "bac");
}

// The other commands

void join_is_authorized(void**) {
  Fixture f;
  assert_false(f.execute(JoinCommand{"dev", std::nullopt, "1"}).has_value());
  assert_text(only<Joined>(f.take()).at(0).ref, "1");
  assert_true(f.application.asked.at(0).action == Action::join);
  assert_text(f.application.asked.at(0).room, "dev");

  f.application.authorize = [](const AuthorizeRequest&) { return Decision{Verdict::refuse, "private", {}}; };
  const auto reply = f.execute(JoinCommand{"secret", std::nullopt, "2"});
  assert_error(reply, Error::forbidden);
  assert_text(error_of(reply).reason, "private");
  assert_false(error_of(reply).of_send);
  assert_false(f.hub->has_room("secret"));
}

void join_passes_the_hubs_errors_on(void**) {
  Fixture f;
  assert_error(f.execute(JoinCommand{"a/b", std::nullopt, ""}), Error::invalid_room);
  assert_true(f.application.asked.empty());
  assert_ok(f.hub->ban(f.client->ban_key(), "dev", 1'000, "", f.now));
  assert_error(f.execute(JoinCommand{"dev", std::nullopt, ""}), Error::banned);
}

void join_hands_the_position_on(void**) {
  Fixture f;
  const std::string epoch = f.publish("dev", "1").epoch;
  f.publish("dev", "2");
  f.execute(JoinCommand{"dev", Position{epoch, 1}, ""});
  const auto joined = only<Joined>(f.take());
  assert_true(joined.at(0).resumed && joined.at(0).complete);
  assert_int_equal(joined.at(0).missed.size(), 1);
}

void leave(void**) {
  Fixture f;
  assert_false(f.execute(LeaveCommand{"lobby", "3"}).has_value());
  assert_text(only<Left>(f.take()).at(0).ref, "3");
  assert_error(f.execute(LeaveCommand{"lobby", "4"}), Error::not_joined);
  assert_error(f.execute(LeaveCommand{"", "4"}), Error::invalid_room);
}

void guests_rename_themselves_and_users_do_not(void**) {
  Fixture f;
  const auto reply = f.execute(RenameCommand{"Ann", "1"});
  assert_text(std::get<RenamedReply>(*reply).name, "Ann");
  assert_text(f.client->identity()->name, "Ann");
  assert_text(f.application.asked.at(0).value, "Ann");
  assert_error(f.execute(RenameCommand{"", "1"}), Error::invalid_argument);
  assert_error(f.execute(RenameCommand{"a\nb", "1"}), Error::invalid_argument);
  assert_error(f.execute(RenameCommand{std::string(129, 'x'), "1"}), Error::invalid_argument);

  assert_ok(f.hub->set_identity(f.client, Identity{"u1", "Ann", {}}));
  assert_error(f.execute(RenameCommand{"Bob", "1"}), Error::forbidden);
  f.application.authorize = [](const AuthorizeRequest&) { return Decision{}; };
  assert_true(std::holds_alternative<RenamedReply>(*f.execute(RenameCommand{"Bob", "1"})));
  assert_text(f.client->identity()->user_id, "u1");
}

void history(void**) {
  Fixture f;
  for (int i = 1; i <= 3; ++i) f.publish("lobby", std::to_string(i));
  const auto reply = f.execute(HistoryCommand{"", 1, 0, "9"});
  const HistoryReply& history = std::get<HistoryReply>(*reply);
  assert_text(history.ref, "9");
  assert_text(history.room, "lobby");
  assert_int_equal(history.messages.size(), 2);
  assert_true(history.complete);
  const auto page = f.execute(HistoryCommand{"", 0, 1, "", 3});
  assert_int_equal(std::get<HistoryReply>(*page).messages.at(0)->seq, 2);
  assert_error(f.execute(HistoryCommand{"a,b", 0, 0, ""}), Error::invalid_room);
  f.application.authorize = [](const AuthorizeRequest&) { return Decision{Verdict::refuse, "", {}}; };
  assert_error(f.execute(HistoryCommand{"lobby", 0, 0, ""}), Error::forbidden);
}

void lists_are_off_unless_the_application_allows_them(void**) {
  Fixture f;
  assert_error(f.execute(MembersCommand{"", "1"}), Error::forbidden);
  assert_error(f.execute(RoomsCommand{"1"}), Error::forbidden);
  f.application.authorize = [](const AuthorizeRequest&) { return Decision{}; };
  const auto members = f.execute(MembersCommand{"", "1"});
  assert_int_equal(std::get<MembersReply>(*members).list->items.size(), 1);
  assert_int_equal(std::get<MembersReply>(*members).list->items[0].id, f.client->id());
  assert_text(std::get<MembersReply>(*members).room, "lobby");
  assert_error(f.execute(MembersCommand{"nowhere", "1"}), Error::no_such_room);
  const auto rooms = f.execute(RoomsCommand{"2"});
  assert_int_equal(std::get<RoomsReply>(*rooms).list->items.size(), 1);
}

void ping(void**) {
  Fixture f;
  assert_text(std::get<PongReply>(*f.execute(PingCommand{"1"})).ref, "1");
  assert_true(f.application.asked.empty());
}

// Verdicts that come later

Decision deferred() { return {Verdict::defer, {}, {}}; }
Decision refused(std::string reason) { return {Verdict::refuse, std::move(reason), {}}; }

void a_deferred_message_is_published_when_it_passes(void**) {
  Fixture f;
  f.application.message = [](MessageRequest&) { return deferred(); };
  Suspended waiting = f.suspend(send("lobby", "hi", "1"));
  assert_true(is_about_message(waiting.decision));
  assert_true(payloads(f).empty());
  assert_false(Fixture::reply_in(f.resume(std::move(waiting), {})).has_value());
  const std::vector<LoopEvent> events = f.take();
  assert_int_equal(only<Acknowledged>(events).at(0).seq, 1);
  assert_text(only<RoomMessage>(events).at(0).message->payload, "hi");
  assert_int_equal(f.application.messages, 1);
}

void a_deferred_message_may_be_refused_replaced_or_consumed(void**) {
  Fixture f;
  f.application.message = [](MessageRequest&) { return deferred(); };
  const auto refusal = Fixture::reply_in(f.resume(f.suspend(send("lobby", "hi", "1")), refused("no")));
  assert_error(refusal, Error::forbidden);
  assert_text(error_of(refusal).reason, "no");
  assert_text(error_of(refusal).ref, "1");
  assert_true(error_of(refusal).of_send);
  assert_true(payloads(f).empty());

  Decision other;
  other.replacement = draft("elsewhere", "other");
  assert_false(Fixture::reply_in(f.resume(f.suspend(send("lobby", "hi")), std::move(other))).has_value());
  const auto said = only<RoomMessage>(f.take());
  assert_int_equal(said.size(), 1);
  assert_text(said[0].message->payload, "other");
  assert_text(said[0].message->room, "lobby");
  assert_int_equal(said[0].message->sender.id, f.client->id());

  Suspended consumed = f.suspend(send("lobby", "hi", "2"));
  const std::uint64_t ack_id = consumed.ack_id;
  assert_false(Fixture::reply_in(f.resume(std::move(consumed), {Verdict::consume, {}, {}})).has_value());
  assert_true(payloads(f).empty());
  assert_text(f.acks.take(ack_id).value(), "2");
}

void what_was_answered_meanwhile_is_not_acknowledged_again(void**) {
  Fixture f;
  f.application.message = [](MessageRequest&) { return deferred(); };
  Suspended waiting = f.suspend(send("lobby", "hi", "1"));
  assert_true(f.acks.take(waiting.ack_id).has_value());
  assert_false(Fixture::reply_in(f.resume(std::move(waiting), {})).has_value());
  const std::vector<LoopEvent> events = f.take();
  assert_int_equal(events.size(), 1);
  assert_text(only<RoomMessage>(events).at(0).message->payload, "hi");
}

void who_has_left_meanwhile_says_nothing_there(void**) {
  Fixture f;
  f.application.message = [](MessageRequest&) { return deferred(); };
  Suspended waiting = f.suspend(send("lobby", "hi", "1"));
  assert_ok(f.hub->leave(f.client, "lobby", "thrown out"));
  const auto reply = Fixture::reply_in(f.resume(std::move(waiting), {}));
  assert_error(reply, Error::not_joined);
  assert_text(error_of(reply).ref, "1");
  assert_true(error_of(reply).of_send);
  assert_true(payloads(f).empty());
  assert_false(f.acks.take(1).has_value());
}

void who_is_banned_before_it_is_authorized_says_nothing_there(void**) {
  Fixture f;
  f.application.authorize = [](const AuthorizeRequest&) { return deferred(); };
  Suspended waiting = f.suspend(send("lobby", "hi", "1"));
  assert_false(is_about_message(waiting.decision));
  assert_ok(f.hub->ban(f.client->ban_key(), "lobby", 60'000, "", f.now));
  assert_error(Fixture::reply_in(f.resume(std::move(waiting), {})), Error::not_joined);
  assert_int_equal(f.application.messages, 0);
  assert_true(payloads(f).empty());
}

void a_deferred_authorization_goes_on_to_the_message(void**) {
  Fixture f;
  f.application.authorize = [](const AuthorizeRequest&) { return deferred(); };
  f.application.message = [](MessageRequest&) { return deferred(); };
  Suspended waiting = f.suspend(send("lobby", "hi", "1"));
  assert_false(is_about_message(waiting.decision));
  assert_int_equal(f.application.messages, 0);
  Suspended still = Fixture::suspended_in(f.resume(std::move(waiting), {}));
  assert_true(is_about_message(still.decision));
  assert_int_equal(f.application.messages, 1);
  assert_false(Fixture::reply_in(f.resume(std::move(still), {})).has_value());
  const std::vector<LoopEvent> events = f.take();
  assert_text(only<Acknowledged>(events).at(0).ref, "1");
  assert_text(only<RoomMessage>(events).at(0).message->payload, "hi");
  assert_int_equal(f.application.asked.size(), 1);
}

void a_deferred_authorization_of_each_command(void**) {
  Fixture f;
  f.application.authorize = [](const AuthorizeRequest&) { return deferred(); };
  const std::vector<Command> commands = {JoinCommand{"second", {}, "r"}, RenameCommand{"Ann", "r"},
                                         HistoryCommand{"lobby", 0, 0, "r"}, MembersCommand{"lobby", "r"},
                                         RoomsCommand{"r"}};
  for (const Command& command : commands) {
    assert_error(Fixture::reply_in(f.resume(f.suspend(command), refused("no"))), Error::forbidden);
  }
  assert_false(f.client->has_joined("second"));
  for (const Command& command : commands) {
    const auto reply = Fixture::reply_in(f.resume(f.suspend(command), {}));
    assert_true(!reply || !std::holds_alternative<ErrorReply>(*reply));
  }
  assert_true(f.client->has_joined("second"));
  assert_text(f.client->identity()->name, "Ann");
}

void only_the_first_verdict_counts(void**) {
  Fixture f;
  f.application.message = [](MessageRequest&) { return deferred(); };
  const Suspended waiting = f.suspend(send("lobby", "hi"));
  assert_status(f.hub->decide(f.client, waiting.decision + 2, {}), Error::wrong_state);
  assert_ok(f.hub->decide(f.client, waiting.decision, refused("no")));
  assert_status(f.hub->decide(f.client, waiting.decision, {}), Error::wrong_state);
  const auto given = only<DecisionGiven>(f.take());
  assert_int_equal(given.size(), 1);
  assert_int_equal(given[0].id, waiting.decision);
  assert_text(given[0].decision->reason, "no");
  f.hub->remove_client(f.client);
  assert_status(f.hub->decide(f.client, waiting.decision, {}), Error::no_such_client);
}

void a_verdict_that_could_not_be_handed_on_may_be_given_again(void**) {
  Fixture f;
  f.application.message = [](MessageRequest&) { return deferred(); };
  const Suspended waiting = f.suspend(send("lobby", "hi"));
  f.inboxes[0]->fail_at(1);
  assert_no_memory(f.hub->decide(f.client, waiting.decision, {}));
  assert_ok(f.hub->decide(f.client, waiting.decision, {}));
  assert_int_equal(only<DecisionGiven>(f.take()).size(), 1);
}

void a_verdict_given_at_once_leaves_nothing_to_decide(void**) {
  Fixture f;
  DecisionId decision = 0;
  f.application.message = [&](MessageRequest& request) {
    decision = request.decision;
    return Decision{};
  };
  f.execute(send("lobby", "hi"));
  assert_true(decision != 0);
  assert_status(f.hub->decide(f.client, decision, {}), Error::wrong_state);
}

// edit, delete, react

SendCommand change(RoomEventKind kind, std::uint64_t target, std::string text = {}, std::string ref = "c") {
  SendCommand command = send("lobby", std::move(text), std::move(ref));
  command.draft().event_kind = kind;
  command.draft().target_seq = target;
  return command;
}

SendCommand reaction(std::uint64_t target, std::string text, bool added = true) {
  SendCommand command = change(RoomEventKind::reaction, target, std::move(text));
  command.draft().extra.make().added = added;
  return command;
}

std::string kept_text(Fixture& f, std::size_t index = 0) {
  return f.hub->history("lobby", 0, 0, f.now)->messages.at(index)->payload;
}

void senders_can_change_their_messages_for_a_time(void**) {
  Fixture f;
  f.execute(send("lobby", "mine"));
  f.publish("lobby", "of the application");
  f.take();
  assert_false(f.execute(change(RoomEventKind::edit, 1, "edited")).has_value());
  assert_text(kept_text(f), "edited");
  assert_true(only<Acknowledged>(f.take())[0].seq == 3);
  assert_error(f.execute(change(RoomEventKind::edit, 2, "x")), Error::forbidden);
  assert_error(f.execute(change(RoomEventKind::redaction, 2)), Error::forbidden);
  for (const std::uint64_t target : {0, 3, 4, 99}) {
    assert_error(f.execute(change(RoomEventKind::edit, target, "x")), Error::no_such_message);
  }
  f.now += 3'600'000;
  assert_false(f.execute(change(RoomEventKind::edit, 1, "again")).has_value());
  f.now += 1;
  assert_error(f.execute(change(RoomEventKind::edit, 1, "x")), Error::forbidden);
  assert_error(f.execute(change(RoomEventKind::redaction, 1)), Error::forbidden);
  assert_text(kept_text(f), "again");
  // Everyone may react, but who is not a member.
  assert_false(f.execute(reaction(2, "+1")).has_value());
  assert_false(f.execute(reaction(1, "+1")).has_value());
  assert_error(f.execute(reaction(1, "")), Error::invalid_argument);
  assert_error(f.execute(reaction(1, std::string(33, 'x'))), Error::invalid_argument);
  SendCommand elsewhere = reaction(1, "+1");
  elsewhere.draft().room = "elsewhere";
  assert_error(f.execute(std::move(elsewhere)), Error::not_joined);
}

// A user has several clients. A guest has one.
void the_sender_is_the_user(void**) {
  Fixture f;
  const ClientPtr other = f.open(0, "ann");
  assert_ok(f.join(other, "lobby"));
  AckTable acks;
  (void)f.dispatcher.execute(other, send("lobby", "of ann"), acks, f.now);
  f.execute(send("lobby", "of a guest"));
  const ClientPtr second = f.open(0, "ann");
  assert_ok(f.join(second, "lobby"));
  f.take();
  const auto reply = f.reply_in(f.dispatcher.execute(second, change(RoomEventKind::edit, 2, "x"), acks, f.now));
  assert_error(reply, Error::forbidden);
  assert_false(
      f.reply_in(f.dispatcher.execute(second, change(RoomEventKind::edit, 1, "edited"), acks, f.now)).has_value());
  assert_text(kept_text(f), "edited");
}

void a_window_of_zero_allows_nobody(void**) {
  for (const std::int64_t window_ms : {std::int64_t{0}, kUnlimited}) {
    HubOptions options;
    options.edit_window_ms = window_ms;
    HubFixture f(options);
    FakeApplication application;
    Dispatcher dispatcher(*f.hub, application);
    AckTable acks;
    const ClientPtr client = f.open();
    assert_ok(f.join(client, "lobby"));
    (void)dispatcher.execute(client, send("lobby", "mine"), acks, f.now);
    f.now += 24 * 3'600'000LL - 1;
    Outcome outcome = dispatcher.execute(client, change(RoomEventKind::edit, 1, "edited"), acks, f.now);
    assert_true(std::holds_alternative<Reply>(outcome) == (window_ms == 0));
  }
}

void the_application_decides_about_changes(void**) {
  Fixture f;
  SendCommand message = send("lobby", "mine");
  message.draft().event = "note";
  f.execute(std::move(message));
  f.execute(send("lobby", "other"));
  f.publish("lobby", "of the application");
  f.application.asked.clear();
  f.application.messages = 0;
  f.application.authorize = [](const AuthorizeRequest& request) -> std::optional<Decision> {
    return Decision{request.action == Action::react ? Verdict::refuse : Verdict::pass, "no reactions", {}};
  };
  // on_message sees the new text with the event of the message, and may change it.
  f.application.message = [](MessageRequest& request) {
    assert_true(request.draft.event_kind == RoomEventKind::edit);
    assert_int_equal(request.draft.target_seq, request.draft.event == "note" ? 1 : 2);
    request.draft.payload += "!";
    return Decision{};
  };
  assert_false(f.execute(change(RoomEventKind::edit, 1, "edited")).has_value());
  assert_text(kept_text(f), "edited!");
  assert_false(f.execute(change(RoomEventKind::edit, 2, "edited")).has_value());
  assert_error(f.execute(reaction(1, "+1")), Error::forbidden);
  assert_false(f.execute(change(RoomEventKind::redaction, 1)).has_value());
  // Who passes everything allows nobody to change the messages of others.
  assert_error(f.execute(change(RoomEventKind::edit, 3, "edited")), Error::forbidden);
  assert_error(f.execute(change(RoomEventKind::redaction, 3)), Error::forbidden);
  assert_int_equal(f.application.messages, 2);
  assert_int_equal(f.application.asked.size(), 4);
  const Action actions[] = {Action::edit, Action::edit, Action::react, Action::redact};
  const char* const values[] = {"1", "2", "1", "1"};
  for (std::size_t i = 0; i < 4; ++i) {
    assert_true(f.application.asked[i].action == actions[i]);
    assert_text(f.application.asked[i].value, values[i]);
  }
  f.application.message = [](MessageRequest&) { return Decision{Verdict::refuse, "bad words", {}}; };
  assert_error(f.execute(change(RoomEventKind::edit, 2, "x")), Error::forbidden);
  assert_text(kept_text(f, 1), "edited!");
}

// Both verdicts are deferred, and the message is replaced. It remains an edit of the same message.
void a_deferred_edit_remains_an_edit(void**) {
  Fixture f;
  f.execute(send("lobby", "mine"));
  f.application.authorize = [](const AuthorizeRequest&) { return Decision{Verdict::defer, {}, {}}; };
  f.application.message = [](MessageRequest&) { return Decision{Verdict::defer, {}, {}}; };
  f.take();
  Suspended first = f.suspend(change(RoomEventKind::edit, 1, "edited"));
  Suspended second = f.suspended_in(f.resume(std::move(first), {}));
  Decision replaced;
  replaced.replacement = draft("elsewhere", "replaced");
  assert_false(f.reply_in(f.resume(std::move(second), std::move(replaced))).has_value());
  assert_text(kept_text(f), "replaced");
  const auto heard = only<RoomMessage>(f.take());
  assert_int_equal(heard.size(), 1);
  assert_true(heard[0].message->event_kind == RoomEventKind::edit);
  // The message may be deleted meanwhile.
  Suspended late = f.suspend(change(RoomEventKind::edit, 1, "late"));
  MessageDraft redaction = draft("lobby", "");
  redaction.event_kind = RoomEventKind::redaction;
  redaction.target_seq = 1;
  assert_ok(f.hub->publish(redaction, f.now).status());
  late = f.suspended_in(f.resume(std::move(late), {}));
  assert_error(f.reply_in(f.resume(std::move(late), {})), Error::no_such_message);
  assert_text(kept_text(f), "");
}

void an_application_that_does_not_decide_is_not_asked(void**) {
  Fixture f;
  f.application.decides = false;
  SendCommand command = send("lobby", "hi");
  command.ref = "1";
  assert_false(f.execute(std::move(command)).has_value());
  const auto events = f.take();
  assert_int_equal(only<RoomMessage>(events).size(), 1);
  assert_text(only<Acknowledged>(events).at(0).ref, "1");
  assert_true(f.acks.empty());
  assert_true(std::holds_alternative<ErrorReply>(f.execute(RoomsCommand{"2"}).value()));
  assert_true(std::holds_alternative<RoomsReply>(f.execute(RoomsCommand{"3", true}).value()));
  assert_int_equal(f.application.messages, 0);
  assert_true(f.application.asked.empty());

  SendCommand aside = send("", "for the application");
  aside.to_application = true;
  aside.ref = "4";
  assert_false(f.execute(std::move(aside)).has_value());
  assert_true(f.take().empty());
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(send_publishes_in_the_clients_name),
      cmocka_unit_test(senders_can_change_their_messages_for_a_time),
      cmocka_unit_test(the_sender_is_the_user),
      cmocka_unit_test(a_window_of_zero_allows_nobody),
      cmocka_unit_test(the_application_decides_about_changes),
      cmocka_unit_test(a_deferred_edit_remains_an_edit),
      cmocka_unit_test(an_application_that_does_not_decide_is_not_asked),
      cmocka_unit_test(a_message_is_published_without_being_copied),
      cmocka_unit_test(a_message_goes_to_the_room_that_has_the_name_now),
      cmocka_unit_test(send_without_a_room_means_the_first),
      cmocka_unit_test(send_is_for_members),
      cmocka_unit_test(send_refuses_bad_names),
      cmocka_unit_test(send_with_a_ref_is_acknowledged),
      cmocka_unit_test(except_self),
      cmocka_unit_test(a_refusal_to_authorize_reaches_the_sender),
      cmocka_unit_test(on_message_may_refuse),
      cmocka_unit_test(on_message_may_consume),
      cmocka_unit_test(on_message_may_change),
      cmocka_unit_test(a_change_for_the_worse_is_an_error),
      cmocka_unit_test(no_ref_no_ack_id),
      cmocka_unit_test(ack_ids_are_not_reused),
      cmocka_unit_test(what_on_message_does_comes_after_the_message),
      cmocka_unit_test(who_is_there_depends_on_the_right_to_list_members),
      cmocka_unit_test(what_on_authorize_does_comes_after_the_command),
      cmocka_unit_test(what_was_deferred_happens_after_a_refusal_too),
      cmocka_unit_test(an_answer_of_the_application_takes_the_place_of_the_ack),
      cmocka_unit_test(scopes_nest_by_hub),
      cmocka_unit_test(join_is_authorized),
      cmocka_unit_test(join_passes_the_hubs_errors_on),
      cmocka_unit_test(join_hands_the_position_on),
      cmocka_unit_test(leave),
      cmocka_unit_test(guests_rename_themselves_and_users_do_not),
      cmocka_unit_test(history),
      cmocka_unit_test(lists_are_off_unless_the_application_allows_them),
      cmocka_unit_test(ping),
      cmocka_unit_test(a_deferred_message_is_published_when_it_passes),
      cmocka_unit_test(a_deferred_message_may_be_refused_replaced_or_consumed),
      cmocka_unit_test(what_was_answered_meanwhile_is_not_acknowledged_again),
      cmocka_unit_test(who_has_left_meanwhile_says_nothing_there),
      cmocka_unit_test(who_is_banned_before_it_is_authorized_says_nothing_there),
      cmocka_unit_test(a_deferred_authorization_goes_on_to_the_message),
      cmocka_unit_test(a_deferred_authorization_of_each_command),
      cmocka_unit_test(only_the_first_verdict_counts),
      cmocka_unit_test(a_verdict_that_could_not_be_handed_on_may_be_given_again),
      cmocka_unit_test(a_verdict_given_at_once_leaves_nothing_to_decide),
  };
  return cmocka_run_group_tests_name("hub/dispatcher", tests, nullptr, nullptr);
}
