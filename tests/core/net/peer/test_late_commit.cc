// Acknowledgements in a room whose log commits later: they come with the commit, in the room's order, and before or after the
// client's own copy, as its protocol has it.
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/hub/late_log.h"
#include "core/net/fake_loop.h"
#include "net/deliver/polling_carrier.h"
#include "net/deliver/queue_link.h"
#include "net/peer/peer.h"
#include "wire/chat_v1/chat_v1_codec.h"
#include "wire/socket_io/socket_io_codec.h"

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

class User final : public LinkUser {
 public:
  void on_message(bool, std::string_view) override {}
  void on_output() override {}
  void on_link_closed(std::uint16_t, std::string_view) override {}
  FramePtr encode_gap(const GapReply&) override { return {}; }
};

struct Published : Application {
  void on_published(const Message& message) override {
    told +=
        message.room + " " + std::to_string(message.seq) + " " + message.sender.name + ": " + message.payload + "\n";
  }
  std::string told;
};

struct Fixture {
  Fixture() {
    ServerOptions options;
    options.hub.make_log = commits.maker();
    options.hub.tells_published = true;
    server = std::make_unique<test::FakeServer>(application, std::move(options));
  }

  // take() returns what was written.
  struct Client {
    User user;
    std::unique_ptr<QueueLink> link;
    Peer* peer = nullptr;
    std::function<wire::Decoded(std::string_view)> decode;

    void says(std::string_view packet) { peer->receive(decode(packet)); }
    std::string take() {
      std::string payload;
      link->take(payload);
      for (char& c : payload) c = c == '\x1e' ? '\n' : c;
      return payload;
    }
  };
  std::unique_ptr<Client> open(std::unique_ptr<wire::Codec> codec, Protocol protocol) {
    auto client = std::make_unique<Client>();
    ClientOrigin origin;
    origin.protocol = protocol;
    const ClientPtr known = *server->hub->add_client(origin);
    assert_true(server->hub->accept(known, Identity{"u", "Ann", {}}).ok());
    client->link = std::make_unique<QueueLink>(loop(), client->user, polling_carrier());
    auto peer = std::make_unique<Peer>(loop(), loop().no_owner(), *client->link, known, std::move(codec));
    client->peer = peer.get();
    peer->set_first_room("lobby", std::nullopt);
    loop().peers().add(std::move(peer));
    assert_true(client->peer->open().ok());
    loop().run();
    client->take();
    return client;
  }
  std::unique_ptr<Client> open_chat_v1() {
    auto codec = std::make_unique<wire::ChatV1Codec>();
    auto decode = [&decoder = *codec](std::string_view packet) { return decoder.decode(false, packet); };
    auto client = open(std::move(codec), Protocol::chat_v1);
    client->decode = std::move(decode);
    return client;
  }
  std::unique_ptr<Client> open_socket_io() {
    auto nsp = std::make_shared<const wire::SocketIoNamespace>(wire::SocketIoNamespace{"/", "lobby", 1});
    auto codec = std::make_unique<wire::SocketIoCodec>(std::move(nsp), "sid", "");
    auto decode = [&decoder = *codec](std::string_view packet) {
      return decoder.decode(*wire::decode_socket_io(packet), {});
    };
    auto client = open(std::move(codec), Protocol::socket_io);
    client->decode = std::move(decode);
    return client;
  }
  void commit() {
    assert_true(commits.commit_one(*server->hub));
    loop().run();
  }
  test::FakeLoop& loop() { return server->loop(); }

  test::LateCommits commits;  // outlives the hub
  Published application;
  std::unique_ptr<test::FakeServer> server;
};

bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

void chat_v1_is_acknowledged_before_its_own_copy(void**) {
  Fixture f;
  const auto ann = f.open_chat_v1();
  ann->says(R"({"type":"send","text":"one","ref":1})");
  ann->says(R"({"type":"send","text":"two","ref":2})");
  f.loop().run();
  assert_string_equal(ann->take().c_str(), "");
  assert_string_equal(f.application.told.c_str(), "");
  f.commit();
  std::string written = ann->take();
  assert_true(has(written, R"({"type":"ack","ref":1,"seq":1)"));
  assert_true(has(written, R"("text":"one")"));
  assert_true(written.find("ack") < written.find("one"));
  assert_false(has(written, "two"));
  assert_string_equal(f.application.told.c_str(), "lobby 1 Ann: one\n");
  f.commit();
  written = ann->take();
  assert_true(has(written, R"({"type":"ack","ref":2,"seq":2)"));
  assert_string_equal(f.application.told.c_str(), "lobby 1 Ann: one\nlobby 2 Ann: two\n");
}

void socket_io_is_acknowledged_after_its_own_copy(void**) {
  Fixture f;
  const auto ann = f.open_socket_io();
  ann->says(R"(27["chat message","one"])");
  f.loop().run();
  assert_string_equal(ann->take().c_str(), "");
  f.commit();
  const std::string written = ann->take();
  assert_true(has(written, R"(2["chat message","one"])"));
  assert_true(has(written, R"(37[{"seq":1)"));
  assert_true(written.find("one") < written.find("37["));
}

void a_failure_reaches_the_sender_in_its_protocol(void**) {
  Fixture f;
  const auto ann = f.open_chat_v1();
  const auto bob = f.open_socket_io();
  ann->says(R"({"type":"send","text":"one","ref":"r"})");
  bob->says(R"(27["chat message","two"])");
  f.commits.fail_one(*f.server->hub, {Error::system, "the disk is full"});
  f.commits.fail_one(*f.server->hub, {Error::system, "the disk is full"});
  f.loop().run();
  const std::string written = ann->take();
  assert_true(has(written, R"("type":"error")") && has(written, R"("ref":"r")") && has(written, "the disk is full"));
  assert_true(has(bob->take(), "the disk is full"));
  assert_int_equal(f.loop().stats().messages_refused.get(), 2);
  assert_string_equal(f.application.told.c_str(), "");
}

// A sender that disconnects meanwhile is told nothing, and its message is published.
void a_sender_may_have_gone_before_the_commit(void**) {
  Fixture f;
  const auto ann = f.open_chat_v1();
  const auto bob = f.open_chat_v1();
  ann->says(R"({"type":"send","text":"bye","ref":1})");
  f.loop().peers().retire(ann->peer->id(), {1000, "left"});
  f.loop().run();
  ann->take();
  f.commit();
  assert_string_equal(ann->take().c_str(), "");
  assert_true(has(bob->take(), "bye"));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(chat_v1_is_acknowledged_before_its_own_copy),
      cmocka_unit_test(socket_io_is_acknowledged_after_its_own_copy),
      cmocka_unit_test(a_failure_reaches_the_sender_in_its_protocol),
      cmocka_unit_test(a_sender_may_have_gone_before_the_commit),
  };
  return cmocka_run_group_tests_name("net/peer/late_commit", tests, nullptr, nullptr);
}
