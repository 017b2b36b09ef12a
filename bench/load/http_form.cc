#include "http_form.h"

#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "../loopback.h"
#include "websocket_form.h"

namespace bench {

namespace {

constexpr std::string_view kHost = " HTTP/1.1\r\nHost: 127.0.0.1\r\n";

// Server-Sent Events. An endless response, in which the labels are counted.
class EventStream final : public Form {
 public:
  std::string hello(const Client& client) const override {
    return "GET /rooms/" + room_name(client) + "/events" + std::string(kHost) + "Accept: text/event-stream\r\n\r\n";
  }

  std::size_t set_up(Client& client, std::string_view bytes, std::string& /*out*/) const override {
    if (bytes.size() > 12 && !bytes.starts_with("HTTP/1.1 200")) fail("refused: %.60s", std::string(bytes).c_str());
    const std::size_t welcome = bytes.find("event: welcome\n");
    if (welcome == std::string_view::npos) return 0;
    const std::size_t end = bytes.find("\n\n", welcome);
    if (end == std::string_view::npos) return 0;
    client.member = true;
    return end + 2;
  }

  std::size_t take(Client& client, std::string_view bytes, LabelSink& sink, std::string& /*out*/) const override {
    client.messages += hear_labels(client, bytes, sink);
    return bytes.size();
  }

  std::string message(const Client&, std::string_view) const override { return {}; }
};

// Socket.IO's long polling, on one connection: a GET that the server holds, then the next one.
class Polling final : public Form {
 public:
  std::string hello(const Client&) const override {
    return "GET /socket.io/?EIO=4&transport=polling" + std::string(kHost) + "\r\n";
  }

  std::size_t set_up(Client& client, std::string_view bytes, std::string& out) const override {
    std::size_t used = 0;
    while (!client.member) {
      const auto answer = first_answer(bytes.substr(used));
      if (!answer) return used;
      used += answer->size;
      ++client.step;
      if (client.step == 1) {
        client.session = field(answer->body, "\"sid\":\"");
        out += post(client, "40" + socket_io_namespace(client));
      } else {
        if (client.step > 2 && !answer->body.starts_with("40"))
          fail("refused: %.80s", std::string(answer->body).c_str());
        client.member = client.step > 2;
        out += get(client);
      }
    }
    return used;
  }

  std::size_t take(Client& client, std::string_view bytes, LabelSink& sink, std::string& out) const override {
    std::size_t used = 0;
    while (const auto answer = first_answer(bytes.substr(used))) {
      used += answer->size;
      client.messages += hear_labels(client, answer->body, sink);
      // A ping may come with messages. It is answered before the next GET, whose turn comes with the POST's "ok".
      const bool ping = answer->body == "2" || answer->body.ends_with("\x1e\x32") || answer->body.starts_with("2\x1e");
      out += ping ? post(client, "3") : get(client);
    }
    return used;
  }

  std::string message(const Client&, std::string_view) const override { return {}; }

 private:
  struct Answer {
    std::string_view body;
    std::size_t size;
  };

  static std::optional<Answer> first_answer(std::string_view bytes) {
    const std::size_t end = bytes.find("\r\n\r\n");
    if (end == std::string_view::npos) return std::nullopt;
    if (!bytes.starts_with("HTTP/1.1 200")) fail("refused: %.80s", std::string(bytes).c_str());
    const std::string_view head = bytes.substr(0, end);
    std::size_t at = head.find("ontent-");
    while (at != std::string_view::npos && !is_length(head, at)) at = head.find("ontent-", at + 1);
    if (at == std::string_view::npos) fail("an answer without Content-Length");
    std::size_t size = 0;
    const std::string_view digits = head.substr(head.find(':', at) + 2);
    std::from_chars(digits.data(), digits.data() + digits.size(), size);
    if (bytes.size() - end - 4 < size) return std::nullopt;
    return Answer{bytes.substr(end + 4, size), end + 4 + size};
  }

  static bool is_length(std::string_view head, std::size_t at) {
    const std::string_view rest = head.substr(at + 7);
    return rest.starts_with("Length:") || rest.starts_with("length:");
  }

  static std::string field(std::string_view body, std::string_view name) {
    const std::size_t at = body.find(name);
    if (at == std::string_view::npos) fail("refused: %.80s", std::string(body).c_str());
    const std::string_view rest = body.substr(at + name.size());
    return std::string(rest.substr(0, rest.find('"')));
  }

  static std::string path(const Client& client) {
    return "/socket.io/?EIO=4&transport=polling&sid=" + client.session + std::string(kHost);
  }

  static std::string get(const Client& client) { return "GET " + path(client) + "\r\n"; }

  static std::string post(const Client& client, const std::string& body) {
    return "POST " + path(client) +
           "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
           body;
  }
};

}  // namespace

std::unique_ptr<Form> make_http_form(std::string_view name) {
  if (name == "sse") return std::make_unique<EventStream>();
  if (name == "polling") return std::make_unique<Polling>();
  return nullptr;
}

}  // namespace bench
