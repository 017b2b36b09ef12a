// Rules against floods by the hub and the dispatcher: what a sender is told, what moderators are told and decide, and how
// long a first message waits.
#include "hub/dispatcher.h"
#include "hub_fixture.h"
#include "late_log.h"

using namespace chat;
using namespace chat::test;

namespace {

struct Counted : RefusalReport {
  void note(Refusal reason, std::string_view, std::string_view) override {
    if (reason == Refusal::flood) ++floods;
  }
  int floods = 0;
};

struct Fixture : HubFixture {
  explicit Fixture(HubOptions options = audited())
      : HubFixture(std::move(options), 1, &refusals), dispatcher(*hub, application) {}

  static HubOptions audited() {
    HubOptions options;
    options.tells_audit = true;
    options.ephemeral_events = {"typing"};
    return options;
  }

  ClientPtr member(std::string user_id, std::string role = {}, std::string address = "192.0.2.1") {
    ClientPtr client = add(0, std::move(address));
    Identity identity{std::move(user_id), {}, {}};
    if (!role.empty()) identity.attributes.push_back({"role", std::move(role)});
    assert_ok(hub->accept(client, identity));
    assert_ok(hub->open(client));
    assert_ok(join(client, "dev"));
    take();
    return client;
  }
  Error say(const ClientPtr& client, std::string text, std::string id = {}, std::string event = "chat message") {
    SendCommand command;
    command.draft() = draft("dev", std::move(text));
    command.draft().id = std::move(id);
    command.draft().event = std::move(event);
    command.ref = "7";
    return error_in(dispatcher.execute(client, std::move(command), acks, now));
  }
  Error moderate(const ClientPtr& client, Moderation what) {
    return error_in(dispatcher.execute(client, ModerateCommand{std::move(what), "8"}, acks, now));
  }
  Error error_in(const Outcome& outcome) {
    const auto* reply = std::get_if<Reply>(&outcome);
    const auto* error = reply == nullptr ? nullptr : std::get_if<ErrorReply>(reply);
    if (error != nullptr) last_error = *error;
    return error == nullptr ? Error::ok : error->code;
  }
  static Moderation to(ModerationAction action, std::int64_t value = 0) {
    Moderation what;
    what.room = "dev";
    what.action = action;
    what.value = value;
    return what;
  }
  static Moderation to(ModerationAction action, const ClientPtr& client, std::string reason = {}) {
    Moderation what = to(action);
    what.client = client->id();
    what.reason = std::move(reason);
    return what;
  }
  void set(ModerationAction action, std::int64_t value) {
    assert_ok(hub->moderate(to(action, value), {}, nullptr, now));
    take();
  }
  std::uint64_t seq() { return hub->history("dev", 0, 0, now)->seq; }

  Application application;
  Counted refusals;
  Dispatcher dispatcher;
  AckTable acks;
  ErrorReply last_error;
};

#define assert_code(actual, expected) assert_int_equal(number(actual), number(expected))

void floods_are_refused_and_counted(void**) {
  Fixture f;
  const ClientPtr ann = f.member("ann");
  const ClientPtr mod = f.member("mod", "moderator");
  f.set(ModerationAction::no_repeats, 60'000);
  f.set(ModerationAction::no_links, 60'000);
  assert_code(f.say(ann, "www.example"), Error::no_links);
  assert_code(f.say(ann, "hi"), Error::ok);
  assert_code(f.say(ann, "Hi"), Error::repeated);
  assert_int_equal(f.last_error.retry_after_ms, 60'000);
  assert_true(f.last_error.of_send);
  assert_code(f.say(f.member("ann"), "hi"), Error::repeated);  // another client of the same user
  assert_int_equal(f.refusals.floods, 3);
  assert_code(f.say(ann, "hi", {}, "typing"), Error::ok);
  for (int i = 0; i < 3; ++i) assert_code(f.say(mod, "www.example"), Error::ok);
  f.publish("dev", "hi");  // the application
  SendCommand edit;
  edit.draft() = draft("dev", "now www.example");
  edit.draft().event_kind = RoomEventKind::edit;
  edit.draft().target_seq = 1;
  edit.ref = "9";
  assert_code(f.error_in(f.dispatcher.execute(ann, std::move(edit), f.acks, f.now)), Error::no_links);
  f.now.age_ms += 60'000;
  assert_code(f.say(ann, "hi"), Error::ok);
  assert_code(f.say(ann, "www.example"), Error::ok);
  f.set(ModerationAction::no_repeats, 0);
  f.set(ModerationAction::no_links, 0);
  assert_code(f.say(f.member("bob"), "www.example"), Error::ok);
}

void a_first_message_waits_for_a_moderator(void**) {
  Fixture f;
  const ClientPtr mod = f.member("mod", "moderator");
  const ClientPtr guest = f.member("");
  f.set(ModerationAction::hold_first, 60'000);
  assert_code(f.say(guest, "hello"), Error::ok);
  auto events = f.take();
  assert_true(only<RoomMessage>(events).empty());
  assert_true(only<Acknowledged>(events).empty());
  const auto told = only<DirectMessage>(events);
  assert_int_equal(told.size(), 1);
  assert_int_equal(told[0].client, mod->id());
  const std::string id = std::to_string(guest->id());
  assert_text(told[0].message->payload, "[{\"action\":\"held\",\"client\":\"" + id + "\",\"name\":\"guest-" + id +
                                            "\",\"duration_ms\":60000,\"event\":\"chat message\",\"text\":\"hello\"}]");
  assert_true(told[0].message->event_kind == RoomEventKind::moderation);
  assert_code(f.say(guest, "second"), Error::forbidden);
  assert_int_equal(f.last_error.retry_after_ms, 60'000);
  assert_code(f.say(guest, "x", {}, "moderation"), Error::invalid_event);  // nobody forges it

  assert_code(f.moderate(mod, Fixture::to(ModerationAction::approve, guest)), Error::ok);
  events = f.take();
  assert_text(only<RoomMessage>(events).at(0).message->payload, "hello");
  assert_int_equal(only<RoomMessage>(events).at(0).message->sender.id, guest->id());
  const auto acknowledged = only<Acknowledged>(events);
  assert_int_equal(acknowledged.size(), 1);
  assert_text(acknowledged[0].ref, "7");
  assert_int_equal(acknowledged[0].seq, 1);
  assert_int_equal(only<AuditNotice>(events).size(), 1);
  assert_text(only<DirectMessage>(events).at(0).message->payload,
              "[{\"action\":\"approve\",\"client\":\"" + id + "\",\"name\":\"guest-" + id + "\",\"by\":\"mod\"}]");
  assert_code(f.say(guest, "second"), Error::ok);
  assert_int_equal(f.seq(), 2);
  assert_code(f.say(mod, "mine"), Error::ok);
  assert_int_equal(f.seq(), 3);
  assert_code(f.moderate(mod, Fixture::to(ModerationAction::approve, guest)), Error::no_such_message);
}

void a_first_message_may_be_rejected(void**) {
  Fixture f;
  const ClientPtr mod = f.member("mod", "moderator");
  const ClientPtr ann = f.member("ann");
  f.set(ModerationAction::hold_first, 60'000);
  assert_code(f.say(ann, "hello", "once"), Error::ok);
  f.take();
  Moderation what = Fixture::to(ModerationAction::reject);
  what.user_id = "ann";
  what.reason = "no advertising";
  assert_code(f.moderate(mod, what), Error::ok);
  auto events = f.take();
  const auto refused = only<Acknowledged>(events);
  assert_int_equal(refused.size(), 1);
  assert_status(refused[0].status, Error::forbidden);
  assert_text(refused[0].status.detail, "no advertising");
  assert_int_equal(f.seq(), 0);
  assert_code(f.say(ann, "hello", "once"), Error::ok);  // its id is free again, and it waits again
  assert_int_equal(only<DirectMessage>(f.take()).size(), 1);
  what.action = ModerationAction::approve;
  assert_code(f.moderate(ann, what), Error::forbidden);
  assert_code(f.moderate(mod, what), Error::ok);
  assert_int_equal(f.seq(), 1);
}

void it_waits_for_a_limited_time(void**) {
  Fixture f;
  const ClientPtr ann = f.member("ann");
  f.set(ModerationAction::hold_first, 60'000);
  assert_code(f.say(ann, "hello"), Error::ok);
  f.now.age_ms += 59'999;
  (void)f.hub->expire(f.now);
  assert_true(f.take().empty());
  // A moderator who comes is told what waits.
  const ClientPtr mod = f.add();
  assert_ok(f.hub->accept(mod, Identity{"mod", {}, {{"role", "moderator"}}}));
  assert_ok(f.hub->open(mod, "dev", std::nullopt, f.now));
  const auto events = f.take();
  assert_int_equal(only<DirectMessage>(events).size(), 1);
  assert_true(only<DirectMessage>(events)[0].message->payload.find("\"duration_ms\":1,") != std::string::npos);
  f.now.age_ms += 1;
  (void)f.hub->expire(f.now);
  const auto refused = only<Acknowledged>(f.take());
  assert_int_equal(refused.size(), 1);
  assert_status(refused[0].status, Error::forbidden);
  assert_text(refused[0].status.detail, "no moderator has approved the message");
  assert_code(f.moderate(mod, Fixture::to(ModerationAction::approve, ann)), Error::no_such_message);
}

void what_waits_ends_with_the_rule_the_room_and_the_client(void**) {
  Fixture f;
  const ClientPtr ann = f.member("ann");
  f.set(ModerationAction::hold_first, 60'000);
  assert_code(f.say(ann, "hello"), Error::ok);
  assert_ok(f.hub->moderate(Fixture::to(ModerationAction::hold_first), {}, nullptr, f.now));
  assert_int_equal(only<Acknowledged>(f.take()).size(), 1);
  assert_code(f.say(ann, "hello"), Error::ok);
  assert_int_equal(f.seq(), 1);

  f.set(ModerationAction::hold_first, 60'000);
  assert_code(f.say(ann, "again"), Error::ok);
  assert_ok(f.hub->leave(ann, "dev", {}));
  assert_ok(f.join(ann, "dev"));
  assert_code(f.say(ann, "again"), Error::ok);  // nothing waits
  f.take();
  assert_ok(f.hub->close_room("dev", {}, f.now));
  assert_int_equal(only<Acknowledged>(f.take()).size(), 1);
  assert_ok(f.join(ann, "dev"));
  assert_code(f.say(ann, "hello"), Error::ok);
  assert_int_equal(f.seq(), 1);
}

// The claim of a message that has ended wakes the one that waits for it, which takes locks of the hub and of the client.
void a_repeated_message_is_woken_without_locks(void**) {
  Fixture f;
  const ClientPtr ann = f.member("ann");
  f.set(ModerationAction::hold_first, 60'000);
  assert_code(f.say(ann, "hello", "once"), Error::ok);
  assert_code(f.say(ann, "hello", "once"), Error::ok);  // waits for the first
  f.take();
  assert_ok(f.hub->leave(ann, "dev", {}));
  assert_true(only<DecisionGiven>(f.take()).empty());
  (void)f.hub->expire(f.now);
  assert_int_equal(only<DecisionGiven>(f.take()).size(), 1);
}

// The client of a single HTTP request ends before its message is decided.
void the_message_of_a_client_that_has_left_the_server_is_approved(void**) {
  Fixture f;
  const ClientPtr guest = f.add();
  assert_ok(f.hub->accept(guest, Identity{}));
  assert_ok(f.hub->open(guest));
  f.set(ModerationAction::hold_first, 60'000);
  MessageDraft message = draft("dev", "hello");
  message.sender = {guest->id(), guest->identity()->name, {}};
  assert_ok(f.hub->hold(guest, make_message(std::move(message)), f.now, {}));
  f.hub->remove_client(guest);
  f.take();
  assert_ok(f.hub->find_target(Fixture::to(ModerationAction::approve, guest)).status());
  assert_code(f.moderate(f.member("mod", "moderator"), Fixture::to(ModerationAction::approve, guest)), Error::ok);
  assert_int_equal(f.seq(), 1);
}

// A new moderator is told of what comes, though nothing waited when it joined.
void a_new_moderator_is_told(void**) {
  Fixture f;
  f.set(ModerationAction::hold_first, 60'000);
  const ClientPtr ann = f.member("ann");
  assert_code(f.say(ann, "hello"), Error::ok);
  assert_ok(f.hub->leave(ann, "dev", {}));
  const ClientPtr mod = f.member("mod", "moderator");
  const ClientPtr bob = f.member("bob");
  f.take();
  assert_code(f.say(bob, "hello"), Error::ok);
  assert_int_equal(only<DirectMessage>(f.take()).size(), 1);
  Moderation role = Fixture::to(ModerationAction::role, static_cast<std::int64_t>(Role::moderator));
  role.user_id = "bob";
  const Result<Hub::Target> target = f.hub->find_target(role);
  assert_ok(f.hub->moderate(role, *target, nullptr, f.now));
  f.take();
  assert_code(f.say(f.member("eve"), "hello"), Error::ok);
  assert_int_equal(only<DirectMessage>(f.take()).size(), 2);
}

// A message with an id that was published is acknowledged again, whatever the rules say of its text.
void a_repeated_message_is_no_repeated_text(void**) {
  Fixture f;
  const ClientPtr ann = f.member("ann");
  f.set(ModerationAction::no_repeats, 60'000);
  assert_code(f.say(ann, "hello", "once"), Error::ok);
  assert_code(f.say(ann, "hello", "once"), Error::ok);
  assert_code(f.say(ann, "hello", "twice"), Error::repeated);
  assert_int_equal(f.seq(), 1);
}

// A message that is not published leaves nothing that would refuse the next attempt.
void a_failed_message_may_be_sent_again(void**) {
  for (const auto& [action, refusal] : {std::pair(ModerationAction::no_repeats, Error::repeated),
                                        std::pair(ModerationAction::slow_mode, Error::slow_mode)}) {
    LateCommits commits;
    HubOptions options = Fixture::audited();
    options.make_log = commits.maker();
    Fixture f(std::move(options));
    const ClientPtr ann = f.member("ann");
    f.set(action, 60'000);
    assert_code(f.say(ann, "hello"), Error::ok);
    assert_code(f.say(ann, "hello"), refusal);
    commits.fail_one(*f.hub, {Error::unavailable, "the disk is full"});
    commits.refuse({Error::unavailable, "the disk is full"});
    assert_code(f.say(ann, "hello"), Error::unavailable);
    assert_code(f.say(ann, "hello"), Error::unavailable);
    commits.refuse({});
    assert_code(f.say(ann, "hello"), Error::ok);
    assert_true(commits.commit_one(*f.hub));
    assert_code(f.say(ann, "hello"), refusal);
    assert_int_equal(f.seq(), 1);
  }
}

// An event that is not kept cannot wait, nor take the place of the first message.
void an_ephemeral_first_message_is_refused(void**) {
  Fixture f;
  const ClientPtr ann = f.member("ann");
  f.set(ModerationAction::hold_first, 60'000);
  SendCommand command;
  command.draft() = draft("dev", "");
  command.draft().ephemeral = true;
  command.ref = "7";
  assert_code(f.error_in(f.dispatcher.execute(ann, std::move(command), f.acks, f.now)), Error::forbidden);
  assert_code(f.say(ann, "hello"), Error::ok);
}

void so_many_wait_at_most(void**) {
  Fixture f;
  f.set(ModerationAction::hold_first, 60'000);
  for (std::size_t i = 0; i < HeldMessages::kMaxOfSource; ++i) {
    assert_code(f.say(f.member("", {}, "192.0.2.5"), "hi"), Error::ok);
  }
  assert_code(f.say(f.member("", {}, "192.0.2.5"), "hi"), Error::too_many);
  for (std::size_t i = HeldMessages::kMaxOfSource; i < HeldMessages::kMax; ++i) {
    assert_code(f.say(f.member("user" + std::to_string(i)), "hi"), Error::ok);
  }
  assert_code(f.say(f.member("late"), "hi"), Error::too_many);
}

// Either nothing waits, or it is found.
void a_lack_of_memory_holds_or_refuses(void**) {
  for (int post = 1; post < 4; ++post) {
    Fixture f;
    const ClientPtr mod = f.member("mod", "moderator");
    const ClientPtr ann = f.member("ann");
    f.set(ModerationAction::hold_first, 60'000);
    f.inboxes[0]->fail_at(post);
    try {
      (void)f.say(ann, "hello");
      (void)f.moderate(mod, Fixture::to(ModerationAction::reject, ann));
    } catch (const std::bad_alloc&) {
    }
    f.inboxes[0]->fail_at(0);
    assert_int_equal(f.inboxes[0]->reserved(), 0);
    const auto refused = only<Acknowledged>(f.take());
    const Error again = f.moderate(mod, Fixture::to(ModerationAction::approve, ann));
    assert_code(again, refused.empty() ? Error::ok : Error::no_such_message);
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(floods_are_refused_and_counted),
      cmocka_unit_test(a_first_message_waits_for_a_moderator),
      cmocka_unit_test(a_first_message_may_be_rejected),
      cmocka_unit_test(it_waits_for_a_limited_time),
      cmocka_unit_test(what_waits_ends_with_the_rule_the_room_and_the_client),
      cmocka_unit_test(a_repeated_message_is_woken_without_locks),
      cmocka_unit_test(the_message_of_a_client_that_has_left_the_server_is_approved),
      cmocka_unit_test(a_new_moderator_is_told),
      cmocka_unit_test(a_repeated_message_is_no_repeated_text),
      cmocka_unit_test(a_failed_message_may_be_sent_again),
      cmocka_unit_test(an_ephemeral_first_message_is_refused),
      cmocka_unit_test(so_many_wait_at_most),
      cmocka_unit_test(a_lack_of_memory_holds_or_refuses),
  };
  return cmocka_run_group_tests_name("hub/held_messages", tests, nullptr, nullptr);
}
