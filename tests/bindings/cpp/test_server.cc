// What an application does to a server through the C++ headers, seen by clients and through the headers again.
#include <poll.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <vector>

#include "cpp_test.h"

using namespace std::chrono_literals;

namespace {

// Keeps the id of each client by the order in which they open.
struct Opened {
  chat::Options options = free_port();

  Opened() {
    options.on_open = [](const chat::ClientEvent& event) { note("open " + std::to_string(event.client())); };
    options.on_disconnect = [](const chat::ClientEvent& event) {
      note("disconnect " + std::to_string(event.client()) + " " + std::to_string(event.close_code()));
    };
  }
};

void a_history_is_restored(void**) {
  chat::Options options = free_port();
  options.on_published = [](const chat::PublishedEvent& event) {
    note(std::to_string(event.server().port() != 0) + " published " + std::string(event.room()) + " " +
         std::to_string(event.seq()) + " " + std::string(event.message().data()));
  };
  const chat::Server first = start(std::move(options));
  SUCCEEDED(first.publish(chat::Message::text("one").room("dev").from_name("Ann").from_user_id("ann")));
  SUCCEEDED(first.publish(chat::Message::args("[1,2]").room("dev").event("move")));
  std::vector<chat::Message> copies;
  std::string epoch;
  std::int64_t time_ms = 0;
  SUCCEEDED(first.history("dev", 0, 0, [&](const chat::MessageView& message) {
    copies.emplace_back(message);
    epoch = message.epoch();
    time_ms = message.time_ms();
  }));

  expect_line("1 published dev 1 one");
  expect_line("1 published dev 2 [1,2]");

  const chat::Server second = start(free_port());
  SUCCEEDED(second.room_restore("dev", epoch, copies));
  assert_int_equal(*SUCCEEDED(second.publish(chat::Message::text("next").room("dev"))), 3);
  std::string seen;
  SUCCEEDED(second.history("dev", 0, 2, [&](const chat::MessageView& message) {
    assert_true(message.epoch() == epoch);
    if (message.seq() == 2) assert_int_equal(message.time_ms(), time_ms);
    seen += std::to_string(message.seq()) + std::string(message.data());
  }));
  assert_string_equal(seen.c_str(), "2[1,2]3next");
  FAILED_WITH(second.room_restore("dev", epoch, copies), ERROR_WRONG_STATE);
  SUCCEEDED(second.room_restore("made", "e", {chat::Message::text("x").seq(4).time_ms(time_ms)}, 9));
  assert_int_equal(*SUCCEEDED(second.publish(chat::Message::text("next").room("made"))), 10);
  const auto with_nul = chat::Message::text("x").seq(1).time_ms(1).from_user_id(std::string_view("a\0b", 3));
  FAILED_WITH(second.room_restore("nul", "e", {with_nul}), ERROR_INVALID_ARGUMENT);
}

void messages_of_every_kind(void**) {
  const chat::Server server = start(free_port());
  Client client(server, "/chat.v1");
  client.expect("welcome");
  const auto publish = [&](const chat::Message& message) { return *SUCCEEDED(server.publish(message)); };

  assert_int_equal(publish(chat::Message::text("plain").room("lobby")), 1);
  client.expect("\"text\":\"plain\"");
  assert_int_equal(publish(chat::Message::args(R"([1,{"_placeholder":true,"num":0}])")
                               .room("lobby")
                               .event("upload")
                               .attach("bytes")
                               .attribute("priority", "9")
                               .from_name("robot")),
                   2);
  const std::string upload = client.expect("\"event\":\"upload\"");
  assert_non_null(std::strstr(upload.c_str(), "Ynl0ZXM="));
  assert_non_null(std::strstr(upload.c_str(), "robot"));
  assert_int_equal(publish(chat::Message::binary(std::string("\0\1", 2)).room("lobby")), 3);
  client.expect("AAE=");
  assert_int_equal(publish(chat::Message::text("...").room("lobby").event("typing").ephemeral()), 0);
  client.expect("\"event\":\"typing\"");
  assert_int_equal(publish(chat::Message::text("not for 1").room("lobby").except(1)), 4);
  assert_int_equal(publish(chat::Message::text("by 1").room("lobby").from(1)), 5);
  client.expect("by 1");
  SUCCEEDED(server.broadcast("lobby", "short"));
  client.expect("short");
  SUCCEEDED(server.broadcast_to_everyone("all"));
  client.expect("all");

  std::vector<chat::Message> copies;
  std::string seen;
  SUCCEEDED(server.history("lobby", 1, 0, [&](const chat::MessageView& message) {
    seen += std::to_string(message.seq()) + " " + std::string(message.event()) + " " + std::string(message.from_name());
    for (const std::string_view bytes : message.attachments()) seen += " +" + std::to_string(bytes.size());
    for (const auto [name, value] : message.attributes()) seen.append(" ").append(name).append("=").append(value);
    assert_true(message.room() == "lobby");
    assert_false(message.epoch().empty());
    assert_false(message.ephemeral());
    assert_true(message.time_ms() > 0);
    if (message.payload() == CHAT_PAYLOAD_BINARY) assert_int_equal(message.data().size(), 2);
    if (message.payload() != CHAT_PAYLOAD_TEXT) assert_true(message.text().empty());
    seen += "\n";
    copies.emplace_back(message);
  }));
  const std::string name =
      seen.substr(seen.find("5 chat message ") + 15, seen.find("\n6") - seen.find("5 chat message ") - 15);
  assert_string_equal(seen.c_str(), ("2 upload robot +5 priority=9\n3 chat message \n4 chat message \n5 chat message " +
                                     name + "\n6 chat message \n")
                                        .c_str());
  // A message that was shown can be said again.
  assert_int_equal(publish(copies[0].room("lobby")), 7);
  client.expect("Ynl0ZXM=");
}

void visits_end_when_the_visitor_says_so(void**) {
  const chat::Server server = start(free_port());
  for (const char* room : {"a", "b", "c"}) SUCCEEDED(server.broadcast(room, "text"));
  int visited = 0;
  std::map<std::string, std::uint64_t> rooms;
  SUCCEEDED(server.rooms([&](const chat::RoomView& room) {
    rooms[std::string(room.name())] = room.seq();
    assert_int_equal(room.member_count(), 0);
    assert_int_equal(room.history_count(), 1);
    assert_int_equal(room.people_count(), 0);
    assert_false(room.epoch().empty());
  }));
  assert_int_equal(rooms.size(), 3);
  assert_int_equal(rooms["b"], 1);
  SUCCEEDED(server.rooms([&](const chat::RoomView&) { return ++visited < 2; }));
  assert_int_equal(visited, 2);
  // What a visitor throws comes out of the call, not through the library.
  visited = 0;
  try {
    SUCCEEDED(server.rooms([&](const chat::RoomView&) {
      ++visited;
      throw std::runtime_error("enough");
    }));
    fail_msg("the exception is lost");
  } catch (const std::runtime_error& error) {
    assert_string_equal(error.what(), "enough");
  }
  assert_int_equal(visited, 1);
  FAILED_WITH(server.history("nowhere", 0, 0, [](const chat::MessageView&) {}), ERROR_NO_SUCH_ROOM);
  FAILED_WITH(server.members("nowhere", [](const chat::ClientView&) {}), ERROR_NO_SUCH_ROOM);
}

void clients_and_what_is_done_to_them(void**) {
  const chat::Server server = start(Opened().options);
  Client one(server, "/chat.v1");
  one.expect("welcome");
  expect_line("open 1");
  Client two(server, "/chat.v1?room=dev");
  two.expect("welcome");
  expect_line("open 2");

  SUCCEEDED(server.set_identity(1, {"u-1", "Ann", {{"role", "admin"}}}));
  one.expect("\"type\":\"named\"");
  int mark = 0;
  SUCCEEDED(server.set_user(1, &mark));
  assert_ptr_equal(server.user(1), &mark);
  SUCCEEDED(server.join(1, "dev"));
  one.expect("\"type\":\"joined\"");
  SUCCEEDED(server.client_info(1, [&](const chat::ClientView& client) {
    assert_int_equal(client.id(), 1);
    assert_true(client.user_id() == "u-1");
    assert_true(client.name() == "Ann");
    assert_true(chat::find(client.attributes(), "role") == "admin");
    assert_true(chat::find(client.attributes(), "rank").empty());
    assert_true(client.address() == "127.0.0.1");
    assert_int_equal(client.protocol(), CHAT_PROTOCOL_CHAT_V1);
    assert_int_equal(client.transport(), CHAT_TRANSPORT_WEBSOCKET);
    assert_true(client.connected_at_ms() > 0);
    assert_int_equal(client.rooms().size(), 2);
    assert_ptr_equal(client.user(), &mark);
  }));
  int members = 0, clients = 0, lobby = 0;
  SUCCEEDED(server.members("dev", [&](const chat::ClientView&) { ++members; }));
  SUCCEEDED(server.members("lobby", [&](const chat::ClientView&) { ++lobby; }));
  SUCCEEDED(server.clients([&](const chat::ClientView&) { ++clients; }));
  assert_int_equal(members * 100 + lobby * 10 + clients, 212);

  SUCCEEDED(server.send(1, chat::Message::text("for one")));
  one.expect("for one");
  SUCCEEDED(server.send_user("u-1", chat::Message::text("for Ann")));
  one.expect("for Ann");
  FAILED_WITH(server.send_user("u-2", chat::Message::text("for nobody")), ERROR_NO_SUCH_CLIENT);
  FAILED_WITH(server.send_with_ack(1, chat::Message::text("answer"), 1s), ERROR_UNSUPPORTED);

  SUCCEEDED(server.leave(1, "dev"));
  one.expect("\"type\":\"left\"");
  FAILED_WITH(server.leave(1, "dev"), ERROR_NOT_JOINED);
  SUCCEEDED(server.ban(2, "dev", 1min, "too loud"));
  two.expect("too loud");
  FAILED_WITH(server.join(2, "dev"), ERROR_BANNED);
  SUCCEEDED(server.ban(2, "dev", 0ms));
  SUCCEEDED(server.join(2, "dev"));
  two.expect("\"type\":\"joined\"");
  SUCCEEDED(server.ban_user("u-1", "dev", 1min));
  FAILED_WITH(server.join(1, "dev"), ERROR_BANNED);
  SUCCEEDED(server.set_presence("dev", CHAT_PRESENCE_COUNTS));
  two.expect("\"count\":");
  SUCCEEDED(server.set_presence("dev", CHAT_PRESENCE_OFF));
  SUCCEEDED(server.close_room("dev", "it is late"));
  two.expect("it is late");

  const chat_stats stats = *SUCCEEDED(server.stats());
  assert_int_equal(stats.clients_now, 2);
  SUCCEEDED(server.kick(1, "goodbye"));
  assert_string_equal(one.expect_close(1008).c_str(), "goodbye");
  expect_line("disconnect 1 1008");
  FAILED_WITH(server.kick(1), ERROR_NO_SUCH_CLIENT);
  assert_int_equal(*SUCCEEDED(server.find_client("2")), 2);
  FAILED_WITH(server.find_client("1"), ERROR_NO_SUCH_CLIENT);
  FAILED_WITH(server.find_client(std::string_view("2\0", 2)), ERROR_INVALID_ARGUMENT);
  SUCCEEDED(server.close_connection(2, "all of you"));
  assert_string_equal(two.expect_close(1008).c_str(), "all of you");
  FAILED_WITH(server.reload_tls(), ERROR_WRONG_STATE);
  SUCCEEDED(server.check_loops(10s));
  assert_true(chat::library_versions().starts_with("libwebsockets "));
}

std::string lines_of(const chat::People& people) {
  std::string line;
  for (const chat::PersonView person : people) {
    line.append(" ").append(person.user_id()).append("/").append(std::to_string(person.id()));
    line.append("/").append(person.name()).append("/").append(person.state());
  }
  return line;
}

void what_is_moderated_and_reported_is_told(void**) {
  chat::Options options = free_port();
  options.on_audit = [](const chat_audit_event& event) {
    note(std::string("audit ") + event.room + " " + event.action_name + " " + std::to_string(event.client));
  };
  options.on_report = [](const chat::ReportEvent& event) {
    assert_true(event.server().port() != 0 && event.time_ms() > 0 && event.user_id().empty());
    note("report " + std::string(event.message().room()) + std::to_string(event.message().seq()) + " by " +
         std::to_string(event.client()) + "/" + std::string(event.name()) + ": " + std::string(event.reason()));
  };
  const chat::Server server = start(std::move(options));
  Client client(server, "/chat.v1");
  client.expect("welcome");
  client.say(R"({"type":"send","text":"rude"})");
  client.expect("rude");
  client.say(R"({"type":"report","target":1,"reason":"spam","ref":1})");
  client.expect(R"({"type":"ack","ref":1})");
  expect_line("report lobby1 by 1/guest-1: spam");
  chat_moderation what = CHAT_MODERATION_INIT;
  what.room = "lobby";
  what.action = CHAT_MODERATION_CLEAR;
  what.client = 1;
  SUCCEEDED(server.moderate(what));
  client.expect(R"("type":"delete")");
  expect_line("audit lobby clear 1");
  SUCCEEDED(server.kick(1));
  expect_line("audit  kick 1");
}

void who_is_there_is_told(void**) {
  chat::Options options = free_port();
  options.presence = CHAT_PRESENCE_FULL;
  options.presence_grace_ms = 1;
  options.on_presence = [](const chat::PresenceEvent& event) {
    assert_true(event.server().port() != 0 && !event.epoch().empty() && event.time_ms() > 0);
    note(std::string(event.room()) + std::to_string(event.count()) + lines_of(event.joined()) + ";" +
         lines_of(event.left()) + ";" + lines_of(event.changed()));
  };
  const chat::Server server = start(std::move(options));
  {
    Client client(server, "/chat.v1");
    client.expect("welcome");
    expect_line("lobby1 /1/guest-1/;;");
    SUCCEEDED(server.set_state(1, R"({"away":true})"));
    expect_line(R"(lobby1;; /1/guest-1/{"away":true})");
    std::string seen;
    SUCCEEDED(server.presence("lobby", [&](const chat::PersonView& person) { seen += person.name(); }));
    assert_string_equal(seen.c_str(), "guest-1");
    seen.clear();
    SUCCEEDED(server.cluster_members("lobby", [&](const chat::ClusterMemberView& member) {
      seen += std::string(member.name()) + " " + std::to_string(member.id());
      assert_true(member.user_id().empty() && member.role() == CHAT_ROLE_GUEST && member.server() == 0);
      assert_int_equal(member.protocol(), CHAT_PROTOCOL_CHAT_V1);
    }));
    assert_string_equal(seen.c_str(), "guest-1 1");
    SUCCEEDED(server.cluster_rooms([&](const chat::RoomView& room) { seen = room.name(); }));
    assert_string_equal(seen.c_str(), "lobby");
    FAILED_WITH(server.cluster_members("nowhere", [](const chat::ClusterMemberView&) {}), ERROR_NO_SUCH_ROOM);
    SUCCEEDED(server.set_state(1, ""));
    expect_line("lobby1;; /1/guest-1/");
  }
  expect_line("lobby0; /1/guest-1/;");
  FAILED_WITH(server.presence("a/b", [](const chat::PersonView&) {}), ERROR_INVALID_ROOM);
  FAILED_WITH(server.set_state(1, "1"), ERROR_NO_SUCH_CLIENT);
}

void read_markers_rise(void**) {
  const chat::Server server = start(free_port());
  for (int i = 0; i < 3; ++i) SUCCEEDED(server.publish(chat::Message::text("x").room("lobby")));
  assert_int_equal(*SUCCEEDED(server.seen("lobby", "ann")), 0);
  SUCCEEDED(server.set_seen("lobby", "ann", 2));
  SUCCEEDED(server.set_seen("lobby", "ann", 1));
  assert_int_equal(*SUCCEEDED(server.seen("lobby", "ann")), 2);
  FAILED_WITH(server.set_seen("nowhere", "ann", 1), ERROR_NO_SUCH_ROOM);
  FAILED_WITH(server.seen("a/b", "ann"), ERROR_INVALID_ROOM);
}

void an_id_is_published_once(void**) {
  const chat::Server server = start(free_port());
  const auto publish = [&](const char* id, const char* text) {
    return server.publish(chat::Message::text(text).room("lobby").id(id));
  };
  assert_int_equal(*SUCCEEDED(publish("a", "hello")), 1);
  assert_int_equal(*SUCCEEDED(publish("b", "hello")), 2);
  assert_int_equal(*SUCCEEDED(publish("a", "hello")), 1);
  FAILED_WITH(publish("a", "other"), ERROR_WRONG_STATE);
  std::string ids;
  std::vector<chat::Message> copies;
  SUCCEEDED(server.history("lobby", 0, 0, [&](const chat::MessageView& message) {
    ids += message.id();
    copies.emplace_back(message);
  }));
  assert_string_equal(ids.c_str(), "ab");
  assert_int_equal(*SUCCEEDED(server.publish(copies[1])), 2);
  assert_int_equal(*SUCCEEDED(server.publish(copies[1].id(""))), 3);
}

void kept_messages_are_changed(void**) {
  chat::Options options = free_port();
  options.on_published = [](const chat::PublishedEvent& event) {
    const chat::MessageView message = event.message();
    note(std::to_string(message.event_kind()) + " of " + std::to_string(message.target_seq()) + " " +
         std::to_string(message.added()));
  };
  const chat::Server server = start(std::move(options));
  assert_int_equal(*SUCCEEDED(server.publish(chat::Message::text("one").room("lobby"))), 1);
  assert_int_equal(*SUCCEEDED(server.publish(chat::Message::text("two").room("lobby").reply_to(1))), 2);
  SUCCEEDED(server.edit("lobby", 1, chat::Message::text("first")));
  SUCCEEDED(server.react("lobby", 1, "ann", "+1"));
  SUCCEEDED(server.redact("lobby", 2));
  FAILED_WITH(server.redact("lobby", 9), ERROR_NO_SUCH_MESSAGE);
  for (const char* line : {"0 of 0 0", "0 of 0 0", "1 of 1 0", "4 of 1 1", "2 of 2 0"}) expect_line(line);
  std::string seen;
  SUCCEEDED(server.history("lobby", 0, 0, [&](const chat::MessageView& message) {
    seen += std::string(message.text()) + (message.edited_ms() != 0 ? "*" : "") + (message.redacted() ? "-" : "") +
            std::to_string(message.reply_to());
    for (const chat::Reaction one : message.reactions()) seen += std::string(one.reaction) + std::to_string(one.users);
    seen += " ";
  }));
  assert_string_equal(seen.c_str(), "first*0+11 -1 ");
}

// A Socket.IO client by hand, as its packets are written (docs/socketio.md).
void answers_both_ways(void**) {
  chat::Options options = free_port();
  options.on_open = [](const chat::ClientEvent& event) {
    const auto sent = event.server().send_with_ack(event.client(), chat::Message::args(R"([1,2])").event("add"), 5s);
    note("asked " + std::to_string(sent.ok()));
  };
  options.on_ack = [](const chat::AckEvent& event) {
    std::string line = "ack " + std::to_string(event.client()) + " " + std::to_string(event.error()) + " ";
    line += event.args();
    for (const std::string_view bytes : event.attachments()) line.append(" +").append(bytes);
    note(line + (event.ack_id() != 0 && event.user() == nullptr ? "" : " wrongly"));
  };
  options.on_message = [](const chat::MessageEvent& event) {
    if (event.ack_id() == 0) return chat::pass();
    assert_int_equal(event.reply("nonsense").error().code(), CHAT_ERROR_INVALID_JSON);
    SUCCEEDED(event.reply(R"(["yes",{"_placeholder":true,"num":0}])", {"bytes"}));
    FAILED_WITH(event.reply("[]"), ERROR_WRONG_STATE);
    return chat::consume();
  };
  const chat::Server server = start(options);
  Client client(server, "/socket.io/?EIO=4&transport=websocket");
  client.expect("0{");
  client.say("40");
  client.expect("40{");
  const std::string question = client.expect("[\"add\",1,2]");
  const std::string number = question.substr(2, question.find('[') - 2);
  client.say("461-" + number + R"([3,{"_placeholder":true,"num":0}])");
  // The answer has an attachment, which is the next frame.
  client.say_bytes("xyz");
  expect_line("asked 1");
  expect_line(R"(ack 1 0 [3,{"_placeholder":true,"num":0}] +xyz)");
  client.say(R"(427["ask"])");
  client.expect(R"(461-7["yes",{"_placeholder":true,"num":0}])");
  assert_string_equal(client.hear_bytes().c_str(), "bytes");
}

void its_owner_ends_it_whatever_a_reference_is_made_to(void**) {
  chat::Options options = free_port();
  options.drain_timeout_ms = 100;  // the client below does not say goodbye
  auto server = std::make_unique<chat::Server>(start(options));
  Client client(*server, "/chat");
  static_cast<chat::ServerRef&>(*server) = chat::ServerRef();
  FAILED_WITH(server->broadcast("lobby", "text"), ERROR_INVALID_ARGUMENT);
  server.reset();
  assert_string_equal(client.expect_close(1001).c_str(), "the server is stopping");
}

void the_end_of_the_drain_is_waited_for(void**) {
  chat::Server server = start(free_port());
  FAILED_WITH(server.wait(0ms), ERROR_TIMED_OUT);
  server.stop();
  SUCCEEDED(server.wait());
  SUCCEEDED(server.wait(-1ms));
  SUCCEEDED(server.close());
}

void a_host_polls(void**) {
  chat::Options options = free_port();
  options.threads = 0;
  options.on_log = [](chat_log_level, std::string_view text) { note("log " + std::string(text)); };
  chat::Server server = start(options);
  FAILED_WITH(start(free_port()).poll(0ms), ERROR_WRONG_STATE);
  assert_true(server.fd() >= 0);
  SUCCEEDED(server.poll(0ms));
  SUCCEEDED(server.poll(std::chrono::milliseconds(1)));
  pollfd waits = {server.fd(), POLLIN, 0};
  while (poll(&waits, 1, 0) == 1) SUCCEEDED(server.poll(0ms));
  // It does not wait until something is to be done, which is every few seconds here.
  for (int i = 0; i < 1000; ++i) SUCCEEDED(server.poll(-1ms));
  SUCCEEDED(server.broadcast("lobby", "text"));
  server.stop();
  // The end of the drain is something to do.
  while (poll(&waits, 1, WS_TIMEOUT_MS) == 1 && server.poll(0ms)) {
  }
  FAILED_WITH(server.poll(), ERROR_STOPPED);
  FAILED_WITH(server.broadcast("lobby", "text"), ERROR_STOPPED);
  SUCCEEDED(server.close());
  assert_null(server.handle());
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test_setup(a_history_is_restored, forget_lines),
      cmocka_unit_test_setup(messages_of_every_kind, forget_lines),
      cmocka_unit_test_setup(visits_end_when_the_visitor_says_so, forget_lines),
      cmocka_unit_test_setup(clients_and_what_is_done_to_them, forget_lines),
      cmocka_unit_test_setup(what_is_moderated_and_reported_is_told, forget_lines),
      cmocka_unit_test_setup(who_is_there_is_told, forget_lines),
      cmocka_unit_test_setup(an_id_is_published_once, forget_lines),
      cmocka_unit_test_setup(read_markers_rise, forget_lines),
      cmocka_unit_test_setup(kept_messages_are_changed, forget_lines),
      cmocka_unit_test_setup(answers_both_ways, forget_lines),
      cmocka_unit_test_setup(its_owner_ends_it_whatever_a_reference_is_made_to, forget_lines),
      cmocka_unit_test(the_end_of_the_drain_is_waited_for),
      cmocka_unit_test_setup(a_host_polls, forget_lines),
  };
  return cmocka_run_group_tests_name("cpp/server", tests, nullptr, nullptr);
}
