// A link with its outbox: limits, policies, gaps, pauses and charges; and the flush of all dirty links of a loop.
#include "net/deliver/link.h"

#include <uv.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/net/fake_loop.h"
#include "core/net/stream_link.h"

// After all others: it has a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

using namespace chat;
using namespace chat::net;
using namespace chat::test;

namespace {

class User final : public LinkUser {
 public:
  explicit User(Story& story, std::string name) : story_(story), name_(std::move(name)) {}

  std::string_view address() const override { return "192.0.2.1"; }
  void on_message(bool, std::string_view) override { fail(); }
  void on_output() override {
    if (flushed) flushed();
  }
  void on_link_closed(std::uint16_t code, std::string_view) override {
    story_.tell("user of " + name_ + ": closed " + std::to_string(code));
  }
  FramePtr encode_gap(const GapReply& gap) override {
    if (silent_about_gaps) return {};
    return make_frame({{false, "gap " + gap.room + " " + std::to_string(gap.first_seq) + "-" +
                                   std::to_string(gap.last_seq) + " of " + std::to_string(gap.dropped)}},
                      websocket_carrier(), nullptr);
  }

  std::function<void()> flushed;  // within each flush
  bool silent_about_gaps = false;

 private:
  Story& story_;
  const std::string name_;
};

// Frames have a header of 2 bytes, or of 4 from 126 bytes on.
FramePtr text(std::string text, MessagePtr message = nullptr) {
  return make_frame({{false, std::move(text)}}, websocket_carrier(), std::move(message));
}

struct Fixture {
  explicit Fixture(ServerOptions options = {}) : server(std::move(options)) { link = add("link"); }

  struct End {
    End(FakeLoop& loop, Story& story, const std::string& name)
        : user(story, name), link(std::make_unique<StreamLink>(loop, user, name, story)) {}
    User user;
    std::unique_ptr<StreamLink> link;
    StreamLink* operator->() { return link.get(); }
  };

  FakeLoop& loop() { return server.loop(); }
  std::unique_ptr<End> add(const std::string& name) { return std::make_unique<End>(loop(), story, name); }
  StreamLink& at() { return *link->link; }

  // A frame with message `seq` of a room, padded to `size`.
  FramePtr message(std::uint64_t seq, std::size_t size = 0, ClientId sender = 0, std::string room = "room") {
    auto made = std::make_shared<Message>();
    made->room = std::move(room);
    made->epoch = "e";
    made->seq = seq;
    made->sender.id = sender;
    std::string shown = made->room + std::to_string(seq);
    if (shown.size() < size) shown.append(size - shown.size(), '.');
    return text(std::move(shown), std::move(made));
  }

  // Three messages in one frame.
  FramePtr batch(std::uint64_t first, std::size_t size = 0, std::vector<ClientId> senders = {0, 0, 0}) {
    std::vector<MessagePtr> messages;
    for (std::size_t i = 0; i < 3; ++i) {
      auto made = std::make_shared<Message>();
      made->room = "room";
      made->epoch = "e";
      made->seq = first + i;
      made->sender.id = senders[i];
      messages.push_back(std::move(made));
    }
    std::string shown = "room" + std::to_string(first) + ".." + std::to_string(first + 2);
    if (shown.size() < size) shown.append(size - shown.size(), '.');
    FrameBuilder builder(websocket_carrier());
    builder.add({false, std::move(shown)});
    return builder.finish(std::move(messages));
  }

  Story story;
  FakeServer server;
  std::unique_ptr<End> link;
};

ServerOptions limits(std::int64_t bytes, std::int64_t messages, OutboxPolicy policy = OutboxPolicy::disconnect) {
  ServerOptions options;
  options.max_outbox_bytes = bytes;
  options.max_outbox_messages = messages;
  options.outbox_policy = policy;
  return options;
}

// Writing -------------------------------------------------------------------------------------------------------------

void frames_are_written_in_order_at_the_end_of_the_round(void**) {
  Fixture f;
  f.at().push(text("one"));
  f.at().push_replay(text("two"));
  f.at().push(FramePtr());
  f.at().push_replay(FramePtr());
  f.at().push(f.message(3));
  assert_int_equal(f.at().queued_frames(), 3);
  assert_int_equal(f.at().queued_bytes(), 3 + 3 + 5 + 3 * 2);
  assert_told(f.story);
  f.loop().run();
  assert_told(f.story, "link: one", "link: two", "link: room3");
  assert_int_equal(f.at().queued_frames(), 0);
  assert_int_equal(f.at().queued_bytes(), 0);
}

// The socket accepts one byte at a time.
void a_frame_may_be_written_in_parts(void**) {
  Fixture f;
  f.at().set_room(0);
  f.at().push(text("one"));
  f.at().push(text("two"));
  f.loop().run();
  for (int i = 0; i < 4; ++i) f.at().reads(1);
  assert_told(f.story);
  f.at().reads(1);
  assert_told(f.story, "link: one");
  f.at().push(text("three"));
  for (int i = 0; i < 4; ++i) f.at().reads(1);
  assert_told(f.story);
  f.at().reads();
  assert_told(f.story, "link: two", "link: three");
}

void nothing_comes_after_the_close(void**) {
  Fixture f;
  f.at().push(text("last"));
  f.at().close(1000, "bye");
  f.at().close(1001, "again");
  f.at().push(text("late"));
  f.at().push_replay(text("late"));
  f.loop().run();
  assert_true(f.at().closing());
  assert_told(f.story, "link: last", "link: closes 1000 bye", "user of link: closed 1000");
}

// Full outboxes -------------------------------------------------------------------------------------------------------

// The link writes what is queued before a limit applies.
void a_reader_is_given_a_turn_before_the_limit_counts(void**) {
  for (const OutboxPolicy policy : {OutboxPolicy::disconnect, OutboxPolicy::drop_oldest, OutboxPolicy::drop_newest}) {
    Fixture f(limits(1'000, 3, policy));
    std::string all;
    for (int i = 1; i <= 50; ++i) {
      f.at().push(f.message(static_cast<std::uint64_t>(i)));
      all += "link: room" + std::to_string(i) + "\n";
    }
    f.loop().run();
    assert_string_equal(f.story.take().c_str(), all.c_str());
    assert_int_equal(f.loop().stats().drops.get(), 0);
  }
}

void one_that_takes_nothing_is_closed_at_twice_the_limits(void**) {
  Fixture f(limits(100'000, 3));
  f.at().set_room(0);
  for (std::uint64_t i = 1; i <= 6; ++i) f.at().push(f.message(i));
  assert_told(f.story);
  f.at().push(f.message(7));
  assert_told(f.story, "link: closes 1013 reading too slowly", "user of link: closed 1013");
  assert_int_equal(f.at().queued_frames(), 0);
  assert_int_equal(f.loop().stats().slow_disconnects.get(), 1);
  assert_int_equal(f.loop().stats().drops.get(), 6);
  assert_int_equal(f.server.refused(Refusal::slow_reader), 1);
}

void the_same_in_bytes(void**) {
  Fixture f(limits(1'000, 100));
  f.at().set_room(0);
  for (std::uint64_t i = 1; i <= 4; ++i) f.at().push(f.message(i, 496));  // 4 * 500 bytes
  assert_told(f.story);
  f.at().push(text(""));  // 2 bytes
  assert_told(f.story, "link: closes 1013 reading too slowly", "user of link: closed 1013");
}

// The rest of a partly written frame stays queued, so that the client can still read the close.
void the_frame_that_is_being_written_stays(void**) {
  Fixture f(limits(100'000, 1));
  f.at().set_room(3);
  f.at().push(text("one"));
  f.loop().run();
  f.at().push(text("two"));
  f.at().push(text("three"));
  assert_told(f.story, "link: closes 1013 reading too slowly", "user of link: closed 1013");
  assert_int_equal(f.at().queued_bytes(), 2);
  f.at().reads();
  assert_told(f.story, "link: one");
}

// Twice the limits apply only for kTurnMs.
void twice_the_limits_lasts_for_a_turn(void**) {
  Fixture f(limits(100'000, 4));
  f.at().set_room(0);
  for (std::uint64_t i = 1; i <= 5; ++i) f.at().push(f.message(i));
  f.server.now_ms += Link::kTurnMs - 1;
  f.at().push(f.message(6));
  assert_told(f.story);
  f.server.now_ms += 1;
  f.at().push(f.message(7));
  assert_told(f.story, "link: closes 1013 reading too slowly", "user of link: closed 1013");
}

// A client that has read most of its outbox gets that time again.
void the_turn_begins_again_for_one_that_reads(void**) {
  const std::size_t frame = 5 + 2;
  for (const bool most : {true, false}) {
    Fixture f(limits(100'000, 4));
    f.at().set_room(0);
    for (std::uint64_t i = 1; i <= 5; ++i) f.at().push(f.message(i));
    f.server.now_ms += Link::kTurnMs;
    f.at().reads(frame * (most ? 4 : 2));  // 1 or 3 of 4 are left
    f.at().push(f.message(6));
    for (std::uint64_t i = 7; i <= 9; ++i) f.at().push(f.message(i));
    assert_true(f.at().closing() != most);
  }
}

void a_frame_above_the_limit_goes_when_it_is_alone(void**) {
  Fixture f(limits(100, 10));
  f.at().set_room(0);
  f.at().push(f.message(1, 5'000));
  assert_int_equal(f.at().queued_frames(), 1);
  f.at().push(f.message(2, 10));
  assert_told(f.story, "link: closes 1013 reading too slowly", "user of link: closed 1013");
}

// Dropping ------------------------------------------------------------------------------------------------------------

void the_newest_are_dropped(void**) {
  Fixture f(limits(100'000, 3, OutboxPolicy::drop_newest));
  f.at().set_room(0);
  for (std::uint64_t i = 1; i <= 6; ++i) f.at().push(f.message(i));
  assert_int_equal(f.loop().stats().drops.get(), 3);
  // There is room for one frame, but the notice needs one too.
  f.at().reads(5 + 2);
  f.at().push(f.message(7));
  // There is room for both.
  f.at().reads(5 + 2);
  f.at().push(f.message(8));
  f.at().push(f.message(9));  // and there is no third
  f.at().reads();
  f.loop().run();
  assert_told(f.story, "link: room1", "link: room2", "link: room3", "link: gap room 4-7 of 4", "link: room8",
              "link: gap room 9-9 of 1");
}

// Frames of three messages: limits, counters and notices are in messages.
void batches_are_dropped_and_reported_by_messages(void**) {
  {
    Fixture f(limits(100'000, 6, OutboxPolicy::drop_newest));
    f.at().set_room(0);
    for (const std::uint64_t first : {1, 4, 7, 10}) f.at().push(f.batch(first));
    assert_int_equal(f.at().queued_frames(), 6);
    assert_int_equal(f.loop().stats().drops.get(), 6);
    // There is room for three messages, but not for the notice too.
    f.at().reads(8 + 2);
    f.at().push(f.batch(13));
    assert_int_equal(f.loop().stats().drops.get(), 9);
    f.at().reads();
    f.at().push(f.batch(16));
    f.loop().run();
    assert_told(f.story, "link: room1..3", "link: room4..6", "link: gap room 7-15 of 9", "link: room16..18");
  }
  {
    Fixture f(limits(100'000, 6, OutboxPolicy::drop_oldest));
    f.at().set_room(0);
    for (const std::uint64_t first : {1, 4, 7}) f.at().push(f.batch(first));
    f.at().push(f.message(10));
    assert_int_equal(f.loop().stats().drops.get(), 6);
    f.at().reads();
    assert_told(f.story, "link: gap room 1-6 of 6", "link: room7..9", "link: room10");
  }
  {
    Fixture f(limits(100'000, 6));
    f.at().set_room(0);
    for (const std::uint64_t first : {1, 4}) f.at().push(f.batch(first));
    f.at().push(f.batch(7));
    f.at().push(f.batch(10));  // twice the limits
    f.at().push(f.message(13));
    assert_true(f.at().closing());
    assert_int_equal(f.loop().stats().drops.get(), 12);
  }
}

// There is one notice for each room with a gap.
void each_room_has_its_own_gap(void**) {
  Fixture f(limits(100'000, 1, OutboxPolicy::drop_newest));
  f.at().set_room(0);
  f.at().push(f.message(1));
  f.at().push(f.message(2));
  f.at().push(f.message(1, 0, 0, "other"));
  f.at().push(f.message(3));
  f.at().push(f.message(0, 0, 0, "other"));  // ephemeral
  f.at().reads();
  f.loop().run();
  assert_told(f.story, "link: room1", "link: gap room 2-3 of 2", "link: gap other 1-1 of 2");
}

// The notice comes before the next message, not before a reply.
void a_reply_is_not_told_a_gap(void**) {
  Fixture f(limits(100'000, 3, OutboxPolicy::drop_newest));
  f.at().set_room(0);
  for (std::uint64_t i = 1; i <= 4; ++i) f.at().push(f.message(i));
  f.at().reads(2 * (5 + 2));
  f.at().push(text("reply"));
  f.at().push(f.message(5));  // there is room for it, but not for the notice too
  f.at().reads();
  f.loop().run();
  f.at().push(f.message(6));
  f.loop().run();
  assert_told(f.story, "link: room1", "link: room2", "link: room3", "link: reply", "link: gap room 4-5 of 2",
              "link: room6");
}

// A reply replaces the newest queued message. A client is closed when only replies are left and they exceed the limits.
void replies_are_not_dropped(void**) {
  Fixture f(limits(100'000, 2, OutboxPolicy::drop_newest));
  f.at().set_room(0);
  f.at().push(f.message(1));
  f.at().push(f.message(2));
  f.at().push(text("reply"));
  assert_int_equal(f.loop().stats().drops.get(), 1);
  f.at().push(text("another"));
  assert_int_equal(f.loop().stats().drops.get(), 2);
  f.at().push(text("a third"));
  f.at().push(text("a fourth"));  // twice the limit
  assert_told(f.story);
  f.at().push(text("too much"));
  assert_told(f.story, "link: closes 1013 reading too slowly", "user of link: closed 1013");
}

void the_oldest_are_dropped(void**) {
  Fixture f(limits(100'000, 3, OutboxPolicy::drop_oldest));
  f.at().set_room(3);
  f.at().push(f.message(1));
  f.loop().run();  // partly written
  f.at().push(text("reply"));
  for (std::uint64_t i = 2; i <= 4; ++i) f.at().push(f.message(i));
  assert_int_equal(f.loop().stats().drops.get(), 2);
  f.at().reads();
  assert_told(f.story, "link: room1", "link: gap room 2-3 of 2", "link: reply", "link: room4");
}

void a_user_without_gap_notices(void**) {
  Fixture f(limits(100'000, 2, OutboxPolicy::drop_newest));
  f.link->user.silent_about_gaps = true;
  f.at().set_room(0);
  for (std::uint64_t i = 1; i <= 3; ++i) f.at().push(f.message(i));
  f.at().reads();
  f.at().push(f.message(4));
  f.loop().run();
  assert_told(f.story, "link: room1", "link: room2", "link: room4");
}

// Replay --------------------------------------------------------------------------------------------------------------

// Replayed history does not count against the limits and drops nothing.
void replays_have_limits_of_their_own(void**) {
  for (const OutboxPolicy policy : {OutboxPolicy::disconnect, OutboxPolicy::drop_oldest, OutboxPolicy::drop_newest}) {
    Fixture f(limits(100'000, 2, policy));
    f.at().set_room(0);
    for (std::uint64_t i = 1; i <= 5; ++i) f.at().push_replay(f.message(i));
    f.at().push(f.message(6));
    f.at().push(f.message(7));
    assert_int_equal(f.loop().stats().drops.get(), 0);
    f.at().reads();
    assert_told(f.story, "link: room1", "link: room2", "link: room3", "link: room4", "link: room5", "link: room6",
                "link: room7");
    // Once the outbox was empty the usual limits apply.
    f.at().set_room(0);
    for (std::uint64_t i = 8; i <= 12; ++i) f.at().push(f.message(i));
    assert_int_equal(f.loop().stats().drops.get(), policy == OutboxPolicy::disconnect ? 4 : 3);
    assert_true(f.at().closing() == (policy == OutboxPolicy::disconnect));
  }
}

// How full ------------------------------------------------------------------------------------------------------------

void half_full_and_nearly_empty(void**) {
  Fixture f(limits(800, 16));
  f.at().set_room(0);
  assert_false(f.at().is_half_full());
  assert_true(f.at().is_nearly_empty());
  f.at().push(text(std::string(98, 'x')));  // 100 bytes with its head: an eighth
  assert_true(f.at().is_nearly_empty());
  f.at().push(text(""));
  assert_false(f.at().is_nearly_empty());
  f.at().push(text(std::string(294, 'x')));  // 400 together: half
  assert_false(f.at().is_half_full());
  f.at().push(text(""));
  assert_true(f.at().is_half_full());
  f.at().reads();

  // The same in frames: an eighth of 16 is 2, half is 8.
  f.at().set_room(0);
  for (int i = 0; i < 2; ++i) f.at().push(text(""));
  assert_true(f.at().is_nearly_empty());
  f.at().push(text(""));
  assert_false(f.at().is_nearly_empty());
  for (int i = 3; i < 8; ++i) f.at().push(text(""));
  assert_false(f.at().is_half_full());
  f.at().push(text(""));
  assert_true(f.at().is_half_full());
}

// The sender of what fills it -----------------------------------------------------------------------------------------

// A context that records which senders are paused.
class PausingLoop final : public LinkContext {
 public:
  PausingLoop(const ServerOptions& options, Application& application, RefusalLog& refusals)
      : LinkContext(0, options, application, refusals) {}

  void pause_sender(ClientId sender, std::int64_t pause_ms) override {
    pauses.push_back(std::to_string(sender) + " for " + std::to_string(pause_ms));
  }
  SourceTable& sources() override { return sources_; }
  std::int64_t now_ms() const override { return now; }
  void set_timer(TimerEntry&, std::int64_t) override {}
  void note_activity() override { ++activity; }
  bool draining() const override { return false; }
  bool post_task(Task) override { return false; }
  bool drain_inbox() override { return true; }

  std::string take() { return lines_of(std::exchange(pauses, {})); }

  std::vector<std::string> pauses;
  std::int64_t now = 1'000'000;
  int activity = 0;

 private:
  void give_back_memory() override {}
  SourceTable sources_{{}};
};

struct PauseFixture : Fixture {
  explicit PauseFixture(OutboxPolicy policy = OutboxPolicy::disconnect)
      : options(limits(16'000, 1'000, policy)),
        refusals(application),
        loop(options, application, refusals),
        reader(loop, link->user, "reader", story) {
    reader.set_room(0);
  }
  void fill(std::size_t bytes) { reader.push(message(1, bytes - 4)); }

  Application application;
  ServerOptions options;
  RefusalLog refusals;
  PausingLoop loop;
  StreamLink reader;
};

#define assert_paused(f, ...) assert_string_equal((f).loop.take().c_str(), lines_of({__VA_ARGS__}).c_str())

// The pause is proportional to the frame's size, from half of the limits on.
void the_sender_is_slowed_when_half_is_reached(void**) {
  PauseFixture f;
  f.reader.push(f.message(1, 8'000 - 4, 7));  // just half
  assert_paused(f);
  f.reader.push(f.message(2, 500 - 4, 7));
  assert_paused(f, "7 for 50");
  f.reader.push(f.message(3, 5'000 - 4, 8));
  assert_paused(f, "8 for 100");
  f.reader.push(text(std::string(500, 'x')));  // a reply has no sender
  f.reader.push(f.message(4, 500, 0));         // neither has a message of the application
  f.reader.push(f.message(5, 5, 7));           // too small for a pause
  assert_paused(f);
  f.reader.push(f.message(6, 4'000 - 4, 9));  // above the limits
  assert_paused(f, "9 for 300");
}

// Each for its part of the frame.
void each_sender_of_a_batch_is_slowed(void**) {
  PauseFixture f;
  f.fill(8'000);
  f.reader.push(f.batch(2, 1'500 - 4, {7, 0, 8}));
  assert_paused(f, "7 for 50", "8 for 50");
  f.reader.push(f.batch(5, 1'500 - 4));
  assert_paused(f);
}

// Senders are not paused for a reader that has taken nothing for a second, so a slow reader does not slow its room for
// ever.
void a_sender_is_not_slowed_for_one_that_does_not_read(void**) {
  PauseFixture f;
  f.fill(8'000);
  f.reader.push(f.message(2, 996, 7));
  assert_paused(f, "7 for 100");
  f.loop.now += 999;
  f.reader.push(f.message(3, 996, 7));
  assert_paused(f, "7 for 100");
  f.loop.now += 1;
  f.reader.push(f.message(4, 996, 7));
  assert_paused(f);
  f.reader.reads(1);  // it does read
  f.reader.push(f.message(5, 996, 7));
  assert_paused(f, "7 for 100");
  f.loop.now += 999;
  f.reader.reads(1);
  f.loop.now += 999;
  f.reader.push(f.message(6, 996, 7));
  assert_paused(f, "7 for 100");
  // Never for longer than kTurnMs.
  f.loop.now += Link::kTurnMs - 2'998;
  f.reader.reads(1);
  f.reader.push(f.message(7, 996, 7));
  assert_paused(f);
  // Below a quarter of the limits the time starts again.
  f.reader.reads();
  f.reader.set_room(0);
  f.reader.push(f.message(8, 100, 7));
  f.fill(8'000);
  f.reader.push(f.message(9, 996, 7));
  assert_paused(f, "7 for 100");
}

// Senders are paused only when a full outbox would close the link.
void a_policy_that_drops_slows_no_sender(void**) {
  for (const OutboxPolicy policy : {OutboxPolicy::drop_oldest, OutboxPolicy::drop_newest}) {
    PauseFixture f(policy);
    for (std::uint64_t i = 1; i <= 10; ++i) f.reader.push(f.message(i, 4'000, 7));
    assert_paused(f);
  }
}

// What waits is its source's --------------------------------------------------------------------------------------------

ServerOptions queued_limits(std::int64_t per_address, std::int64_t total) {
  ServerOptions options;
  options.hub.max_queued_bytes_per_address = per_address;
  options.hub.max_queued_bytes = total;
  return options;
}

void queued_bytes_are_charged_at_the_end_of_the_round(void**) {
  Fixture f(queued_limits(20'000, kUnlimited));
  const SourcePtr source = f.loop().sources().find("192.0.2.1");
  f.at().charge_to(source);
  f.at().push(text(std::string(10'000, 'x')));
  assert_int_equal(source->held(Resource::queued_bytes), 0);
  f.loop().run();  // everything was taken
  assert_told(f.story, "link: " + std::string(10'000, 'x'));
  assert_int_equal(source->held(Resource::queued_bytes), 0);

  f.at().set_room(0);
  f.at().push(text(std::string(10'000, 'x')));
  f.loop().run();
  assert_int_equal(source->held(Resource::queued_bytes), 8'192);  // in steps
  f.at().reads();
  f.story.take();
  assert_int_equal(source->held(Resource::queued_bytes), 0);

  // The links of one address share its limit.
  const auto other = f.add("other");
  (*other)->charge_to(source);
  (*other)->set_room(0);
  f.at().set_room(0);
  f.at().push(text(std::string(13'000, 'x')));
  f.loop().run();
  (*other)->push(text(std::string(13'000, 'y')));
  f.loop().run();
  assert_told(f.story, "other: closes 1013 too much waits for clients of this address, or for all clients",
              "user of other: closed 1013");
  assert_int_equal((*other)->queued_bytes(), 0);
  assert_int_equal(source->held(Resource::queued_bytes), 12'288);
  assert_int_equal(f.server.refused(Refusal::queued_bytes_per_address), 1);
  assert_int_equal(f.loop().stats().drops.get(), 1);
  assert_int_equal(f.loop().stats().slow_disconnects.get(), 1);
  f.link->link.reset();
  assert_int_equal(source->held(Resource::queued_bytes), 0);
}

// Of one address, or of all when the limit is that of all.
void the_fullest_makes_way(void**) {
  for (const bool total : {false, true}) {
    Fixture f(total ? queued_limits(kUnlimited, 36'000) : queued_limits(36'000, kUnlimited));
    const auto source = [&](const std::string& address) { return f.loop().sources().find(address); };
    const auto full = f.add("full");
    const auto fuller = f.add("fuller");
    (*full)->charge_to(source(total ? "192.0.2.2" : "192.0.2.1"));
    (*fuller)->charge_to(source(total ? "192.0.2.3" : "192.0.2.1"));
    f.at().charge_to(source("192.0.2.1"));
    for (StreamLink* const link : {full->link.get(), fuller->link.get(), &f.at()}) link->set_room(0);
    (*full)->push(text(std::string(13'000, 'x')));
    (*fuller)->push(text(std::string(20'000, 'y')));
    f.at().push(text(std::string(5'000, 'z')));
    f.loop().run();
    assert_told(f.story);
    f.at().push(text(std::string(5'000, 'z')));
    f.loop().run();
    assert_told(f.story, "fuller: closes 1013 too much waits for clients of this address, or for all clients",
                "user of fuller: closed 1013");
    assert_int_equal(f.loop().sources().total(Resource::queued_bytes), 12'288 + 8'192);
    // The next one is the fullest itself.
    f.at().push(text(std::string(40'000, 'z')));
    f.loop().run();
    assert_told(f.story, "link: closes 1013 too much waits for clients of this address, or for all clients",
                "user of link: closed 1013");
    assert_int_equal(f.loop().sources().total(Resource::queued_bytes), 12'288);
  }
}

// A frame that several outboxes hold is charged once, divided among them.
void shared_frames_are_divided(void**) {
  Fixture f(queued_limits(kUnlimited, 50'000));
  std::vector<std::unique_ptr<Fixture::End>> ends;
  {
    const FramePtr frame = text(std::string(40'000, 'x'));
    for (int i = 0; i < 4; ++i) {
      ends.push_back(f.add("end" + std::to_string(i)));
      (*ends.back())->charge_to(f.loop().sources().find("192.0.2." + std::to_string(i)));
      (*ends.back())->set_room(0);
      (*ends.back())->push(frame);
    }
  }
  f.loop().run();
  assert_told(f.story);
  assert_int_equal(f.loop().sources().total(Resource::queued_bytes), 4 * 8'192);
}

void input_that_waits_is_charged_too(void**) {
  Fixture f(queued_limits(10'000, kUnlimited));
  const SourcePtr source = f.loop().sources().find("192.0.2.1");
  f.at().charge_to(source);
  f.at().hold_input(4'000);
  f.at().charge_input();
  assert_int_equal(source->held(Resource::queued_bytes), 0);
  f.at().hold_input(9'000);
  f.at().charge_input();
  assert_int_equal(source->held(Resource::queued_bytes), 8'192);
  f.at().hold_input(0);
  f.at().charge_input();
  assert_int_equal(source->held(Resource::queued_bytes), 0);
  f.at().hold_input(13'000);
  f.at().charge_input();
  assert_told(f.story, "link: closes 1013 too much waits for clients of this address, or for all clients",
              "user of link: closed 1013");
}

// Links that are dirty ------------------------------------------------------------------------------------------------

struct FlushFixture : Fixture {
  FlushFixture() {
    for (const char* const name : {"a", "b", "c"}) ends.push_back(add(name));
  }
  StreamLink& operator[](std::size_t i) { return *ends[i]->link; }
  User& user(std::size_t i) { return ends[i]->user; }
  bool flush() { return loop().dirty_links().flush(true, loop().budget()); }

  std::vector<std::unique_ptr<End>> ends;
};

void links_are_written_in_the_order_in_which_they_became_dirty(void**) {
  FlushFixture f;
  f[2].push(text("1"));
  f[0].push(text("2"));
  f[2].push(text("3"));
  f[1].push(text("4"));
  assert_true(f.flush());
  assert_told(f.story, "c: 1", "c: 3", "a: 2", "b: 4");
  // Each link was flushed once and is no longer dirty.
  for (std::size_t i = 0; i < 3; ++i) f.user(i).flushed = [] { fail(); };
  assert_true(f.flush());
}

// A link that becomes dirty during a flush is written by the next one.
void frames_pushed_during_a_flush_come_in_the_next(void**) {
  FlushFixture f;
  f[0].push(text("1"));
  f[1].push(text("2"));
  f.user(0).flushed = [&] {
    f.user(0).flushed = nullptr;
    f[0].push(text("again"));
    f[2].push(text("new"));
    f[1].push(text("behind"));  // its turn is still to come
  };
  assert_true(f.flush());
  assert_told(f.story, "a: 1", "b: 2", "b: behind");
  assert_true(f.flush());
  assert_told(f.story, "a: again", "c: new");
}

void a_flush_may_be_interrupted(void**) {
  FlushFixture f;
  for (std::size_t i = 0; i < 3; ++i) f[i].push(text(std::to_string(i)));
  f.loop().budget().begin(0);  // over at the first look
  assert_false(f.flush());
  assert_told(f.story, "a: 0");
  f[0].push(text("new"));  // does not come before those that wait
  assert_false(f.flush());
  assert_told(f.story, "b: 1");
  f.loop().budget().lift();
  assert_true(f.flush());
  assert_told(f.story, "c: 2");
  assert_true(f.flush());
  assert_told(f.story, "a: new");
}

// With flush_interval_ms the first frame after a quiet time is written at once, and what follows is gathered.
void flushes_may_be_gathered(void**) {
  Story story;
  User user(story, "link");
  Application application;
  RefusalLog refusals(application);
  ServerOptions options;
  options.flush_interval_ms = 30;
  PausingLoop loop(options, application, refusals);
  uv_loop_t uv;
  assert_int_equal(uv_loop_init(&uv), 0);
  DirtyLinks& dirty = loop.dirty_links();
  dirty.open(&uv);
  {
    StreamLink link(loop, user, "link", story);
    link.push(text("1"));
    assert_true(dirty.flush(false, loop.budget()));
    assert_told(story, "link: 1");
    link.push(text("2"));
    assert_true(dirty.flush(false, loop.budget()));
    loop.now += 29;
    link.push(text("3"));
    assert_true(dirty.flush(false, loop.budget()));
    assert_told(story);
    // The timer wakes the loop up, whose round then flushes.
    const int before = loop.activity;
    uv_run(&uv, UV_RUN_ONCE);
    assert_int_equal(loop.activity, before + 1);
    loop.now += 1;
    assert_true(dirty.flush(false, loop.budget()));
    assert_told(story, "link: 2", "link: 3");
    link.push(text("4"));
    assert_true(dirty.flush(true, loop.budget()));  // while the server stops
    assert_told(story, "link: 4");
  }
  dirty.close();
  uv_run(&uv, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&uv), 0);
}

// One link is destroyed before its turn, and one after its turn.
void links_may_go_in_the_middle_of_a_flush(void**) {
  FlushFixture f;
  for (std::size_t i = 0; i < 3; ++i) f[i].push(text(std::to_string(i)));
  f.user(1).flushed = [&] {
    f.ends[0]->link.reset();
    f.ends[2]->link.reset();
  };
  assert_true(f.flush());
  assert_told(f.story, "a: 0", "b: 1");
  f[1].push(text("goes on"));
  f.user(1).flushed = nullptr;
  assert_true(f.flush());
  assert_told(f.story, "b: goes on");
}

void links_may_go_between_the_parts_of_a_flush(void**) {
  FlushFixture f;
  for (std::size_t i = 0; i < 3; ++i) f[i].push(text(std::to_string(i)));
  f.loop().budget().begin(0);
  assert_false(f.flush());
  f[0].push(text("not written any more"));
  f.ends[0]->link.reset();
  f.ends[1]->link.reset();
  f.loop().budget().lift();
  assert_true(f.flush());
  assert_told(f.story, "a: 0", "c: 2");
  // Its place in the list belonged to another link before.
  f[2].push(text("3"));
  f.ends[2]->link.reset();
  assert_true(f.flush());
  assert_told(f.story);
}

// A new link may have the memory address of a destroyed one.
void destroying_a_link_does_not_affect_others(void**) {
  FlushFixture f;
  f[0].push(text("a"));
  f[1].push(text("b"));
  f.ends[0]->link.reset();
  f.ends[0] = f.add("new");
  f[0].push(text("n"));
  assert_true(f.flush());
  assert_told(f.story, "b: b", "new: n");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(frames_are_written_in_order_at_the_end_of_the_round),
      cmocka_unit_test(a_frame_may_be_written_in_parts),
      cmocka_unit_test(nothing_comes_after_the_close),
      cmocka_unit_test(a_reader_is_given_a_turn_before_the_limit_counts),
      cmocka_unit_test(one_that_takes_nothing_is_closed_at_twice_the_limits),
      cmocka_unit_test(the_same_in_bytes),
      cmocka_unit_test(the_frame_that_is_being_written_stays),
      cmocka_unit_test(twice_the_limits_lasts_for_a_turn),
      cmocka_unit_test(the_turn_begins_again_for_one_that_reads),
      cmocka_unit_test(a_frame_above_the_limit_goes_when_it_is_alone),
      cmocka_unit_test(the_newest_are_dropped),
      cmocka_unit_test(batches_are_dropped_and_reported_by_messages),
      cmocka_unit_test(each_room_has_its_own_gap),
      cmocka_unit_test(a_reply_is_not_told_a_gap),
      cmocka_unit_test(replies_are_not_dropped),
      cmocka_unit_test(the_oldest_are_dropped),
      cmocka_unit_test(a_user_without_gap_notices),
      cmocka_unit_test(replays_have_limits_of_their_own),
      cmocka_unit_test(half_full_and_nearly_empty),
      cmocka_unit_test(the_sender_is_slowed_when_half_is_reached),
      cmocka_unit_test(each_sender_of_a_batch_is_slowed),
      cmocka_unit_test(a_sender_is_not_slowed_for_one_that_does_not_read),
      cmocka_unit_test(a_policy_that_drops_slows_no_sender),
      cmocka_unit_test(queued_bytes_are_charged_at_the_end_of_the_round),
      cmocka_unit_test(the_fullest_makes_way),
      cmocka_unit_test(shared_frames_are_divided),
      cmocka_unit_test(input_that_waits_is_charged_too),
      cmocka_unit_test(links_are_written_in_the_order_in_which_they_became_dirty),
      cmocka_unit_test(frames_pushed_during_a_flush_come_in_the_next),
      cmocka_unit_test(a_flush_may_be_interrupted),
      cmocka_unit_test(flushes_may_be_gathered),
      cmocka_unit_test(links_may_go_in_the_middle_of_a_flush),
      cmocka_unit_test(links_may_go_between_the_parts_of_a_flush),
      cmocka_unit_test(destroying_a_link_does_not_affect_others),
  };
  return cmocka_run_group_tests_name("core/net/deliver/link", tests, nullptr, nullptr);
}
