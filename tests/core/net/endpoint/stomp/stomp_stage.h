// STOMP clients on links whose sockets the test controls. What the links carry and what the application is told becomes one story, with
// the frames as stomp_frames.h shows them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/net/endpoint/stomp/stomp_frames.h"
#include "net/endpoint/stomp/stomp_client.h"
#include "net/endpoint/stomp/stomp_endpoint.h"

// After all others: it has a macro named fail.
#include "core/net/peer/peer_fixture.h"

namespace chat::test {

// One client and its link.
struct StompSeat {
  StompSeat(FakeLoop& loop, Story& story, const std::string& name, std::shared_ptr<net::StompClients> clients,
            bool text_only)
      : client(loop, net::stomp_options(loop.options(), {"/stomp", Protocol::stomp}),
               {{}, {loop.index(), "192.0.2.1", Protocol::stomp, Transport::websocket, 0}, text_only},
               std::move(clients)),
        link(loop, client, name, story) {
    client.set_link(link);
  }

  void says(std::string_view bytes) { client.on_message(false, bytes); }

  net::StompClient client;
  StreamLink link;
};

struct StompStage {
  explicit StompStage(net::ServerOptions options = {}) : application(story), server(application, std::move(options)) {}
  ~StompStage() {
    for (StompSeat* const seat : {ann.get(), bob.get()}) {
      if (seat != nullptr) seat->link.lose();
    }
    run();
  }

  FakeLoop& loop() { return server.loop(); }
  Hub& hub() { return *server.hub; }
  void run() { server.run(); }
  std::string told() { return readable(story.take()); }

  std::unique_ptr<StompSeat> come(const std::string& name, bool text_only = false) {
    return std::make_unique<StompSeat>(loop(), story, name, clients, text_only);
  }
  // Comes and connects. The client's numbers are 1, 2...
  std::unique_ptr<StompSeat> connect(const std::string& name, std::string_view version = "1.2",
                                     bool text_only = false) {
    std::unique_ptr<StompSeat> seat = come(name, text_only);
    seat->client.on_established();
    seat->says(frame("CONNECT", {"accept-version:" + std::string(version), "host:h"}));
    run();
    story.take();
    return seat;
  }
  void subscribe(StompSeat& seat, std::string_view id, std::string_view destination, std::string_view ack = "auto") {
    seat.says(frame("SUBSCRIBE",
                    {"id:" + std::string(id), "destination:" + std::string(destination), "ack:" + std::string(ack)}));
    run();
    story.take();
  }
  void publish(std::string room, std::string text) {
    MessageDraft draft;
    draft.room = std::move(room);
    draft.payload = std::move(text);
    (void)hub().publish(std::move(draft), net::current_moment());
  }
  void send(ClientId id, std::string event, std::string text) {
    MessageDraft draft;
    draft.event = std::move(event);
    draft.payload = std::move(text);
    (void)hub().send(hub().find_client(id), std::move(draft), net::current_moment());
  }

  Story story;
  TellingApplication application;
  FakeServer server;
  const std::shared_ptr<net::StompClients> clients = std::make_shared<net::StompClients>();
  std::unique_ptr<StompSeat> ann;  // lose their links at the end
  std::unique_ptr<StompSeat> bob;
};

}  // namespace chat::test
