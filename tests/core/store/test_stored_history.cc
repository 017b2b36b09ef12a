// The history of a hub that is kept in a file: what a restart, a failure and the limits leave of it.
#include "store/stored_history.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>

#include "history_fixture.h"

using namespace chat;
using namespace chat::test;

namespace {

using Settings = HistoryRun::Settings;

void a_message_is_acknowledged_when_it_is_written(void**) {
  const TemporaryFolder folder;
  HistoryRun run({folder.file("chat.db")});
  assert_ok(run.opened);
  const ClientPtr member = run.f->open();
  assert_ok(run.f->join(member, "lobby"));
  run.f->take();
  const Result<Published> published = run.hub().publish(draft("lobby", "one"), run.now, {member, "r", false});
  assert_int_equal(published->seq, 0);  // it gets its number later
  std::vector<LoopEvent> events;
  wait_until([&] {
    for (LoopEvent& event : run.f->take()) events.push_back(std::move(event));
    return events.size() == 2;
  });
  assert_int_equal(only<Acknowledged>(events)[0].seq, 1);
  assert_text(only<RoomMessage>(events)[0].message->payload, "one");
  assert_int_equal(run.history->stats().stored, 1);
}

void everything_is_the_same_after_a_restart(void**) {
  const TemporaryFolder folder;
  const Settings settings{folder.file("chat.db")};
  std::string epoch;
  ClientId sender = 0;
  {
    HistoryRun run(settings);
    MessageDraft message = draft("lobby", std::string("a\0b", 3));
    message.event = "drawn";
    message.attributes = {{"colour", "red"}, {"", "empty"}};
    message.attachments = {std::string("\0\xFF", 2), ""};
    epoch = run.publish(message).epoch;
    message = draft("lobby", "[1]");
    message.kind = PayloadKind::args;
    run.publish(message);
    run.publish("lobby", "last");
    message = draft("lobby", "changed");
    message.event_kind = RoomEventKind::edit;
    message.target_seq = 3;
    run.publish(message);
    sender = run.sender->id();
  }
  HistoryRun run(settings);
  run.pass(60'000);
  const HistoryReply reply = run.read("lobby");
  assert_true(run.was_read);
  assert_true(reply.complete);
  assert_text(reply.epoch, epoch);
  assert_int_equal(reply.seq, 4);
  assert_int_equal(reply.messages.size(), 3);  // the edit is kept, and no message
  assert_text(reply.messages[2]->payload, "changed");
  const Message& first = *reply.messages[0];
  assert_true(first.payload == std::string("a\0b", 3));
  assert_text(first.event, "drawn");
  assert_text(first.room, "lobby");
  assert_text(first.epoch, epoch);
  assert_true(first.attributes == Pairs({{"colour", "red"}, {"", "empty"}}));
  assert_true(first.attachments == std::vector<std::string>({std::string("\0\xFF", 2), ""}));
  assert_int_equal(first.time_ms, run.now.time_ms - 60'000);
  assert_int_equal(first.born_ms, run.now.age_ms - 60'000);
  assert_text(first.sender.name, "Ann");
  assert_text(first.sender.user_id, "ann");
  assert_int_equal(first.sender.id, sender);
  assert_true(reply.messages[1]->kind == PayloadKind::args);
  assert_false(run.read("lobby").messages.empty());
  assert_false(run.was_read);  // what was read is in memory
  assert_int_equal(run.publish("lobby", "next").seq, 5);
  assert_true(run.sender->id() > sender);  // so that nobody is taken for the sender of a kept message
}

void nothing_is_read_for_what_is_in_memory(void**) {
  const TemporaryFolder folder;
  const Settings settings{folder.file("chat.db")};
  HistoryRun run(settings);
  run.publish("lobby", "one");
  assert_int_equal(run.read("lobby").messages.size(), 1);
  assert_false(run.was_read);
  assert_true(run.read("elsewhere").messages.empty());
  assert_false(run.was_read);
}

void ids_are_known_after_a_restart(void**) {
  const TemporaryFolder folder;
  const Settings settings{folder.file("chat.db")};
  const auto with_id = [](std::string id) {
    MessageDraft message = draft("lobby", "hello");
    message.id = std::move(id);
    message.sender = {1, "Ann", "ann"};
    return message;
  };
  std::string epoch;
  {
    HistoryRun run(settings);
    epoch = run.publish(with_id("a")).epoch;
  }
  HistoryRun run(settings);
  const Result<Published> again = run.hub().publish(with_id("a"), run.moment());
  assert_ok(again.status());
  assert_true(again->repeated);
  assert_int_equal(again->seq, 1);
  assert_text(again->epoch, epoch);
  assert_text(run.read("lobby").messages[0]->id, "a");
  run.pass(MessageIds::Limits{}.window_ms);
  assert_int_equal(run.publish(with_id("a")).seq, 2);
}

void a_position_continues_after_a_restart(void**) {
  const TemporaryFolder folder;
  const Settings settings{folder.file("chat.db")};
  Position position;
  {
    HistoryRun run(settings);
    position = {run.publish("lobby", "one").epoch, 1};
    run.publish("lobby", "two");
    run.publish("lobby", "three");
  }
  HistoryRun run(settings);
  const auto query = run.hub().unread("lobby", position);
  assert_true(query.has_value());
  const ClientPtr client = run.f->open();
  const KeptRangePtr earlier = run.hub().read_now(*query);
  assert_ok(run.hub().join(client, "lobby", position, "j", run.now, earlier.get()));
  const auto joined = only<Joined>(run.f->take());
  assert_true(joined[0].complete && joined[0].resumed);
  assert_true(texts(joined[0].missed) == Texts({"2 two", "3 three"}));
  // Whoever has everything already does not wait for the disk.
  position.seq = 3;
  assert_false(run.hub().unread("lobby", position).has_value());
}

void a_client_waits_for_what_is_read(void**) {
  const TemporaryFolder folder;
  const Settings settings{folder.file("chat.db")};
  {
    HistoryRun run(settings);
    run.publish("lobby", "one");
  }
  HistoryRun run(settings);
  const ClientPtr client = run.f->open();
  const DecisionId id = client->begin_decision(false);
  run.hub().read(client, id, *run.hub().unread("lobby", 0, 0, 0));
  std::vector<DecisionGiven> given;
  wait_until([&] {
    given = only<DecisionGiven>(run.f->take());
    return !given.empty();
  });
  assert_int_equal(given[0].id, id);
  assert_ok(given[0].decision->earlier->status);
  assert_true(texts(given[0].decision->earlier->messages) == Texts({"1 one"}));
}

void pages_far_back_are_read(void**) {
  const TemporaryFolder folder;
  Settings settings{folder.file("chat.db")};
  settings.hub.history = {kUnlimited, 64 << 20, kUnlimited};
  {
    HistoryRun run(settings);
    for (int i = 1; i <= 300; ++i) run.publish("lobby", std::to_string(i));
  }
  HistoryRun run(settings);
  HistoryReply page = run.read("lobby", 0, 10, 101);
  assert_true(run.was_read);
  assert_int_equal(page.messages.size(), 10);
  assert_int_equal(page.messages.front()->seq, 91);
  assert_int_equal(page.messages.back()->seq, 100);
  assert_false(page.complete);
  page = run.read("lobby", 0, 10);
  assert_int_equal(page.messages.front()->seq, 291);
  page = run.read("lobby", 0, 11, before_of_page_around(50, 11));
  assert_true(run.was_read);
  assert_int_equal(page.messages.front()->seq, 45);
  assert_int_equal(page.messages.back()->seq, 55);
  page = run.read("lobby", 285, 0);
  assert_int_equal(page.messages.size(), 15);
  assert_true(page.complete);
  page = run.read("lobby", 0, 0, 6);
  assert_int_equal(page.messages.size(), 5);
  assert_true(page.complete);
  page = run.read("lobby");
  assert_int_equal(page.messages.size(), 300);
  assert_true(page.complete);
}

void the_limits_of_a_room_hold_in_the_file(void**) {
  const TemporaryFolder folder;
  Settings settings{folder.file("chat.db")};
  settings.hub.history.messages = 3;
  {
    HistoryRun run(settings);
    for (int i = 1; i <= 5; ++i) run.publish("lobby", std::to_string(i));
  }
  {
    HistoryRun run(settings);
    const HistoryReply reply = run.read("lobby");
    assert_true(texts(reply.messages) == Texts({"3 3", "4 4", "5 5"}));
    assert_false(reply.complete);
    assert_true(run.read("lobby", 2).complete);
    assert_false(run.read("lobby", 1).complete);
    run.publish("lobby", "6");
    assert_int_equal(run.history->closed_rooms(0).size(), 0);
  }
  settings.hub.history = {kUnlimited, 1'500, kUnlimited};
  HistoryRun run(settings);
  run.publish("lobby", std::string(600, 'x'));
  const HistoryReply reply = run.read("lobby");
  assert_true(reply.messages.size() == 2);
  assert_int_equal(reply.messages.back()->seq, 7);
}

void old_messages_go(void**) {
  const TemporaryFolder folder;
  Settings settings{folder.file("chat.db")};
  settings.hub.history.age_ms = 10'000;
  {
    HistoryRun run(settings);
    run.publish("lobby", "old");
    run.publish("gone", "old");
    run.pass(8'000);
    run.publish("lobby", "young");
    run.pass(4'000);
    const HistoryReply reply = run.read("lobby");
    assert_true(texts(reply.messages) == Texts({"2 young"}));
    assert_false(reply.complete);
    while (run.hub().expire(run.moment())) continue;
    wait_until([&] { return !run.hub().has_room("gone"); });
  }
  HistoryRun run(settings);
  run.pass(12'000);
  assert_true(texts(run.read("lobby").messages) == Texts({"2 young"}));
  assert_true(run.read("gone").messages.empty());
  run.pass(10'000);
  wait_until([&] {
    while (run.hub().expire(run.moment())) continue;
    return !run.hub().has_room("lobby");
  });
}

void the_longest_silent_rooms_give_way(void**) {
  const TemporaryFolder folder;
  Settings settings{folder.file("chat.db")};
  settings.history.total_bytes = 6'000;
  {
    HistoryRun run(settings);
    for (int i = 0; i < 10; ++i) {
      run.publish("room" + std::to_string(i), std::string(500, 'x'));
      run.pass(1'000);
    }
  }
  const auto bytes = store::stored_bytes(*make_message(draft("room0", std::string(500, 'x')))) + 20;
  const auto fit = static_cast<std::size_t>(settings.history.total_bytes / bytes);
  {
    HistoryRun run(settings);
    wait_until([&] { return run.hub().rooms().size() <= fit; });
    assert_true(run.hub().has_room("room9"));
    assert_false(run.hub().has_room("room0"));
  }
  settings.history.max_rooms = 2;
  HistoryRun run(settings);
  wait_until([&] { return run.hub().rooms().size() == 2; });
  assert_true(run.hub().has_room("room8") && run.hub().has_room("room9"));
}

Status moderate(HistoryRun& run, Moderation what) {
  what.room = "lobby";
  const Result<Hub::Target> target = run.hub().find_target(what);
  return target.ok() ? run.hub().moderate(what, *target, nullptr, run.moment()) : target.status();
}

Moderation order(ModerationAction action, std::string user_id, std::int64_t duration_ms, std::int64_t value) {
  Moderation what;
  what.action = action;
  what.user_id = std::move(user_id);
  what.duration_ms = duration_ms;
  what.value = value;
  return what;
}

void the_rules_of_a_room_survive(void**) {
  const TemporaryFolder folder;
  const Settings settings{folder.file("chat.db")};
  using enum ModerationAction;
  {
    HistoryRun run(settings);
    assert_ok(moderate(run, order(role, "boss", 0, 3)));
    assert_ok(moderate(run, order(ban, "long", INT64_MAX, 0)));
    assert_ok(moderate(run, order(ban, "short", 1'000, 0)));
    assert_ok(moderate(run, order(mute, "loud", 60'000, 0)));
    assert_ok(moderate(run, order(slow_mode, "", 0, 30'000)));
    assert_ok(moderate(run, order(members_only, "", 0, 1)));
    assert_ok(moderate(run, order(read_only, "", 0, 1)));
    assert_ok(moderate(run, order(read_only, "", 0, 0)));
    Moderation block = order(ban, "", 60'000, 0);
    block.address = "198.51.100.0/24";
    assert_ok(moderate(run, block));
    assert_ok(moderate(run, order(ban, "lifted", 60'000, 0)));
    assert_ok(moderate(run, order(ban, "lifted", 0, 0)));
    run.pass(2'000);
    run.hub().expire(run.moment());
    for (const RoomValue& value : run.history->values("lobby")) assert_true(value.key != "ban:user:short");
  }
  {
    HistoryRun run(settings);
    assert_true(run.opened.ok());
    HubFixture& f = *run.f;
    assert_true(run.hub().role_in_room(*f.open(0, "boss"), "lobby") == Role::owner);
    assert_status(f.join(f.open(0, "long"), "lobby"), Error::banned);
    assert_status(f.join(f.open(0, "new", "198.51.100.7"), "lobby"), Error::banned);
    assert_status(f.join(f.open(), "lobby"), Error::forbidden);
    assert_ok(f.join(f.open(0, "lifted"), "lobby"));
    const ClientPtr loud = f.open(0, "loud");
    assert_ok(f.join(loud, "lobby"));
    const RoomPtr none;
    assert_status(run.hub().check_message(*loud, draft("lobby", "x"), none, run.moment(), false), Error::muted);
    const ClientPtr ann = f.open(0, "ann");
    assert_ok(run.hub().check_message(*ann, draft("lobby", "x"), none, run.moment(), true));
    assert_status(run.hub().check_message(*ann, draft("lobby", "x"), none, run.moment(), true), Error::slow_mode);
    assert_ok(run.hub().close_room("lobby", "", run.moment()));
  }
  HistoryRun run(settings);  // closed: only the roles are left
  assert_ok(run.f->join(run.f->open(0, "long"), "lobby"));
  assert_true(run.hub().role_in_room(*run.f->open(0, "boss"), "lobby") == Role::owner);
}

void a_closed_room_is_gone_from_the_file(void**) {
  const TemporaryFolder folder;
  const Settings settings{folder.file("chat.db")};
  std::string epoch;
  {
    HistoryRun run(settings);
    epoch = run.publish("lobby", "old").epoch;
    run.publish("cold", "old");
  }
  {
    HistoryRun run(settings);
    assert_ok(run.hub().close_room("lobby", ""));
    assert_ok(run.hub().close_room("cold", ""));
    assert_false(run.hub().has_room("cold"));
    assert_status(run.hub().close_room("nowhere", ""), Error::no_such_room);
    const Acknowledged ack = run.publish("lobby", "new");
    assert_int_equal(ack.seq, 1);
    assert_true(ack.epoch != epoch);
    epoch = ack.epoch;
  }
  HistoryRun run(settings);
  const HistoryReply reply = run.read("lobby");
  assert_text(reply.epoch, epoch);
  assert_true(texts(reply.messages) == Texts({"1 new"}));
  assert_false(run.hub().has_room("cold"));
}

void a_restored_room_is_kept_too(void**) {
  const TemporaryFolder folder;
  const Settings settings{folder.file("chat.db")};
  const auto restored = [] {
    std::vector<std::shared_ptr<Message>> messages;
    for (const std::uint64_t seq : {4, 7}) {
      messages.push_back(make_message(draft("lobby", "restored")));
      messages.back()->seq = seq;
      messages.back()->time_ms = 1'700'000'000'000;
    }
    return messages;
  };
  {
    HistoryRun run(settings);
    assert_ok(run.hub().restore_room("lobby", "seed", 9, restored(), run.now));
    assert_status(run.hub().restore_room("lobby", "seed", 9, restored(), run.now), Error::wrong_state);
    assert_int_equal(run.publish("lobby", "next").seq, 10);
  }
  HistoryRun run(settings);
  const HistoryReply reply = run.read("lobby");
  assert_text(reply.epoch, "seed");
  assert_true(texts(reply.messages) == Texts({"4 restored", "7 restored", "10 next"}));
  assert_false(reply.complete);
  assert_true(run.read("lobby", 3).complete);
  assert_status(run.hub().restore_room("lobby", "seed", 9, restored(), run.now), Error::wrong_state);
}

// "key value" of each.
Texts values(HistoryRun& run, std::string_view room) {
  Texts result;
  for (const RoomValue& one : run.history->values(room)) result.push_back(one.key + " " + one.value);
  return result;
}

Status keep(HistoryRun& run, std::string_view room, std::string_view key, std::string_view value) {
  return run.history->keep_value(room, key, value, run.moment());
}

void values_survive_a_restart(void**) {
  const TemporaryFolder folder;
  const Settings settings{folder.file("chat.db")};
  std::int64_t time_ms = 0;
  {
    HistoryRun run(settings);
    run.publish("lobby", "one");
    assert_ok(run.f->join(run.f->open(), "silent"));
    for (const char* room : {"lobby", "silent"}) {
      assert_ok(keep(run, room, "a", "1"));
      assert_ok(keep(run, room, "b", std::string("\0\xFF", 2)));
      assert_ok(keep(run, room, "c", "1"));
      assert_ok(keep(run, room, "a", "2"));
      assert_ok(keep(run, room, "c", ""));
      assert_ok(keep(run, room, "d", ""));
    }
    time_ms = run.now.time_ms;
    assert_true(values(run, "lobby") == Texts({"a 2", std::string("b \0\xFF", 4)}));  // at once
    assert_status(keep(run, "nowhere", "a", "1"), Error::no_such_room);
  }
  for (int restarts = 0; restarts < 2; ++restarts) {
    HistoryRun run(settings);
    for (const char* room : {"lobby", "silent"}) {
      assert_true(values(run, room) == Texts({"a 2", std::string("b \0\xFF", 4)}));
    }
    assert_int_equal(run.history->values("lobby")[0].time_ms, time_ms);
    assert_true(run.history->values("nowhere").empty());
    Texts rooms = run.history->rooms_with_values();
    std::sort(rooms.begin(), rooms.end());
    assert_true(rooms == Texts({"lobby", "silent"}));
    assert_false(run.hub().has_room("silent"));  // it has no messages
  }
  HistoryRun run(settings);
  assert_ok(keep(run, "silent", "a", "3"));  // a room that is not in use
  assert_true(values(run, "silent")[0] == "a 3");
}

void a_room_with_values_is_kept(void**) {
  const TemporaryFolder folder;
  Settings settings{folder.file("chat.db")};
  settings.history.max_rooms = 1;
  {
    HistoryRun run(settings);
    run.publish("ruled", "one");
    assert_ok(keep(run, "ruled", "a", "1"));
    run.pass(1'000);
    run.publish("free", "one");
    run.pass(1'000);
    run.publish("newest", "one");
  }
  {
    HistoryRun run(settings);
    wait_until([&] { return !run.hub().has_room("free") && !run.hub().has_room("newest"); });
    assert_true(run.hub().has_room("ruled"));
    assert_ok(keep(run, "ruled", "a", ""));
    assert_true(run.history->rooms_with_values().empty());
  }
  // Without values, members and messages it goes, also from the file.
  {
    HistoryRun run(settings);
    assert_ok(run.f->join(run.f->open(), "empty"));
    assert_ok(keep(run, "empty", "a", "1"));
  }
  const auto rows = [&] {
    store::SqliteConnection file;
    assert_ok(file.open(settings.path, false));
    return *file.number("SELECT count(*) FROM room WHERE name = 'empty'") + *file.number("SELECT count(*) FROM value");
  };
  HistoryRun run(settings);
  assert_int_equal(rows(), 2);
  assert_ok(keep(run, "empty", "a", ""));
  wait_until([&] { return rows() == 0; });
}

void a_closed_room_has_no_values(void**) {
  const TemporaryFolder folder;
  const Settings settings{folder.file("chat.db")};
  {
    HistoryRun run(settings);
    run.publish("lobby", "one");
    assert_ok(keep(run, "lobby", "a", "1"));
    assert_ok(run.hub().close_room("lobby", ""));
    assert_true(values(run, "lobby").empty());
    assert_true(run.history->rooms_with_values().empty());
    run.publish("lobby", "new");
    assert_ok(keep(run, "lobby", "b", "2"));
  }
  HistoryRun run(settings);
  assert_true(values(run, "lobby") == Texts({"b 2"}));
}

void a_restored_room_keeps_its_values(void**) {
  const TemporaryFolder folder;
  const Settings settings{folder.file("chat.db")};
  {
    HistoryRun run(settings);
    assert_ok(run.f->join(run.f->open(), "lobby"));
    assert_ok(keep(run, "lobby", "a", "1"));
    std::vector<std::shared_ptr<Message>> messages{make_message(draft("lobby", "restored"))};
    messages[0]->seq = 4;
    messages[0]->time_ms = 1'700'000'000'000;
    assert_ok(run.hub().restore_room("lobby", "seed", 9, messages, run.now));
    assert_true(values(run, "lobby") == Texts({"a 1"}));
  }
  HistoryRun run(settings);
  assert_true(values(run, "lobby") == Texts({"a 1"}));
  assert_true(texts(run.read("lobby").messages) == Texts({"4 restored"}));
}

void values_are_bounded(void**) {
  const TemporaryFolder folder;
  HistoryRun run({folder.file("chat.db")});
  run.publish("lobby", "one");
  const std::string largest(RoomStore::kMaxValueBytes, 'x');
  assert_status(keep(run, "lobby", "a", largest + "x"), Error::too_large);
  assert_status(keep(run, "lobby", "", "1"), Error::invalid_argument);
  assert_status(keep(run, "lobby", std::string(RoomStore::kMaxKeyBytes + 1, 'k'), "1"), Error::invalid_argument);
  std::size_t kept = 0;
  Status status;
  while ((status = keep(run, "lobby", "k" + std::to_string(kept), largest)).ok()) ++kept;
  assert_status(status, Error::too_many);
  assert_in_range(kept, 200, RoomStore::kMaxRoomValueBytes / RoomStore::kMaxValueBytes);
  assert_int_equal(run.history->values("lobby").size(), kept);
  assert_ok(keep(run, "lobby", "k0", "smaller"));
  assert_ok(keep(run, "lobby", "k1", ""));
  assert_ok(keep(run, "lobby", "k1", largest));
  run.publish("other", "one");
  assert_ok(keep(run, "other", "a", largest));
}

void minor_values_neither_keep_a_room_nor_take_the_space_of_others(void**) {
  const TemporaryFolder folder;
  Settings settings{folder.file("chat.db")};
  settings.history.max_rooms = 1;
  const std::string largest(RoomStore::kMaxValueBytes, 'x');
  {
    HistoryRun run(settings);
    run.publish("marked", "one");
    std::size_t kept = 0;
    Status status;
    while ((status = keep(run, "marked", "~" + std::to_string(kept), largest)).ok()) ++kept;
    assert_status(status, Error::too_many);
    assert_in_range(kept, 200, RoomStore::kMaxRoomValueBytes / RoomStore::kMaxValueBytes);
    assert_ok(keep(run, "marked", "a", largest));
    assert_ok(keep(run, "marked", "a", ""));
    assert_true(run.history->rooms_with_values().empty());
    assert_int_equal(run.history->values("marked").size(), kept);
    run.pass(1'000);
    run.publish("newest", "one");
  }
  {
    HistoryRun run(settings);
    wait_until([&] { return !run.hub().has_room("marked"); });
    assert_true(run.hub().has_room("newest"));
    assert_true(run.history->values("marked").empty());
    // Their space is free again.
    run.publish("marked", "again");
    assert_ok(keep(run, "marked", "~1", largest));
  }
  store::SqliteConnection file;
  assert_ok(file.open(settings.path, false));
  assert_true(*file.number("SELECT count(*) FROM value") <= 1);
}

void read_markers_survive_a_restart(void**) {
  const TemporaryFolder folder;
  Settings settings{folder.file("chat.db")};
  {
    HistoryRun run(settings);
    for (int i = 0; i < 5; ++i) run.publish("lobby", "x");
    assert_ok(run.hub().set_seen("lobby", "ann", 3, 0, run.moment()));
    assert_ok(run.hub().set_seen("lobby", "bob", 5, 0, run.moment()));
    run.hub().keep_seen();
  }
  {
    HistoryRun run(settings);
    assert_int_equal(*run.hub().seen("lobby", "bob"), 5);  // the room is not in use
    assert_ok(run.f->join(run.f->open(0, "ann"), "lobby"));
    assert_int_equal(only<Joined>(run.f->take())[0].seen, 3);
    assert_ok(run.hub().set_seen("lobby", "ann", 2, 0, run.moment()));
    run.publish("lobby", "x");
    assert_ok(run.hub().set_seen("lobby", "ann", 6, 0, run.moment()));
    run.hub().keep_seen();
  }
  {
    HistoryRun run(settings);
    assert_int_equal(*run.hub().seen("lobby", "ann"), 6);
    assert_int_equal(*run.hub().seen("lobby", "carl"), 0);
    assert_ok(run.hub().close_room("lobby", "", run.moment()));
    for (int i = 0; i < 9; ++i) run.publish("lobby", "x");
    assert_int_equal(*run.hub().seen("lobby", "ann"), 0);
    run.hub().keep_seen();
  }
  HistoryRun run(settings);
  assert_int_equal(*run.hub().seen("lobby", "ann"), 0);
}

void values_outlive_a_killed_process(void**) {
  const TemporaryFolder folder;
  const Settings settings{folder.file("chat.db")};
  std::array<int, 2> written{};
  assert_int_equal(::pipe(written.data()), 0);
  const pid_t child = fork();
  if (child == 0) {
    HistoryRun run(settings);
    run.publish("lobby", "one");
    if (!keep(run, "lobby", "a", "1").ok()) _exit(1);
    run.publish("lobby", "two");  // it is written after the value
    if (::write(written[1], "x", 1) != 1) _exit(1);
    for (;;) ::pause();
  }
  ::close(written[1]);
  char ready = 0;
  assert_int_equal(::read(written[0], &ready, 1), 1);
  ::close(written[0]);
  ::kill(child, SIGKILL);
  assert_int_equal(::waitpid(child, nullptr, 0), child);
  HistoryRun run(settings);
  assert_ok(run.opened);
  assert_true(values(run, "lobby") == Texts({"a 1"}));
  assert_true(texts(run.read("lobby").messages) == Texts({"1 one", "2 two"}));
}

void rooms_without_members_are_listed(void**) {
  const TemporaryFolder folder;
  const Settings settings{folder.file("chat.db")};
  {
    HistoryRun run(settings);
    run.publish("a", "1");
    run.publish("b", "1");
    run.publish("b", "2");
  }
  HistoryRun run(settings);
  assert_int_equal(run.hub().stats().rooms_now, 0);  // no room is in memory before it is used
  std::vector<RoomInfo> rooms = run.hub().rooms();
  assert_int_equal(rooms.size(), 2);
  assert_text(rooms[1].name, "b");
  assert_int_equal(rooms[1].seq, 2);
  assert_int_equal(rooms[1].history_count, 2);
  assert_true(run.hub().has_room("a"));
  assert_int_equal(run.hub().list_rooms(run.now)->items.size(), 2);
  const ClientPtr client = run.f->open();
  assert_ok(run.f->join(client, "a"));
  rooms = run.hub().rooms();
  assert_int_equal(rooms.size(), 2);
  assert_int_equal(rooms[0].member_count, 1);
  assert_int_equal(rooms[0].history_count, 1);
}

void a_lost_tail_changes_the_epochs(void**) {
  const TemporaryFolder folder;
  Settings settings{folder.file("chat.db")};
  const auto copy = [&](const char* name) {
    for (const char* end : {"", "-wal"}) {
      std::filesystem::copy_file(settings.path + end, folder.file(name) + end);
    }
    return folder.file(name);
  };
  std::string epoch;
  Settings same = settings;
  Settings rebooted = settings;
  {
    HistoryRun run(settings);
    epoch = run.publish("lobby", "one").epoch;
    // As the file is when the process, or the whole system, ends now.
    same.path = copy("same.db");
    rebooted.path = copy("rebooted.db");
  }
  rebooted.boot_id = "another boot";
  assert_text(HistoryRun(same).read("lobby").epoch, epoch);
  assert_text(HistoryRun(rebooted).read("lobby").epoch, "changed");
  assert_int_equal(HistoryRun(rebooted).read("lobby").messages.size(), 1);
  settings.boot_id = "another boot";
  assert_text(HistoryRun(settings).read("lobby").epoch, epoch);  // after a clean stop nothing is missing
}

void with_full_sync_nothing_is_lost(void**) {
  const TemporaryFolder folder;
  Settings settings{folder.file("chat.db")};
  settings.full_sync = true;
  std::string epoch;
  Settings rebooted = settings;
  {
    HistoryRun run(settings);
    epoch = run.publish("lobby", "one").epoch;
    rebooted.path = folder.file("rebooted.db");
    for (const char* end : {"", "-wal"}) std::filesystem::copy_file(settings.path + end, rebooted.path + end);
  }
  rebooted.boot_id = "another boot";
  assert_text(HistoryRun(rebooted).read("lobby").epoch, epoch);
}

void many_publish_at_once(void**) {
  const TemporaryFolder folder;
  const Settings settings{folder.file("chat.db")};
  constexpr int kThreads = 4;
  constexpr int kMessages = 500;
  {
    HistoryRun run(settings);
    const ClientPtr member = run.f->open();
    assert_ok(run.f->join(member, "lobby"));
    run.f->take();
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&run] {
        for (int i = 0; i < kMessages; ++i) {
          if (!run.hub().publish(draft("lobby", std::to_string(i)), run.now).ok()) std::abort();
        }
      });
    }
    std::uint64_t seq = 0;
    wait_until([&] {
      for (const RoomMessage& one : only<RoomMessage>(run.f->take())) {
        assert_int_equal(one.message->seq, ++seq);
      }
      return seq == kThreads * kMessages;
    });
    for (std::thread& thread : threads) thread.join();
  }
  HistoryRun run(settings);
  assert_int_equal(run.read("lobby").seq, kThreads * kMessages);
}

void what_waits_when_it_stops_is_written(void**) {
  const TemporaryFolder folder;
  const Settings settings{folder.file("chat.db")};
  {
    HistoryRun run(settings);
    for (int i = 0; i < 1'000; ++i) assert_true(run.hub().publish(draft("lobby", "x"), run.now).ok());
    run.history->stop();
    assert_status(run.hub().publish(draft("lobby", "late"), run.now).status(), Error::stopped);
  }
  HistoryRun run(settings);
  assert_int_equal(run.read("lobby").seq, 1'000);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_message_is_acknowledged_when_it_is_written),
      cmocka_unit_test(everything_is_the_same_after_a_restart),
      cmocka_unit_test(nothing_is_read_for_what_is_in_memory),
      cmocka_unit_test(ids_are_known_after_a_restart),
      cmocka_unit_test(a_position_continues_after_a_restart),
      cmocka_unit_test(a_client_waits_for_what_is_read),
      cmocka_unit_test(pages_far_back_are_read),
      cmocka_unit_test(the_limits_of_a_room_hold_in_the_file),
      cmocka_unit_test(old_messages_go),
      cmocka_unit_test(the_longest_silent_rooms_give_way),
      cmocka_unit_test(the_rules_of_a_room_survive),
      cmocka_unit_test(a_closed_room_is_gone_from_the_file),
      cmocka_unit_test(a_restored_room_is_kept_too),
      cmocka_unit_test(values_survive_a_restart),
      cmocka_unit_test(a_room_with_values_is_kept),
      cmocka_unit_test(a_closed_room_has_no_values),
      cmocka_unit_test(a_restored_room_keeps_its_values),
      cmocka_unit_test(values_are_bounded),
      cmocka_unit_test(minor_values_neither_keep_a_room_nor_take_the_space_of_others),
      cmocka_unit_test(read_markers_survive_a_restart),
      cmocka_unit_test(values_outlive_a_killed_process),
      cmocka_unit_test(rooms_without_members_are_listed),
      cmocka_unit_test(a_lost_tail_changes_the_epochs),
      cmocka_unit_test(with_full_sync_nothing_is_lost),
      cmocka_unit_test(many_publish_at_once),
      cmocka_unit_test(what_waits_when_it_stops_is_written),
  };
  return cmocka_run_group_tests_name("store/stored_history", tests, nullptr, nullptr);
}
