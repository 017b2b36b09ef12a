// Several subscriptions of one receiver to one room, with a tiny format that has them: each gets every message once, in
// order, with its own head before a shared body.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/net/fake_loop.h"
#include "core/net/frame_bytes.h"
#include "core/net/stream_link.h"
#include "net/deliver/fanout.h"
#include "net/deliver/member_forms.h"
#include "net/deliver/websocket_carrier.h"
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

constexpr wire::WireForm kForm = 0x7f00;
constexpr wire::WireForm kOtherForm = 0x7f01;

// A message is "payload" without a subscription, and "id>payload" or "id>>payload" with one.
class TaggedCodec final : public wire::Codec {
 public:
  wire::Packets encode(const Message& message) const override { return {{false, message.payload}}; }
  wire::Packets encode(const Reply&) const override { return {}; }
  std::optional<wire::Packet> encode_body(const Message& message, wire::WireForm form) const override {
    ++bodies;
    if (message.payload == "unspeakable") return std::nullopt;
    return wire::Packet{false, (form == kForm ? ">" : ">>") + message.payload};
  }
  std::string encode_head(const Message&, wire::WireForm, std::string_view subscription) const override {
    ++heads;
    return std::string(subscription);
  }
  wire::WireForm form() const override { return kForm; }

  mutable std::size_t bodies = 0;
  mutable std::size_t heads = 0;
};

// Keeps what it receives, without the two bytes of a WebSocket frame's head.
class Listener final : public Receiver {
 public:
  Listener(ClientId id, const wire::Codec& codec, const Carrier& carrier = websocket_carrier())
      : Receiver(id, codec), codec_(codec), carrier_(carrier) {}
  const Carrier& carrier() const override { return carrier_; }
  const wire::Codec& codec() const override { return codec_; }
  void deliver(const FramePtr& frame) override {
    frames.push_back(frame);
    heard += frame ? test::bytes_of(frame).substr(2) + " " : "nothing ";
  }
  void note_own(const MessagePtr&) override { ++own; }

  std::string take() { return std::exchange(heard, {}); }

  std::string heard;
  std::vector<FramePtr> frames;
  std::size_t own = 0;

 private:
  const wire::Codec& codec_;
  const Carrier& carrier_;
};

// Each look at this clock costs a second: a limited time is over at the first.
std::int64_t clock_ns() {
  static std::int64_t now_ns = 0;
  return now_ns += 1'000'000'000;
}

MessagePtr message(std::string payload, std::uint64_t seq = 0) {
  auto made = std::make_shared<Message>();
  made->room = "room";
  made->epoch = "e";
  made->payload = std::move(payload);
  made->seq = seq;
  return made;
}

struct Fixture {
  bool subscribe(Receiver& receiver, std::string_view id, wire::WireForm form = kForm) {
    return fanout.add(receiver, "room", {id, form});
  }
  void deliver(std::string payload, Receiver* excepted = nullptr) {
    assert_true(deliver(message(std::move(payload)), unlimited, excepted));
  }
  bool deliver(const MessagePtr& message, TimeBudget& limit, Receiver* excepted = nullptr) {
    assert_true(fanout.take(MessagePtr(message), excepted, limit));
    return fanout.finish(limit);
  }
  bool deliver_to_everyone(const MessagePtr& message) {
    assert_true(fanout.take_for_everyone(MessagePtr(message), nullptr, unlimited));
    return fanout.finish(unlimited);
  }
  TimeBudget& short_time() {
    budget.begin(0);
    return budget;
  }

  TaggedCodec codec;
  test::FakeServer server;
  Fanout fanout{server.loop()};
  TimeBudget budget{clock_ns};
  TimeBudget unlimited;
};

void each_subscription_gets_its_copy_in_order(void**) {
  Fixture f;
  Listener ann(1, f.codec);
  Listener bob(2, f.codec);
  assert_true(f.subscribe(ann, "a"));
  assert_true(f.subscribe(bob, "b"));
  assert_true(f.subscribe(ann, "c"));
  f.deliver("1");
  f.deliver("2");
  assert_string_equal(ann.take().c_str(), "a>1 c>1 a>2 c>2 ");
  assert_string_equal(bob.take().c_str(), "b>1 b>2 ");
}

void an_id_is_used_once(void**) {
  Fixture f;
  Listener ann(1, f.codec);
  assert_true(f.subscribe(ann, "a"));
  assert_false(f.subscribe(ann, "a"));
  assert_false(f.subscribe(ann, "a", kOtherForm));
  assert_true(f.subscribe(ann, "b"));
  assert_true(f.fanout.add(ann, "room"));  // without a subscription
  assert_false(f.fanout.add(ann, "room"));
  f.deliver("1");
  assert_string_equal(ann.take().c_str(), "a>1 b>1 1 ");
  assert_true(f.fanout.add(ann, "other", {"a", kForm}));
}

void one_subscription_ends_and_the_others_stay(void**) {
  Fixture f;
  Listener ann(1, f.codec);
  for (const char* id : {"a", "b", "c"}) assert_true(f.subscribe(ann, id));
  assert_true(f.fanout.remove(ann, "room", "a"));
  assert_false(f.fanout.remove(ann, "room", "a"));
  assert_false(f.fanout.remove(ann, "room", ""));
  assert_false(f.fanout.remove(ann, "other", "b"));
  f.deliver("1");
  assert_string_equal(ann.take().c_str(), "b>1 c>1 ");
  assert_true(f.subscribe(ann, "a"));
  f.deliver("2");
  assert_string_equal(ann.take().c_str(), "b>2 c>2 a>2 ");
}

void leaving_a_room_ends_all_subscriptions(void**) {
  Fixture f;
  Listener ann(1, f.codec);
  Listener bob(2, f.codec);
  assert_true(f.subscribe(bob, "a"));
  for (const char* id : {"a", "b", "c"}) assert_true(f.subscribe(ann, id));
  assert_true(f.fanout.add(ann, "other", {"a", kForm}));
  assert_true(f.fanout.remove(ann, "room"));
  assert_false(f.fanout.remove(ann, "room"));
  f.deliver("1");
  assert_string_equal(ann.take().c_str(), "");
  assert_string_equal(bob.take().c_str(), "a>1 ");
  for (const char* id : {"a", "b"}) assert_true(f.subscribe(ann, id));
  assert_string_equal(f.fanout.remove_any(ann).c_str(), "room");
  assert_string_equal(f.fanout.remove_any(ann).c_str(), "other");
  assert_string_equal(f.fanout.remove_any(ann).c_str(), "");
  for (const char* id : {"a", "b"}) assert_true(f.subscribe(ann, id));
  f.fanout.add_to_everyone(ann);
  f.fanout.forget(ann);
  f.deliver("2");
  assert_true(f.deliver_to_everyone(message("all")));
  assert_string_equal(ann.take().c_str(), "");
}

void equal_subscriptions_share_a_frame_and_all_share_the_body(void**) {
  Fixture f;
  Listener ann(1, f.codec);
  Listener bob(2, f.codec);
  for (const char* id : {"a", "b"}) {
    assert_true(f.subscribe(ann, id));
    assert_true(f.subscribe(bob, id));
  }
  f.deliver("1");
  assert_int_equal(f.codec.bodies, 1);
  assert_int_equal(f.codec.heads, 2);
  assert_ptr_equal(ann.frames[0].get(), bob.frames[0].get());
  assert_ptr_equal(ann.frames[1].get(), bob.frames[1].get());
  assert_ptr_not_equal(ann.frames[0].get(), ann.frames[1].get());
  assert_ptr_equal(ann.frames[0]->segment(1).data(), ann.frames[1]->segment(1).data());
}

void forms_and_carriers_have_bodies_of_their_own(void**) {
  Fixture f;
  Listener ann(1, f.codec);
  Listener bob(2, f.codec, websocket_carrier(WebSocketCarrier::Packets::engine_io));
  assert_true(f.subscribe(ann, "a"));
  assert_true(f.subscribe(ann, "b", kOtherForm));
  assert_true(f.subscribe(bob, "a"));
  f.deliver("1");
  assert_int_equal(f.codec.bodies, 3);
  assert_string_equal(ann.take().c_str(), "a>1 b>>1 ");
  assert_string_equal(bob.take().c_str(), "4a>1 ");  // a carrier that cannot share
  assert_int_equal(bob.frames[0]->segments(), 1);
}

void a_format_without_subscriptions_delivers_nothing_to_one(void**) {
  Fixture f;
  const wire::PlainCodec plain;
  Listener ann(1, plain);
  Listener bob(2, f.codec);
  assert_true(f.subscribe(ann, "a"));
  assert_true(f.subscribe(bob, "a", kOtherForm));
  f.deliver("unspeakable");
  assert_string_equal(ann.take().c_str(), "nothing ");
  assert_string_equal(bob.take().c_str(), "nothing ");
}

void an_own_message_is_noted_once(void**) {
  Fixture f;
  Listener ann(1, f.codec);
  Listener bob(2, f.codec);
  for (const char* id : {"a", "b", "c"}) assert_true(f.subscribe(ann, id));
  assert_true(f.subscribe(bob, "a"));
  f.deliver("1", &ann);
  assert_int_equal(ann.own, 1);
  assert_string_equal(ann.take().c_str(), "");
  assert_string_equal(bob.take().c_str(), "a>1 ");
}

// Also when the subscription that noted it ends before the delivery continues.
void an_own_message_is_noted_once_in_an_interrupted_delivery(void**) {
  for (std::size_t ended = 0; ended < 40; ++ended) {
    Fixture f;
    Listener ann(1, f.codec);
    for (int i = 0; i < 40; ++i) assert_true(f.subscribe(ann, std::to_string(i)));
    assert_false(f.deliver(message("1"), f.short_time(), &ann));
    assert_int_equal(ann.own, 1);
    assert_true(f.fanout.remove(ann, "room", std::to_string(ended)));
    while (!f.fanout.finish(f.short_time())) {
    }
    assert_int_equal(ann.own, 1);
    f.deliver("2", &ann);
    assert_int_equal(ann.own, 2);
  }
}

// Three receivers with 20 subscriptions each. Any of them ends, or a receiver goes, in the middle: the others get the
// message once.
void ending_in_between_neither_repeats_nor_skips(void**) {
  constexpr std::size_t kEach = 20;
  for (std::size_t ended = 0; ended < 3 * kEach; ++ended) {
    for (const bool whole : {false, true}) {
      Fixture f;
      std::vector<std::unique_ptr<Listener>> listeners;
      for (ClientId id = 1; id <= 3; ++id) listeners.push_back(std::make_unique<Listener>(id, f.codec));
      for (std::size_t i = 0; i < 3 * kEach; ++i) {
        assert_true(f.subscribe(*listeners[i % 3], std::to_string(i / 3)));
      }
      assert_false(f.deliver(message("x"), f.short_time()));
      Listener& ender = *listeners[ended % 3];
      if (whole) {
        f.fanout.forget(ender);
      } else {
        assert_true(f.fanout.remove(ender, "room", std::to_string(ended / 3)));
      }
      while (!f.fanout.finish(f.short_time())) {
      }
      for (const auto& listener : listeners) {
        for (std::size_t i = 0; i < kEach; ++i) {
          const std::string line = std::to_string(i) + ">x";
          std::size_t copies = 0;
          for (const FramePtr& frame : listener->frames) copies += test::bytes_of(frame).substr(2) == line;
          const bool may_miss = listener.get() == &ender && (whole || i == ended / 3);
          assert_true(may_miss ? copies <= 1 : copies == 1);
        }
      }
    }
  }
}

void a_room_without_subscriptions_ends_the_delivery(void**) {
  Fixture f;
  Listener ann(1, f.codec);
  for (int i = 0; i < 40; ++i) assert_true(f.subscribe(ann, std::to_string(i)));
  assert_false(f.deliver(message("1"), f.short_time()));
  assert_true(f.fanout.remove(ann, "room"));
  assert_false(f.fanout.interrupted());
  assert_true(f.fanout.finish(f.unlimited));
}

void compressed_bodies_are_shared(void**) {
  Fixture f;
  const Carrier& carrier = websocket_carrier().with_deflate(15);
  Listener ann(1, f.codec, carrier);
  assert_true(f.subscribe(ann, "a"));
  assert_true(f.subscribe(ann, "b"));
  f.deliver(std::string(1'000, 'x'));
  assert_int_equal(ann.frames.size(), 2);
  assert_ptr_equal(ann.frames[0]->segment(1).data(), ann.frames[1]->segment(1).data());
  assert_true(ann.frames[0]->size_bytes() < 100);
}

// Outboxes ------------------------------------------------------------------------------------------------------------

class User final : public LinkUser {
 public:
  void on_message(bool, std::string_view) override {}
  void on_link_closed(std::uint16_t, std::string_view) override {}
  FramePtr encode_gap(const GapReply& gap) override {
    return make_text_frame("gap " + gap.room + " " + std::to_string(gap.first_seq) + "-" +
                               std::to_string(gap.last_seq) + " " + std::to_string(gap.dropped),
                           websocket_carrier());
  }
};

// A receiver with a link, as a peer is one.
class Subscriber final : public Receiver {
 public:
  Subscriber(ClientId id, const wire::Codec& codec, Link& link) : Receiver(id, codec), codec_(codec), link_(link) {}
  const Carrier& carrier() const override { return link_.carrier(); }
  const wire::Codec& codec() const override { return codec_; }
  void deliver(const FramePtr& frame) override { link_.push(frame); }
  void note_own(const MessagePtr&) override {}

 private:
  const wire::Codec& codec_;
  Link& link_;
};

void gaps_are_those_of_the_room(void**) {
  for (const OutboxPolicy policy : {OutboxPolicy::drop_oldest, OutboxPolicy::drop_newest}) {
    ServerOptions options;
    options.outbox_policy = policy;
    options.max_outbox_messages = 4;
    test::FakeServer server(options);
    test::Story story;
    User user;
    test::StreamLink link(server.loop(0), user, "ann", story);
    TaggedCodec codec;
    Subscriber ann(1, codec, link);
    Fanout fanout(server.loop());
    TimeBudget unlimited;
    for (const char* id : {"a", "b"}) assert_true(fanout.add(ann, "room", {id, kForm}));
    link.set_room(0);
    for (std::uint64_t seq = 1; seq <= 5; ++seq) {
      assert_true(fanout.take(message(std::to_string(seq), seq), nullptr, unlimited));
      assert_true(fanout.finish(unlimited));
    }
    link.reads();
    link.flush();  // with drop_newest the notice follows when all is written
    if (policy == OutboxPolicy::drop_oldest) {
      assert_told(story, "ann: gap room 1-3 3", "ann: a>4", "ann: b>4", "ann: a>5", "ann: b>5");
    } else {
      assert_told(story, "ann: a>1", "ann: b>1", "ann: a>2", "ann: b>2", "ann: gap room 3-5 3");
    }
    fanout.forget(ann);
  }
}

// Numbers -------------------------------------------------------------------------------------------------------------

MemberForm form_of(std::string subscription) {
  MemberForm form;
  form.form = kForm;
  form.carrier = &websocket_carrier();
  form.subscription = std::move(subscription);
  return form;
}

void numbers_are_dense_and_used_again(void**) {
  MemberForms forms;
  assert_int_equal(forms.acquire(form_of("a")), 0);
  assert_int_equal(forms.acquire(form_of("b")), 1);
  assert_int_equal(forms.acquire(form_of("a")), 0);
  forms.release(0);
  assert_true(forms[0].subscription == "a");  // one more uses it
  forms.release(0);
  forms.release(1);
  std::vector<MemberForms::Number> numbers;
  for (const char* id : {"c", "d", "e"}) numbers.push_back(forms.acquire(form_of(id)));
  assert_true(forms[numbers[0]].subscription == "c" && forms[numbers[2]].subscription == "e");
  std::sort(numbers.begin(), numbers.end());
  assert_true(numbers == (std::vector<MemberForms::Number>{0, 1, 2}));
  assert_int_equal(forms.size(), 3);
}

// There is an index once there are many.
void many_numbers_are_found(void**) {
  MemberForms forms;
  std::vector<MemberForms::Number> numbers;
  for (int i = 0; i < 100; ++i) numbers.push_back(forms.acquire(form_of(std::to_string(i))));
  for (std::size_t i = 0; i < 100; ++i) {
    assert_int_equal(forms.acquire(form_of(std::to_string(i))), numbers[i]);
    MemberForm other = form_of(std::to_string(i));
    other.own_heads = true;
    assert_int_not_equal(forms.acquire(other), numbers[i]);
  }
  for (std::size_t i = 0; i < 100; ++i) {
    forms.release(numbers[i]);
    forms.release(numbers[i]);
  }
  assert_int_equal(forms.size(), 200);
  for (int i = 0; i < 100; ++i) assert_true(forms.acquire(form_of("new " + std::to_string(i))) < 200);
  assert_int_equal(forms.size(), 200);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(each_subscription_gets_its_copy_in_order),
      cmocka_unit_test(an_id_is_used_once),
      cmocka_unit_test(one_subscription_ends_and_the_others_stay),
      cmocka_unit_test(leaving_a_room_ends_all_subscriptions),
      cmocka_unit_test(equal_subscriptions_share_a_frame_and_all_share_the_body),
      cmocka_unit_test(forms_and_carriers_have_bodies_of_their_own),
      cmocka_unit_test(a_format_without_subscriptions_delivers_nothing_to_one),
      cmocka_unit_test(an_own_message_is_noted_once),
      cmocka_unit_test(an_own_message_is_noted_once_in_an_interrupted_delivery),
      cmocka_unit_test(ending_in_between_neither_repeats_nor_skips),
      cmocka_unit_test(a_room_without_subscriptions_ends_the_delivery),
      cmocka_unit_test(compressed_bodies_are_shared),
      cmocka_unit_test(gaps_are_those_of_the_room),
      cmocka_unit_test(numbers_are_dense_and_used_again),
      cmocka_unit_test(many_numbers_are_found),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
