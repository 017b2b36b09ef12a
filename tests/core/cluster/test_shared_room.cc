// A room of a cluster without Redis: what it asks, and what it makes of answers and notices.
#include <memory>
#include <string>
#include <utility>

// Last, because it defines macros with common names.
#include "shared_room_fixture.h"

using namespace chat;
using namespace chat::test;

namespace {

void it_subscribes_before_it_asks_for_its_position(void**) {
  Fixture f;
  f.room->log_opened(false);
  assert_int_equal(f.redis.commands.size(), 1);
  f.redis.answer("subscribe", text("OK"));
  const Texts asked = f.redis.answer("open", position("e", 7, {entry(7, {"seven"}), entry(6, {"five", "six"})}));
  assert_text(asked[0], "run1");
  assert_text(asked[3], "");  // it knows nothing
  assert_told(f, {"adopt e 7 five six seven"});
  assert_true(f.room->is_open() && !f.room->is_busy() && f.redis.commands.empty());
}

void what_waits_is_published_in_one_batch_at_a_time(void**) {
  Fixture f;
  f.open();
  f.submit("one");
  f.submit("two");
  f.submit("three");
  assert_int_equal(f.redis.commands.size(), 1);
  assert_text(f.redis.answer("publish", list({text("OK"), text("1"), text("5")}))[4], "1");
  assert_told(f, {"commit one e 1"});
  assert_text(f.redis.answer("publish", list({text("OK"), text("2"), text("5")}))[4], "2");
  assert_told(f, {"commit two e 2", "commit three e 3"});
  assert_int_equal(f.counters.waiting, 0);
  assert_int_equal(f.counters.published, 3);
}

void a_notice_that_comes_before_the_answer_counts(void**) {
  Fixture f;
  f.open();
  f.submit("own");
  f.room->on_notice('b', notice("e", 1, {"own"}, "me.1"));
  assert_told(f, {"commit own e 1"});
  f.redis.answer("publish", list({text("OK"), text("1"), text("5")}));
  f.room->on_notice('b', notice("e", 1, {"own"}, "me.1"));
  f.room->on_notice('b', notice("e", 2, {"far"}));
  assert_told(f, {"receive far e 2"});
}

void an_answer_waits_for_what_comes_before_it(void**) {
  Fixture f;
  f.open();
  f.submit("own");
  f.redis.answer("publish", list({text("OK"), text("2"), text("5")}));
  assert_told(f, {});
  f.room->on_notice('b', notice("e", 1, {"far"}));
  assert_told(f, {"receive far e 1", "commit own e 2"});
}

void a_hole_is_fetched_after_a_time(void**) {
  Fixture f;
  f.open();
  f.room->on_notice('b', notice("e", 3, {"three"}));
  f.room->look_after();
  assert_true(f.redis.commands.empty() && f.room->is_busy());
  f.now_ms += 50;
  f.room->look_after();
  assert_int_equal(f.counters.holes, 1);
  f.room->on_notice('b', notice("e", 4, {"four"}));
  const Texts asked = f.redis.answer("open", position("e", 3, {entry(3, {"three"}), entry(2, {"one", "two"})}));
  assert_text(asked[3] + " " + asked[4], "e 0");
  assert_told(f, {"receive one e 1", "receive two e 2", "receive three e 3", "receive four e 4"});
}

void a_lost_answer_is_looked_up(void**) {
  Fixture f;
  f.open();
  f.submit("published");
  f.redis.next("publish");
  f.room->on_lost();
  f.room->attend();
  f.redis.answer("subscribe", text("OK"));
  const Texts asked = f.redis.answer("open", position("e", 1, {entry(1, {"published"}, "me.1")}, "1"));
  assert_text(asked[10], "me.1");
  assert_told(f, {"commit published e 1"});
  assert_true(f.redis.commands.empty());
}

void a_position_with_the_lost_batch_only_acknowledges(void**) {
  Fixture f;
  f.open();
  f.submit("published");
  f.redis.next("publish");
  f.room->on_lost();
  f.room->log_opened(false);  // the hub has another room: the messages come with the position
  f.redis.answer("subscribe", text("OK"));
  f.redis.answer("open", position("e", 1, {entry(1, {"published"}, "me.1")}, "1"));
  assert_told(f, {"adopt e 1 published", "acknowledge published e 1"});
}

void what_redis_does_not_have_is_sent_again(void**) {
  Fixture f;
  f.open();
  f.submit("one");
  const FakeRedis::Command first = f.redis.next("publish");
  f.room->on_lost();
  f.submit("two");
  f.redis.answer("subscribe", text("OK"));
  f.redis.answer("open", position("e", 0));
  redis::Reply late;
  late.value = list({text("OK"), text("1"), text("5")});
  first.done(std::move(late));
  assert_told(f, {});
  const Texts sent = f.redis.answer("publish", list({text("OK"), text("1"), text("5")}));
  assert_text(sent[4] + " " + sent[6], "2 me.2");
  assert_told(f, {"commit one e 1", "commit two e 2"});
}

void a_room_that_must_be_opened_first_is(void**) {
  Fixture f;
  f.open();
  f.submit("one");
  f.redis.answer("publish", texts({"MOVED"}));
  f.redis.answer("open", position("other", 7));
  assert_told(f, {"adopt other 7"});
  f.redis.answer("publish", list({text("OK"), text("8"), text("5")}));
  assert_told(f, {"commit one other 8"});
}

void a_known_message_is_acknowledged_and_the_others_are_published(void**) {
  Fixture f;
  f.open("e", 4);
  f.submit("a");
  f.redis.answer("publish", list({text("OK"), text("5"), text("5")}));
  f.room->on_lost();
  f.submit("b");
  f.submit("c");
  f.redis.answer("subscribe", text("OK"));
  f.redis.answer("open", position("e", 5));
  f.told();
  f.redis.answer("publish", texts({"TWICE", "1", "3", "7", "7", "x", "1"}));  // an index that is not there is ignored
  assert_told(f, {"acknowledge b e 3 repeated"});
  f.redis.answer("publish", list({text("OK"), text("6"), text("5")}));
  assert_told(f, {"commit c e 6"});
}

void a_part_that_moves_is_settled_for_itself(void**) {
  Fixture f;
  f.open("e", 7);
  f.redis.its_run = "run2";
  f.redis.part_moved = true;
  f.room->on_lost();
  f.room->attend();
  f.redis.answer("subscribe", text("OK"));
  assert_text(f.redis.answer("open", texts({"WAIT", "1000"}))[2], "2");  // its data did not come
  assert_true(f.room->state() == SharedRoom::State::settling && f.room->has_handed_over());
  f.room->attend();
  assert_true(f.redis.commands.empty());
  f.redis.part_moved = false;
  f.room->attend();
  assert_text(f.redis.answer("open", position("e", 7))[2], "1");
  assert_true(f.room->is_open());
}

void it_waits_until_all_servers_have_handed_over(void**) {
  Fixture f;
  f.open("e", 2);
  f.room->on_lost();
  f.redis.its_run = "run2";
  f.redis.settled = false;
  assert_false(f.room->has_handed_over());
  f.room->attend();
  f.redis.answer("subscribe", text("OK"));
  assert_text(f.redis.answer("open", list({text("WAIT"), text("5")}))[2], "0");
  assert_true(f.room->state() == SharedRoom::State::settling && f.room->has_handed_over());
  f.room->look_after();
  assert_true(f.redis.commands.empty());
  f.redis.settled = true;
  f.room->look_after();
  assert_text(f.redis.answer("open", position("e", 2))[2], "1");
  assert_told(f, {});
  assert_true(f.room->is_open());
}

void it_hands_over_what_redis_lacks(void**) {
  Fixture f;
  f.open("e", 3);
  for (std::uint64_t seq = 1; seq <= 3; ++seq) {
    auto message = std::make_shared<Message>();
    message->room = "dev";
    message->payload = std::to_string(seq);
    message->epoch = "e";
    message->seq = seq;
    message->time_ms = 9;
    f.host.its_kept.push_back(std::move(message));
  }
  f.room->on_lost();
  f.redis.its_run = "run2";
  f.room->attend();
  f.redis.answer("subscribe", text("OK"));
  assert_int_equal(f.redis.answer("open", list({text("TELL"), text("5"), text("1")})).size(), 14);
  const Texts asked = f.redis.answer("open", position("e", 3));
  assert_text(asked[13], "1");
  assert_int_equal(asked.size(), 14 + 2 * 6);
  assert_text(asked[14] + " " + asked[16] + " " + asked[20], "2 9 3");
  assert_true(f.room->is_open());
}

void another_numbering_is_adopted(void**) {
  Fixture f;
  f.open("e", 3);
  f.room->on_notice('b', notice("new", 4, {"x"}));
  f.redis.answer("open", position("new", 4, {entry(4, {"x"})}));
  assert_told(f, {"adopt new 4 x"});
  f.room->on_notice('f', "");
  f.redis.answer("open", position("newer", 4));
  assert_told(f, {"adopt newer 4"});
}

void in_another_numbering_what_waits_refers_to_nothing(void**) {
  Fixture f;
  f.open("e", 7);
  f.redis.open = false;
  f.room->on_lost();
  f.submit(change_of(7));
  f.submit(reply_to(7));
  f.redis.open = true;
  f.room->look_after();
  f.redis.answer("subscribe", text("OK"));
  f.redis.answer("open", position("new", 9));
  assert_told(f, {"adopt new 9", "commit change " + std::to_string(static_cast<int>(Error::no_such_message))});
  assert_text(references_of(f.redis.answer("publish", list({text("OK"), text("10"), text("5")}))[5]), "reply 0,");
  assert_told(f, {"commit reply new 10"});
  assert_int_equal(f.counters.waiting, 0);
}

void what_waits_too_long_fails(void**) {
  Fixture f;
  f.open();
  f.redis.open = false;
  f.room->on_lost();
  f.submit("old");
  KeptRangePtr read;
  f.room->read([&](KeptRangePtr range) { read = std::move(range); });
  f.room->look_after();
  f.now_ms += 4'999;
  f.submit("young");
  f.room->look_after();
  assert_told(f, {});
  f.now_ms += 1;
  f.room->look_after();
  assert_told(f, {"commit old " + std::to_string(static_cast<int>(Error::unavailable))});
  assert_true(read && read->status.code == Error::unavailable);
  f.room->stop({Error::stopped, "end"});
  assert_told(f, {"commit young " + std::to_string(static_cast<int>(Error::stopped))});
  assert_int_equal(f.counters.waiting, 0);
  assert_int_equal(f.counters.failed, 2);
}

void not_more_than_the_bound_waits(void**) {
  Fixture f;
  f.redis.open = false;
  for (const char* payload : {"1", "2", "3", "4"}) f.submit(payload);
  assert_told(f, {"commit 4 " + std::to_string(static_cast<int>(Error::unavailable))});
}

void a_refused_step_is_tried_again_after_a_second(void**) {
  Fixture f;
  f.room->log_opened(false);
  f.redis.answer("subscribe", text("OK"));
  f.redis.answer("open", error("ERR no"));
  assert_true(f.room->state() == SharedRoom::State::closed);
  f.now_ms += 999;
  f.room->look_after();
  assert_true(f.redis.commands.empty());
  f.now_ms += 1;
  f.room->look_after();
  f.redis.answer("open", list({text("OPEN"), text("bad epoch\n"), text("1"), text("1"), list({}), text("0"), list({}),
                               text("0")}));
  assert_true(f.room->state() == SharedRoom::State::closed);
}

void a_refused_batch_fails_unless_another_redis_may_take_it(void**) {
  Fixture f;
  f.open();
  f.submit("one");
  f.redis.answer("publish", error("OOM"));
  assert_told(f, {"commit one " + std::to_string(static_cast<int>(Error::unavailable))});
  f.now_ms += 1'000;
  f.submit("two");
  f.redis.refusal = RoomRedis::Refusal::of_redis;
  f.redis.answer("publish", error("READONLY"));
  assert_told(f, {});
  f.room->on_lost();
  f.room->attend();
  f.redis.answer("subscribe", text("OK"));
  f.redis.answer("open", position("e", 0));
  f.redis.answer("publish", list({text("OK"), text("1"), text("5")}));
  assert_told(f, {"commit two e 1"});
}

void a_room_whose_slot_moves_waits_and_continues_elsewhere(void**) {
  Fixture f;
  f.open("e", 4);
  f.submit("one");
  f.redis.refusal = RoomRedis::Refusal::of_place;
  f.redis.answer("publish", error("TRYAGAIN"));
  f.room->look_after();
  assert_true(f.redis.commands.empty());
  f.now_ms += 100;
  f.room->look_after();
  f.redis.answer("open", error("MOVED 1 127.0.0.1:1"));
  assert_told(f, {});
  FakeRedis other;
  other.its_run = "run2";
  f.room->move_to(other);
  f.room->attend();
  other.answer("subscribe", text("OK"));
  const Texts asked = other.answer("open", position("e", 4));
  assert_text(asked[0] + " " + asked[3] + " " + asked[4] + " " + asked[5], "run2 e 4 run1");
  other.answer("publish", list({text("OK"), text("5"), text("5")}));
  assert_told(f, {"commit one e 5"});
  assert_true(f.redis.commands.empty());
}

void a_room_whose_slot_moves_for_too_long_fails_what_waits(void**) {
  Fixture f;
  f.open();
  f.room->look_after();
  f.submit("one");
  f.redis.refusal = RoomRedis::Refusal::of_place;
  f.redis.answer("publish", error("TRYAGAIN"));
  for (int i = 0; i < 50; ++i) {
    f.now_ms += 100;
    f.room->look_after();
    if (!f.redis.commands.empty()) f.redis.answer("open", error("TRYAGAIN"));
  }
  assert_told(f, {"commit one " + std::to_string(static_cast<int>(Error::unavailable))});
}

void messages_of_another_redis_are_looked_up(void**) {
  Fixture f;
  f.open("e", 4);
  f.room->on_notice('b', notice("e", 5, {"x"}, "t", "run2"));
  assert_told(f, {});
  f.room->on_notice('b', notice("e", 6, {"y"}, "t", "run1"));
  f.redis.answer("open", position("e", 5, {entry(5, {"x"})}));
  assert_told(f, {"receive x e 5", "receive y e 6"});
}

void replicas_have_a_message_before_it_is_acknowledged(void**) {
  Fixture f;
  f.settings.ack_replicas = 1;
  f.open();
  f.submit("one");
  assert_int_equal(f.redis.confirms.size(), 1);
  f.submit("two");
  f.redis.answer("publish", list({text("OK"), text("1"), text("5")}));
  f.room->on_notice('b', notice("e", 1, {"one"}, "me.1"));
  f.room->on_notice('b', notice("e", 2, {"far"}));
  f.now_ms += 1'000;
  f.room->look_after();
  assert_told(f, {});  // nothing is a hole
  assert_true(f.redis.commands.empty());
  f.redis.confirms[0](true);
  assert_told(f, {"commit one e 1", "receive far e 2"});
  assert_int_equal(f.redis.confirms.size(), 2);
  f.redis.answer("publish", list({text("OK"), text("3"), text("5")}));
  f.redis.confirms[1](true);
  assert_told(f, {"commit two e 3"});
}

void without_enough_replicas_a_message_fails_and_is_delivered(void**) {
  Fixture f;
  f.settings.ack_replicas = 1;
  f.open();
  f.submit("one");
  f.redis.answer("publish", list({text("OK"), text("1"), text("5")}));
  f.room->on_notice('b', notice("e", 1, {"one"}, "me.1"));
  f.redis.confirms[0](false);
  assert_told(f, {"commit one " + std::to_string(static_cast<int>(Error::unavailable)), "receive one e 1"});
  assert_int_equal(f.counters.waiting, 0);
}

void replicas_have_what_is_known_before_it_is_acknowledged_again(void**) {
  Fixture f;
  f.settings.ack_replicas = 1;
  f.open("e", 4);
  f.submit("again");
  f.redis.answer("publish", texts({"TWICE", "1", "3"}));
  assert_told(f, {});
  f.redis.confirms[0](true);
  assert_told(f, {"acknowledge again e 3 repeated"});
  f.submit("again");
  f.redis.answer("publish", texts({"TWICE", "1", "3"}));
  f.redis.confirms[1](false);
  assert_told(f, {"commit again " + std::to_string(static_cast<int>(Error::unavailable))});
}

void a_batch_whose_answer_was_lost_is_confirmed_after_the_next_connection(void**) {
  for (const bool has_room : {true, false}) {
    Fixture f;
    f.settings.ack_replicas = 1;
    f.open();
    f.submit("one");
    f.redis.next("publish");
    f.room->on_lost();
    f.redis.confirms[0](true);  // too late
    assert_told(f, {});
    if (!has_room) f.room->log_opened(false);
    f.room->attend();
    f.redis.answer("subscribe", text("OK"));
    f.redis.answer("open", position("e", 1, {entry(1, {"one"}, "me.1")}, "1"));
    assert_told(f, has_room ? Texts{} : Texts{"adopt e 1 one"});
    assert_int_equal(f.redis.confirms.size(), 2);
    f.redis.confirms[1](true);
    assert_told(f, {has_room ? "commit one e 1" : "acknowledge one e 1"});
    assert_true(f.redis.commands.empty());
    assert_int_equal(f.counters.waiting, 0);
  }
}

void late_answers_are_ignored(void**) {
  Fixture f;
  f.room->log_opened(false);
  f.redis.answer("subscribe", text("OK"));
  const FakeRedis::Command first = f.redis.next("open");
  f.room->on_lost();
  redis::Reply late;
  late.value = position("late", 9);
  first.done(std::move(late));
  assert_told(f, {});
  assert_true(f.room->state() == SharedRoom::State::closed);
}

void a_reader_hears_when_the_position_is_known(void**) {
  Fixture f;
  KeptRangePtr read;
  f.room->read([&](KeptRangePtr range) { read = std::move(range); });
  f.redis.answer("subscribe", text("OK"));
  f.redis.answer("open", position("e", 5));
  assert_true(read && read->status.ok() && read->epoch == "e" && read->hold);
  assert_false(!f.room->is_unused());
}

void a_reader_does_not_wait_for_people_for_ever(void**) {
  Fixture f;
  f.open();
  f.host.people_wait = true;
  KeptRangePtr read;
  f.room->read([&](KeptRangePtr range) { read = std::move(range); });
  f.redis.answer("open", position("e", 0));
  assert_true(f.room->is_open() && f.room->is_busy());
  f.now_ms += 4'999;
  f.room->look_after();
  assert_true(!read);
  f.now_ms += 1;
  f.room->look_after();
  assert_true(read && read->status.code == Error::unavailable);
  f.host.waits_for_people();  // too late
  assert_false(f.room->is_busy());
}

void a_reader_whose_room_has_gone_meanwhile_gets_another_one(void**) {
  Fixture f;
  KeptRangePtr read;
  f.room->read([&](KeptRangePtr range) { read = std::move(range); });
  f.redis.answer("subscribe", text("OK"));
  f.host.people_wait = true;
  f.redis.answer("open", position("e", 5));
  f.room->log_opened(true);
  // Redis is lost, and with it who waits for the people: nothing keeps the hub's room.
  f.host.waits_for_people = nullptr;
  f.room->on_lost();
  f.room->log_closed();
  f.host.people_wait = false;
  f.host.told.clear();
  f.room->look_after();
  f.redis.answer("subscribe", text("OK"));
  assert_text(f.redis.answer("open", position("e", 5))[3], "");
  assert_told(f, {"adopt e 5"});
  assert_true(read && read->status.ok() && read->hold);
}

void a_room_that_the_hub_refuses_stays_closed(void**) {
  Fixture f;
  f.host.adopts = {Error::too_many, "too many rooms"};
  KeptRangePtr read;
  f.room->read([&](KeptRangePtr range) { read = std::move(range); });
  f.redis.answer("subscribe", text("OK"));
  f.redis.answer("open", position("e", 5));
  assert_true(read && read->status.code == Error::too_many);
  assert_false(f.room->is_open());
}

void it_is_closed_in_redis_first(void**) {
  Fixture f;
  f.open("e", 3);
  f.submit("late");
  f.redis.next("publish");
  f.room->close("next");
  assert_told(f, {"commit late " + std::to_string(static_cast<int>(Error::no_such_room))});
  assert_true(f.room->has_changes());
  assert_text(f.redis.answer("close", text("OK"))[1], "next");
  f.redis.answer("open", position("next", 0));
  assert_told(f, {"adopt next 0"});
  assert_false(f.room->has_changes());
}

void another_server_closes_it(void**) {
  Fixture f;
  f.open("e", 3);
  f.submit("late");
  f.redis.next("publish");
  f.room->on_notice('c', "me next");  // its own
  assert_told(f, {});
  f.room->on_notice('c', "other next");
  assert_told(f, {"close next", "commit late " + std::to_string(static_cast<int>(Error::no_such_room))});
  f.redis.answer("open", position("next", 0));
  f.room->on_notice('b', notice("next", 1, {"first"}));
  assert_told(f, {"receive first next 1"});
}

void values_come_with_the_position_and_by_notices(void**) {
  Fixture f;
  f.room->log_opened(false);
  f.redis.answer("subscribe", text("OK"));
  f.redis.answer("open", position("e", 0, {}, "0", "4", {"mode", "1"}));
  assert_told(f, {"adopt e 0 mode=1"});
  f.room->on_notice('v', "other 4 mode0 4 slow1 9");
  assert_told(f, {"values mode= slow=9"});
  assert_int_equal(f.values.of("dev").size(), 1);
  f.room->on_notice('v', "other 99 mode0 ");  // not well-formed
  f.room->on_notice('v', "me 4 mode1 7");     // its own
  assert_told(f, {});
}

void only_a_redis_that_lost_values_is_given_them_again(void**) {
  for (const bool lost : {false, true}) {
    Fixture f;
    f.room->log_opened(false);
    f.redis.answer("subscribe", text("OK"));
    f.redis.answer("open", position("e", 0, {}, "0", "4", {"ban", "bob"}));
    FakeRedis other;
    other.its_run = "run2";
    f.room->move_to(other);
    f.told();
    f.room->attend();
    other.answer("subscribe", text("OK"));
    other.answer("open", position("e", 0, {}, "0", lost ? "3" : "5"));  // without the ban
    assert_told(f, lost ? Texts{} : Texts{"values ban="});
    assert_int_equal(f.room->has_changes(), lost);
    assert_int_equal(f.values.of("dev").size(), lost ? 1 : 0);
  }
}

void values_of_this_server_are_written_and_count_more(void**) {
  Fixture f;
  f.open();
  f.room->set_value({"mode", "1", 0});
  f.room->on_notice('v', "other 4 mode1 2");
  assert_told(f, {"values"});
  assert_true(f.room->has_changes());
  const Texts written = f.redis.answer("set_values", text("1"));
  assert_text(written[3] + "=" + written[4], "mode=1");
  assert_false(f.room->has_changes());
}

void notices_that_are_not_well_formed_are_ignored(void**) {
  Fixture f;
  f.open();
  for (const char* notice :
       {"", "e", "e 0 1 1 t run1 x", "e 1 0 1 t run1 x", "e x y z", "e 99999999999999999999 1 1 t"}) {
    f.room->on_notice('b', notice);
  }
  f.room->on_notice('?', "x");
  assert_told(f, {});
  assert_true(f.room->is_open() && f.redis.commands.empty());
  f.room->on_notice('b', "e 1 2 5 t run1 garbage");  // numbers without messages that can be read
  f.room->on_notice('b', notice("e", 3, {"three"}));
  assert_told(f, {"receive three e 3"});
  assert_int_equal(f.counters.dropped, 2);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(it_subscribes_before_it_asks_for_its_position),
      cmocka_unit_test(what_waits_is_published_in_one_batch_at_a_time),
      cmocka_unit_test(a_notice_that_comes_before_the_answer_counts),
      cmocka_unit_test(an_answer_waits_for_what_comes_before_it),
      cmocka_unit_test(a_hole_is_fetched_after_a_time),
      cmocka_unit_test(a_lost_answer_is_looked_up),
      cmocka_unit_test(a_position_with_the_lost_batch_only_acknowledges),
      cmocka_unit_test(what_redis_does_not_have_is_sent_again),
      cmocka_unit_test(a_room_that_must_be_opened_first_is),
      cmocka_unit_test(a_known_message_is_acknowledged_and_the_others_are_published),
      cmocka_unit_test(a_part_that_moves_is_settled_for_itself),
      cmocka_unit_test(it_waits_until_all_servers_have_handed_over),
      cmocka_unit_test(it_hands_over_what_redis_lacks),
      cmocka_unit_test(another_numbering_is_adopted),
      cmocka_unit_test(in_another_numbering_what_waits_refers_to_nothing),
      cmocka_unit_test(what_waits_too_long_fails),
      cmocka_unit_test(not_more_than_the_bound_waits),
      cmocka_unit_test(a_refused_step_is_tried_again_after_a_second),
      cmocka_unit_test(a_refused_batch_fails_unless_another_redis_may_take_it),
      cmocka_unit_test(a_room_whose_slot_moves_waits_and_continues_elsewhere),
      cmocka_unit_test(a_room_whose_slot_moves_for_too_long_fails_what_waits),
      cmocka_unit_test(messages_of_another_redis_are_looked_up),
      cmocka_unit_test(replicas_have_a_message_before_it_is_acknowledged),
      cmocka_unit_test(without_enough_replicas_a_message_fails_and_is_delivered),
      cmocka_unit_test(replicas_have_what_is_known_before_it_is_acknowledged_again),
      cmocka_unit_test(a_batch_whose_answer_was_lost_is_confirmed_after_the_next_connection),
      cmocka_unit_test(late_answers_are_ignored),
      cmocka_unit_test(a_reader_hears_when_the_position_is_known),
      cmocka_unit_test(a_reader_does_not_wait_for_people_for_ever),
      cmocka_unit_test(a_reader_whose_room_has_gone_meanwhile_gets_another_one),
      cmocka_unit_test(a_room_that_the_hub_refuses_stays_closed),
      cmocka_unit_test(it_is_closed_in_redis_first),
      cmocka_unit_test(another_server_closes_it),
      cmocka_unit_test(values_come_with_the_position_and_by_notices),
      cmocka_unit_test(only_a_redis_that_lost_values_is_given_them_again),
      cmocka_unit_test(values_of_this_server_are_written_and_count_more),
      cmocka_unit_test(notices_that_are_not_well_formed_are_ignored),
  };
  return cmocka_run_group_tests_name("cluster/shared_room", tests, nullptr, nullptr);
}
