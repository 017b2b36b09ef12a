// A room of a cluster with a Redis and a hub that a test plays.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cluster/message_format.h"
#include "cluster/shared_room.h"
#include "cluster/words.h"
#include "support/redis_values.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

// Last, because it defines macros with common names.
extern "C" {
#include <cmocka.h>
}

namespace chat::test {

using namespace chat::cluster;

using Texts = std::vector<std::string>;
using redis::Value;

inline void assert_text(const std::string& actual, const std::string& expected) {
  assert_string_equal(actual.c_str(), expected.c_str());
}

inline std::string batch_of(const Texts& payloads) {
  std::string batch;
  for (const std::string& payload : payloads) {
    Message message;
    message.room = "dev";
    message.event = "chat message";
    message.payload = payload;
    write_message(message, batch);
  }
  return batch;
}

inline Value entry(std::uint64_t last, const Texts& payloads, const std::string& token = "t") {
  return list({text(std::to_string(last) + "-0"), texts({"n", std::to_string(payloads.size()), "t", "1000", "k", token,
                                                         "d", batch_of(payloads), "b", "1"})});
}

// Entries: the newest first.
inline Value position(const std::string& epoch, std::uint64_t top, std::vector<Value> entries = {},
                      const std::string& own = "0", const std::string& version = "0", const Texts& values = {}) {
  return list({text("OPEN"), text(epoch), text(std::to_string(top)), text("1000"), list(std::move(entries)),
               text(version), texts(values), text(own)});
}

inline Message change_of(std::uint64_t target, const std::string& epoch = {}) {
  Message message;
  message.payload = "change";
  message.event_kind = RoomEventKind::edit;
  message.target_seq = target;
  message.epoch = epoch;
  return message;
}

inline Message reply_to(std::uint64_t target, const std::string& epoch = {}) {
  Message message;
  message.payload = "reply";
  message.extra.make().reply_to = target;
  message.epoch = epoch;
  return message;
}

// What the messages of a batch refer to.
inline std::string references_of(const std::string& batch) {
  std::string result;
  const Result<std::vector<std::shared_ptr<Message>>> messages = read_messages(batch);
  for (const std::shared_ptr<Message>& message : *messages) {
    result += message->payload + " " + std::to_string(message->target_seq + message->extra->reply_to) + ",";
  }
  return result;
}

inline std::string notice(const std::string& epoch, std::uint64_t first, const Texts& payloads,
                          const std::string& token = "t", const std::string& run = "run1") {
  return epoch + " " + std::to_string(first) + " " + std::to_string(payloads.size()) + " 1000 " + token + " " + run +
         " " + batch_of(payloads);
}

struct FakeRedis final : RoomRedis {
  struct Command {
    std::string what;
    Texts args;
    redis::ReplyHandler done;
  };

  bool is_open() const override { return open; }
  Settled settled_part(std::uint32_t) const override {
    if (part_moved) return Settled::with_data;
    return settled ? Settled::yes : Settled::no;
  }
  std::optional<std::int64_t> lost_ms() const override { return open ? std::nullopt : lost_at; }
  const std::string& run() const override { return its_run; }
  bool is_full() const override { return full; }
  Status subscribe(std::string_view channel, redis::ReplyHandler done) override {
    commands.push_back({"subscribe", {std::string(channel)}, std::move(done)});
    return {};
  }
  void unsubscribe(std::string_view) override {}
  Status run_script(Script script, const std::vector<std::string_view>&, const Texts& args,
                    redis::ReplyHandler done) override {
    static const char* const names[] = {"heartbeat", "open", "publish", "close", "set_values"};
    commands.push_back({names[static_cast<std::size_t>(script)], args, std::move(done)});
    return {};
  }
  void confirm(std::function<void(bool)> done) override { confirms.push_back(std::move(done)); }
  Refusal refused(const Value&) override { return refusal; }

  // The oldest command without an answer.
  Command next(const char* what) {
    assert_false(commands.empty());
    Command command = std::move(commands.front());
    commands.pop_front();
    assert_text(command.what, what);
    return command;
  }
  Texts answer(const char* what, Value value) {
    const Command command = next(what);
    redis::Reply reply;
    reply.value = std::move(value);
    command.done(std::move(reply));
    return command.args;
  }

  bool open = true, settled = true, part_moved = false, full = false;
  std::optional<std::int64_t> lost_at;
  Refusal refusal = Refusal::of_command;
  std::string its_run = "run1";
  std::deque<Command> commands;
  std::vector<std::function<void(bool)>> confirms;
};

inline ClusterSettings test_settings(const std::int64_t& now_ms) {
  ClusterSettings settings;
  settings.id = "me";
  settings.hold_messages = 3;
  settings.clock = [&now_ms] { return Moment{now_ms, now_ms}; };
  settings.make_epoch = [] { return std::string("made"); };
  return settings;
}

struct Fixture;

struct FakeHost final : RoomHost {
  explicit FakeHost(Fixture& f);

  std::int64_t loop_ms() const override { return now_ms; }
  std::string make_token() override {
    if (no_tokens) throw std::bad_alloc();
    return "me." + std::to_string(++tokens);
  }
  void is_busy(SharedRoom&) override { busy = true; }
  void commit(const Submission& submission, const Result<Position>& place) override {
    const std::string what = place.ok() ? place->epoch + " " + std::to_string(place->seq)
                                        : std::to_string(static_cast<int>(place.status().code));
    if (place.ok()) submission.message->epoch = place->epoch, submission.message->seq = place->seq;
    told.push_back("commit " + submission.message->payload + " " + what);
  }
  void acknowledge(const Submission& submission, const Position& place, bool repeated) override {
    told.push_back("acknowledge " + submission.message->payload + " " + place.epoch + " " + std::to_string(place.seq) +
                   (repeated ? " repeated" : ""));
  }
  void receive(const std::shared_ptr<Message>& message) override {
    told.push_back("receive " + message->payload + " " + message->epoch + " " + std::to_string(message->seq));
  }
  Result<RoomHold> adopt(const std::string&, const Position& top, const std::vector<MessagePtr>& messages,
                         const std::vector<RoomValue>& changed) override {
    std::string text = "adopt " + top.epoch + " " + std::to_string(top.seq);
    for (const MessagePtr& message : messages) text += " " + message->payload;
    for (const RoomValue& value : changed) text += " " + value.key + "=" + value.value;
    told.push_back(std::move(text));
    if (!adopts.ok()) return adopts;
    epoch = top.epoch;
    return RoomHold(std::make_shared<int>(0));
  }
  Result<RoomHold> renumber(const std::string&, const Position& top) override {
    told.push_back("renumber " + top.epoch + " " + std::to_string(top.seq));
    if (!adopts.ok()) return adopts;
    epoch = top.epoch;
    return RoomHold(std::make_shared<int>(0));
  }
  std::vector<MessagePtr> kept(const std::string&) override { return its_kept; }
  void take_values(const std::string&, const std::vector<RoomValue>& changed) override {
    std::string text = "values";
    for (const RoomValue& value : changed) text += " " + value.key + "=" + value.value;
    told.push_back(std::move(text));
  }
  void close_shared(const std::string&, const std::string& its_epoch) override {
    epoch = its_epoch;
    told.push_back("close " + its_epoch);
  }
  void forget_people(const std::string&) override {}
  void read_people(const std::string&, std::function<void()> then) override {
    if (people_wait) {
      waits_for_people = std::move(then);
    } else {
      then();
    }
  }

  const std::int64_t& now_ms;
  int tokens = 0;
  bool no_tokens = false;
  std::string epoch;  // of its room
  bool busy = false;
  Texts told;
  std::vector<MessagePtr> its_kept;
  Status adopts;
  bool people_wait = false;
  std::function<void()> waits_for_people;
};

struct Fixture {
  std::int64_t now_ms = 1'000'000;
  ClusterSettings settings = test_settings(now_ms);
  RoomValues values;
  ClusterCounters counters;
  FakeRedis redis;
  FakeHost host{*this};
  SharedRoomPtr room = std::make_shared<SharedRoom>(host, redis, "dev");

  void submit(const std::string& payload) {
    Message message;
    message.payload = payload;
    submit(std::move(message));
  }
  void submit(Message content) {
    auto message = std::make_shared<Message>(std::move(content));
    message->room = "dev";
    if (message->epoch.empty()) message->epoch = host.epoch;
    Submission submission;
    submission.message = std::move(message);
    counters.waiting.fetch_add(1);
    room->submit(submission);
    room->attend();
  }
  Texts told() { return std::exchange(host.told, {}); }
  // The room is open at this position, and nothing waits.
  void open(const std::string& epoch = "e", std::uint64_t top = 0) {
    room->log_opened(false);
    redis.answer("subscribe", text("OK"));
    redis.answer("open", position(epoch, top));
    assert_true(room->is_open());
    host.told.clear();
  }
};

inline FakeHost::FakeHost(Fixture& f) : RoomHost(f.settings, f.values, f.counters), now_ms(f.now_ms) {}

inline void assert_told(Fixture& f, const Texts& expected, int line = __builtin_LINE()) {
  const Texts told = f.told();
  if (told == expected) return;
  for (const std::string& one : told) print_error("  told: %s\n", one.c_str());
  fail_msg("another result at line %d", line);
}

}  // namespace chat::test
