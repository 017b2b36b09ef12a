// Hub::restore(): a client that continues an earlier one receives all missed messages in all of its rooms, or none.
#include <atomic>
#include <thread>

#include "hub/hub.h"
#include "hub_fixture.h"

using namespace chat;
using namespace chat::test;

namespace {

constexpr std::size_t kPlenty = 1 << 20;

std::vector<std::uint64_t> seqs(const std::vector<MessagePtr>& messages) {
  std::vector<std::uint64_t> result;
  for (const MessagePtr& one : messages) result.push_back(one->seq);
  return result;
}

using Seqs = std::vector<std::uint64_t>;

ClientPtr accepted(HubFixture& f, std::string user_id = {}) {
  const ClientPtr client = f.add();
  assert_ok(f.hub->accept(client, Identity{std::move(user_id), "", {}}));
  f.take();
  return client;
}

void it_opens_with_all_that_was_missed(void**) {
  HubFixture f;
  const std::string epoch = f.publish("lobby", "1").epoch;
  f.publish("lobby", "2");
  f.publish("lobby", "3");
  const ClientPtr client = accepted(f);
  assert_ok(f.hub->restore(client, {{"lobby", {epoch, 1}}}, kPlenty, f.now));
  assert_true(client->state() == ClientState::open);
  const auto joined = only<Joined>(f.take());
  assert_int_equal(joined.size(), 1);
  assert_text(joined[0].room, "lobby");
  assert_text(joined[0].epoch, epoch);
  assert_int_equal(joined[0].seq, 3);
  assert_true(joined[0].resumed && joined[0].complete && !joined[0].already);
  assert_true(seqs(joined[0].missed) == Seqs({2, 3}));
  assert_status(f.hub->restore(client, {{"other", {epoch, 1}}}, kPlenty, f.now), Error::wrong_state);  // only once
}

void several_rooms_in_the_given_order(void**) {
  HubFixture f;
  std::vector<RoomPosition> positions;
  for (const char* room : {"c", "a", "b"}) {
    positions.push_back({room, {f.publish(room, "1").epoch, 1}});
    f.publish(room, "2");
  }
  positions[1].position.seq = 2;  // nothing was missed there
  const ClientPtr client = accepted(f);
  assert_ok(f.hub->restore(client, positions, kPlenty, f.now));
  assert_true(client->rooms() == std::vector<std::string>({"c", "a", "b"}));
  const auto joined = only<Joined>(f.take());
  assert_int_equal(joined.size(), 3);
  assert_text(joined[0].room, "c");
  assert_true(seqs(joined[0].missed) == Seqs({2}));
  assert_text(joined[1].room, "a");
  assert_true(joined[1].missed.empty() && joined[1].complete);
  assert_text(joined[2].room, "b");
  assert_true(seqs(joined[2].missed) == Seqs({2}));
  f.publish("b", "3");
  assert_int_equal(only<RoomMessage>(f.take()).size(), 1);
}

void assert_impossible(HubFixture& f, const std::vector<RoomPosition>& positions, std::size_t max_bytes = kPlenty) {
  const ClientPtr client = accepted(f);
  assert_status(f.hub->restore(client, positions, max_bytes, f.now), Error::wrong_state);
  for (const Joined& joined : only<Joined>(f.take())) assert_text(joined.room, "good");
  f.hub->remove_client(client);
  assert_true(f.hub->clients().empty());
}

void what_is_no_longer_kept_makes_it_impossible(void**) {
  HubOptions options;
  options.history.messages = 2;
  options.history.age_ms = 1'000;
  HubFixture f(options);
  const std::string good = f.publish("good", "1").epoch;
  const std::string epoch = f.publish("lobby", "1").epoch;
  for (int i = 2; i <= 4; ++i) f.publish("lobby", std::to_string(i));
  assert_impossible(f, {{"lobby", {epoch, 1}}});
  assert_impossible(f, {{"good", {good, 0}}, {"lobby", {epoch, 1}}});
  const ClientPtr client = accepted(f);
  assert_ok(f.hub->restore(client, {{"good", {good, 0}}, {"lobby", {epoch, 2}}}, kPlenty, f.now));
  f.take();
  f.hub->remove_client(client);
  f.now += 1'001;  // expired by now, although expire() has not run
  assert_impossible(f, {{"lobby", {epoch, 2}}});
  assert_true(f.hub->has_room("lobby") || f.hub->stats().rooms_now <= 1);
}

void another_epoch_or_a_position_from_the_future_makes_it_impossible(void**) {
  HubFixture f;
  const std::string good = f.publish("good", "1").epoch;
  const std::string epoch = f.publish("lobby", "1").epoch;
  assert_impossible(f, {{"lobby", {epoch, 2}}});
  assert_impossible(f, {{"lobby", {"other", 1}}});
  assert_impossible(f, {{"never", {epoch, 1}}});
  assert_false(f.hub->has_room("never"));
  assert_ok(f.hub->close_room("lobby", ""));
  f.publish("lobby", "1");
  assert_impossible(f, {{"good", {good, 1}}, {"lobby", {epoch, 1}}});
}

void all_rooms_together_are_within_the_limit(void**) {
  HubFixture f;
  const std::string good = f.publish("good", "12345").epoch;
  const std::string lobby = f.publish("lobby", "12345").epoch;
  f.publish("lobby", "12345");
  const std::vector<RoomPosition> positions = {{"good", {good, 0}}, {"lobby", {lobby, 0}}};
  assert_impossible(f, positions, 14);
  assert_impossible(f, positions, 0);
  const ClientPtr client = accepted(f);
  assert_ok(f.hub->restore(client, positions, 15, f.now));
}

void the_rules_of_joining_hold(void**) {
  HubOptions options;
  options.max_rooms_per_client = 2;
  HubFixture f(options);
  std::vector<RoomPosition> positions;
  for (const char* room : {"a", "b", "c"}) positions.push_back({room, {f.publish(room, "1").epoch, 1}});
  assert_status(f.hub->restore(accepted(f), positions, kPlenty, f.now), Error::too_many);
  assert_ok(f.hub->ban("user:ann", "b", 1'000, "", f.now));
  positions.pop_back();
  assert_status(f.hub->restore(accepted(f, "ann"), positions, kPlenty, f.now), Error::banned);
  assert_ok(f.hub->restore(accepted(f, "bob"), positions, kPlenty, f.now));
  assert_status(f.hub->restore(accepted(f), {{"a/b", {}}}, kPlenty, f.now), Error::invalid_room);
  assert_status(f.hub->restore(accepted(f), {}, kPlenty, f.now), Error::invalid_argument);
  assert_status(f.hub->restore(f.add(), positions, kPlenty, f.now), Error::wrong_state);   // no verdict
  assert_status(f.hub->restore(f.open(), positions, kPlenty, f.now), Error::wrong_state);  // open
  const ClientPtr gone = accepted(f);
  f.hub->remove_client(gone);
  assert_status(f.hub->restore(gone, positions, kPlenty, f.now), Error::no_such_client);
}

// A client that is away briefly, and the room in which it was the only member.
struct Away {
  explicit Away(HubFixture& f, int said = 0) {
    const ClientPtr client = f.open();
    assert_ok(f.hub->join(client, "a", std::nullopt, {}, f.now));
    for (int i = 0; i < said; ++i) f.publish("a", "x");
    positions = {{"a", {only<Joined>(f.take()).front().epoch, static_cast<std::uint64_t>(said)}}};
    holds = f.hub->hold_rooms(*client);
    assert_int_equal(holds.size(), 1);
    f.hub->remove_client(client);
  }
  std::vector<RoomPosition> positions;
  std::vector<RoomHold> holds;
};

void what_is_said_first_in_a_room_that_is_held_is_missed(void**) {
  HubFixture f;
  Away away(f);
  f.hub->expire(f.now);
  assert_true(f.hub->has_room("a"));
  f.publish("a", "the first");
  const ClientPtr client = accepted(f);
  assert_ok(f.hub->restore(client, away.positions, kPlenty, f.now));
  assert_true(seqs(only<Joined>(f.take())[0].missed) == Seqs({1}));

  HubFixture without;
  Away gone(without);
  gone.holds.clear();
  without.hub->expire(without.now);
  assert_false(without.hub->has_room("a"));
  without.publish("a", "the first");
  assert_impossible(without, gone.positions);
}

void a_held_room_numbers_on_when_its_history_is_over(void**) {
  HubOptions options;
  options.history.age_ms = 1'000;
  HubFixture f(options);
  Away away(f, 3);
  f.now += 1'001;
  f.hub->expire(f.now);
  f.publish("a", "4");
  const ClientPtr client = accepted(f);
  assert_ok(f.hub->restore(client, away.positions, kPlenty, f.now));
  assert_true(seqs(only<Joined>(f.take())[0].missed) == Seqs({4}));
  f.hub->remove_client(client);
  // Without a hold, the room is removed when its history expires.
  away.holds.clear();
  f.now += 1'001;
  f.hub->expire(f.now);
  assert_false(f.hub->has_room("a"));
}

void a_held_room_can_be_closed(void**) {
  HubFixture f;
  Away away(f);
  assert_ok(f.hub->close_room("a", ""));
  assert_impossible(f, away.positions);
}

void held_rooms_do_not_keep_others_from_appearing(void**) {
  HubOptions options;
  options.max_rooms = 1;
  HubFixture f(options);
  Away away(f);
  f.publish("b", "x");
  assert_false(f.hub->has_room("a"));
}

void the_same_room_twice_is_an_error(void**) {
  HubFixture f;
  const std::string epoch = f.publish("a", "1").epoch;
  assert_status(f.hub->restore(accepted(f), {{"a", {epoch, 0}}, {"a", {epoch, 0}}}, kPlenty, f.now),
                Error::wrong_state);
}

// Messages published during a restore are either in the missed messages or follow them, exactly once.
void restoring_while_others_publish_leaves_no_gap_and_no_twin(void**) {
  HubOptions options;
  options.history.messages = kUnlimited;
  options.history.bytes = kUnlimited;
  HubFixture f(options);
  std::vector<RoomPosition> positions = {{"a", {f.publish("a", "x").epoch, 1}}, {"b", {f.publish("b", "x").epoch, 1}}};
  std::atomic<bool> done = false;
  std::thread publisher([&] {
    for (int i = 0; i < 10'000; ++i) (void)f.hub->publish(draft(i % 2 == 0 ? "a" : "b", "x"), f.now);
    done = true;
  });
  bool last_round = false;
  while (!last_round) {
    last_round = done.load();
    const ClientPtr client = f.add();
    assert_ok(f.hub->accept(client, std::nullopt));
    assert_ok(f.hub->restore(client, positions, SIZE_MAX, f.now));
    f.hub->remove_client(client);
    bool in_room[2] = {false, false};
    for (const LoopEvent& event : f.take()) {
      auto hear = [&](const std::string& room, std::uint64_t seq) {
        assert_int_equal(seq, ++positions[room == "a" ? 0 : 1].position.seq);
      };
      if (auto* joined = std::get_if<Joined>(&event)) {
        in_room[joined->room == "a" ? 0 : 1] = true;
        for (const MessagePtr& message : joined->missed) hear(joined->room, message->seq);
      }
      if (auto* said = std::get_if<RoomMessage>(&event)) {
        assert_true(in_room[said->message->room == "a" ? 0 : 1]);
        hear(said->message->room, said->message->seq);
      }
    }
  }
  publisher.join();
  assert_int_equal(positions[0].position.seq, 5'001);
  assert_int_equal(positions[1].position.seq, 5'001);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(it_opens_with_all_that_was_missed),
      cmocka_unit_test(several_rooms_in_the_given_order),
      cmocka_unit_test(what_is_no_longer_kept_makes_it_impossible),
      cmocka_unit_test(another_epoch_or_a_position_from_the_future_makes_it_impossible),
      cmocka_unit_test(all_rooms_together_are_within_the_limit),
      cmocka_unit_test(the_rules_of_joining_hold),
      cmocka_unit_test(what_is_said_first_in_a_room_that_is_held_is_missed),
      cmocka_unit_test(a_held_room_numbers_on_when_its_history_is_over),
      cmocka_unit_test(a_held_room_can_be_closed),
      cmocka_unit_test(held_rooms_do_not_keep_others_from_appearing),
      cmocka_unit_test(the_same_room_twice_is_an_error),
      cmocka_unit_test(restoring_while_others_publish_leaves_no_gap_and_no_twin),
  };
  return cmocka_run_group_tests_name("hub/hub_restore", tests, nullptr, nullptr);
}
