// A room of a cluster whose Redis is gone, with the policy `island`: when it numbers messages itself, and how they come into the
// shared room.
#include <memory>
#include <string>
#include <utility>
#include <vector>

// Last, because it defines macros with common names.
#include "shared_room_fixture.h"

using namespace chat;
using namespace chat::test;

namespace {

const std::string kUnavailable = std::to_string(static_cast<int>(Error::unavailable));
const std::string kNoSuchMessage = std::to_string(static_cast<int>(Error::no_such_message));

struct IslandFixture : Fixture {
  IslandFixture() { settings.islands = true; }

  void lose() {
    redis.commands.clear();  // their answers do not come
    redis.open = false;
    redis.lost_at = now_ms;
    room->on_lost();
  }
  void pass(std::int64_t ms) {
    now_ms += ms;
    room->look_after();
  }
  // Redis is back as this process, and asks for the room's position.
  Texts come_back(const std::string& run, Value answer) {
    redis.open = true;
    redis.its_run = run;
    room->look_after();
    redis.answer("subscribe", text("OK"));
    return redis.answer("open", std::move(answer));
  }
  // An island with these messages, which began at e 7.
  void become_island(const Texts& payloads) {
    open("e", 7);
    lose();
    now_ms += 5'000;
    for (const std::string& payload : payloads) submit(payload);
    told();
  }
};

Message with_id(const std::string& id) {
  Message message;
  message.id = message.payload = id;
  return message;
}

Value published(std::uint64_t first) { return list({text("OK"), text(std::to_string(first)), text("5")}); }

void it_becomes_an_island_after_the_time_that_messages_wait(void**) {
  IslandFixture f;
  f.open("e", 7);
  f.lose();
  f.submit("one");
  f.pass(4'999);
  assert_told(f, {});
  assert_int_equal(f.counters.islands, 0);
  f.pass(1);
  assert_told(f, {"renumber made 7", "commit one made 8"});
  f.submit("two");  // at once
  assert_told(f, {"commit two made 9"});
  assert_int_equal(f.counters.islands, 1);
  assert_int_equal(f.counters.waiting, 2);
  assert_int_equal(f.counters.failed, 0);
}

void a_message_waits_for_the_island_when_the_loss_is_found_late(void**) {
  IslandFixture f;
  f.open("e", 7);
  f.submit("one");
  f.now_ms += 3'000;
  f.lose();
  f.pass(4'999);
  assert_told(f, {});
  f.pass(1);
  assert_told(f, {"renumber made 7", "commit one made 8"});
}

void a_room_that_nobody_needs_is_no_island(void**) {
  IslandFixture f;
  f.open("e", 7);
  f.lose();
  f.pass(60'000);
  assert_told(f, {});
  assert_int_equal(f.counters.islands, 0);
}

void a_new_room_is_an_island_at_once_when_redis_was_gone_long_enough(void**) {
  IslandFixture f;
  f.redis.open = false;
  f.redis.lost_at = f.now_ms - 5'000;
  KeptRangePtr read;
  f.room->read([&](KeptRangePtr range) { read = std::move(range); });
  assert_told(f, {"adopt made 0"});
  assert_true(read && read->status.ok() && read->epoch == "made" && read->hold);
  f.submit("one");
  assert_told(f, {"commit one made 1"});
}

void a_room_that_the_hub_refuses_fails_what_waits(void**) {
  IslandFixture f;
  f.redis.open = false;
  f.redis.lost_at = f.now_ms - 5'000;
  f.host.adopts = {Error::too_many, "too many rooms"};
  KeptRangePtr read;
  f.room->read([&](KeptRangePtr range) { read = std::move(range); });
  assert_true(read && read->status.code == Error::too_many);
  assert_int_equal(f.counters.islands, 0);
}

void a_room_whose_redis_is_there_is_no_island(void**) {
  for (const bool is_there : {true, false}) {
    IslandFixture f;
    f.open("e", 7);
    f.lose();
    f.redis.lost_at.reset();  // rooms move, or nobody has the part
    f.redis.open = is_there;
    f.redis.settled = false;
    f.submit("one");
    f.pass(5'000);
    assert_told(f, {"commit one " + kUnavailable});
    assert_int_equal(f.counters.islands, 0);
  }
}

void its_messages_are_published_when_redis_is_back(void**) {
  IslandFixture f;
  f.become_island({"one", "two"});
  const Texts asked = f.come_back("run2", position("e", 9, {entry(9, {"far8", "far9"})}));
  assert_text(asked[3] + " " + asked[4] + " " + asked[5], "e 7 run1");
  assert_true(f.room->state() == SharedRoom::State::merging && f.room->has_handed_over());
  f.submit("three");
  f.room->on_notice('b', notice("e", 12, {"far12"}, "t", "run2"));
  assert_told(f, {});  // until everything is there
  const Texts sent = f.redis.answer("publish", published(10));
  assert_text(sent[1] + " " + sent[4], "e 2");
  assert_text(sent[5], batch_of({"one", "two"}));
  assert_text(sent[10] + "," + sent[11], "made 8,made 9");
  const std::vector<Value> entries = {entry(11, {"one", "two"}), entry(9, {"far8", "far9"}), entry(7, {"seven"})};
  assert_text(f.redis.answer("open", position("e", 11, entries))[3], "");
  assert_told(f, {"adopt e 11 seven far8 far9 one two", "receive far12 e 12"});
  f.redis.answer("publish", published(13));
  assert_told(f, {"commit three e 13"});
  assert_int_equal(f.counters.merged, 2);
  assert_int_equal(f.counters.islands, 0);
  assert_int_equal(f.counters.waiting, 0);
  assert_true(f.room->is_open() && f.redis.commands.empty());
}

void what_the_shared_room_has_lost_is_handed_over_first(void**) {
  IslandFixture f;
  f.become_island({"8"});
  for (std::uint64_t seq = 6; seq <= 8; ++seq) {
    auto message = std::make_shared<Message>();
    message->room = "dev";
    message->payload = std::to_string(seq);
    message->epoch = "made";
    message->seq = seq;
    f.host.its_kept.push_back(std::move(message));
  }
  f.come_back("run2", list({text("TELL"), text("5"), text("5")}));
  const Texts asked = f.redis.answer("open", position("e", 7));
  assert_int_equal(asked.size(), 14 + 2 * 6);
  assert_text(asked[3] + " " + asked[14] + " " + asked[20], "e 6 7");
  assert_text(f.redis.answer("publish", published(8))[5], batch_of({"8"}));
}

void a_lost_answer_of_the_merge_doubles_nothing(void**) {
  IslandFixture f;
  f.become_island({"one", "two"});
  f.come_back("run2", position("e", 7));
  const std::string token = f.redis.next("publish").args[6];
  f.lose();
  f.submit("three");
  assert_told(f, {"commit three made 10"});  // still an island
  f.come_back("run2", position("e", 9, {entry(9, {"one", "two"}, token)}));
  const Texts sent = f.redis.answer("publish", published(10));
  assert_text(sent[5], batch_of({"three"}));
  f.redis.answer("open", position("e", 10));
  assert_told(f, {"adopt e 10"});
  assert_int_equal(f.counters.merged, 3);
}

void what_the_stream_does_not_tell_any_more_is_known_by_its_id(void**) {
  IslandFixture f;
  f.become_island({"one", "two"});
  f.come_back("run2", position("e", 7));
  const Texts first = f.redis.next("publish").args;
  f.lose();
  f.come_back("run2", position("e", 900));
  const Texts again = f.redis.answer("publish", texts({"TWICE", "1", "8", "7", "7"}));
  assert_text(again[10] + again[11], first[10] + first[11]);
  assert_text(f.redis.answer("publish", published(901))[5], batch_of({"two"}));
  f.redis.answer("open", position("e", 901));
  assert_told(f, {"adopt e 901"});
  assert_int_equal(f.counters.waiting, 0);
}

void a_redis_that_is_empty_before_the_end_of_the_merge_gets_everything_again(void**) {
  IslandFixture f;
  f.become_island({"one", "two"});
  f.come_back("run2", position("e", 7));
  f.redis.answer("publish", published(8));
  assert_text(f.redis.next("open").args[3], "");
  f.lose();
  assert_int_equal(f.room->missing(), 2);
  const Texts asked = f.come_back("run3", position("e", 7));
  assert_text(asked[3] + " " + asked[4], "e 7");  // the base is handed over again, if it must be
  assert_text(f.redis.answer("publish", published(8))[5], batch_of({"one", "two"}));
}

void a_batch_whose_answer_was_lost_before_the_island_is_looked_up(void**) {
  IslandFixture f;
  f.open("e", 7);
  f.submit("one");
  f.redis.next("publish");
  f.lose();
  f.submit("two");
  f.pass(5'000);
  assert_told(f, {"renumber made 7", "commit one made 8", "commit two made 9"});
  const Texts asked = f.come_back("run2", position("e", 8, {}, "8"));
  assert_text(asked[10], "me.1");
  assert_text(f.redis.answer("publish", published(9))[5], batch_of({"two"}));
}

void a_message_with_an_id_is_published_under_it(void**) {
  IslandFixture f;
  f.become_island({});
  f.submit(with_id("x"));
  assert_told(f, {"renumber made 7", "commit x made 8"});
  f.come_back("run2", position("e", 7));
  Message sent = with_id("x");
  sent.room = "dev";
  assert_text(f.redis.answer("publish", texts({"TWICE", "1", "3"}))[10], id_of(sent));
  f.redis.answer("open", position("e", 7));
  assert_told(f, {"adopt e 7"});
}

void above_a_limit_messages_fail(void**) {
  IslandFixture f;
  f.settings.island_messages = 2;
  f.become_island({"one", "two"});
  f.submit("three");
  assert_told(f, {"commit three " + kUnavailable});
  assert_int_equal(f.counters.waiting, 2);
  IslandFixture g;
  g.settings.island_bytes = 3 * RoomOutbox::kStepBytes;
  g.become_island({"one"});
  g.submit(std::string(2 * RoomOutbox::kStepBytes, 'x'));
  assert_true(g.told().at(0).ends_with(" " + kUnavailable));
  g.submit("two");
  assert_told(g, {"commit two made 9"});
}

std::uint64_t reply_of(const std::string& batch, std::size_t index = 0) {
  return read_messages(batch)->at(index)->extra->reply_to;
}

void numbers_in_messages_are_those_of_the_shared_room(void**) {
  IslandFixture f;
  f.become_island({"one"});
  for (const std::uint64_t target : {7, 8}) {
    Message reply;
    reply.payload = "reply";
    reply.extra.make().reply_to = target;
    f.submit(std::move(reply));
  }
  Message edit;
  edit.event_kind = RoomEventKind::edit;
  edit.target_seq = 9;
  f.submit(std::move(edit));
  f.submit("last");
  f.come_back("run2", position("e", 7));
  // What refers to a message of the island follows it in another batch, and so does what comes after it.
  Texts sent = f.redis.answer("publish", published(20));
  assert_text(sent[4], "2");
  assert_int_equal(reply_of(sent[5], 1), 7);
  sent = f.redis.answer("publish", published(30));
  assert_text(sent[4], "3");
  assert_int_equal(reply_of(sent[5]), 20);
  assert_int_equal(read_messages(sent[5])->at(1)->target_seq, 21);
  assert_int_equal(f.counters.dropped, 0);
}

void in_another_numbering_earlier_numbers_mean_nothing(void**) {
  IslandFixture f;
  f.become_island({"one"});
  Message reply, edit;
  reply.extra.make().reply_to = 7;
  f.submit(std::move(reply));
  edit.event_kind = RoomEventKind::edit;
  edit.target_seq = 7;
  f.submit(std::move(edit));
  // The room was closed at another server, or its numbering has split.
  f.come_back("run2", position("new", 3));
  const Texts sent = f.redis.answer("publish", published(4));
  assert_text(sent[1] + " " + sent[4], "new 2");
  assert_int_equal(reply_of(sent[5], 1), 0);
  f.redis.answer("open", position("new", 5));
  assert_told(f, {"commit  made 9", "commit  made 10", "adopt new 5"});
  assert_int_equal(f.counters.dropped, 1);
  assert_int_equal(f.counters.merged, 2);
  assert_int_equal(f.counters.waiting, 0);
}

void a_refused_batch_is_tried_again(void**) {
  IslandFixture f;
  f.become_island({"one"});
  f.come_back("run2", position("e", 7));
  f.redis.answer("publish", error("OOM"));
  f.submit("two");
  f.pass(999);
  assert_true(f.redis.commands.empty());
  f.pass(1);
  for (int i = 0; i < 4; ++i) {
    f.redis.answer("publish", error("OOM"));
    assert_told(f, {});
    f.pass(1'000);
  }
  assert_told(f, {"commit two made 9"});  // nobody waits longer for Redis
  assert_text(f.redis.answer("publish", published(8))[5], batch_of({"one", "two"}));
}

void a_message_that_comes_before_the_end_of_the_merge_is_merged_too(void**) {
  IslandFixture f;
  f.become_island({"one"});
  f.come_back("run2", position("e", 7));
  f.redis.answer("publish", published(8));
  f.submit("late");
  f.pass(5'000);
  assert_told(f, {"commit late made 9"});
  const std::string token = "me.1";
  f.redis.answer("open", position("e", 8, {entry(8, {"one"}, token)}));
  assert_told(f, {});
  assert_text(f.redis.answer("publish", published(9))[5], batch_of({"late"}));
  f.redis.answer("open", position("e", 9));
  assert_told(f, {"adopt e 9"});
}

void a_room_that_must_be_opened_first_is(void**) {
  IslandFixture f;
  f.become_island({"one"});
  f.come_back("run2", position("e", 7));
  f.redis.answer("publish", texts({"MOVED"}));
  f.redis.answer("open", position("new", 9));
  assert_text(f.redis.answer("publish", published(10))[1], "new");
}

void a_room_that_is_closed_drops_its_island(void**) {
  IslandFixture f;
  f.become_island({"one"});
  f.come_back("run2", position("e", 7));
  f.room->on_notice('c', "other next");
  assert_told(f, {"close next"});
  f.redis.answer("publish", texts({"MOVED"}));  // too late
  f.redis.answer("open", position("next", 0));
  assert_told(f, {});
  assert_true(f.room->is_open());
  assert_int_equal(f.counters.waiting, 0);
  assert_int_equal(f.counters.islands, 0);
}

void a_room_that_is_closed_here_is_closed_in_redis_first(void**) {
  IslandFixture f;
  f.become_island({"one"});
  f.room->close("next");
  assert_int_equal(f.counters.waiting, 0);
  f.submit("two");
  assert_told(f, {"adopt made 0", "commit two made 1"});
  f.redis.open = true;
  f.redis.its_run = "run2";
  f.room->look_after();
  f.redis.answer("subscribe", text("OK"));
  f.redis.answer("close", text("OK"));
  f.redis.answer("open", position("next", 0));
  assert_text(f.redis.answer("publish", published(1))[5], batch_of({"two"}));
}

void another_room_of_the_hub_gets_the_messages_of_the_island(void**) {
  IslandFixture f;
  f.become_island({"one"});
  f.room->log_closed();
  assert_false(f.room->is_unused());
  KeptRangePtr read;
  f.room->read([&](KeptRangePtr range) { read = std::move(range); });
  assert_told(f, {"adopt made 8 one"});
  assert_true(read && read->status.ok() && read->hold);
  f.submit("two");
  assert_told(f, {"commit two made 9"});
}

void an_island_that_nobody_has_is_merged_and_forgotten(void**) {
  IslandFixture f;
  f.become_island({"one"});
  f.room->log_closed();
  f.come_back("run2", position("e", 7));
  f.redis.answer("publish", published(8));
  assert_told(f, {});
  assert_true(f.room->is_unused());
  assert_int_equal(f.counters.merged, 1);
  assert_int_equal(f.counters.waiting, 0);
}

void rules_of_an_island_are_written_when_redis_is_back(void**) {
  IslandFixture f;
  f.become_island({"one"});
  f.room->set_value({"ban", "bob", 0});
  assert_true(f.room->has_changes());
  f.come_back("run2", position("e", 7));
  f.redis.answer("publish", published(8));
  f.redis.answer("open", position("e", 8, {}, "0", "4", {"mode", "1"}));
  assert_told(f, {"adopt e 8 ban=bob mode=1"});
  const Texts written = f.redis.answer("set_values", text("5"));
  assert_text(written[3] + "=" + written[4], "ban=bob");
}

void changes_and_replies_that_wait_for_the_merge_find_their_messages(void**) {
  IslandFixture f;
  f.become_island({"one", "two"});
  f.come_back("run2", position("e", 9, {entry(9, {"far8", "far9"})}));
  assert_true(f.room->state() == SharedRoom::State::merging);
  f.submit(change_of(9));  // "two"
  f.submit(reply_to(8));
  f.submit(change_of(7));
  f.redis.answer("publish", published(10));
  f.redis.answer("open", position("e", 11));
  assert_told(f, {"adopt e 11"});
  assert_text(references_of(f.redis.answer("publish", published(12))[5]), "change 11,reply 10,change 7,");
  assert_told(f, {"commit change e 12", "commit reply e 13", "commit change e 14"});
}

void what_refers_to_a_message_that_the_shared_room_does_not_have_is_no_change(void**) {
  IslandFixture f;
  f.become_island({"one"});
  f.submit(change_of(7));
  f.come_back("run2", position("new", 3));
  f.redis.answer("publish", published(4));
  f.told();
  f.submit(change_of(7));
  f.submit(reply_to(7));
  f.submit(change_of(8));
  f.redis.answer("open", position("new", 4));
  assert_told(f, {"adopt new 4", "commit change " + kNoSuchMessage});
  assert_text(references_of(f.redis.answer("publish", published(5))[5]), "reply 0,change 4,");
  assert_int_equal(f.counters.failed, 1);
}

void what_was_submitted_before_the_end_and_comes_after_it_finds_its_message(void**) {
  IslandFixture f;
  f.become_island({"one"});
  f.come_back("run2", position("e", 9));
  f.redis.answer("publish", published(10));
  f.redis.answer("open", position("e", 10));
  f.told();
  f.submit(change_of(8, "made"));
  assert_text(references_of(f.redis.answer("publish", published(11))[5]), "change 10,");
  f.submit(reply_to(7, "made"));
  assert_text(references_of(f.redis.answer("publish", published(12))[5]), "reply 7,");
  f.submit(change_of(9, "made"));  // nothing has this number
  f.submit(change_of(8, "earlier"));
  assert_told(f, {"commit change e 11", "commit reply e 12", "commit change " + kNoSuchMessage,
                  "commit change " + kNoSuchMessage});
  f.submit(change_of(8));
  assert_text(references_of(f.redis.answer("publish", published(13))[5]), "change 8,");
  f.told();
  assert_true(f.room->is_busy());
  f.pass(5'000);
  assert_false(f.room->is_busy());
  f.submit(change_of(8, "made"));
  f.submit(reply_to(8, "made"));
  assert_told(f, {"commit change " + kNoSuchMessage});
  assert_text(references_of(f.redis.answer("publish", published(14))[5]), "reply 0,");
}

void what_waits_for_the_island_refers_to_the_same_messages_in_it(void**) {
  IslandFixture f;
  f.open("e", 7);
  f.lose();
  f.submit(change_of(7));
  f.pass(5'000);
  assert_told(f, {"renumber made 7", "commit change made 8"});
  f.submit(reply_to(6, "e"));  // submitted before
  assert_told(f, {"commit reply made 9"});
  f.come_back("run2", position("e", 7));
  assert_text(references_of(f.redis.answer("publish", published(8))[5]), "change 7,reply 6,");
  IslandFixture g;
  g.open("e", 7);
  g.lose();
  g.room->log_opened(false);  // the hub's room is another one, which is empty
  g.submit(change_of(7, "e"));
  g.pass(5'000);
  assert_told(g, {"adopt made 0", "commit change " + kNoSuchMessage});
}

void what_another_server_handed_over_is_not_published_again(void**) {
  for (const bool is_same : {true, false}) {
    IslandFixture f;
    f.become_island({"one", "two"});
    f.come_back("run2", position("e", 7));
    f.redis.answer("publish", published(8));
    f.lose();
    // Another Redis, which was empty: the messages have neither their token nor a name.
    std::vector<Value> entries = {entry(9, {is_same ? "two" : "far"}, "-"), entry(8, {"one"}, "-")};
    f.come_back("run3", position("e", 9, std::move(entries)));
    if (!is_same) assert_text(f.redis.answer("publish", published(10))[5], batch_of({"two"}));
    f.redis.answer("open", position("e", 10));
    assert_told(f, {"adopt e 10"});
    assert_int_equal(f.counters.merged, 2);
  }
}

void in_another_numbering_what_was_handed_over_is_another_message(void**) {
  IslandFixture f;
  f.become_island({"one"});
  f.come_back("run2", position("e", 7));
  f.redis.answer("publish", published(8));
  f.lose();
  f.come_back("run3", position("new", 8, {entry(8, {"one"}, "-")}));
  assert_text(f.redis.answer("publish", published(9))[5], batch_of({"one"}));
}

void an_island_ends_although_the_hub_does_not_take_the_room(void**) {
  IslandFixture f;
  f.become_island({"one"});
  f.room->log_closed();
  f.come_back("run2", position("e", 7));
  KeptRangePtr read;
  f.room->read([&](KeptRangePtr range) { read = std::move(range); });
  f.host.adopts = {Error::too_many, "too many rooms"};
  f.redis.answer("publish", published(8));
  f.redis.answer("open", position("e", 8));
  assert_true(read && read->status.code == Error::too_many);
  f.room->look_after();
  assert_true(f.redis.commands.empty() && f.room->is_unused());
  assert_int_equal(f.counters.islands, 0);
  assert_int_equal(f.counters.merged, 1);
}

void islands_leave_memory_to_the_other_rooms(void**) {
  IslandFixture f;
  f.settings.queue_bytes = 1'000;
  f.become_island({"one"});
  f.counters.waiting_bytes = 501;
  f.submit("two");
  assert_told(f, {"commit two " + kUnavailable});
  f.counters.waiting_bytes = 500;
  f.submit("three");
  assert_told(f, {"commit three made 9"});
}

void a_batch_that_came_with_a_position_is_not_numbered_again(void**) {
  IslandFixture f;
  f.settings.ack_replicas = 1;
  f.open("e", 7);
  f.submit("one");
  f.lose();
  f.room->log_opened(false);
  const Texts asked = f.come_back("run1", position("e", 8, {entry(8, {"one"}, "me.1")}, "8"));
  assert_text(asked[10], "me.1");
  assert_told(f, {"adopt e 8 one"});  // and the replicas are asked
  f.lose();
  f.pass(5'000);
  assert_told(f, {"renumber made 8", "acknowledge one made 8"});
  f.submit("two");
  assert_told(f, {"commit two made 9"});
  assert_text(f.come_back("run2", position("e", 8))[10], "");
  assert_text(f.redis.answer("publish", published(9))[5], batch_of({"two"}));
}

void a_message_of_the_lost_batch_that_does_not_fit_is_nowhere(void**) {
  IslandFixture f;
  f.settings.island_bytes = 3 * RoomOutbox::kStepBytes;
  const std::string large(3 * RoomOutbox::kStepBytes, 'x');
  f.open("e", 7);
  f.submit("one");
  f.submit(large);
  f.submit("two");
  f.redis.answer("publish", published(8));
  f.redis.next("publish");
  f.told();
  f.lose();
  f.pass(5'000);
  f.submit("three");
  f.submit(reply_to(9));
  assert_told(f, {"renumber made 8", "commit " + large + " " + kUnavailable, "commit two made 9",
                  "commit three made 10", "commit reply " + kUnavailable});
  f.settings.island_bytes = 8 << 20;
  f.submit(reply_to(9));
  assert_text(f.come_back("run2", position("e", 10, {}, "9"))[10], "me.2");
  assert_text(references_of(f.redis.answer("publish", published(11))[5]), "three 0,reply 10,");
}

void without_memory_for_a_token_the_earlier_ones_are_known(void**) {
  IslandFixture f;
  f.become_island({"one"});
  f.submit(reply_to(8));  // in a batch of its own
  f.come_back("run2", position("e", 7));
  f.host.no_tokens = true;
  f.redis.answer("publish", published(8));
  assert_true(f.redis.commands.empty());
  f.host.no_tokens = false;
  f.lose();
  f.come_back("run2", position("e", 8, {entry(8, {"one"}, "me.1")}));
  assert_text(references_of(f.redis.answer("publish", published(9))[5]), "reply 8,");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(it_becomes_an_island_after_the_time_that_messages_wait),
      cmocka_unit_test(a_message_waits_for_the_island_when_the_loss_is_found_late),
      cmocka_unit_test(a_room_that_nobody_needs_is_no_island),
      cmocka_unit_test(a_new_room_is_an_island_at_once_when_redis_was_gone_long_enough),
      cmocka_unit_test(a_room_that_the_hub_refuses_fails_what_waits),
      cmocka_unit_test(a_room_whose_redis_is_there_is_no_island),
      cmocka_unit_test(its_messages_are_published_when_redis_is_back),
      cmocka_unit_test(what_the_shared_room_has_lost_is_handed_over_first),
      cmocka_unit_test(a_lost_answer_of_the_merge_doubles_nothing),
      cmocka_unit_test(what_the_stream_does_not_tell_any_more_is_known_by_its_id),
      cmocka_unit_test(a_redis_that_is_empty_before_the_end_of_the_merge_gets_everything_again),
      cmocka_unit_test(a_batch_whose_answer_was_lost_before_the_island_is_looked_up),
      cmocka_unit_test(a_message_with_an_id_is_published_under_it),
      cmocka_unit_test(above_a_limit_messages_fail),
      cmocka_unit_test(numbers_in_messages_are_those_of_the_shared_room),
      cmocka_unit_test(in_another_numbering_earlier_numbers_mean_nothing),
      cmocka_unit_test(a_refused_batch_is_tried_again),
      cmocka_unit_test(a_message_that_comes_before_the_end_of_the_merge_is_merged_too),
      cmocka_unit_test(a_room_that_must_be_opened_first_is),
      cmocka_unit_test(a_room_that_is_closed_drops_its_island),
      cmocka_unit_test(a_room_that_is_closed_here_is_closed_in_redis_first),
      cmocka_unit_test(another_room_of_the_hub_gets_the_messages_of_the_island),
      cmocka_unit_test(an_island_that_nobody_has_is_merged_and_forgotten),
      cmocka_unit_test(rules_of_an_island_are_written_when_redis_is_back),
      cmocka_unit_test(changes_and_replies_that_wait_for_the_merge_find_their_messages),
      cmocka_unit_test(what_refers_to_a_message_that_the_shared_room_does_not_have_is_no_change),
      cmocka_unit_test(what_was_submitted_before_the_end_and_comes_after_it_finds_its_message),
      cmocka_unit_test(what_waits_for_the_island_refers_to_the_same_messages_in_it),
      cmocka_unit_test(what_another_server_handed_over_is_not_published_again),
      cmocka_unit_test(in_another_numbering_what_was_handed_over_is_another_message),
      cmocka_unit_test(an_island_ends_although_the_hub_does_not_take_the_room),
      cmocka_unit_test(islands_leave_memory_to_the_other_rooms),
      cmocka_unit_test(a_batch_that_came_with_a_position_is_not_numbered_again),
      cmocka_unit_test(a_message_of_the_lost_batch_that_does_not_fit_is_nowhere),
      cmocka_unit_test(without_memory_for_a_token_the_earlier_ones_are_known),
  };
  return cmocka_run_group_tests_name("cluster/room_island", tests, nullptr, nullptr);
}
