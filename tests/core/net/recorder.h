// An application that writes down what it is told, one line for each callback, and answers as the test says.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hub/application.h"

namespace chat::test {

class Recorder final : public Application {
 public:
  // By default everything passes, and nobody is asked about joins and messages.
  std::function<Decision(const ConnectRequest&)> connect;
  std::function<std::optional<Decision>(const AuthorizeRequest&)> authorize;
  std::function<Decision(MessageRequest&)> message;

  // What was told since the last call, with "; " in between.
  std::string take() {
    std::string all;
    for (const std::string& line : std::exchange(lines, {})) all += (all.empty() ? "" : "; ") + line;
    return all;
  }

  Decision on_connect(const ConnectRequest& request) override {
    std::string line = "connect " + std::to_string(request.client) + " " + request.room;
    if (request.recovered_from != 0) line += " for " + std::to_string(request.recovered_from);
    lines.push_back(std::move(line));
    return connect ? connect(request) : Decision();
  }
  void on_open(const ClientPtr& client, std::string_view room, ClientId recovered_from) override {
    note("open", client, std::string(room) + (recovered_from == 0 ? "" : " for " + std::to_string(recovered_from)));
  }
  void on_disconnect(const ClientPtr& client, int close_code, std::string_view reason) override {
    note("disconnect", client, std::to_string(close_code) + " " + std::string(reason));
  }
  void on_abandon(const ClientPtr& client, int close_code, std::string_view reason) override {
    note("abandon", client, std::to_string(close_code) + " " + std::string(reason));
  }
  std::optional<Decision> on_authorize(const AuthorizeRequest& request) override {
    return authorize ? authorize(request) : std::nullopt;
  }
  void on_join(const ClientPtr& client, std::string_view room) override { note("join", client, room); }
  void on_leave(const ClientPtr& client, std::string_view room, std::string_view reason) override {
    note("leave", client, std::string(room) + " (" + std::string(reason) + ")");
  }
  Decision on_message(MessageRequest& request) override {
    note("message", request.client, request.draft.room + " " + request.draft.payload);
    return message ? message(request) : Decision();
  }
  void on_ack(const ClientPtr& client, const AckOutcome& outcome) override {
    const char* const failure = outcome.error == Error::timed_out        ? "timed out"
                                : outcome.error == Error::no_such_client ? "gone"
                                                                         : "never sent";
    note("ack", client, outcome.error == Error::ok ? outcome.args : failure);
  }

  std::vector<std::string> lines;

 private:
  void note(std::string_view what, const ClientPtr& client, std::string_view detail) {
    lines.push_back(std::string(what) + " " + std::to_string(client->id()) + " " + std::string(detail));
  }
};

}  // namespace chat::test
