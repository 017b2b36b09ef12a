// Moderation by the hub and the dispatcher: who may do what to whom, what members are told, the audit, reports, the deletion of
// all messages of a person, and what happens when memory fails.
#include <functional>

#include "hub/dispatcher.h"
#include "hub_fixture.h"

using namespace chat;
using namespace chat::test;

namespace {

struct Gate : Application {
  std::optional<Decision> on_authorize(const AuthorizeRequest& request) override {
    if (request.action == Action::moderate) asked.emplace_back(request.value);
    if (request.action == Action::report) asked.emplace_back("report " + std::string(request.value));
    return authorize ? authorize(request) : std::nullopt;
  }
  std::vector<std::string> asked;
  std::function<std::optional<Decision>(const AuthorizeRequest&)> authorize;
};

HubOptions telling() {
  HubOptions options;
  options.tells_audit = true;
  options.tells_reports = true;
  options.moderation_events = true;
  options.ephemeral_events = {"typing"};
  return options;
}

struct Fixture : HubFixture {
  explicit Fixture(HubOptions options = telling()) : HubFixture(std::move(options)), dispatcher(*hub, gate) {}

  // A client in the room "dev". role: an attribute of its identity.
  ClientPtr member(std::string user_id, std::string role = {}, std::string address = "192.0.2.1") {
    ClientPtr client = add(0, std::move(address));
    Identity identity{user_id, user_id.empty() ? "" : "Name of " + user_id, {}};
    if (!role.empty()) identity.attributes.push_back({"role", role});
    assert_ok(hub->accept(client, identity));
    assert_ok(hub->open(client));
    assert_ok(join(client, "dev"));
    take();
    return client;
  }

  Outcome run(const ClientPtr& client, Command command) {
    return dispatcher.execute(client, std::move(command), acks, now);
  }
  Error moderate(const ClientPtr& client, Moderation what) { return error_in(run(client, ModerateCommand{what, "1"})); }
  Outcome report(const ClientPtr& client, std::uint64_t seq, std::string reason = {}, std::string room = "dev") {
    return run(client, ReportCommand{std::move(room), seq, std::move(reason), "1"});
  }
  // Does all the work that is in the inbox, and gathers the other events.
  std::vector<LoopEvent> work() {
    std::vector<LoopEvent> others;
    for (bool more = true; more;) {
      more = false;
      for (LoopEvent& event : take()) {
        if (const auto* const left = std::get_if<ClearWork>(&event)) {
          clear_status = hub->clear_some(left->clearing, now);
          more = true;
        } else {
          others.push_back(std::move(event));
        }
      }
    }
    return others;
  }
  std::vector<std::uint64_t> readable() {
    std::vector<std::uint64_t> seqs;
    const Result<HistoryReply> reply = hub->history("dev", 0, 0, now);
    assert_ok(reply.status());
    for (const MessagePtr& message : reply->messages) {
      if (!message->extra->redacted) seqs.push_back(message->seq);
    }
    return seqs;
  }
  Error say(const ClientPtr& client, std::string event = "chat message") {
    SendCommand command;
    command.draft() = draft("dev", "hi");
    command.draft().event = std::move(event);
    command.ref = "1";
    return error_in(run(client, std::move(command)));
  }
  Status as_application(Moderation what) {
    const Result<Hub::Target> target = hub->find_target(what);
    if (!target.ok()) return target.status();
    return hub->moderate(std::move(what), *target, nullptr, now);
  }
  Error error_in(const Outcome& outcome) {
    const auto* reply = std::get_if<Reply>(&outcome);
    const auto* error = reply == nullptr ? nullptr : std::get_if<ErrorReply>(reply);
    if (error != nullptr) last_error = *error;
    return error == nullptr ? Error::ok : error->code;
  }

  Gate gate;
  Dispatcher dispatcher;
  AckTable acks;
  ErrorReply last_error;
  Status clear_status;
};

#define assert_code(actual, expected) assert_int_equal(number(actual), number(expected))

Moderation to(ModerationAction action, std::string user_id, std::int64_t duration_ms = 0) {
  Moderation what;
  what.room = "dev";
  what.action = action;
  what.user_id = std::move(user_id);
  what.duration_ms = duration_ms;
  return what;
}

Moderation mode(ModerationAction action, std::int64_t value) {
  Moderation what;
  what.room = "dev";
  what.action = action;
  what.value = value;
  return what;
}

Moderation role(std::string user_id, Role value) {
  Moderation what = to(ModerationAction::role, std::move(user_id));
  what.value = static_cast<std::int64_t>(value);
  return what;
}

void only_moderators_moderate_and_only_those_below_them(void**) {
  Fixture f;
  const ClientPtr guest = f.member("");
  const ClientPtr ann = f.member("ann");
  const ClientPtr mod = f.member("mod", "moderator");
  const ClientPtr boss = f.member("boss", "owner");
  f.member("mod2", "moderator");
  for (const ClientPtr& client : {guest, ann}) {
    assert_code(f.moderate(client, to(ModerationAction::kick, "mod")), Error::forbidden);
    assert_code(f.moderate(client, mode(ModerationAction::slow_mode, 1'000)), Error::forbidden);
  }
  assert_true(f.gate.asked.empty());  // whoever has no role for it is refused before
  for (const char* target : {"mod", "mod2", "boss"}) {
    assert_code(f.moderate(mod, to(ModerationAction::mute, target, 1'000)), Error::forbidden);
  }
  assert_code(f.moderate(mod, mode(ModerationAction::close, 0)), Error::forbidden);
  assert_code(f.moderate(mod, role("ann", Role::moderator)), Error::forbidden);
  assert_code(f.moderate(boss, role("ann", Role::owner)), Error::forbidden);
  assert_true(f.take().empty());

  assert_code(f.moderate(mod, to(ModerationAction::mute, "ann", 1'000)), Error::ok);
  assert_code(f.moderate(boss, to(ModerationAction::kick, "mod2")), Error::ok);
  assert_code(f.moderate(boss, role("ann", Role::moderator)), Error::ok);
  assert_true(f.hub->role_in_room(*ann, "dev") == Role::moderator);
  assert_true(f.hub->role_in_room(*ann, "elsewhere") == Role::member);
  assert_code(f.moderate(ann, to(ModerationAction::kick, "mod")), Error::forbidden);  // the same role
  assert_code(f.moderate(boss, role("ann", Role::member)), Error::ok);
  assert_true(f.hub->role_in_room(*ann, "dev") == Role::member);
}

void the_application_may_refuse_but_cannot_promote(void**) {
  Fixture f;
  const ClientPtr ann = f.member("ann");
  const ClientPtr mod = f.member("mod", "moderator");
  f.gate.authorize = [](const AuthorizeRequest&) { return Decision{}; };
  assert_code(f.moderate(ann, to(ModerationAction::kick, "mod")), Error::forbidden);
  assert_code(f.moderate(mod, to(ModerationAction::mute, "ann", 10)), Error::ok);
  f.gate.authorize = [](const AuthorizeRequest&) { return Decision{Verdict::refuse, "not today", {}}; };
  assert_code(f.moderate(mod, to(ModerationAction::kick, "ann")), Error::forbidden);
  assert_text(f.last_error.reason, "not today");
  assert_true(f.gate.asked == std::vector<std::string>({"mute", "kick"}));
  assert_true(ann->has_joined("dev"));
}

void the_role_counts_when_a_deferred_verdict_comes(void**) {
  Fixture f;
  f.member("ann");
  const ClientPtr mod = f.member("mod");
  assert_ok(f.as_application(role("mod", Role::moderator)));
  f.gate.authorize = [](const AuthorizeRequest&) { return Decision{Verdict::defer, {}, {}}; };
  Outcome outcome = f.run(mod, ModerateCommand{to(ModerationAction::kick, "ann"), "1"});
  assert_ok(f.as_application(role("mod", Role::member)));
  outcome = f.dispatcher.resume(mod, std::get<Suspended>(std::move(outcome)), {}, f.acks, f.now);
  assert_code(f.error_in(outcome), Error::forbidden);
}

void a_mute_is_for_each_of_its_messages(void**) {
  Fixture f;
  const ClientPtr ann = f.member("ann");
  const ClientPtr guest = f.member("", "", "192.0.2.7");
  assert_ok(f.as_application(to(ModerationAction::mute, "ann", 60'000)));
  assert_code(f.say(ann), Error::muted);
  assert_text(f.last_error.reason, "muted in this room for 60 s");
  assert_int_equal(f.last_error.retry_after_ms, 60'000);
  assert_true(f.last_error.of_send);
  assert_code(f.say(ann, "typing"), Error::muted);
  assert_code(f.say(guest), Error::ok);
  Moderation what = to(ModerationAction::mute, "", 60'000);
  what.client = guest->id();
  assert_ok(f.as_application(what));
  assert_code(f.say(guest), Error::muted);
  assert_code(f.say(f.member("", "", "192.0.2.7")), Error::muted);  // the same guest, reconnected
  assert_code(f.say(f.member("", "", "192.0.2.8")), Error::ok);
  assert_ok(f.as_application(to(ModerationAction::mute, "ann")));
  assert_code(f.say(ann), Error::ok);
}

void slow_mode_counts_what_is_published(void**) {
  Fixture f;
  const ClientPtr ann = f.member("ann");
  assert_ok(f.as_application(mode(ModerationAction::slow_mode, 10'000)));
  assert_code(f.say(ann), Error::ok);
  assert_code(f.say(ann, "typing"), Error::ok);
  assert_code(f.say(ann), Error::slow_mode);
  assert_int_equal(f.last_error.retry_after_ms, 10'000);
  assert_code(f.say(f.member("ann")), Error::slow_mode);  // another client of the same user
  f.now.age_ms += 10'000;
  assert_code(f.say(ann), Error::ok);
  f.publish("dev", "the application waits for nothing");
  f.publish("dev", "at all");
}

void a_message_that_was_deferred_is_checked_again(void**) {
  struct Deferring : Application {
    Decision on_message(MessageRequest&) override { return {Verdict::defer, {}, {}}; }
  } deferring;
  Fixture f;
  const ClientPtr ann = f.member("ann");
  Dispatcher dispatcher(*f.hub, deferring);
  SendCommand command;
  command.draft() = draft("dev", "hi");
  command.ref = "1";
  Outcome outcome = dispatcher.execute(ann, std::move(command), f.acks, f.now);
  assert_ok(f.as_application(mode(ModerationAction::read_only, 1)));
  outcome = dispatcher.resume(ann, std::get<Suspended>(std::move(outcome)), {}, f.acks, f.now);
  assert_code(f.error_in(outcome), Error::read_only);
}

void who_has_not_joined_obeys_the_rules_too(void**) {
  Fixture f;
  const ClientPtr visitor = f.open();
  const auto say = [&] {
    SendCommand command;
    command.draft() = draft("dev", "hi");
    command.ref = "1";
    command.without_joining = true;
    return f.error_in(f.run(visitor, std::move(command)));
  };
  assert_code(say(), Error::ok);
  assert_ok(f.as_application(mode(ModerationAction::read_only, 1)));
  assert_code(say(), Error::read_only);
  assert_ok(f.as_application(mode(ModerationAction::read_only, 0)));
  assert_ok(f.as_application(mode(ModerationAction::slow_mode, 1'000)));
  assert_code(say(), Error::ok);
  assert_code(say(), Error::slow_mode);
  assert_ok(f.as_application(mode(ModerationAction::members_only, 1)));
  assert_code(say(), Error::forbidden);
  assert_code(f.error_in(f.run(visitor, HistoryCommand{"dev", 0, 0, "2"})), Error::forbidden);
  assert_code(f.error_in(f.run(f.open(0, "ann"), HistoryCommand{"dev", 0, 0, "2"})), Error::ok);
}

void members_only_removes_the_guests(void**) {
  Fixture f;
  const ClientPtr guest = f.member("");
  const ClientPtr ann = f.member("ann");
  assert_ok(f.as_application(mode(ModerationAction::members_only, 1)));
  const auto left = only<Left>(f.take());
  assert_int_equal(left.size(), 1);
  assert_int_equal(left[0].client, guest->id());
  assert_text(left[0].reason, "members only");
  assert_true(ann->has_joined("dev"));
  assert_status(f.join(guest, "dev"), Error::forbidden);
}

void a_kick_removes_all_clients_of_a_user_and_lets_them_return(void**) {
  Fixture f;
  const ClientPtr mod = f.member("mod", "moderator");
  const ClientPtr one = f.member("ann");
  const ClientPtr two = f.member("ann");
  Moderation what = to(ModerationAction::kick, "");
  what.client = one->id();
  what.reason = "calm down";
  assert_code(f.moderate(mod, what), Error::ok);
  const auto left = only<Left>(f.take());
  assert_int_equal(left.size(), 1);
  assert_text(left[0].reason, "calm down");
  assert_true(two->has_joined("dev"));
  assert_ok(f.join(one, "dev"));
  f.take();
  assert_code(f.moderate(mod, to(ModerationAction::kick, "ann")), Error::ok);
  assert_int_equal(only<Left>(f.take()).size(), 2);
  assert_code(f.moderate(mod, to(ModerationAction::kick, "ann")), Error::not_joined);
  assert_true(f.take().empty());
}

void a_banned_block_removes_all_but_moderators(void**) {
  Fixture f;
  const ClientPtr mod = f.member("mod", "moderator");
  const ClientPtr guest = f.member("");
  f.member("ann", "", "192.0.2.77");
  f.member("bob", "", "198.51.100.1");
  Moderation what = to(ModerationAction::ban, "", 1'000);
  what.address = "192.0.2.99/24";
  assert_code(f.moderate(mod, what), Error::ok);
  const auto events = f.take();
  assert_int_equal(only<Left>(events).size(), 2);
  assert_text(only<AuditNotice>(events).at(0).record->what.address, "192.0.2.0/24");
  assert_status(f.join(guest, "dev"), Error::banned);
  assert_true(mod->has_joined("dev"));
}

void what_is_done_is_audited_and_told(void**) {
  Fixture f;
  const ClientPtr mod = f.member("mod", "moderator");
  const ClientPtr ann = f.member("ann");
  Moderation what = to(ModerationAction::mute, "", 60'000);
  what.client = ann->id();
  what.reason = "say \"less\"";
  assert_code(f.moderate(mod, what), Error::ok);
  const auto events = f.take();
  const auto notices = only<AuditNotice>(events);
  assert_int_equal(notices.size(), 1);
  const AuditRecord& record = *notices[0].record;
  assert_int_equal(record.actor.id, mod->id());
  assert_text(record.actor.user_id, "mod");
  assert_text(record.what.user_id, "ann");
  assert_int_equal(record.what.client, ann->id());
  assert_text(record.target_name, "Name of ann");
  assert_int_equal(record.time_ms, f.now.time_ms);
  const auto messages = only<RoomMessage>(events);
  assert_int_equal(messages.size(), 1);
  assert_int_equal(messages[0].message->seq, 0);
  assert_text(messages[0].message->event, "moderation");
  assert_text(
      messages[0].message->payload,
      "[{\"action\":\"mute\",\"user\":\"ann\",\"name\":\"Name of ann\",\"by\":\"Name of mod\",\"duration_ms\":60000,"
      "\"reason\":\"say \\\"less\\\"\"}]");
  assert_code(f.say(mod, "moderation"), Error::invalid_event);

  assert_ok(f.as_application(mode(ModerationAction::slow_mode, 500)));
  assert_int_equal(only<AuditNotice>(f.take()).at(0).record->actor.id, 0);
  assert_int_equal(f.publish("dev", "first").seq, 1);  // the events have no numbers
}

void nothing_is_told_unless_it_is_wished(void**) {
  Fixture f{HubOptions()};
  f.member("ann");
  assert_ok(f.as_application(to(ModerationAction::mute, "ann", 1'000)));
  assert_true(f.take().empty());
  assert_code(f.say(f.member("bob"), "moderation"), Error::ok);
}

void closing_keeps_the_roles_only(void**) {
  Fixture f;
  const ClientPtr boss = f.member("boss");
  assert_ok(f.as_application(role("boss", Role::owner)));
  assert_ok(f.as_application(mode(ModerationAction::read_only, 1)));
  f.publish("dev", "one");
  assert_code(f.moderate(boss, mode(ModerationAction::close, 0)), Error::ok);
  assert_false(boss->has_joined("dev"));
  assert_true(f.hub->role_in_room(*boss, "dev") == Role::owner);
  const ClientPtr ann = f.member("ann");
  assert_code(f.say(ann), Error::ok);
  assert_int_equal(f.publish("dev", "two").seq, 2);
}

void an_order_for_nobody(void**) {
  Fixture f;
  Moderation what = to(ModerationAction::kick, "");
  what.client = 999;
  assert_status(f.as_application(what), Error::no_such_client);
  what.client = f.add(0, "")->id();
  what.action = ModerationAction::ban;
  what.duration_ms = 1;
  assert_status(f.as_application(what), Error::unsupported);
  what.action = ModerationAction::role;
  what.duration_ms = 0;
  assert_status(f.as_application(what), Error::unsupported);
  assert_status(f.as_application(mode(ModerationAction::close, 0)), Error::no_such_room);
  assert_ok(f.as_application(to(ModerationAction::ban, "later", 1'000)));
  assert_status(f.join(f.open(0, "later"), "dev"), Error::banned);
}

// Each failure leaves either nothing or the rule; and what was done is always audited.
void a_lack_of_memory_loses_nothing(void**) {
  for (int post = 1;; ++post) {
    Fixture f;
    const ClientPtr ann = f.member("ann");
    const ClientPtr also_ann = f.member("ann");
    f.inboxes[0]->fail_at(post);
    bool failed = false;
    try {
      assert_ok(f.as_application(to(ModerationAction::ban, "ann", 60'000)));
    } catch (const std::bad_alloc&) {
      failed = true;
    }
    f.inboxes[0]->fail_at(0);
    assert_int_equal(f.inboxes[0]->reserved(), 0);
    const auto events = f.take();
    const bool banned = f.join(f.open(0, "ann"), "dev").code == Error::banned;
    assert_int_equal(only<AuditNotice>(events).size(), banned ? 1 : 0);
    assert_int_equal(only<RoomMessage>(events).size(), banned ? 1 : 0);
    if (!banned) assert_true(ann->has_joined("dev") && also_ann->has_joined("dev"));
    assert_ok(f.as_application(to(ModerationAction::ban, "ann", 60'000)));  // completes it
    assert_false(ann->has_joined("dev") || also_ann->has_joined("dev"));
    if (!failed) return;
  }
}

const AckReply* ack_in(const Outcome& outcome) {
  const auto* reply = std::get_if<Reply>(&outcome);
  return reply == nullptr ? nullptr : std::get_if<AckReply>(reply);
}

void a_report_reaches_the_application_once_for_each_person(void**) {
  Fixture f;
  const ClientPtr ann = f.member("ann");
  const ClientPtr also_ann = f.member("ann");
  const ClientPtr guest = f.member("");
  f.publish("dev", "rude");
  f.take();
  const Outcome outcome = f.report(ann, 1, "spam");
  assert_non_null(ack_in(outcome));
  assert_text(ack_in(outcome)->ref, "1");
  const auto notices = only<ReportNotice>(f.take());
  assert_int_equal(notices.size(), 1);
  const Report& told = *notices[0].report;
  assert_text(told.message->payload, "rude");
  assert_int_equal(told.message->seq, 1);
  assert_text(told.reporter.user_id, "ann");
  assert_text(told.reporter.name, "Name of ann");
  assert_int_equal(told.reporter.id, ann->id());
  assert_text(told.reason, "spam");
  assert_int_equal(told.time_ms, f.now.time_ms);
  assert_true(f.gate.asked == std::vector<std::string>({"report 1"}));

  assert_non_null(ack_in(f.report(ann, 1, "again")));
  assert_non_null(ack_in(f.report(also_ann, 1)));
  assert_true(f.take().empty());
  assert_non_null(ack_in(f.report(guest, 1)));
  assert_int_equal(only<ReportNotice>(f.take()).size(), 1);
}

void what_cannot_be_reported(void**) {
  Fixture f;
  const ClientPtr ann = f.member("ann");
  const ClientPtr outside = f.open(0, "bob");
  f.publish("dev", "one");
  f.publish("dev", "two");
  MessageDraft redaction = draft("dev", "");
  redaction.event_kind = RoomEventKind::redaction;
  redaction.target_seq = 2;
  assert_ok(f.hub->publish(std::move(redaction), f.now).status());
  f.take();
  for (const std::uint64_t seq : {0, 2, 3, 99}) {  // none, deleted, an event, not published
    assert_code(f.error_in(f.report(ann, seq)), Error::no_such_message);
    assert_false(f.last_error.of_send);
  }
  assert_code(f.error_in(f.report(outside, 1)), Error::not_joined);
  assert_code(f.error_in(f.report(ann, 1, {}, "elsewhere")), Error::not_joined);
  assert_code(f.error_in(f.report(ann, 1, {}, "not,a room")), Error::invalid_room);
  assert_code(f.error_in(f.report(ann, 1, std::string(kMaxModerationReasonBytes + 1, 'x'))), Error::too_large);
  assert_code(f.error_in(f.report(ann, 1, "\xff")), Error::invalid_utf8);
  f.gate.authorize = [](const AuthorizeRequest&) { return Decision{Verdict::refuse, "no", {}}; };
  assert_code(f.error_in(f.report(ann, 1)), Error::forbidden);
  assert_true(f.take().empty());
  f.gate.authorize = nullptr;
  assert_non_null(ack_in(f.report(ann, 1, std::string(kMaxModerationReasonBytes, 'x'), "")));  // its first room

  Fixture deaf{HubOptions()};
  const ClientPtr cat = deaf.member("cat");
  deaf.publish("dev", "one");
  assert_code(deaf.error_in(deaf.report(cat, 1)), Error::unsupported);
}

void reports_have_a_rate(void**) {
  struct Refused : RefusalReport {
    void note(Refusal reason, std::string_view, std::string_view) override { reasons.push_back(reason); }
    std::vector<Refusal> reasons;
  } refused;
  HubFixture f(telling(), 1, &refused);
  Gate gate;
  Dispatcher dispatcher(*f.hub, gate);
  AckTable acks;
  const ClientPtr ann = f.open(0, "ann");
  assert_ok(f.join(ann, "dev"));
  const auto report = [&](std::uint64_t seq) {
    const Outcome outcome = dispatcher.execute(ann, ReportCommand{"dev", seq, {}, "1"}, acks, f.now);
    const auto* error = std::get_if<ErrorReply>(&std::get<Reply>(outcome));
    if (error != nullptr) assert_int_equal(error->retry_after_ms, ReportLog::kMinuteMs);
    return error == nullptr ? Error::ok : error->code;
  };
  for (std::size_t i = 0; i <= ReportLog::kPerMinute; ++i) f.publish("dev", "rude");
  for (std::size_t i = 1; i <= ReportLog::kPerMinute; ++i) assert_code(report(i), Error::ok);
  assert_code(report(ReportLog::kPerMinute + 1), Error::rate_limited);
  assert_true(refused.reasons == std::vector<Refusal>({Refusal::message_rate}));
  f.now.age_ms += ReportLog::kMinuteMs;
  assert_code(report(ReportLog::kPerMinute + 1), Error::ok);
}

void who_has_left_meanwhile_reports_nothing(void**) {
  Fixture f;
  const ClientPtr ann = f.member("ann");
  f.publish("dev", "rude");
  f.take();
  f.gate.authorize = [](const AuthorizeRequest&) { return Decision{Verdict::defer, {}, {}}; };
  Outcome stays = f.report(ann, 1);
  stays = f.dispatcher.resume(ann, std::get<Suspended>(std::move(stays)), {}, f.acks, f.now);
  assert_non_null(ack_in(stays));
  assert_int_equal(only<ReportNotice>(f.take()).size(), 1);
  f.publish("dev", "rude");
  Outcome leaves = f.report(ann, 2);
  assert_ok(f.hub->leave(ann, "dev", {}));
  f.take();
  leaves = f.dispatcher.resume(ann, std::get<Suspended>(std::move(leaves)), {}, f.acks, f.now);
  assert_code(f.error_in(leaves), Error::not_joined);
  assert_true(f.take().empty());
}

void a_report_without_memory_can_be_repeated(void**) {
  Fixture f;
  const ClientPtr ann = f.member("ann");
  f.publish("dev", "rude");
  f.take();
  f.inboxes[0]->fail_at(1);
  assert_no_memory(f.report(ann, 1));
  assert_int_equal(f.inboxes[0]->reserved(), 0);
  assert_non_null(ack_in(f.report(ann, 1)));
  assert_int_equal(only<ReportNotice>(f.take()).size(), 1);
}

void clear_deletes_all_messages_of_a_user(void**) {
  Fixture f;
  const ClientPtr mod = f.member("mod", "moderator");
  const ClientPtr ann = f.member("ann");
  const ClientPtr bob = f.member("bob");
  for (int i = 0; i < 30; ++i) assert_code(f.say(i % 3 == 0 ? bob : ann), Error::ok);
  f.take();
  assert_code(f.moderate(bob, to(ModerationAction::clear, "ann")), Error::forbidden);
  assert_code(f.moderate(mod, to(ModerationAction::clear, "mod")), Error::forbidden);
  assert_true(f.take().empty());
  assert_code(f.moderate(mod, to(ModerationAction::clear, "ann")), Error::ok);
  assert_int_equal(f.readable().size(), 30);  // not in this turn
  const auto events = f.work();
  assert_ok(f.clear_status);
  assert_int_equal(only<AuditNotice>(events).size(), 1);
  assert_true(only<AuditNotice>(events)[0].record->what.action == ModerationAction::clear);
  const auto messages = only<RoomMessage>(events);
  assert_text(messages.at(0).message->payload,
              "[{\"action\":\"clear\",\"user\":\"ann\",\"name\":\"Name of ann\",\"by\":\"Name of mod\"}]");
  assert_int_equal(messages.size(), 21);
  for (std::size_t i = 1; i < messages.size(); ++i) {
    const Message& event = *messages[i].message;
    assert_true(event.event_kind == RoomEventKind::redaction);
    assert_int_equal(event.seq, 30 + i);
    assert_text(event.sender.user_id, "mod");
  }
  assert_int_equal(messages[1].message->target_seq, 30);  // the newest first
  assert_int_equal(f.readable().size(), 10);
  assert_code(f.moderate(mod, to(ModerationAction::clear, "ann")), Error::ok);
  assert_int_equal(only<RoomMessage>(f.work()).size(), 1);  // nothing is deleted twice
}

void clear_of_a_guest_is_by_its_client_also_when_it_has_left(void**) {
  Fixture f;
  const ClientPtr one = f.member("");
  const ClientPtr two = f.member("");
  const ClientPtr ann = f.member("ann");
  for (const ClientPtr& client : {one, two, ann}) assert_code(f.say(client), Error::ok);
  const auto clear = [&](ClientId client) {
    Moderation what = to(ModerationAction::clear, "");
    what.client = client;
    assert_ok(f.as_application(what));
    f.work();
  };
  f.hub->remove_client(one);
  clear(one->id());
  assert_true(f.readable() == std::vector<std::uint64_t>({2, 3}));
  clear(two->id());
  assert_true(f.readable() == std::vector<std::uint64_t>({3}));
  // A client of a user that has left stands for the user, whose role protects the messages.
  const ClientPtr mod = f.member("mod");
  f.hub->remove_client(ann);
  Moderation role = to(ModerationAction::role, "mod");
  role.value = static_cast<std::int64_t>(Role::moderator);
  assert_ok(f.as_application(role));
  role.user_id = "ann";
  assert_ok(f.as_application(role));
  Moderation of_ann = to(ModerationAction::clear, "");
  of_ann.client = ann->id();
  const Result<Hub::Target> gone = f.hub->find_target(of_ann);
  assert_ok(gone.status());
  assert_status(f.hub->moderate(of_ann, *gone, mod, f.now), Error::forbidden);
  role.value = static_cast<std::int64_t>(Role::member);
  assert_ok(f.as_application(role));
  assert_ok(f.hub->moderate(of_ann, *gone, mod, f.now));
  f.work();
  assert_true(f.readable().empty());
  assert_status(f.as_application(to(ModerationAction::clear, "")), Error::invalid_argument);
  Moderation elsewhere = to(ModerationAction::clear, "ann");
  elsewhere.room = "elsewhere";
  assert_status(f.as_application(elsewhere), Error::no_such_room);
}

void clear_is_bounded(void**) {
  HubOptions options = telling();
  options.history.messages = 20'000;
  options.history.bytes = 64 << 20;
  Fixture f(options);
  MessageDraft message = draft("dev", "spam");
  message.sender = {0, "Ann", "ann"};
  constexpr std::size_t kAll = Clearing::kMaxDeleted + 500;
  for (std::size_t i = 0; i < kAll; ++i) assert_ok(f.hub->publish(message, f.now).status());
  f.take();
  assert_ok(f.as_application(to(ModerationAction::clear, "ann")));
  f.work();
  assert_int_equal(f.readable().size(), kAll - Clearing::kMaxDeleted);
  assert_ok(f.as_application(to(ModerationAction::clear, "ann")));
  f.work();
  assert_true(f.readable().empty());

  assert_ok(f.hub->publish(message, f.now).status());
  for (std::size_t i = 0; i < Clearing::kMaxExamined; ++i) f.publish("dev", "other");
  f.take();
  assert_ok(f.as_application(to(ModerationAction::clear, "ann")));
  f.work();
  assert_int_equal(f.readable().size(), Clearing::kMaxExamined + 1);

  for (std::size_t i = 0; i < Clearing::kMaxInRoom; ++i)
    assert_ok(f.as_application(to(ModerationAction::clear, "ann")));
  assert_status(f.as_application(to(ModerationAction::clear, "ann")), Error::too_many);
  f.work();
  assert_ok(f.as_application(to(ModerationAction::clear, "ann")));
}

void clear_takes_turns_and_ends_with_the_room(void**) {
  HubOptions options = telling();
  options.history.messages = 1'000;
  Fixture f(options);
  const ClientPtr ann = f.member("ann");
  for (std::size_t i = 0; i < 3 * Clearing::kSlice; ++i) assert_code(f.say(ann), Error::ok);
  f.take();
  assert_ok(f.as_application(to(ModerationAction::clear, "ann")));
  assert_ok(f.hub->clear_some(only<ClearWork>(f.take()).at(0).clearing, f.now));
  assert_int_equal(f.readable().size(), 2 * Clearing::kSlice);
  const auto rest = only<ClearWork>(f.take());
  assert_int_equal(rest.size(), 1);
  assert_code(f.say(ann), Error::ok);  // after the order: it stays
  assert_ok(f.hub->clear_some(rest[0].clearing, f.now));
  assert_int_equal(f.readable().size(), Clearing::kSlice + 1);
  const auto last = only<ClearWork>(f.take());
  assert_ok(f.as_application(mode(ModerationAction::close, 0)));
  assert_ok(f.join(f.open(0, "ann"), "dev"));
  f.publish("dev", "new");
  f.take();
  assert_ok(f.hub->clear_some(last.at(0).clearing, f.now));
  assert_true(f.take().empty());
}

// Whatever fails, a repetition deletes the rest, and nothing twice.
void a_clear_without_memory_goes_on(void**) {
  for (int post = 1;; ++post) {
    Fixture f;
    const ClientPtr ann = f.member("ann");
    for (int i = 0; i < 5; ++i) assert_code(f.say(ann), Error::ok);
    f.take();
    assert_ok(f.as_application(to(ModerationAction::clear, "ann")));
    auto events = f.take();
    const ClearingPtr clearing = only<ClearWork>(events).at(0).clearing;
    f.inboxes[0]->fail_at(post);
    bool failed = false;
    try {
      assert_ok(f.hub->clear_some(clearing, f.now));
    } catch (const std::bad_alloc&) {
      failed = true;
    }
    f.inboxes[0]->fail_at(0);
    assert_int_equal(f.inboxes[0]->reserved(), 0);
    if (failed) assert_ok(f.hub->clear_some(clearing, f.now));
    assert_int_equal(only<RoomMessage>(f.work()).size(), 5);
    assert_true(f.readable().empty());
    if (!failed) return;
  }
}

void a_client_that_the_application_kicks_is_audited(void**) {
  Fixture f;
  const ClientPtr ann = f.member("ann");
  assert_ok(f.hub->close_client(ann, 1008, "enough", false, f.now));
  const auto events = f.take();
  assert_int_equal(only<CloseClient>(events).size(), 1);
  const auto audited = only<AuditNotice>(events);
  assert_int_equal(audited.size(), 1);
  const AuditRecord& record = *audited[0].record;
  assert_true(record.what.action == ModerationAction::kick);
  assert_text(record.what.room, "");
  assert_int_equal(record.what.client, ann->id());
  assert_text(record.what.user_id, "ann");
  assert_text(record.what.reason, "enough");
  assert_text(record.target_name, "Name of ann");
  assert_int_equal(record.actor.id, 0);
  assert_int_equal(record.time_ms, f.now.time_ms);
  assert_ok(f.hub->close_client(ann, 1008, "again", false, f.now));  // once
  assert_true(only<AuditNotice>(f.take()).empty());
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(only_moderators_moderate_and_only_those_below_them),
      cmocka_unit_test(the_application_may_refuse_but_cannot_promote),
      cmocka_unit_test(the_role_counts_when_a_deferred_verdict_comes),
      cmocka_unit_test(a_mute_is_for_each_of_its_messages),
      cmocka_unit_test(slow_mode_counts_what_is_published),
      cmocka_unit_test(a_message_that_was_deferred_is_checked_again),
      cmocka_unit_test(who_has_not_joined_obeys_the_rules_too),
      cmocka_unit_test(members_only_removes_the_guests),
      cmocka_unit_test(a_kick_removes_all_clients_of_a_user_and_lets_them_return),
      cmocka_unit_test(a_banned_block_removes_all_but_moderators),
      cmocka_unit_test(what_is_done_is_audited_and_told),
      cmocka_unit_test(nothing_is_told_unless_it_is_wished),
      cmocka_unit_test(closing_keeps_the_roles_only),
      cmocka_unit_test(an_order_for_nobody),
      cmocka_unit_test(a_lack_of_memory_loses_nothing),
      cmocka_unit_test(a_report_reaches_the_application_once_for_each_person),
      cmocka_unit_test(what_cannot_be_reported),
      cmocka_unit_test(reports_have_a_rate),
      cmocka_unit_test(who_has_left_meanwhile_reports_nothing),
      cmocka_unit_test(a_report_without_memory_can_be_repeated),
      cmocka_unit_test(clear_deletes_all_messages_of_a_user),
      cmocka_unit_test(clear_of_a_guest_is_by_its_client_also_when_it_has_left),
      cmocka_unit_test(clear_is_bounded),
      cmocka_unit_test(clear_takes_turns_and_ends_with_the_room),
      cmocka_unit_test(a_clear_without_memory_goes_on),
      cmocka_unit_test(a_client_that_the_application_kicks_is_audited),
  };
  return cmocka_run_group_tests_name("hub/moderation", tests, nullptr, nullptr);
}
