// What messages of a Socket.IO cluster do in a hub, and what of the hub the guest is told. Without Redis.
#include "guest/guest_hub.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>
#include <vector>

// Last, because it defines macros with common names.
#include "../hub/hub_fixture.h"

using namespace chat;
using namespace chat::test;
using namespace chat::wire;
using guest::GuestHub;
using guest::Incoming;

namespace {

struct FakeTap final : HubTap {
  void on_message(const MessagePtr& message) noexcept override { messages.push_back(message); }
  void on_room(const std::string& room, bool is_there) noexcept override { rooms.emplace_back(room, is_there); }
  bool on_ack(const AckOutcome&) noexcept override { return false; }

  std::vector<MessagePtr> messages;
  std::vector<std::pair<std::string, bool>> rooms;
};

struct Fixture {
  Fixture() : f(options(tap)) {}
  static HubOptions options(FakeTap& tap) {
    HubOptions options;
    options.default_room = "lobby";
    options.tap = &tap;
    return options;
  }

  // A Socket.IO client of a namespace.
  ClientPtr socket(const std::string& id, const std::string& room = "lobby") {
    return enter(Protocol::socket_io, id, room);
  }
  ClientPtr other(const std::string& room) { return enter(Protocol::chat_v1, {}, room); }
  ClientPtr enter(Protocol protocol, const std::string& id, const std::string& room) {
    ClientOrigin origin;
    origin.address = "192.0.2.7";
    origin.protocol = protocol;
    origin.connected_at_ms = 1'700'000'000'000;
    origin.socket_id = id;
    const Result<ClientPtr> client = f.hub->add_client(origin);
    assert_ok(client.status());
    assert_ok(f.hub->accept(*client, std::nullopt));
    assert_ok(f.hub->open(*client, room, std::nullopt, f.now));
    f.take();
    return *client;
  }

  Result<bool> take(ClusterBody body, const std::string& nsp = "/") {
    answers.clear();
    return there.take(Incoming{{"node-1", nsp, std::move(body)}, guest::Way::channel},
                      [this](ClusterBody&& answer) { answers.push_back(std::move(answer)); });
  }
  bool did(ClusterBody body, const std::string& nsp = "/") {
    const Result<bool> taken = take(std::move(body), nsp);
    assert_ok(taken.status());
    return *taken;
  }
  // The receivers of messages to single clients.
  std::vector<ClientId> receivers() {
    std::vector<ClientId> ids;
    for (const DirectMessage& one : only<DirectMessage>(f.take())) ids.push_back(one.client);
    std::sort(ids.begin(), ids.end());
    return ids;
  }

  FakeTap tap;
  HubFixture f;
  guest::GuestRooms rooms{{"/", "/dev"}, "lobby", {}};
  guest::GuestAcks acks;
  GuestHub there{*f.hub, rooms, acks, 1'000, [this] { return f.now; }};
  std::vector<ClusterBody> answers;
};

const std::string kAnn(20, 'a');
const std::string kBen(20, 'b');

ClusterTarget to(std::vector<std::string> rooms, std::vector<std::string> except = {}) {
  ClusterTarget target;
  target.rooms = std::move(rooms);
  target.except = std::move(except);
  return target;
}

ClusterBroadcast event(std::string name, std::string args, ClusterTarget target = {}) {
  ClusterBroadcast broadcast;
  broadcast.event.name = std::move(name);
  broadcast.event.args.json = std::move(args);
  broadcast.target = std::move(target);
  return broadcast;
}

void an_event_is_a_message_of_the_room(void**) {
  Fixture t;
  t.socket(kAnn);
  assert_true(t.did(event("chat message", R"(["hi"])")));
  const std::vector<RoomMessage> messages = only<RoomMessage>(t.f.take());
  assert_int_equal(messages.size(), 1);
  assert_text(messages[0].message->room, "lobby");
  assert_true(messages[0].message->kind == PayloadKind::text);
  assert_text(messages[0].message->payload, "hi");
  assert_int_equal(messages[0].message->seq, 1);
  assert_true(t.tap.messages.empty());  // it does not go back

  ClusterBroadcast binary = event("blob", R"([1,{"_placeholder":true,"num":0}])");
  binary.event.args.attachments = {"\x01\x02"};
  binary.target.is_volatile = true;
  assert_true(t.did(std::move(binary)));
  const std::vector<RoomMessage> ephemeral = only<RoomMessage>(t.f.take());
  assert_int_equal(ephemeral.size(), 1);
  assert_int_equal(ephemeral[0].message->seq, 0);
  assert_text(ephemeral[0].message->attachments[0], "\x01\x02");
}

void only_rooms_that_are_here_receive(void**) {
  Fixture t;
  assert_false(t.did(event("e", "[]", to({"ops"}))));
  assert_false(t.there.knows("/", "ops"));
  assert_false(t.f.hub->has_room("ops"));
  t.other("ops");
  assert_true(t.there.knows("/", "ops"));
  assert_true(t.did(event("e", "[]", to({"ops", "qa"}))));
  assert_int_equal(only<RoomMessage>(t.f.take()).size(), 1);
  t.other("dev:ops");
  assert_true(t.did(event("e", "[]", to({"ops"})), "/dev"));
  assert_text(only<RoomMessage>(t.f.take())[0].message->room, "dev:ops");
  assert_status(t.take(event("disconnect", "[]")).status(), Error::invalid_event);
}

void several_rooms_receive_an_event_once(void**) {
  Fixture t;
  const ClientPtr ann = t.socket(kAnn);
  const ClientPtr ben = t.other("qa");
  assert_true(t.did(ClusterJoin{to({kAnn}), {"ops", "qa"}, {}}));
  t.f.take();
  assert_true(t.did(event("e", "[]", to({"ops", "qa"}))));
  assert_true(t.receivers() == std::vector<ClientId>({ann->id(), ben->id()}));
  assert_true(t.did(event("e", "[]", to({"ops", "qa"}, {kAnn}))));
  assert_true(t.receivers() == std::vector<ClientId>({ben->id()}));
  assert_true(t.did(event("e", "[]", to({kAnn}))));
  assert_true(t.receivers() == std::vector<ClientId>({ann->id()}));
  // Without one of them it remains a message of the room.
  assert_true(t.did(event("e", "[]", to({"qa"}, {kAnn}))));
  const std::vector<RoomMessage> messages = only<RoomMessage>(t.f.take());
  assert_int_equal(messages.size(), 1);
  assert_int_equal(messages[0].message->except, ann->id());
}

// A number is the id of a chat.v1 client, and may be a room of the cluster.
void only_sockets_are_found_by_their_ids(void**) {
  Fixture t;
  const ClientPtr other = t.other("ops");
  assert_false(t.did(event("e", "[]", to({std::to_string(other->id())}))));
  t.socket(kAnn, "dev");
  assert_false(t.did(event("e", "[]", to({kAnn}))));  // in another namespace
  assert_true(t.did(event("e", "[]", to({kAnn})), "/dev"));
  // Whoever enters a room that is named like a socket of the cluster does not hear what is for this socket.
  t.other(kBen);
  assert_false(t.there.knows("/", kBen));
  assert_false(t.did(event("e", "[]", to({kBen}))));
}

void requests_are_answered_with_the_sockets(void**) {
  Fixture t;
  const ClientPtr ann = t.socket(kAnn);
  Identity identity;
  identity.user_id = "u1";
  identity.name = "Ann \"A\"";
  assert_ok(t.f.hub->set_identity(ann, std::move(identity)));
  t.socket(kBen, "dev");
  t.other("lobby");
  assert_true(t.did(ClusterJoin{to({}), {"ops"}, {}}));
  assert_true(t.did(ClusterFetch{to({"ops"}), "r1"}));
  assert_int_equal(t.answers.size(), 1);
  const auto& sockets = std::get<ClusterSockets>(t.answers[0]);
  assert_text(sockets.request_id, "r1");
  assert_int_equal(sockets.sockets.size(), 1);
  assert_text(sockets.sockets[0].id, kAnn);
  assert_text(sockets.sockets[0].data, R"({"name":"Ann \"A\"","user_id":"u1"})");
  assert_text(
      sockets.sockets[0].handshake,
      R"({"headers":{},"time":"2023-11-14T22:13:20Z","address":"192.0.2.7","issued":1700000000000,"query":{},"auth":{}})");
  assert_true(sockets.sockets[0].rooms == std::vector<std::string>({kAnn, "ops"}));

  assert_true(t.did(ClusterFetch{to({}, {kAnn}), "r2"}));
  assert_true(std::get<ClusterSockets>(t.answers.at(0)).sockets.empty());
  assert_true(t.did(ClusterFetch{to({"nowhere"}), "r3"}));
  assert_true(std::get<ClusterSockets>(t.answers.at(0)).sockets.empty());
  assert_true(t.did(ClusterListIds{{}, "r4"}));
  assert_true(std::get<ClusterIds>(t.answers.at(0)).ids == std::vector<std::string>({kAnn}));
  assert_true(t.did(ClusterListRooms{"r5"}));
  std::vector<std::string> rooms = std::get<ClusterRooms>(t.answers.at(0)).rooms;
  std::sort(rooms.begin(), rooms.end());
  assert_true(rooms == std::vector<std::string>({kAnn, "ops"}));
  assert_true(t.did(ClusterServerEvent{{"e", {"[1]", {}}}, "r6"}));
  assert_text(std::get<ClusterServerAnswer>(t.answers.at(0)).request_id, "r6");
  assert_false(t.did(ClusterServerEvent{{"e", {"[1]", {}}}, {}}));
  assert_true(t.answers.empty());
}

void sockets_are_moved_and_disconnected(void**) {
  Fixture t;
  const ClientPtr ann = t.socket(kAnn);
  assert_true(t.did(ClusterJoin{to({}), {"ops", "a/b"}, "r1"}));
  assert_text(std::get<ClusterDone>(t.answers.at(0)).request_id, "r1");  // as adapters before version 7 want it
  assert_true(ann->has_joined("ops"));
  assert_false(t.did(ClusterLeave{to({}), {"lobby"}, {}}));  // the room of its namespace
  assert_true(t.did(ClusterLeave{to({}), {"ops", "qa"}, {}}));
  assert_false(ann->has_joined("ops"));
  assert_status(t.take(ClusterJoin{to({}), {"a/b"}, {}}).status(), Error::invalid_room);
  t.f.take();
  assert_true(t.did(ClusterDisconnect{to({kAnn}), true, {}}));
  const std::vector<CloseClient> closed = only<CloseClient>(t.f.take());
  assert_int_equal(closed.size(), 1);
  assert_true(closed[0].client == ann->id() && closed[0].whole_connection);
  assert_false(t.did(ClusterDisconnect{to({kBen}), true, {}}));
}

void acknowledgements_are_asked_for(void**) {
  Fixture t;
  const ClientPtr ann = t.socket(kAnn);
  t.other("lobby");
  ClusterBroadcast asking = event("e", "[]");
  asking.request_id = "r1";
  asking.target.timeout_ms = 700;
  assert_true(t.did(std::move(asking)));
  const auto& count = std::get<ClusterClientCount>(t.answers.at(0));
  assert_true(count.count == 1 && count.request_id == "r1");
  std::size_t asked = 0;
  for (const DirectMessage& one : only<DirectMessage>(t.f.take())) {
    if (one.ack.id == 0) continue;
    ++asked;
    assert_int_equal(one.client, ann->id());
    assert_int_equal(one.ack.timeout_ms, 700);
    const guest::AckRequestPtr request = t.acks.take(one.ack.id);
    assert_true(request && request->uid == "node-1" && request->request_id == "r1");
    assert_null(t.acks.take(one.ack.id).get());
  }
  assert_int_equal(asked, 1);
  // Nobody is there, and events that cannot be sent: the node must not wait.
  const std::string large = "[\"" + std::string(1'000, 'x') + "\"]";
  assert_status(t.take(event("e", large)).status(), Error::too_large);
  for (ClusterBroadcast none : {event("e", "[]", to({"ops"})), event("connect", "[]"), event("e", large)}) {
    none.request_id = "r2";
    (void)t.take(std::move(none));
    assert_int_equal(std::get<ClusterClientCount>(t.answers.at(0)).count, 0);
  }
}

// The node that asked must not wait.
void requests_that_are_refused_are_answered(void**) {
  Fixture t;
  t.socket(kAnn);
  const auto refuse = [&](const ClusterBody& request) {
    t.answers.clear();
    GuestHub::refuse(request, [&](ClusterBody&& answer) { t.answers.push_back(std::move(answer)); });
  };
  refuse(ClusterBroadcast{{}, {}, "r"});
  const auto& count = std::get<ClusterClientCount>(t.answers.at(0));
  assert_true(count.count == 0 && count.request_id == "r");
  refuse(ClusterFetch{{}, "r"});
  const auto& sockets = std::get<ClusterSockets>(t.answers.at(0));
  assert_true(sockets.sockets.empty() && sockets.request_id == "r");
  refuse(ClusterListIds{{}, "r"});
  assert_text(std::get<ClusterIds>(t.answers.at(0)).request_id, "r");
  refuse(ClusterListRooms{"r"});
  assert_text(std::get<ClusterRooms>(t.answers.at(0)).request_id, "r");
}

// Its loop does not tell of a client that has left before it was asked.
void requests_for_acknowledgements_end(void**) {
  guest::GuestAcks acks;
  const auto request = std::make_shared<const guest::AckRequest>();
  assert_true(acks.add(1, request, 100) && acks.add(2, request, 200));
  acks.expire(99);
  assert_non_null(acks.take(1).get());
  assert_true(acks.add(1, request, 100));
  acks.expire(100);
  assert_null(acks.take(1).get());
  acks.expire(199);
  assert_non_null(acks.take(2).get());
}

void the_tap_hears_what_is_published(void**) {
  Fixture t;
  const ClientPtr ann = t.other("ops");
  assert_true(t.tap.rooms == (std::vector<std::pair<std::string, bool>>{{"ops", true}}));
  t.f.publish("ops", "one");
  MessageDraft typing = draft("ops", "typing");
  typing.ephemeral = true;
  assert_ok(t.f.hub->publish(std::move(typing), t.f.now).status());
  assert_ok(t.f.hub->publish(draft("", "all"), t.f.now).status());
  assert_ok(t.f.hub->send(ann, draft("ops", "only you"), t.f.now));
  MessageDraft edit = draft("ops", "two");
  edit.event_kind = RoomEventKind::edit;
  edit.target_seq = 1;
  assert_ok(t.f.hub->publish(std::move(edit), t.f.now).status());
  assert_int_equal(t.tap.messages.size(), 3);
  assert_text(t.tap.messages[0]->payload, "one");
  assert_text(t.tap.messages[1]->payload, "typing");
  assert_text(t.tap.messages[2]->payload, "all");
  t.tap.rooms.clear();
  assert_ok(t.f.join(ann, "empty"));
  assert_ok(t.f.hub->leave(ann, "empty", {}));
  assert_true(t.tap.rooms == (std::vector<std::pair<std::string, bool>>{{"empty", true}, {"empty", false}}));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(an_event_is_a_message_of_the_room),
      cmocka_unit_test(only_rooms_that_are_here_receive),
      cmocka_unit_test(several_rooms_receive_an_event_once),
      cmocka_unit_test(only_sockets_are_found_by_their_ids),
      cmocka_unit_test(requests_are_answered_with_the_sockets),
      cmocka_unit_test(sockets_are_moved_and_disconnected),
      cmocka_unit_test(acknowledgements_are_asked_for),
      cmocka_unit_test(requests_for_acknowledgements_end),
      cmocka_unit_test(the_tap_hears_what_is_published),
      cmocka_unit_test(requests_that_are_refused_are_answered),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
