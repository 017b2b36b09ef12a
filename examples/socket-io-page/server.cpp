// The server of this page in C++: relays messages to all, and typing, arrivals and departures to the others.
//
//   server [PORT [DIR]]        the defaults are 3000 and the current folder; PORT 0 takes any free port
//   c++ -std=c++17 -o server server.cpp $(pkg-config --cflags --libs libchat)
#include <signal.h>

#include <chat/chat.hpp>
#include <cstdlib>
#include <iostream>
#include <utility>

namespace {

chat::Message notice(const char* event, const char* text) {
  return chat::Message::text(text).event(event).room("lobby").ephemeral();  // "lobby": the namespace "/"
}

// io.on("connection", (socket) => socket.broadcast.emit("user connected", "a user connected"))
void on_open(const chat::ClientEvent& event) {
  event.server().publish(notice("user connected", "a user connected").except(event.client()));
}

// socket.on("disconnect", () => io.emit("user disconnected", "a user disconnected"))
void on_disconnect(const chat::ClientEvent& event) {
  event.server().publish(notice("user disconnected", "a user disconnected"));
}

chat::Verdict on_message(const chat::MessageEvent& event) {
  // socket.on("chat message", (text) => io.emit("chat message", text))
  if (event.message().event() == "chat message") return chat::pass();
  // socket.on("typing", (id) => socket.broadcast.emit("typing", id))
  if (event.message().event() == "typing") {
    return chat::replace(chat::Message(event.message()).except(event.client()).ephemeral());
  }
  return chat::consume();  // other events have no listener
}

}  // namespace

int main(int argc, char** argv) {
  sigset_t end;
  sigemptyset(&end);
  sigaddset(&end, SIGINT);
  sigaddset(&end, SIGTERM);
  sigprocmask(SIG_BLOCK, &end, nullptr);

  chat::Options options;
  options.port = argc > 1 ? std::atoi(argv[1]) : 3000;
  options.static_mounts = {{"/", argc > 2 ? argv[2] : "."}};
  options.on_open = on_open;
  options.on_disconnect = on_disconnect;
  options.on_message = on_message;
  const chat::Result<chat::Server> server = chat::Server::start(std::move(options));
  if (!server) {
    std::cerr << "server: " << server.error().message() << '\n';
    return 1;
  }
  std::cout << "listening on port " << server->port() << std::endl;
  int number = 0;
  sigwait(&end, &number);
  return 0;
}
