// A bot in every room: greets new members and answers commands.
//
//   bot [PORT]        the default is 3000; 0 takes any free port
//   wscat -c ws://localhost:3000/chat
//
//   /help  /time  /who  /nick NAME        only the sender receives the answer
//   /roll [SIDES]                         the whole room receives the result
#include <signal.h>

#include <chat/chat.hpp>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <random>
#include <string>
#include <string_view>

namespace {

chat::Message say(std::string text) { return chat::Message::text(std::move(text)).from_name("bot"); }

// Announces a new client to the room, and sends a welcome to the client.
void greet(const chat::ClientEvent& event) {
  const std::string name(event.name());
  event.server().publish(say(name + " has come").room(event.room()).except(event.client()));
  event.server().send(event.client(), say("Welcome, " + name + ". Try /help").room(event.room()));
}

std::string time_of_day() {
  const std::time_t now = std::time(nullptr);
  std::tm utc = {};
  gmtime_r(&now, &utc);
  char text[16];
  return {text, std::strftime(text, sizeof text, "%H:%M:%S UTC", &utc)};
}

std::string who(const chat::MessageEvent& event) {
  std::string names = "Here are:";
  event.server().members(event.room(),
                         [&](const chat::ClientView& member) { names.append(" ").append(member.name()); });
  return names;
}

// set_identity() replaces the whole identity. All clients here are guests, whose identity is only a name.
chat::Verdict rename(const chat::MessageEvent& event, const std::string& name) {
  const std::string old_name(event.from_name());
  chat::Identity identity;
  identity.name = name;
  if (name.empty()) return chat::refuse("/nick needs a name");
  if (const auto renamed = event.server().set_identity(event.client(), identity); !renamed) {
    return chat::refuse(renamed.error().message());
  }
  event.server().publish(say(old_name + " is now " + name).room(event.room()));
  return chat::consume();
}

std::string roll(std::string_view sides_wanted) {
  thread_local std::mt19937 dice{std::random_device{}()};
  const int sides = std::atoi(std::string(sides_wanted).c_str());
  std::uniform_int_distribution<int> throw_of(1, sides > 1 ? sides : 6);
  return std::to_string(throw_of(dice));
}

// Messages that a callback publishes or sends are delivered after the message that caused the callback.
chat::Verdict answer(const chat::MessageEvent& event) {
  const std::string_view text = event.text();
  if (text.empty() || text.front() != '/') return chat::pass();
  const std::size_t space = text.find(' ');
  const std::string_view command = text.substr(0, space);
  const std::string argument(space == std::string_view::npos ? "" : text.substr(space + 1));
  if (command == "/nick") return rename(event, argument);
  if (command == "/roll") {
    const std::string name(event.from_name());
    event.server().publish(say(name + " throws " + roll(argument)).room(event.room()));
    return chat::pass();
  }

  std::string reply;
  if (command == "/time") reply = time_of_day();
  if (command == "/who") reply = who(event);
  if (command == "/help") reply = "I know /help, /time, /who, /nick NAME and /roll [SIDES]";
  if (reply.empty()) return chat::refuse("no such command");
  event.server().send(event.client(), say(reply).room(event.room()));
  return chat::consume();
}

}  // namespace

int main(int argc, char** argv) {
  // Blocked before the server starts its threads, so that sigwait() below receives the signals.
  sigset_t end;
  sigemptyset(&end);
  sigaddset(&end, SIGINT);
  sigaddset(&end, SIGTERM);
  sigprocmask(SIG_BLOCK, &end, nullptr);

  chat::Options options;
  options.port = argc > 1 ? std::atoi(argv[1]) : 3000;
  options.on_join = greet;
  options.on_message = answer;
  const chat::Result<chat::Server> server = chat::Server::start(std::move(options));
  if (!server) {
    std::cerr << "bot: " << server.error().message() << '\n';
    return 1;
  }
  std::cout << "listening on port " << server->port() << std::endl;

  int number = 0;
  sigwait(&end, &number);
  return 0;  // the destructor closes all connections
}
