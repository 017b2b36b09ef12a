// Compiles when chat.hpp can be used in the way that the build asks for (C++17 or C++20, without exceptions, without
// run-time type information, with every warning an error). Uses all templates; never run.
#include <chat/chat.hpp>

#include <type_traits>

static_assert(std::is_nothrow_move_constructible_v<chat::Server> && std::is_nothrow_move_assignable_v<chat::Server>);
static_assert(!std::is_copy_constructible_v<chat::Server>);
static_assert(std::is_trivially_copyable_v<chat::ServerRef> && std::is_trivially_copyable_v<chat::MessageEvent>);
static_assert(std::is_aggregate_v<chat::Options>);
static_assert(std::is_convertible_v<chat_error, std::error_code>);

int header_modes(chat::Options options);
int header_modes(chat::Options options) {
  options.on_connect = [](const chat::ConnectEvent&) { return chat::accept({"u-1", "Ann", {{"role", "admin"}}}); };
  options.on_open = [](const chat::ClientEvent& event) {
    event.server().send(event.client(), chat::Message::text("hi"));
  };
  options.on_authorize = [](const chat::AuthorizeEvent&) { return chat::defer(); };
  options.on_message = [](const chat::MessageEvent& event) {
    return event.text().empty() ? chat::refuse("empty") : chat::replace(chat::Message(event.message()));
  };
  options.on_ack = [](const chat::AckEvent& event) { static_cast<void>(event.attachments().empty()); };
  options.on_published = [](const chat::PublishedEvent& event) { event.server().broadcast(event.room(), "seen"); };
  options.on_log = [](chat_log_level, std::string_view) {};
  const chat::Result<chat::Server> server = chat::Server::start(options);
  if (!server) return server.error().error_code().value();
  int seen = 0;
  server->members("lobby", [&](const chat::ClientView& client) { seen += client.rooms().empty() ? 0 : 1; });
  server->rooms([&](const chat::RoomView& room) { return room.seq() < 5; });
  server->history("lobby", 0, 10, [&](const chat::MessageView& message) {
    for (const auto [name, value] : message.attributes()) seen += name == value ? 1 : 0;
    for (const std::string_view bytes : message.attachments()) seen += bytes.empty() ? 0 : 1;
  });
  server->reply(1, 2, "[]", {"bytes"});
  server->poll(std::chrono::seconds(1)).value();
  return seen + static_cast<int>(server->publish(chat::Message::text("x").room("lobby")).value());
}

#if __cplusplus >= 202002L
int header_modes_20();
int header_modes_20() {
  const auto server = chat::Server::start({.port = 3000, .on_message = [](const auto&) { return chat::pass(); }});
  return server ? 0 : 1;
}
#endif
