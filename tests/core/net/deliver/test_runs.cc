// Several messages that are delivered together: who gets them in one frame or in one write, with heads of its own or
// without, and that each receiver gets everything once and in the order in which it came, whatever else happens in
// between.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <new>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/net/fake_loop.h"
#include "core/net/frame_bytes.h"
#include "net/deliver/fanout.h"
#include "net/deliver/websocket_carrier.h"
#include "support/failing_allocations.h"
#include "wire/plain/plain_codec.h"

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

namespace {

const wire::PlainCodec kCodec;

// Each look at this clock costs a second: a limited time is over at the first.
std::int64_t clock_ns() {
  static std::int64_t now_ns = 0;
  return now_ns += 1'000'000'000;
}

// The payloads of WebSocket frames, with a space after each.
std::string payloads(std::string_view bytes) {
  std::string text;
  const auto byte = [&](std::size_t at) { return static_cast<std::size_t>(static_cast<unsigned char>(bytes[at])); };
  while (bytes.size() >= 2) {
    const std::size_t head = byte(1) < 126 ? 2 : 4;
    const std::size_t size = head == 2 ? byte(1) : byte(2) << 8 | byte(3);
    if (bytes.size() < head + size) break;
    text.append(bytes.substr(head, size)).append(" ");
    bytes.remove_prefix(head + size);
  }
  return text + std::string(bytes);
}

class Listener : public Receiver {
 public:
  explicit Listener(ClientId id, const Carrier& carrier = websocket_carrier(), const wire::Codec& codec = kCodec)
      : Receiver(id, codec), carrier_(carrier), codec_(codec) {}
  const Carrier& carrier() const override { return carrier_; }
  const wire::Codec& codec() const override { return codec_; }
  DeliveryCounters counters() const override { return {counter, nullptr}; }
  DirectLinks::Number direct_link() const override { return link; }
  bool notes_deliveries() const override { return notes; }
  void note_delivered(const Frame& frame) override {
    if (std::exchange(fails, false)) throw std::bad_alloc();
    noted += frame.messages().size();
  }
  void deliver_rest(const FramePtr& frame, std::size_t written) override {
    if (std::exchange(fails, false)) throw std::bad_alloc();
    heard += payloads(test::bytes_of(frame)) + "after " + std::to_string(written) + " bytes ";
  }
  bool takes_whole(const Frame&) override { return whole; }
  void deliver(const FramePtr& frame) override {
    if (std::exchange(fails, false)) throw std::bad_alloc();
    ++frames;
    latest = frame;
    heard += payloads(test::bytes_of(frame));
  }
  void note_own(const MessagePtr& message) override { heard += "own:" + message->payload + " "; }
  std::string take() { return std::exchange(heard, {}); }

  DirectLinks::Number link = DirectLinks::kNone;
  Counter* counter = nullptr;
  bool notes = false;
  bool whole = true;
  bool fails = false;  // at the next call
  std::size_t noted = 0;
  std::size_t frames = 0;
  FramePtr latest;
  std::string heard;

 private:
  const Carrier& carrier_;
  const wire::Codec& codec_;
};

constexpr wire::WireForm kHeaded = 0x7f00;

// Of receivers that make their heads themselves.
class HeadedCodec final : public wire::Codec {
 public:
  wire::Packets encode(const Message& message) const override { return {{false, message.payload}}; }
  wire::Packets encode(const Reply&) const override { return {}; }
  std::optional<wire::Packet> encode_body(const Message& message, wire::WireForm) const override {
    if (message.payload == "unspeakable") return std::nullopt;
    return wire::Packet{false, message.payload};
  }
  wire::WireForm form() const override { return kHeaded; }
  wire::WireForm direct_form() const override { return kHeaded; }
};

const HeadedCodec kHeadedCodec;
constexpr Subscription kOwnHeads{"own", kHeaded, true};

// In a room by a subscription with own heads. Receives a message to everyone in two copies.
class Headed : public Listener {
 public:
  explicit Headed(ClientId id, const Carrier& carrier = websocket_carrier()) : Listener(id, carrier, kHeadedCodec) {}
  std::vector<std::string> make_heads(const Message&, std::string_view subscription) override {
    ++asked;
    if (deaf) return {};
    if (subscription.empty()) return {"x:", "y:"};
    return {std::string(subscription) + ":"};
  }
  void deliver_body(const MessagePtr& message, std::string_view subscription, const SharedBody& body) override {
    for (const std::string& head : make_heads(*message, subscription)) {
      deliver(make_frame(head, body, carrier(), message));
    }
  }

  bool deaf = false;  // has no heads
  std::size_t asked = 0;
};

MessagePtr message(std::string room, std::string payload) {
  auto made = std::make_shared<Message>();
  made->room = std::move(room);
  made->payload = std::move(payload);
  return made;
}

struct Fixture {
  void take(std::string room, std::string payload, Receiver* excepted = nullptr) {
    assert_true(fanout.take(message(std::move(room), std::move(payload)), excepted, unlimited));
  }
  void take_for_everyone(std::string payload) {
    assert_true(fanout.take_for_everyone(message({}, std::move(payload)), nullptr, unlimited));
  }
  void finish() { assert_true(fanout.finish(unlimited)); }
  TimeBudget& short_time() {
    budget.begin(0);
    return budget;
  }

  test::FakeServer server;
  Fanout fanout{server.loop()};
  TimeBudget budget{clock_ns};
  TimeBudget unlimited;
};

void a_run_is_one_frame(void**) {
  Fixture f;
  Listener ann(1);
  Listener bob(2);
  f.fanout.add(ann, "room");
  f.fanout.add(bob, "room");
  for (const char* payload : {"1", "2", "3"}) f.take("room", payload);
  assert_string_equal(ann.heard.c_str(), "");
  f.finish();
  assert_string_equal(ann.take().c_str(), "1 2 3 ");
  assert_string_equal(bob.take().c_str(), "1 2 3 ");
  assert_int_equal(ann.frames, 1);
  assert_ptr_equal(ann.latest.get(), bob.latest.get());
  assert_int_equal(ann.latest->count(), 3);
}

void who_does_not_take_it_whole_gets_each_message(void**) {
  Fixture f;
  Listener ann(1);
  ann.whole = false;
  f.fanout.add(ann, "room");
  for (const char* payload : {"1", "2", "3"}) f.take("room", payload);
  f.finish();
  assert_string_equal(ann.take().c_str(), "1 2 3 ");
  assert_int_equal(ann.frames, 3);
}

void the_settled_one_is_ahead(void**) {
  Fixture f;
  Listener ann(1);
  Listener bob(2);
  f.fanout.add(ann, "room");
  f.fanout.add(bob, "room");
  f.take("room", "1");
  f.take("room", "2");
  f.fanout.settle(ann);
  assert_string_equal(ann.take().c_str(), "1 2 ");
  f.fanout.settle(ann);
  assert_string_equal(ann.take().c_str(), "");
  f.take("room", "3");
  f.finish();
  assert_string_equal(ann.take().c_str(), "3 ");
  assert_string_equal(bob.take().c_str(), "1 2 3 ");
}

void who_comes_and_goes_gets_what_is_its(void**) {
  Fixture f;
  Listener ann(1);
  Listener bob(2);
  Listener cat(3);
  f.fanout.add(ann, "room");
  f.fanout.add(bob, "room");
  f.take("room", "1");
  f.fanout.add(cat, "room");
  f.take("room", "2");
  assert_true(f.fanout.remove(ann, "room"));
  assert_string_equal(ann.take().c_str(), "1 2 ");
  f.take("room", "3");
  f.finish();
  assert_string_equal(ann.take().c_str(), "");
  assert_string_equal(bob.take().c_str(), "1 2 3 ");
  assert_string_equal(cat.take().c_str(), "2 3 ");
  f.take("room", "4");
  f.fanout.forget(bob);
  f.fanout.forget(cat);
  assert_false(f.fanout.interrupted());
  f.finish();
}

void the_sender_gets_what_others_say(void**) {
  Fixture f;
  Listener ann(1);
  Listener bob(2);
  f.fanout.add(ann, "room");
  f.fanout.add(bob, "room");
  f.take("room", "1", &bob);
  f.take("room", "2", &ann);
  f.take("room", "3", &bob);
  f.finish();
  assert_string_equal(ann.take().c_str(), "1 own:2 3 ");
  assert_string_equal(bob.take().c_str(), "own:1 2 own:3 ");
}

void rooms_with_a_common_member_keep_their_order(void**) {
  Fixture f;
  Listener ann(1);
  Listener bob(2);
  f.fanout.add(ann, "a");
  f.fanout.add(ann, "b");
  f.fanout.add(bob, "b");
  f.take("a", "1");
  f.take("b", "2");
  f.take("a", "3");
  f.finish();
  assert_string_equal(ann.take().c_str(), "1 2 3 ");
  assert_string_equal(bob.take().c_str(), "2 ");
  // Without common members the runs go on.
  f.fanout.remove(ann, "b");
  f.take("a", "4");
  f.take("b", "5");
  f.take("a", "6");
  f.finish();
  assert_string_equal(ann.take().c_str(), "4 6 ");
  assert_int_equal(ann.latest->count(), 2);
}

void everyone_comes_in_between(void**) {
  Fixture f;
  Listener ann(1);
  f.fanout.add(ann, "a");
  f.fanout.add_to_everyone(ann);
  f.take("a", "1");
  f.take_for_everyone("2");
  f.take_for_everyone("3");
  f.take("a", "4");
  f.finish();
  assert_string_equal(ann.take().c_str(), "1 2 3 4 ");
}

void a_large_run_is_delivered_early(void**) {
  Fixture f;
  Listener ann(1);
  f.fanout.add(ann, "room");
  const std::string large(1'000, 'x');
  for (int i = 0; i < 100; ++i) f.take("room", large);
  assert_true(ann.frames == 1);
  f.finish();
  assert_int_equal(ann.frames, 2);
  ann.frames = 0;
  for (int i = 0; i < 1'500; ++i) f.take("room", "x");
  assert_int_equal(ann.frames, 1);
  f.finish();
  assert_int_equal(ann.frames, 2);
}

// Sockets -------------------------------------------------------------------------------------------------------------

// A pair of sockets: the fan-out writes to one end by the row of a link, and the test reads at the other.
class Wire {
 public:
  explicit Wire(DirectLinks& links) : links_(links), number_(links.add()) {
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends_), 0);
    links_.open(number_, ends_[0]);
  }
  ~Wire() {
    links_.remove(number_);
    for (const int end : ends_) close(end);
  }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  DirectLinks::Number number() const { return number_; }
  void close_row() { links_.close(number_); }
  void open_row() { links_.open(number_, ends_[0]); }
  // Until the socket takes nothing more.
  std::size_t fill() {
    const std::string block(4'096, 'f');
    std::size_t filled = 0;
    for (ssize_t sent = 0; (sent = send(ends_[0], block.data(), block.size(), MSG_NOSIGNAL)) > 0;) {
      filled += static_cast<std::size_t>(sent);
    }
    return filled;
  }
  std::string read(std::size_t max_bytes = 1 << 20) {
    std::string bytes(max_bytes, '\0');
    const ssize_t got = recv(ends_[1], bytes.data(), bytes.size(), 0);
    bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return bytes;
  }

 private:
  DirectLinks& links_;
  const DirectLinks::Number number_;
  int ends_[2] = {-1, -1};
};

void an_open_link_is_written_to(void**) {
  Fixture f;
  Counter counter;
  Wire wire(f.server.loop().direct_links());
  Listener ann(1);
  Listener bob(2);
  ann.link = wire.number();
  ann.counter = &counter;
  f.fanout.add(ann, "room");
  f.fanout.add(bob, "room");
  f.take("room", "1");
  f.take("room", "2");
  f.finish();
  assert_string_equal(payloads(wire.read()).c_str(), "1 2 ");
  assert_string_equal(ann.take().c_str(), "");
  assert_string_equal(bob.take().c_str(), "1 2 ");
  assert_int_equal(counter.get(), 2);
  assert_int_equal(f.server.loop().stats().bytes_out.get(), 6);
  assert_int_equal(f.server.loop().direct_links().written_ms(wire.number()), f.server.now_ms);
  // What waits at the link comes first.
  wire.close_row();
  f.take("room", "3");
  f.finish();
  assert_string_equal(wire.read().c_str(), "");
  assert_string_equal(ann.take().c_str(), "3 ");
}

void a_small_run_needs_no_memory_after_the_first(void**) {
  Fixture f;
  Wire first(f.server.loop().direct_links());
  Wire second(f.server.loop().direct_links());
  Listener ann(1);
  Listener bob(2);
  ann.link = first.number();
  bob.link = second.number();
  f.fanout.add(ann, "room");
  f.fanout.add(bob, "room");
  const std::string longer(100, 'x');
  for (int run = 0; run < 3; ++run) {
    std::vector<MessagePtr> messages;
    for (int i = 0; i < 3; ++i) messages.push_back(message("room", longer));
    if (run != 0) test::allocations_until_failure = 0;
    for (MessagePtr& one : messages) assert_true(f.fanout.take(std::move(one), nullptr, f.unlimited));
    f.finish();
    test::allocations_until_failure = -1;
    const std::string heard = longer + " " + longer + " " + longer + " ";
    assert_string_equal(payloads(first.read()).c_str(), heard.c_str());
    assert_string_equal(payloads(second.read()).c_str(), heard.c_str());
  }
}

// The frame of the one takes the bytes that the socket of the other gets, in either order.
void failing_memory_loses_no_bytes_of_a_run(void**) {
  const std::string longer(100, 'x');
  for (const bool direct_first : {false, true}) {
    for (const int messages : {1, 3}) {
      for (long succeed = 0, failed = -1; failed != 0; ++succeed) {
        Fixture f;
        Wire wire(f.server.loop().direct_links());
        Listener ann(1);
        Listener bob(2);
        (direct_first ? ann : bob).link = wire.number();
        f.fanout.add(ann, "room");
        f.fanout.add(bob, "room");
        std::string expected;
        for (int i = 0; i < messages; ++i) {
          f.take("room", longer + std::to_string(i));
          expected += longer + std::to_string(i) + " ";
        }
        const long before = test::failed_allocations;
        test::allocations_until_failure = succeed;
        for (bool done = false; !done;) {
          try {
            done = f.fanout.finish(f.unlimited);
          } catch (const std::bad_alloc&) {
          }
        }
        test::allocations_until_failure = -1;
        failed = test::failed_allocations - before;
        assert_string_equal(payloads(wire.read()).c_str(), expected.c_str());
        assert_string_equal((direct_first ? bob : ann).take().c_str(), expected.c_str());
        assert_string_equal((direct_first ? ann : bob).take().c_str(), "");
      }
    }
  }
}

// One that is ahead of the others is not.
void who_is_ahead_goes_by_its_link(void**) {
  Fixture f;
  Wire wire(f.server.loop().direct_links());
  Listener ann(1);
  ann.link = wire.number();
  f.fanout.add(ann, "room");
  f.take("room", "1");
  f.fanout.settle(ann);
  f.take("room", "2");
  f.finish();
  assert_string_equal(wire.read().c_str(), "");
  assert_string_equal(ann.take().c_str(), "1 2 ");
}

void the_link_gets_what_the_socket_does_not_take(void**) {
  Fixture f;
  Wire wire(f.server.loop().direct_links());
  Listener ann(1);
  ann.link = wire.number();
  f.fanout.add(ann, "room");
  wire.fill();
  f.take("room", "1");
  f.take("room", "2");
  f.finish();
  assert_string_equal(ann.take().c_str(), "1 2 after 0 bytes ");
}

void a_broken_socket_takes_nothing(void**) {
  Fixture f;
  DirectLinks& links = f.server.loop().direct_links();
  Listener ann(1);
  ann.link = links.add();
  int ends[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
  close(ends[1]);
  links.open(ann.link, ends[0]);
  f.fanout.add(ann, "room");
  f.take("room", "1");
  f.finish();
  assert_string_equal(ann.take().c_str(), "1 after 0 bytes ");
  close(ends[0]);
}

// A carrier that gathers puts the run into one envelope.
class BracketCarrier final : public Carrier {
 public:
  BracketCarrier() : Carrier(",", "]") {}
  void append(std::string& out, const wire::PacketView& packet) const override { out += packet.bytes; }
  void append_text(std::string& out, std::string_view text) const override { out += text; }
  void append_prefix(std::string& out, std::size_t bytes) const override { out += std::to_string(bytes) + "["; }
};

void an_envelope_is_written_whole(void**) {
  const BracketCarrier carrier;
  Fixture f;
  Wire wire(f.server.loop().direct_links());
  Listener ann(1, carrier);
  ann.link = wire.number();
  f.fanout.add(ann, "room");
  f.take("room", "1");
  f.take("room", "22");
  f.finish();
  assert_string_equal(wire.read().c_str(), "4[1,22]");
}

// Memory fails after the write: the receiver notes it when the delivery goes on, and is not written to again.
void what_is_written_is_not_written_again(void**) {
  Fixture f;
  Wire wire(f.server.loop().direct_links());
  Listener ann(1);
  ann.link = wire.number();
  ann.notes = ann.fails = true;
  f.fanout.add(ann, "room");
  f.take("room", "1");
  bool thrown = false;
  try {
    (void)f.fanout.finish(f.unlimited);
  } catch (const std::bad_alloc&) {
    thrown = true;
  }
  assert_true(thrown);
  assert_true(f.fanout.interrupted());
  f.finish();
  assert_int_equal(ann.noted, 1);
  assert_string_equal(payloads(wire.read()).c_str(), "1 ");
  wire.fill();
  ann.fails = true;
  f.take("room", "2");
  try {
    (void)f.fanout.finish(f.unlimited);
  } catch (const std::bad_alloc&) {
    thrown = false;
  }
  assert_false(thrown);
  while (!wire.read().empty()) continue;
  f.finish();
  assert_string_equal(wire.read().c_str(), "");
  assert_string_equal(ann.take().c_str(), "2 after 0 bytes ");
}

// Own heads -----------------------------------------------------------------------------------------------------------

void heads_and_bodies_are_one_write(void**) {
  Fixture f;
  Counter counter;
  Wire ann_wire(f.server.loop().direct_links());
  Wire bob_wire(f.server.loop().direct_links());
  Headed ann(1);
  Headed bob(2);
  ann.link = ann_wire.number();
  bob.link = bob_wire.number();
  ann.counter = &counter;
  ann.notes = true;
  for (Headed* const one : {&ann, &bob}) {
    assert_true(f.fanout.add(*one, "room"));
    assert_true(f.fanout.add(*one, "room", kOwnHeads));
  }
  for (const char* payload : {"1", "unspeakable", "2"}) f.take("room", payload);
  f.finish();
  assert_string_equal(payloads(ann_wire.read()).c_str(), "own:1 own:2 ");
  assert_string_equal(payloads(bob_wire.read()).c_str(), "own:1 own:2 ");
  assert_string_equal((ann.take() + bob.take()).c_str(), "");
  assert_int_equal(counter.get(), 2);
  assert_int_equal(ann.noted, 2);
  assert_int_equal(ann.asked, 2);
  // To everyone, in copies.
  f.fanout.add_to_everyone(ann);
  f.fanout.add_to_everyone(bob);
  bob.deaf = true;
  f.take_for_everyone("3");
  f.finish();
  assert_string_equal(payloads(ann_wire.read()).c_str(), "x:3 y:3 ");
  assert_int_equal(counter.get(), 4);
  assert_string_equal((bob_wire.read() + bob.take()).c_str(), "");
  // One that is ahead goes by its link, and so does one with several subscriptions.
  f.take("room", "4");
  f.fanout.settle(ann);
  f.take("room", "5");
  f.finish();
  assert_string_equal(ann.take().c_str(), "own:4 own:5 ");
  assert_true(f.fanout.add(ann, "room", {"other", kHeaded, true}));
  f.take("room", "6");
  f.finish();
  assert_string_equal(ann.take().c_str(), "own:6 other:6 ");
  assert_string_equal(ann_wire.read().c_str(), "");
}

// The carrier's envelope is for the frames of one write, which the outbox gathers.
void own_heads_in_an_envelope_go_by_the_link(void**) {
  const BracketCarrier carrier;
  Fixture f;
  Wire wire(f.server.loop().direct_links());
  Headed ann(1, carrier);
  ann.link = wire.number();
  f.fanout.add(ann, "room", kOwnHeads);
  f.take("room", "1");
  f.finish();
  assert_string_equal(wire.read().c_str(), "");
  assert_int_equal(ann.frames, 1);
}

// In the middle of the shared body. When memory fails, the rest comes later, with the same head.
void the_rest_of_own_heads_goes_to_the_link(void**) {
  class Resting final : public Headed {
   public:
    using Headed::Headed;
    void deliver_rest(const FramePtr& frame, std::size_t written) override {
      if (std::exchange(fails, false)) throw std::bad_alloc();
      rest = test::bytes_of(frame).substr(written);
    }
    std::string rest;
  };
  for (const bool fails : {false, true}) {
    Fixture f;
    Wire wire(f.server.loop().direct_links());
    Resting ann(1);
    ann.link = wire.number();
    ann.fails = fails;
    f.fanout.add(ann, "room", kOwnHeads);
    const std::string large(4'000'000, 'x');
    f.take("room", large);
    try {
      f.finish();
      assert_false(fails);
    } catch (const std::bad_alloc&) {
      assert_true(fails);
      f.finish();
    }
    assert_int_equal(ann.asked, 1);
    const std::string written = wire.read(large.size());
    assert_true(written.size() > 100 && written.size() < large.size());
    assert_true((written + ann.rest).ends_with("own:" + large));
    assert_int_equal(written.size() + ann.rest.size(), 10 + 4 + large.size());
  }
}

// A write takes so many segments. The link gets the rest.
void a_long_run_of_own_heads_is_complete(void**) {
  Fixture f;
  Wire wire(f.server.loop().direct_links());
  Headed ann(1);
  ann.link = wire.number();
  f.fanout.add(ann, "room", kOwnHeads);
  for (std::size_t i = 0; i < DirectLinks::kMaxSegments; ++i) f.take("room", "1");
  f.finish();
  const std::string written = payloads(wire.read());
  assert_int_equal(std::ranges::count(written, ' '), DirectLinks::kMaxSegments / 2);
  assert_true(ann.take().ends_with("after " + std::to_string(DirectLinks::kMaxSegments / 2 * 7) + " bytes "));
}

void a_membership_without_subscriptions_is_silent(void**) {
  Fixture f;
  Headed ann(1);
  Listener bob(2);
  assert_true(f.fanout.add(ann, "room"));
  assert_false(f.fanout.add(ann, "room"));
  f.take("room", "1", &ann);
  f.finish();
  assert_string_equal(ann.take().c_str(), "own:1 ");
  f.fanout.refresh(ann);
  assert_true(f.fanout.add(bob, "room"));
  f.take("room", "2");
  assert_true(f.fanout.remove(bob, "room"));
  assert_string_equal(bob.take().c_str(), "2 ");
  assert_true(f.fanout.add(ann, "room", kOwnHeads));
  f.take("room", "3");
  assert_true(f.fanout.remove(ann, "room", "own"));
  assert_string_equal(ann.take().c_str(), "own:3 ");
  f.take("room", "4");
  f.finish();
  assert_string_equal(ann.take().c_str(), "");
  assert_true(ann.has_rooms());
  f.take("room", "5");
  assert_true(f.fanout.remove(ann, "room"));
  assert_false(f.fanout.remove(ann, "room"));
  assert_false(ann.has_rooms());
  f.finish();
}

void a_changed_link_is_used(void**) {
  Fixture f;
  Wire wire(f.server.loop().direct_links());
  Listener ann(1);
  f.fanout.add(ann, "room");
  ann.link = wire.number();
  f.fanout.refresh(ann);
  f.take("room", "1");
  f.finish();
  assert_string_equal(payloads(wire.read()).c_str(), "1 ");
  ann.link = DirectLinks::kNone;
  f.fanout.refresh(ann);
  f.take("room", "2");
  f.finish();
  assert_string_equal(ann.take().c_str(), "2 ");
}

void rows_are_used_again(void**) {
  Fixture f;
  DirectLinks& links = f.server.loop().direct_links();
  const DirectLinks::Number first = links.add();
  links.open(first, 0);
  links.remove(first);
  assert_false(links.is_open(first));
  assert_int_equal(links.add(), first);
  assert_false(links.is_open(first));
  assert_int_equal(links.written_ms(first), -1);
  assert_false(links.is_open(DirectLinks::kNone));
}

// Anything in any order ----------------------------------------------------------------------------------------------

// With a socket that takes bytes or does not. What comes by the link closes the row until the link is flushed.
class Wired final : public Headed {
 public:
  Wired(ClientId id, DirectLinks& links) : Headed(id), wire_(links) {
    link = wire_.number();
    notes = id % 4 == 0;
  }
  void deliver(const FramePtr& frame) override {
    go_by_link();
    Headed::deliver(frame);
  }
  void deliver_rest(const FramePtr& frame, std::size_t written) override {
    if (std::exchange(fails, false)) throw std::bad_alloc();
    go_by_link();
    assert_int_equal(written, 0);
    heard += payloads(test::bytes_of(frame));
  }
  void note_own(const MessagePtr& message) override {
    hear_wire();
    Headed::note_own(message);
  }
  void flush() {
    hear_wire();
    wire_.open_row();
  }
  void fill() {
    hear_wire();
    filled_ = wire_.fill();
  }
  void hear_wire() {
    std::string bytes;
    for (std::string part; !(part = wire_.read(4'096)).empty();) bytes += part;
    heard += payloads(bytes.substr(std::exchange(filled_, 0)));
  }

 private:
  void go_by_link() {
    hear_wire();
    wire_.close_row();
  }

  Wire wire_;
  std::size_t filled_ = 0;
};

// Receivers in up to three of four rooms, some of them with heads of their own and sockets, with every kind of call in any
// order, and with budgets that are always over and memory that fails. Each receiver has a list of what it should have
// heard, and hears that in this order.
struct Model {
  static constexpr std::size_t kReceivers = 30;
  static constexpr std::size_t kRooms = 4;

  explicit Model(unsigned seed) : random(seed) {
    for (std::size_t i = 0; i < kReceivers; ++i) {
      if (i % 3 == 0) {
        auto one = std::make_unique<Wired>(i + 1, fixture.server.loop().direct_links());
        wired.push_back(one.get());
        listeners.push_back(std::move(one));
      } else {
        listeners.push_back(std::make_unique<Listener>(i + 1));
      }
      listeners.back()->whole = any(4) != 0;
      fixture.fanout.add_to_everyone(*listeners.back());
    }
    expected.resize(kReceivers);
    rooms.resize(kReceivers, std::vector<bool>(kRooms));
  }

  std::size_t any(std::size_t below) { return random() % below; }
  static std::string name(std::size_t room) { return std::string(1, static_cast<char>('a' + room)); }
  // What the loop does before an event that is a barrier.
  void finish_all() {
    for (;;) {
      try {
        if (any(8) == 0) listeners[any(kReceivers)]->fails = true;
        if (fixture.fanout.finish(any(2) == 0 ? fixture.short_time() : fixture.unlimited)) break;
      } catch (const std::bad_alloc&) {
      }
    }
    for (const auto& listener : listeners) listener->fails = false;
  }
  void take(std::size_t room, bool everyone) {
    const std::string payload = std::to_string(++last);
    const std::size_t excepted = any(3) == 0 ? any(kReceivers) : kReceivers;
    Receiver* const left_out = excepted == kReceivers ? nullptr : listeners[excepted].get();
    const MessagePtr made = message(name(room), payload);
    for (bool taken = false; !taken;) {
      try {
        if (any(8) == 0) listeners[any(kReceivers)]->fails = true;
        TimeBudget& budget = any(2) == 0 ? fixture.short_time() : fixture.unlimited;
        if (fixture.fanout.interrupted() && !fixture.fanout.finish(budget)) continue;
        taken = everyone ? fixture.fanout.take_for_everyone(MessagePtr(made), left_out, budget)
                         : fixture.fanout.take(MessagePtr(made), left_out, budget);
      } catch (const std::bad_alloc&) {
      }
      for (const auto& listener : listeners) listener->fails = false;
    }
    for (std::size_t i = 0; i < kReceivers; ++i) {
      if (!everyone && !rooms[i][room]) continue;
      if (i != excepted) {
        const bool headed = i % 3 == 0;
        if (headed && everyone) expected[i] += "x:" + payload + " y:";
        if (headed && !everyone) expected[i] += "h:";
        expected[i] += payload + " ";
      } else if (!everyone) {
        expected[i] += "own:" + payload + " ";
      }
    }
  }
  void step() {
    const std::size_t who = any(kReceivers);
    const std::size_t room = any(kRooms);
    switch (any(12)) {
      case 0:
        if (fixture.fanout.interrupted()) finish_all();
        if (listeners[who]->has_rooms()) finish_all();
        rooms[who][room] = true;
        (void)fixture.fanout.add(*listeners[who], name(room));
        if (who % 3 == 0) (void)fixture.fanout.add(*listeners[who], name(room), {"h", kHeaded, true});
        break;
      case 1:
        if (fixture.fanout.interrupted()) finish_all();
        rooms[who][room] = false;
        (void)fixture.fanout.remove(*listeners[who], name(room));
        break;
      case 2:
        if (fixture.fanout.interrupted()) finish_all();
        fixture.fanout.settle(*listeners[who]);
        break;
      case 3:
        finish_all();
        break;
      case 4:
        take(room, true);
        break;
      case 5:
        wired[any(wired.size())]->flush();
        break;
      case 6:
        wired[any(wired.size())]->fill();
        break;
      default:
        take(room, false);
    }
  }

  std::mt19937 random;
  Fixture fixture;
  std::vector<std::unique_ptr<Listener>> listeners;
  std::vector<Wired*> wired;
  std::vector<std::string> expected;
  std::vector<std::vector<bool>> rooms;
  int last = 0;
};

void everything_comes_once_and_in_order(void**) {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    Model model(seed);
    for (int i = 0; i < 400; ++i) model.step();
    model.finish_all();
    for (Wired* const one : model.wired) one->hear_wire();
    for (std::size_t i = 0; i < Model::kReceivers; ++i) {
      assert_string_equal(model.listeners[i]->heard.c_str(), model.expected[i].c_str());
    }
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_run_is_one_frame),
      cmocka_unit_test(who_does_not_take_it_whole_gets_each_message),
      cmocka_unit_test(the_settled_one_is_ahead),
      cmocka_unit_test(who_comes_and_goes_gets_what_is_its),
      cmocka_unit_test(the_sender_gets_what_others_say),
      cmocka_unit_test(rooms_with_a_common_member_keep_their_order),
      cmocka_unit_test(everyone_comes_in_between),
      cmocka_unit_test(a_large_run_is_delivered_early),
      cmocka_unit_test(an_open_link_is_written_to),
      cmocka_unit_test(who_is_ahead_goes_by_its_link),
      cmocka_unit_test(the_link_gets_what_the_socket_does_not_take),
      cmocka_unit_test(a_broken_socket_takes_nothing),
      cmocka_unit_test(a_small_run_needs_no_memory_after_the_first),
      cmocka_unit_test(failing_memory_loses_no_bytes_of_a_run),
      cmocka_unit_test(an_envelope_is_written_whole),
      cmocka_unit_test(what_is_written_is_not_written_again),
      cmocka_unit_test(heads_and_bodies_are_one_write),
      cmocka_unit_test(own_heads_in_an_envelope_go_by_the_link),
      cmocka_unit_test(the_rest_of_own_heads_goes_to_the_link),
      cmocka_unit_test(a_long_run_of_own_heads_is_complete),
      cmocka_unit_test(a_membership_without_subscriptions_is_silent),
      cmocka_unit_test(a_changed_link_is_used),
      cmocka_unit_test(rows_are_used_again),
      cmocka_unit_test(everything_comes_once_and_in_order),
  };
  return cmocka_run_group_tests_name("core/net/deliver/runs", tests, nullptr, nullptr);
}
