// Each allocation of what a STOMP client does and receives fails once. A client that misses something is closed, or is told so. Other
// clients receive each message once, the application's callbacks stay in pairs, and nothing is left behind.
#include <new>
#include <string>
#include <vector>

#include "core/net/endpoint/stomp/stomp_stage.h"
#include "support/failing_allocations.h"

using namespace chat;
using namespace chat::net;
using namespace chat::test;

namespace {

const std::string kRoom = "a-room-whose-name-is-too-long-to-live-inside-of-a-string";
const std::string kTopic = "destination:/topic/" + kRoom;
const std::string kText = "a text that is too long to live inside of a string";

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++found;
  return found;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// What became of ann.
struct Outcome {
  std::string story;  // since the action, up to the end
  bool closed = false;
  std::size_t kept = 0;  // messages of the room
};

using Frames = std::vector<std::string>;

// Ann and bob are connected, and bob has subscribed to the room. `prepare` is not disturbed. It returns the frames that ann sends,
// and one allocation that follows from them or from `action` fails. Both clients end afterwards. Returns how many allocations failed.
template <class Prepare, class Action, class Check>
int each_allocation_fails_once(Prepare prepare, Action action, Check check) {
  for (int at = 0;; ++at) {
    StompStage f;
    f.ann = f.connect("ann");
    f.bob = f.connect("bob");
    f.subscribe(*f.bob, "b", "/topic/" + kRoom);
    const Frames frames = prepare(f);
    f.run();
    f.story.take();
    const std::size_t rooms_before = f.hub().find_client(1)->rooms().size();
    const std::size_t kept_before = f.hub().history(kRoom, 0, 0, current_moment())->messages.size();
    const long failed_before = failed_allocations;
    allocations_until_failure = at;
    try {
      for (const std::string& text : frames) f.ann->says(text);
      action(f);
      f.loop().drain_inbox();
    } catch (const std::bad_alloc&) {
      // The rest of the inbox comes in the next round.
    }
    const bool failed = failed_allocations != failed_before;
    allocations_until_failure = -1;
    f.run();
    f.loop().advance(20);
    f.run();
    Outcome outcome;
    outcome.closed = f.ann->link.closing();
    outcome.story = f.told();
    outcome.kept = f.hub().history(kRoom, 0, 0, current_moment())->messages.size() - kept_before;
    assert_false(f.bob->link.closing());
    // Bob goes on.
    f.publish(kRoom, "afterwards");
    f.run();
    assert_true(has(f.told(), "bob: MESSAGE|subscription:b|destination:/topic/" + kRoom));
    f.ann->link.lose();
    f.bob->link.lose();
    f.run();
    outcome.story += f.told();
    assert_int_equal(f.hub().stats().clients_now, 0);
    assert_true(f.loop().peers().empty());
    assert_int_equal(f.loop().reserved(), 0);
    assert_int_equal(f.loop().sources().total(Resource::queued_bytes), 0);
    assert_int_equal(count(outcome.story, "on_join guest-1") + rooms_before, count(outcome.story, "on_leave guest-1"));
    assert_int_equal(count(outcome.story, "on_leave guest-2"), 1);
    check(outcome);
    if (failed) continue;
    assert_false(outcome.closed);
    return at;
  }
}

void nothing(StompStage&) {}

void a_client_is_connected_or_closed(void**) {
  int closed = 0;
  int allocations = 0;
  for (bool failed = true; failed; ++allocations) {
    StompStage f;
    f.ann = f.come("ann");
    f.ann->client.on_established();
    const std::string connect = frame(
        "CONNECT", {"accept-version:1.0,1.1,1.2", "host:a-host-of-more-than-fifteen", "login:ann", "passcode:secret",
                    "Authorization:Bearer 0123456789abcdef0123456789", "heart-beat:1000,1000"});
    const long failed_before = failed_allocations;
    allocations_until_failure = allocations;
    try {
      f.ann->says(connect);
      f.loop().drain_inbox();
    } catch (const std::bad_alloc&) {
    }
    failed = failed_allocations != failed_before;
    allocations_until_failure = -1;
    f.run();
    const std::string story = f.told();
    closed += f.ann->link.closing();
    assert_true(has(story, "ann: CONNECTED|version:1.2|") || f.ann->link.closing());
    // Memory may fail before the application writes down that it was called.
    assert_true(count(story, "on_open") <= (f.ann->link.closing() ? count(story, "on_disconnect") : 1));
    assert_int_equal(f.hub().stats().clients_now, f.ann->link.closing() ? 0 : 1);
  }
  assert_true(closed > 20);
}

void a_subscription_is_complete_or_ends_the_connection(void**) {
  for (const std::string ack : {"auto", "client"}) {
    const int failures = each_allocation_fails_once(
        [&](StompStage&) {
          return Frames{
              frame("SUBSCRIBE", {"id:an-identifier-of-more-than-fifteen", kTopic, "ack:" + ack, "receipt:r"})};
        },
        nothing,
        [](const Outcome& outcome) {
          const bool subscribed = has(outcome.story, "ann: RECEIPT|receipt-id:r|");
          assert_true(subscribed || outcome.closed);
          assert_int_equal(has(outcome.story, "on_join guest-1 " + kRoom),
                           has(outcome.story, "on_leave guest-1 " + kRoom));
        });
    assert_true(failures > 15);
  }
}

// The room is joined with the messages that the client missed.
void missed_messages_come_or_the_client_is_closed(void**) {
  const int failures = each_allocation_fails_once(
      [](StompStage& f) {
        f.publish(kRoom, "seen");
        f.publish(kRoom, kText);
        const std::string epoch = f.hub().history(kRoom, 0, 0, current_moment())->epoch;
        return Frames{frame("SUBSCRIBE", {"id:0", kTopic, "ack:client", "receipt:r", "last-seq:1", "epoch:" + epoch})};
      },
      nothing,
      [](const Outcome& outcome) {
        assert_true(outcome.closed || count(outcome.story, "ann: MESSAGE|subscription:0|ack:1-1|") == 1);
        assert_true(outcome.closed || has(outcome.story, "ann: RECEIPT|receipt-id:r|"));
        assert_true(count(outcome.story, "ann: MESSAGE|") <= 1);
      });
  assert_true(failures > 20);
}

void a_message_is_published_or_its_sender_is_told(void**) {
  for (const bool queue : {true, false}) {
    int told = 0;
    each_allocation_fails_once(
        [&](StompStage& f) {
          if (queue) f.subscribe(*f.ann, "e", "/user/queue/errors");
          return Frames{
              frame("SEND", {kTopic, "a-header-of-more-than-fifteen:its value is also long", "receipt:r"}, kText)};
        },
        nothing,
        [&](const Outcome& outcome) {
          assert_int_equal(count(outcome.story, "||" + kText + "^"), outcome.kept);
          assert_true(outcome.kept <= 1);
          if (has(outcome.story, "ann: RECEIPT|receipt-id:r|")) {
            assert_int_equal(outcome.kept, 1);
          } else if (!outcome.closed) {
            assert_int_equal(outcome.kept, 0);
            assert_true(has(outcome.story, "{\"error\":\"no_memory\""));
            ++told;
          }
        });
    assert_true(queue ? told > 0 : told == 0);
  }
}

// The commit has its receipt only when all of its messages were published.
void a_commit_is_whole_or_the_client_knows(void**) {
  const int failures = each_allocation_fails_once(
      [](StompStage& f) {
        f.subscribe(*f.ann, "e", "/user/queue/errors");
        const std::string transaction = "transaction:an-identifier-of-more-than-fifteen";
        const std::string message = frame("SEND", {kTopic, transaction}, kText);
        return Frames{frame("BEGIN", {transaction}), message, message, frame("COMMIT", {transaction, "receipt:c"})};
      },
      nothing,
      [](const Outcome& outcome) {
        assert_int_equal(count(outcome.story, "||" + kText + "^"), outcome.kept);
        const bool whole = has(outcome.story, "ann: RECEIPT|receipt-id:c|");
        if (whole) assert_int_equal(outcome.kept, 2);
        assert_true(whole || outcome.closed || has(outcome.story, "{\"error\":\"no_memory\""));
      });
  assert_true(failures > 30);
}

// Subscriptions whose heads are shared, and those with acknowledgements, whose heads are made one by one.
void a_message_arrives_once_or_the_client_is_closed(void**) {
  for (const std::string ack : {"auto", "client-individual"}) {
    const int failures = each_allocation_fails_once(
        [&](StompStage& f) {
          f.subscribe(*f.ann, "one", "/topic/" + kRoom, ack);
          f.subscribe(*f.ann, "two", "/topic/" + kRoom, ack);
          return Frames();
        },
        [](StompStage& f) { f.publish(kRoom, kText); },
        [&](const Outcome& outcome) {
          for (const std::string id : {"one", "two"}) {
            const std::size_t copies = count(outcome.story, "ann: MESSAGE|subscription:" + id + "|");
            assert_true(outcome.closed ? copies <= 1 : copies == outcome.kept);
          }
          assert_int_equal(count(outcome.story, "bob: MESSAGE|"), outcome.kept);
        });
    assert_true(failures > 5);
  }
}

void a_message_to_the_client_arrives_or_the_client_is_closed(void**) {
  bool sent = false;
  const int failures = each_allocation_fails_once(
      [](StompStage& f) {
        f.subscribe(*f.ann, "one", "/user/queue/messages");
        f.subscribe(*f.ann, "two", "/user/queue/messages", "client");
        return Frames();
      },
      [&](StompStage& f) {
        sent = false;
        f.send(1, "chat message", kText);
        sent = true;
      },
      [&](const Outcome& outcome) {
        const std::size_t copies = count(outcome.story, "ann: MESSAGE|subscription:");
        assert_true(outcome.closed ? copies <= 2 : copies == (sent ? 2 : 0));
      });
  assert_true(failures > 5);
}

void a_subscription_ends_or_the_client_is_closed(void**) {
  const int failures = each_allocation_fails_once(
      [](StompStage& f) {
        f.subscribe(*f.ann, "0", "/topic/" + kRoom, "client");
        return Frames{frame("UNSUBSCRIBE", {"id:0", "receipt:u"})};
      },
      nothing,
      [](const Outcome& outcome) {
        assert_true(outcome.closed || has(outcome.story, "ann: RECEIPT|receipt-id:u|"));
        assert_false(has(outcome.story, "ann: MESSAGE|"));
      });
  assert_true(failures > 2);
}

void acknowledgements_may_fail(void**) {
  const int failures = each_allocation_fails_once(
      [](StompStage& f) {
        f.subscribe(*f.ann, "0", "/topic/" + kRoom, "client");
        for (int i = 0; i < 3; ++i) f.publish(kRoom, kText);
        return Frames{frame("ACK", {"id:1-2", "receipt:a"}), frame("NACK", {"id:1-3", "receipt:n"})};
      },
      nothing,
      [](const Outcome& outcome) {
        assert_true(outcome.closed || (has(outcome.story, "|receipt-id:a|") && has(outcome.story, "|receipt-id:n|")));
      });
  assert_true(failures > 2);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_client_is_connected_or_closed),
      cmocka_unit_test(a_subscription_is_complete_or_ends_the_connection),
      cmocka_unit_test(missed_messages_come_or_the_client_is_closed),
      cmocka_unit_test(a_message_is_published_or_its_sender_is_told),
      cmocka_unit_test(a_commit_is_whole_or_the_client_knows),
      cmocka_unit_test(a_message_arrives_once_or_the_client_is_closed),
      cmocka_unit_test(a_message_to_the_client_arrives_or_the_client_is_closed),
      cmocka_unit_test(a_subscription_ends_or_the_client_is_closed),
      cmocka_unit_test(acknowledgements_may_fail),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
