// Each allocation on a message's path fails once: the first, the second, and so on. Either nothing has happened afterwards and the
// sender is told, or all of it has. A client that misses something is closed, so that it connects again. No client receives a
// message twice, the application's callbacks stay in pairs, and tables that hold the same fact agree.
#include <new>

#include "core/net/peer/peer_fixture.h"
#include "support/failing_allocations.h"

using namespace chat;
using namespace chat::net;
using namespace chat::test;

namespace {

// Runs the trial until no allocation is left to fail. Returns how many failed.
template <class Trial>
int each_allocation_fails_once(Trial trial) {
  int count = 0;
  while (trial(count) == Came::to_a_failure) ++count;
  return count;
}

// Receivers that had the message before the failure do not get it again, and the others still get it.
void a_message_reaches_everybody_once(void**) {
  for (const bool to_everyone : {false, true}) {
    const int count = each_allocation_fails_once([&](long at) {
      PeerFixture f;
      Coming logged;
      Coming plain;
      plain.form.replies = false;  // another form, so that it is encoded twice
      Seat& first = f.come("a");
      first.peer().keep_delivery_log();
      f.open("b");
      f.open("c", plain);
      f.open("d");
      auto message = std::make_shared<Message>();
      message->payload = "a text that is too long to live inside of a string";
      if (!to_everyone) message->room = "lobby";
      LoopEvent event = to_everyone ? LoopEvent(EveryoneMessage{message}) : LoopEvent(RoomMessage{message});
      bool taken = false;
      const auto hand_in = [&] {
        if (!taken) taken = f.loop().peers().handle(event);
        while (!f.loop().peers().finish_deliveries()) continue;
      };
      const Came came = after(at, hand_in);
      if (came == Came::to_a_failure) {
        assert_true(f.loop().peers().must_repeat());
        hand_in();
      }
      f.run();
      const std::string line = (to_everyone ? ": #0 " : ": lobby#0 ") + message->payload;
      assert_told(f.story, "a" + line, "b" + line, "c" + line, "d" + line);
      for (const auto& seat : f.seats) assert_int_equal(seat->link.queued_bytes(), 0);
      return came;
    });
    assert_true(count > 5);
  }
}

// A frame is either queued and written, or not queued at all. A link never counts bytes that it does not hold, and never waits
// for a flush that does not come.
void a_frame_is_queued_or_not_counted(void**) {
  for (const OutboxPolicy policy : {OutboxPolicy::disconnect, OutboxPolicy::drop_oldest, OutboxPolicy::drop_newest}) {
    const int count = each_allocation_fails_once([&](long at) {
      ServerOptions options;
      options.max_outbox_messages = 3;
      options.outbox_policy = policy;
      PeerFixture f(options);
      Seat& ann = f.open("ann");
      ann.link.set_room(0);
      const auto message = std::make_shared<Message>();
      const auto frame = [&](const char* text) { return make_frame({{false, text}}, websocket_carrier(), message); };
      const FramePtr one = frame("one");
      const FramePtr two = frame("two");
      const FramePtr reply = make_frame({{false, "reply"}}, websocket_carrier(), nullptr);
      const Came came = after(at, [&] {
        ann.link.push(one);
        ann.link.push_replay(two);
        ann.link.push(reply);
        ann.link.push(one);
        ann.link.push(two);
        ann.link.push(one);
      });
      ann.link.reads();
      f.run();
      f.story.take();
      assert_int_equal(ann.link.queued_bytes(), 0);
      assert_int_equal(ann.link.queued_frames(), 0);
      assert_true(ann.link.is_nearly_empty());
      ann.link.push(frame("afterwards"));
      f.run();
      assert_told(f.story, "ann: afterwards");
      return came;
    });
    assert_true(count > 1);
  }
}

// The room's list and the receiver's list of memberships agree, so that removing a receiver leaves nothing behind.
void a_failed_join_of_the_fan_out_changes_nothing(void**) {
  const int count = each_allocation_fails_once([&](long at) {
    PeerFixture f;
    Seat& ann = f.open("ann");
    Seat& bob = f.open("bob");
    Fanout& fanout = f.loop().fanout();
    for (int i = 0; i < 4; ++i) fanout.add(bob.peer(), std::to_string(i));
    const Came came = after(at, [&] {
      for (const char* const room : {"0", "1", "2", "new"}) fanout.add(ann.peer(), room);
      fanout.add(ann.peer(), kLongRoom);
    });
    for (int i = 0; i < 4; ++i) assert_true(fanout.remove(bob.peer(), std::to_string(i)));
    std::vector<std::string> rooms;
    for (std::string room; !(room = fanout.remove_any(ann.peer())).empty();) rooms.push_back(room);
    // The rooms up to the failure, in the order of joining.
    const std::vector<std::string> all = {kLongRoom, "new", "2", "1", "0", "lobby"};
    assert_true(rooms.size() <= all.size());
    assert_true(std::equal(rooms.rbegin(), rooms.rend(), all.rbegin()));
    assert_true((came == Came::through) == (rooms.size() == all.size()) || rooms.size() == all.size());
    return came;
  });
  assert_true(count > 5);

  // The others take the places that there is memory for.
  const int everyone = each_allocation_fails_once([&](long at) {
    PeerFixture f;
    Seat& ann = f.open("ann");
    std::vector<Seat*> others;
    for (const char* const name : {"bob", "cat", "dan"}) others.push_back(&f.open(name));
    Fanout& fanout = f.loop().fanout();
    fanout.remove_from_everyone(ann.peer());
    others.push_back(&f.open("eve"));
    f.story.take();
    const Came came = after(at, [&] { fanout.add_to_everyone(ann.peer()); });
    f.publish("", "x");
    f.run();
    if (came == Came::through) {
      assert_told(f.story, "dan: #0 x", "bob: #0 x", "cat: #0 x", "eve: #0 x", "ann: #0 x");
    } else {
      assert_told(f.story, "dan: #0 x", "bob: #0 x", "cat: #0 x", "eve: #0 x");
    }
    fanout.remove_from_everyone(ann.peer());
    for (Seat* const other : others) fanout.remove_from_everyone(other->peer());
    f.publish("", "to nobody");
    f.run();
    assert_told(f.story);
    return came;
  });
  assert_true(everyone >= 1);
}

// A failed join is answered with an error, and the client may join again. When memory fails after the join, while the client is
// told of it, the client is closed. on_join and on_leave stay in pairs.
void a_join_may_be_asked_for_again(void**) {
  int told = 0;
  int closed = 0;
  const int count = each_allocation_fails_once([&](long at) {
    PeerFixture f;
    Seat& ann = f.open("ann");
    Seat& bob = f.open("bob");
    f.story.take();
    Decoded command = enter(kLongRoom, "j");
    const Came came = after(at, [&] {
      ann.says(std::move(command));
      f.loop().drain_inbox();
    });
    f.run();
    std::string story = f.story.take();
    assert_int_equal(f.loop().reserved(), 0);
    if (ann.find() == nullptr) {
      ++closed;
      assert_true(story.find("ann: closes 1011 out of memory\n") != std::string::npos);
      assert_true(story.find("on_disconnect ann 1011 out of memory\n") != std::string::npos);
      assert_true((story.find("on_join ann " + kLongRoom) == std::string::npos) ==
                  (story.find("on_leave ann " + kLongRoom) == std::string::npos));
      assert_true(f.hub().members("lobby")->size() == 1);
    } else {
      if (came == Came::to_a_failure && story == "ann: error j no_memory: out of memory\n") {
        ++told;
        assert_false(ann.client->has_joined(kLongRoom));
      } else {
        assert_true(story == "ann: joined j " + kLongRoom + "#0\non_join ann " + kLongRoom + "\n");
      }
      ann.says(enter(kLongRoom, "again"));
      f.run();
      story = f.story.take();
      assert_true(story.find("ann: joined again " + kLongRoom + "#0\n") != std::string::npos);
    }
    bob.says(enter(kLongRoom, "bob"));
    f.run();
    f.story.take();
    f.publish(kLongRoom, "hello");
    f.run();
    if (ann.find() != nullptr) {
      assert_told(f.story, "ann: " + kLongRoom + "#1 hello", "bob: " + kLongRoom + "#1 hello");
      ann.says(leave(kLongRoom));
      f.run();
      ann.link.lose();
    } else {
      assert_told(f.story, "bob: " + kLongRoom + "#1 hello");
    }
    bob.link.lose();
    f.run();
    f.story.take();
    assert_true(f.loop().peers().empty());
    assert_int_equal(f.hub().stats().clients_now, 0);
    return came;
  });
  assert_true(count > 10);
  assert_true(told > 5);
  assert_true(closed > 2);
}

// A message whose publication fails is not kept, nobody has received it, and its sender is told. Otherwise it is kept, acknowledged
// and delivered. The sender may send it again, and its number has no gap.
void a_message_is_published_or_its_sender_is_told(void**) {
  for (const bool last : {false, true}) {
    int told = 0;
    const int count = each_allocation_fails_once([&](long at) {
      PeerFixture f({}, 2);
      Seat& ann = f.open("ann");
      Coming elsewhere;
      elsewhere.loop = 1;
      f.open("bob", elsewhere);
      const std::string text = "a text that is too long to live inside of a string";
      Decoded command = last ? say_with_ack_last(text, "r1") : say(text, "r1");
      const Came came = after(at, [&] { ann.says(std::move(command)); });
      f.run();
      const std::string heard = f.story.take();
      const std::size_t kept = f.hub().history("lobby", 0, 0, current_moment())->messages.size();
      const std::string copy = "ann: lobby#1 " + text + "\n";
      const std::string ack = "ann: ack r1 #1\n";
      const std::string all = (last ? copy + ack : ack + copy) + "bob: lobby#1 " + text + "\n";
      if (heard == "ann: error r1 no_memory send: out of memory\n") {
        ++told;
        assert_int_equal(kept, 0);
      } else {
        assert_string_equal(heard.c_str(), all.c_str());
        assert_int_equal(kept, 1);
      }
      for (const std::size_t loop : {0, 1}) assert_int_equal(f.loop(loop).reserved(), 0);
      ann.says(say(text, "r2"));
      f.run();
      const std::string number = kept == 0 ? "#1" : "#2";
      assert_told(f.story, "ann: ack r2 " + number, "ann: lobby" + number + " " + text,
                  "bob: lobby" + number + " " + text);
      return came;
    });
    assert_true(count >= 2);
    assert_int_equal(told, count);
  }
}

// No place in an inbox can be reserved: the first, the second, and so on.
void a_message_needs_all_of_its_places(void**) {
  for (int post = 1; post <= 4; ++post) {
    ServerOptions options;
    options.hub.tells_published = true;
    PeerFixture f(options, 2);
    Seat& ann = f.open("ann");
    Coming elsewhere;
    elsewhere.loop = 1;
    f.open("bob", elsewhere);
    f.loop(post == 4 ? 1 : 0).fail_at(post == 4 ? 1 : post);
    ann.says(say("one", "r"));
    f.run();
    assert_told(f.story, "ann: error r no_memory send: out of memory");
    assert_true(f.hub().history("lobby", 0, 0, current_moment())->messages.empty());
    ann.says(say("two", "r"));
    f.run();
    assert_told(f.story, "ann: ack r #1", "ann: lobby#1 two", "bob: lobby#1 two");
  }
}

// A client whose protocol has no word for errors is closed.
void a_sender_that_cannot_be_told_is_closed(void**) {
  PeerFixture f;
  Coming wordless;
  wordless.form.replies = false;
  Seat& ann = f.open("ann", wordless);
  f.loop().fail_at(1);
  ann.says(say("one"));
  f.run();
  assert_told(f.story, "ann: closes 1011 out of memory", "on_leave ann lobby out of memory",
              "on_disconnect ann 1011 out of memory");
}

// Each event of a client is lost once. The client is closed, or has it all the same.
void a_client_that_misses_an_event_is_closed(void**) {
  using Post = std::function<void(PeerFixture&, Seat&)>;
  const std::string text = "a text that is too long to live inside of a string";
  const std::vector<Post> posts = {
      [&](PeerFixture& f, Seat& ann) { f.send(ann, text); },
      [&](PeerFixture& f, Seat& ann) {
        f.send(ann, text, {7, 1'000});
      },
      [](PeerFixture& f, Seat& ann) { assert_ok(f.hub().leave(ann.client, "lobby", "a reason of more than fifteen")); },
      [](PeerFixture& f, Seat& ann) {
        assert_ok(f.hub().set_identity(ann.client, {{}, "a name that is longer than fifteen", {}}));
      },
      [](PeerFixture& f, Seat& ann) {
        f.loop().post(Acknowledged{ann.client->id(), "r", 1, "epoch", {}});
      },
      [](PeerFixture& f, Seat& ann) {
        assert_ok(f.hub().close_client(ann.client, 1008, "a reason of more than fifteen"));
      },
  };
  for (const Post& post : posts) {
    int closed = 0;
    std::string usual;  // without a failure
    {
      PeerFixture f;
      Seat& ann = f.open("ann");
      post(f, ann);
      f.run();
      usual = f.story.take();
    }
    const int count = each_allocation_fails_once([&](long at) {
      PeerFixture f;
      Seat& ann = f.open("ann");
      post(f, ann);
      const Came came = after(at, [&] { f.loop().drain_inbox(); });
      f.run();
      const std::string story = f.story.take();
      if (story != usual) {
        ++closed;
        assert_null(ann.find());
        assert_true(ann.link.closing());
        assert_true(story.find("on_leave ") != std::string::npos);
        assert_true(story.find("on_disconnect ") != std::string::npos);
        assert_int_equal(f.hub().stats().clients_now, 0);
      }
      return came;
    });
    assert_true(count >= 1);
    assert_true(closed >= 1);
  }
}

// Each callback is called once, however often memory fails meanwhile.
void a_retired_client_leaves_nothing_behind(void**) {
  const int count = each_allocation_fails_once([&](long at) {
    PeerFixture f;
    Seat& ann = f.open("ann");
    f.open("bob");
    ann.says(enter(kLongRoom));
    f.send(ann, "asked", {5, kUnlimited});
    f.send(ann, "asked", {6, kUnlimited});
    f.run();
    f.story.take();
    ann.link.lose();
    const Came came = after(at, [&] { f.loop().peers().retire_due(); });
    f.run();
    assert_told(f.story, "on_ack ann 5 no_such_client ", "on_ack ann 6 no_such_client ",
                "on_leave ann " + kLongRoom + " the connection was lost", "on_leave ann lobby the connection was lost",
                "on_disconnect ann 1006 the connection was lost");
    assert_null(ann.find());
    assert_int_equal(f.hub().stats().clients_now, 1);
    assert_int_equal(f.hub().members("lobby")->size(), 1);
    f.publish("lobby", "hello");
    f.publish(kLongRoom, "to nobody");
    f.publish("", "all");
    f.run();
    assert_told(f.story, "bob: lobby#1 hello", "bob: #0 all");
    return came;
  });
  assert_true(count > 2);
}

// A retirement that cannot be queued is queued at the end of the round.
void a_retirement_needs_no_memory(void**) {
  PeerFixture f;
  std::vector<ClientId> ids;
  for (int i = 0; i < 40; ++i) ids.push_back(f.open("guest").client->id());
  Peers& peers = f.loop().peers();
  const std::string reason = "a reason that is too long to live inside of a string";
  int late = 0;
  for (const ClientId id : ids) {
    Retirement retirement{1000, reason};
    allocations_until_failure = 0;
    peers.retire(id, std::move(retirement));
    allocations_until_failure = -1;
    if (peers.find(id)->late_retirement() != nullptr) ++late;
  }
  assert_true(late > 0);
  f.run();
  assert_true(peers.empty());
  const std::string story = f.story.take();
  std::size_t told = 0;
  for (std::size_t at = 0; (at = story.find("on_disconnect guest 1000 " + reason, at)) != std::string::npos; ++at)
    ++told;
  assert_int_equal(told, ids.size());
}

// A client whose admission fails does not disturb the others.
void a_failed_admission_disturbs_no_other_client(void**) {
  const int count = each_allocation_fails_once([&](long at) {
    PeerFixture f;
    f.open("bob");
    const Came came = after(at, [&] {
      f.come("ann");
      f.loop().drain_inbox();
    });
    f.run();
    f.story.take();
    if (!f.seats.empty() && f.seats.back()->name == "ann" && f.seats.back()->find() != nullptr) {
      f.loop().peers().retire(f.seats.back()->client->id(), {1006, "lost"});
    }
    f.run();
    f.story.take();
    f.publish("lobby", "hello");
    f.publish("", "all");
    f.run();
    assert_told(f.story, "bob: lobby#1 hello", "bob: #0 all");
    return came;
  });
  assert_true(count > 20);
}

void a_client_that_is_not_admitted_is_not_in_the_hub(void**) {
  const int count = each_allocation_fails_once([&](long at) {
    PeerFixture f;
    const Came came = after(at, [&] {
      (void)admit(f.loop(), {0, "192.0.2.1", Protocol::chat_v1, Transport::websocket, 0}, {}, Identity{{}, "ann", {}});
    });
    if (came == Came::to_a_failure) assert_int_equal(f.hub().stats().clients_now, 0);
    return came;
  });
  assert_true(count > 3);
}

// Without its event a call has had no effect, so that it may be repeated.
#define assert_no_memory(call)        \
  do {                                \
    bool failed = false;              \
    f.loop().fail_at(1);              \
    try {                             \
      (void)(call);                   \
    } catch (const std::bad_alloc&) { \
      failed = true;                  \
    }                                 \
    assert_true(failed);              \
  } while (false)

void an_event_that_cannot_be_posted_may_be_posted_again(void**) {
  PeerFixture f;
  f.application.connecting = [](const ConnectRequest&) { return PeerFixture::deferred(); };
  Seat& ann = f.come("ann");
  assert_no_memory(f.hub().accept(ann.client, std::nullopt));
  f.run();
  assert_told(f.story);
  assert_ok(f.hub().accept(ann.client, std::nullopt));
  f.run();
  assert_told(f.story, "ann: welcome ann lobby#0", "on_open ann lobby", "on_join ann lobby");

  assert_no_memory(f.hub().send(ann.client, MessageDraft(), current_moment()));
  assert_no_memory(f.hub().answer(ann.client, {0, 5, "[]", {}}));
  assert_no_memory(f.hub().leave(ann.client, "lobby", "out"));
  assert_no_memory(f.hub().set_identity(ann.client, {"u", "Ann", {}}));
  assert_string_equal(ann.client->identity()->name.c_str(), "ann");
  assert_no_memory(f.hub().close_client(ann.client, 1008, "out"));
  assert_false(ann.client->dismissed());
  f.run();
  assert_told(f.story);
  f.loop().fail_at(1);
  ann.says(enter("dev", "j1"));
  f.run();
  assert_told(f.story, "ann: error j1 no_memory: out of memory");
  ann.says(enter("dev", "j2"));
  f.publish("dev", "one");
  f.publish("lobby", "one");
  f.run();
  assert_told(f.story, "ann: joined j2 dev#0", "on_join ann dev", "ann: dev#1 one", "ann: lobby#1 one");

  f.application.hearing = [](MessageRequest&) { return PeerFixture::deferred(); };
  ann.says(say("asked", "r1"));
  assert_no_memory(f.hub().decide(ann.client, f.application.asked, {}));
  f.run();
  assert_true(ann.peer().undecided());
  f.decide(ann);
  f.run();
  assert_told(f.story, "on_message ann asked", "ann: ack r1 #2", "ann: lobby#2 asked");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_message_reaches_everybody_once),
      cmocka_unit_test(a_frame_is_queued_or_not_counted),
      cmocka_unit_test(a_failed_join_of_the_fan_out_changes_nothing),
      cmocka_unit_test(a_join_may_be_asked_for_again),
      cmocka_unit_test(a_message_is_published_or_its_sender_is_told),
      cmocka_unit_test(a_message_needs_all_of_its_places),
      cmocka_unit_test(a_sender_that_cannot_be_told_is_closed),
      cmocka_unit_test(a_client_that_misses_an_event_is_closed),
      cmocka_unit_test(a_retired_client_leaves_nothing_behind),
      cmocka_unit_test(a_retirement_needs_no_memory),
      cmocka_unit_test(a_failed_admission_disturbs_no_other_client),
      cmocka_unit_test(a_client_that_is_not_admitted_is_not_in_the_hub),
      cmocka_unit_test(an_event_that_cannot_be_posted_may_be_posted_again),
  };
  return cmocka_run_group_tests_name("core/net/peer/memory", tests, nullptr, nullptr);
}
