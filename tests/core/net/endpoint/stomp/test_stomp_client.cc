// What a STOMP client receives on its link: heads of its own before shared bodies, messages to the client alone, notices about dropped
// messages, and what it missed.
#include <sys/socket.h>
#include <unistd.h>

#include "core/net/endpoint/stomp/stomp_stage.h"

#define ASSERT_TEXT(got, wanted) assert_string_equal(std::string(got).c_str(), std::string(wanted).c_str())

using namespace chat;
using namespace chat::net;
using namespace chat::test;

namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// Only the heads differ, and each copy has an identifier of its own to acknowledge.
void heads_differ_and_bodies_are_shared(void**) {
  StompStage f;
  f.ann = f.connect("ann");
  f.bob = f.connect("bob", "1.1");
  f.subscribe(*f.ann, "auto", "/topic/a");
  f.subscribe(*f.ann, "each", "/topic/a", "client-individual");
  f.subscribe(*f.ann, "all", "/topic/a", "client");
  f.subscribe(*f.bob, "b", "/topic/a", "client");
  f.publish("a", "hi");
  f.run();
  const std::string tail = "/topic/a|message-id:*|seq:1|epoch:*|content-length:2||hi^|";
  const std::string told = f.told();
  for (const char* const head : {"ann: MESSAGE|subscription:auto|", "ann: MESSAGE|subscription:each|ack:2-1|",
                                 "ann: MESSAGE|subscription:all|ack:3-1|", "bob: MESSAGE|subscription:b|"}) {
    assert_true(has(told, std::string(head) + "destination:" + tail));
  }
}

// The frames of a message to subscriptions with acknowledgements hold one body.
void a_body_is_encoded_once(void**) {
  StompStage f;
  f.ann = f.connect("ann");
  f.subscribe(*f.ann, "1", "/topic/a", "client");
  f.subscribe(*f.ann, "2", "/topic/a", "client");
  f.ann->link.set_room(0);
  f.publish("a", std::string(100'000, 'x'));
  f.run();
  assert_int_equal(f.ann->link.queued_frames(), 2);
  // Both count for the outbox, but their memory is that of one.
  assert_in_range(f.ann->link.queued_bytes(), 200'000, 201'000);
  f.ann->link.reads();
  f.run();
  assert_true(has(f.told(), "subscription:2|ack:2-1|"));
}

// A message without a receipt is not confirmed, so the sender gets it with all others. A receipt follows the message.
void a_sender_without_a_receipt_keeps_its_place(void**) {
  StompStage f;
  f.ann = f.connect("ann");
  f.subscribe(*f.ann, "0", "/topic/a");
  int ends[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
  f.loop().direct_links().open(f.ann->link.direct_number(), ends[0]);
  for (const char* const text : {"one", "two"}) f.ann->says(frame("SEND", {"destination:/topic/a"}, text));
  f.run();
  ASSERT_TEXT(f.told(), "");
  std::string bytes(4'096, '\0');
  const ssize_t got = recv(ends[1], bytes.data(), bytes.size(), 0);
  bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  assert_true(bytes.find("\n\none") < bytes.find("\n\ntwo") && bytes.find("\n\ntwo") != std::string::npos);
  f.ann->says(frame("SEND", {"destination:/topic/a", "receipt:r"}, "three"));
  f.run();
  const std::string told = f.told();
  assert_true(told.find("||three^") < told.find("ann: RECEIPT|receipt-id:r|"));
  assert_true(has(told, "ann: RECEIPT|receipt-id:r|"));
  assert_true(recv(ends[1], bytes.data(), bytes.size(), 0) < 0);
  for (const int end : ends) close(end);
}

// In each version, for each subscription to the queue, and to no other.
void messages_to_the_client_have_queues(void**) {
  for (const std::string_view version : {"1.0", "1.1", "1.2"}) {
    StompStage f;
    f.ann = f.connect("ann", version);
    f.bob = f.connect("bob", version);
    f.subscribe(*f.ann, "one", "/user/queue/prices");
    f.subscribe(*f.ann, "two", "/user/queue/prices", "client");
    f.subscribe(*f.ann, "room", "/topic/prices");
    f.subscribe(*f.bob, "one", "/user/queue/prices");
    f.send(1, "prices", "12");
    f.run();
    const std::string tail =
        "destination:/user/queue/prices|message-id:*|event:prices|ephemeral:true|content-length:2||12^|";
    const std::string ack = version == "1.2" ? "ack:2-1|" : "";
    ASSERT_TEXT(f.told(), "ann: MESSAGE|subscription:one|" + tail + "ann: MESSAGE|subscription:two|" + ack + tail);
    f.send(1, "else", "unheard");
    f.run();
    ASSERT_TEXT(f.told(), "");
    f.publish({}, "to everyone");
    f.run();
    ASSERT_TEXT(f.told(), "");
    f.subscribe(*f.bob, "m", "/user/queue/messages");
    f.publish({}, "to everyone");
    f.run();
    assert_true(has(f.told(), "bob: MESSAGE|subscription:m|destination:/user/queue/messages|"));
  }
}

// Bytes are base64 where the transport carries text alone.
void bytes_become_text_where_they_must(void**) {
  StompStage f;
  f.ann = f.connect("ann", "1.2", true);
  f.bob = f.connect("bob");
  for (StompSeat* const seat : {f.ann.get(), f.bob.get()}) f.subscribe(*seat, "0", "/topic/a");
  f.bob->says(frame("SEND", {"destination:/topic/a", "content-type:image/png", "content-length:3"},
                    std::string_view("a\xff\0", 3)));
  f.run();
  const std::string told = f.told();
  assert_true(has(told, "content-transfer-encoding:base64|"));
  assert_true(has(told, "|content-length:4||Yf8A^"));
  assert_true(has(told, "|content-length:3||a\xff^^"));
}

// A client that reads too slowly hears on its error queue what it has not received.
void dropped_messages_are_reported(void**) {
  for (const OutboxPolicy policy : {OutboxPolicy::drop_oldest, OutboxPolicy::drop_newest}) {
    ServerOptions options;
    options.max_outbox_messages = 4;
    options.outbox_policy = policy;
    StompStage f(options);
    f.ann = f.connect("ann");
    f.subscribe(*f.ann, "e", "/user/queue/errors");
    f.subscribe(*f.ann, "0", "/topic/a", "client");
    f.ann->link.set_room(0);
    for (int i = 1; i <= 8; ++i) f.publish("a", "x");
    f.run();
    f.ann->link.reads();
    f.run();
    const std::string told = f.told();
    const bool oldest = policy == OutboxPolicy::drop_oldest;
    assert_true(
        has(told,
            std::string("{\"error\":\"gap\",\"reason\":\"messages were dropped, because the client reads too slowly\","
                        "\"destination\":\"/topic/a\",\"from\":") +
                (oldest ? "1,\"to\":4," : "5,\"to\":8,") + "\"dropped\":4}"));
    for (int i = 1; i <= 8; ++i) assert_int_equal(has(told, "|seq:" + std::to_string(i) + "|"), oldest == (i > 4));
  }
}

void dropped_messages_are_reported_to_nobody_without_an_error_queue(void**) {
  ServerOptions options;
  options.max_outbox_messages = 4;
  options.outbox_policy = OutboxPolicy::drop_oldest;
  StompStage f(options);
  f.ann = f.connect("ann");
  f.subscribe(*f.ann, "0", "/topic/a");
  f.ann->link.set_room(0);
  for (int i = 1; i <= 8; ++i) f.publish("a", "x");
  f.run();
  f.ann->link.reads();
  f.run();
  const std::string told = f.told();
  assert_false(has(told, "gap"));
  assert_true(has(told, "|seq:5|") && has(told, "|seq:8|"));
}

// What was missed comes behind the receipt, then what is new, each once.
void a_subscription_continues_from_a_position(void**) {
  StompStage f;
  for (const char* const text : {"one", "two", "three"}) f.publish("a", text);
  const std::string epoch = f.hub().history("a", 0, 0, current_moment())->epoch;
  f.ann = f.connect("ann");
  f.subscribe(*f.ann, "e", "/user/queue/errors");
  const auto ask = [&](const char* id, const std::string& position, const std::string& of) {
    f.ann->says(frame("SUBSCRIBE", {"id:" + std::string(id), "destination:/topic/a", "last-seq:" + position,
                                    "epoch:" + of, "receipt:r"}));
    f.publish("a", "new");
    f.run();
    return f.told();
  };
  std::string told = ask("x", "2", epoch);
  assert_true(told.starts_with("on_join guest-1 a|") || told.starts_with("ann: RECEIPT|receipt-id:r||^|"));
  assert_true(told.find("RECEIPT|") < told.find("|seq:3|") && told.find("|seq:3|") < told.find("|seq:4|"));
  assert_false(has(told, "|seq:2|"));
  assert_false(has(told, "incomplete"));
  // All of it has been seen.
  told = ask("y", "4", epoch);
  assert_true(has(told, "subscription:y|destination:/topic/a|message-id:*|seq:5|"));
  assert_false(has(told, "|seq:4|") || has(told, "incomplete"));
  // Another epoch, and a number that the room has not reached: the client must not rely on what it has.
  for (const auto& [id, seq, of] : {std::tuple{"z", "1", std::string("other")}, std::tuple{"w", "99", epoch}}) {
    assert_true(has(ask(id, seq, of), "{\"error\":\"incomplete\""));
    assert_false(f.ann->link.closing());
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(heads_differ_and_bodies_are_shared),
      cmocka_unit_test(a_body_is_encoded_once),
      cmocka_unit_test(a_sender_without_a_receipt_keeps_its_place),
      cmocka_unit_test(messages_to_the_client_have_queues),
      cmocka_unit_test(bytes_become_text_where_they_must),
      cmocka_unit_test(dropped_messages_are_reported),
      cmocka_unit_test(dropped_messages_are_reported_to_nobody_without_an_error_queue),
      cmocka_unit_test(a_subscription_continues_from_a_position),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
