// A room's log in memory: its numbering and its kept messages, and a room with a log of another kind.
#include "hub/memory_log.h"

#include <algorithm>

#include "hub_fixture.h"

using namespace chat;
using namespace chat::test;

namespace {

MessagePtr message(std::uint64_t seq) {
  auto result = std::make_shared<Message>();
  result->room = "lobby";
  result->payload = "text";
  result->seq = seq;
  return result;
}

void the_numbering_outlives_what_is_kept(void**) {
  MemoryLog log({2, kUnlimited, kUnlimited}, "a");
  assert_text(log.epoch(), "a");
  assert_int_equal(log.seq(), 0);
  assert_true(log.after(0, 0).complete);
  std::int64_t held = 0;
  for (std::uint64_t seq = 1; seq <= 3; ++seq) held += log.append(message(seq));
  assert_int_equal(log.seq(), 3);
  assert_int_equal(log.size(), 2);
  assert_false(log.after(0, 0).complete);
  assert_true(log.after(1, 0).complete);
  held += log.clear();
  assert_int_equal(held, 0);
  assert_int_equal(log.seq(), 3);
  assert_false(log.after(2, 0).complete);
}

void a_restart_forgets_the_numbering(void**) {
  MemoryLog log({10, kUnlimited, kUnlimited}, "a");
  std::int64_t held = log.append(message(1)) + log.append(message(2));
  held += log.restart("b");
  assert_int_equal(held, 0);
  assert_text(log.epoch(), "b");
  assert_int_equal(log.seq(), 0);
  assert_int_equal(log.size(), 0);
  assert_true(log.after(0, 0).complete);
}

void a_history_is_taken_over_once(void**) {
  MemoryLog log({2, kUnlimited, kUnlimited}, "a");
  const std::int64_t held = *log.restore("b", 20, {message(3), message(7), message(9)}, 0);
  assert_true(held > 0);
  assert_text(log.epoch(), "b");
  assert_int_equal(log.seq(), 20);
  assert_int_equal(log.size(), 2);
  assert_false(log.after(2, 0).complete);  // 3 is above the limit
  KeptMessages kept = log.after(3, 0);
  assert_true(kept.complete);
  assert_int_equal(kept.messages.size(), 2);
  assert_status(log.restore("c", 1, {message(1)}, 0).status(), Error::wrong_state);
  assert_text(log.epoch(), "b");
  assert_int_equal(log.restart("d"), -held);
  assert_true(log.restore("e", 5, {message(5)}, 0).ok());
  assert_false(log.after(3, 0).complete);  // messages before the first restored one
  assert_true(log.after(4, 0).complete);
}

// A log with its own epoch that has only messages above 2 available.
class PartialLog final : public RoomLog {
 public:
  const std::string& epoch() const override { return epoch_; }
  std::uint64_t seq() const override { return kept_.size(); }
  Result<std::optional<std::uint64_t>> submit(Submission&) override {
    return std::optional<std::uint64_t>(kept_.size() + 1);
  }
  std::int64_t append(MessagePtr message) override {
    kept_.push_back(std::move(message));
    return 1;
  }
  KeptMessages between(std::uint64_t after_seq, std::uint64_t before_seq, std::size_t) const override {
    KeptMessages result;
    result.complete = after_seq >= 2;
    for (const MessagePtr& one : kept_) {
      if (one->seq > std::max<std::uint64_t>(after_seq, 2) && one->seq < before_seq) result.messages.push_back(one);
    }
    return result;
  }
  std::size_t size() const override { return kept_.size(); }
  std::int64_t expire(std::int64_t) override { return 0; }
  std::int64_t next_expiry_ms() const override { return kNeverMs; }
  std::int64_t shrink(std::size_t) override { return 0; }
  std::int64_t clear() override { return restart(epoch_); }
  std::int64_t restart(std::string epoch) override {
    epoch_ = std::move(epoch);
    const auto count = static_cast<std::int64_t>(kept_.size());
    kept_.clear();
    return -count;
  }
  Result<std::int64_t> restore(const std::string&, std::uint64_t, std::vector<MessagePtr>, std::int64_t) override {
    return {Error::unsupported, "not this one"};
  }

 private:
  std::string epoch_ = "own";
  std::vector<MessagePtr> kept_;
};

void a_room_uses_the_log_that_it_is_given(void**) {
  HubOptions options;
  std::vector<std::string> made;
  options.make_log = [&](const std::string& room, const std::string&) {
    made.push_back(room);
    return std::make_unique<PartialLog>();
  };
  HubFixture f(options);
  for (int i = 1; i <= 4; ++i) assert_text(f.publish("lobby", std::to_string(i)).epoch, "own");
  assert_int_equal(made.size(), 1);
  assert_text(made[0], "lobby");
  assert_int_equal(f.hub->stats().history_bytes_now, 4);

  const auto missed = [&](std::uint64_t seq) {
    const ClientPtr client = f.open();
    assert_ok(f.hub->join(client, "lobby", Position{"own", seq}, {}, f.now));
    return only<Joined>(f.take())[0];
  };
  Joined joined = missed(2);
  assert_true(joined.complete);
  assert_int_equal(joined.missed.size(), 2);
  assert_int_equal(joined.missed[0]->seq, 3);
  joined = missed(1);  // the log does not have all of it
  assert_false(joined.complete);
  assert_int_equal(joined.missed.size(), 2);
  const Result<HistoryReply> history = f.hub->history("lobby", 1, 0, f.now);
  assert_false(history->complete);
  assert_int_equal(history->messages.size(), 2);
  assert_true(f.hub->history("lobby", 2, 0, f.now)->complete);
  assert_ok(f.hub->close_room("lobby", "x"));
  assert_int_equal(f.hub->stats().history_bytes_now, 0);
  auto old = std::make_shared<Message>();
  old->seq = old->time_ms = 1;
  assert_status(f.hub->restore_room("other", "e", 0, {old}, f.now), Error::unsupported);
  assert_false(f.hub->has_room("other"));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(the_numbering_outlives_what_is_kept),
      cmocka_unit_test(a_restart_forgets_the_numbering),
      cmocka_unit_test(a_history_is_taken_over_once),
      cmocka_unit_test(a_room_uses_the_log_that_it_is_given),
  };
  return cmocka_run_group_tests_name("hub/memory_log", tests, nullptr, nullptr);
}
