#include "websocket_form.h"

#include <string>
#include <string_view>

#include "../loopback.h"
#include "../websocket.h"

namespace bench {

namespace {

constexpr std::string_view kZeroMask("\0\0\0\0", 4);

void append_client_frame(std::string& out, unsigned char opcode, std::string_view payload) {
  append_frame_head(out, static_cast<unsigned char>(kFinal | opcode), payload.size(), kMasked);
  out.append(kZeroMask).append(payload);
}

std::string quoted(std::string_view text) { return std::string("\"").append(text).append("\""); }

// Every frame is a message.
struct Plain {
  static constexpr std::string_view kPath = "/chat";
  static std::string path(const Client& client) { return std::string(kPath) + "?room=" + room_name(client); }
  static bool greet(Client&, std::string& /*out*/) { return true; }
  static bool welcomed(Client&, std::string_view, std::string& /*out*/) { return true; }
  static bool is_message(std::string_view) { return true; }
  static void answer(std::string_view, std::string& /*out*/) {}
  static std::string message(const Client&, std::string_view text) { return std::string(text); }
};

struct ChatV1 {
  static constexpr std::string_view kMessage = R"({"type":"message")";
  static std::string path(const Client& client) { return "/chat.v1?room=" + room_name(client); }
  static bool greet(Client&, std::string& /*out*/) { return false; }
  static bool welcomed(Client&, std::string_view payload, std::string& /*out*/) {
    return payload.starts_with(R"({"type":"welcome")");
  }
  static bool is_message(std::string_view payload) { return payload.starts_with(kMessage); }
  static void answer(std::string_view, std::string& /*out*/) {}
  static std::string message(const Client&, std::string_view text) {
    return R"({"type":"send","text":)" + quoted(text) + "}";
  }
};

struct SocketIo {
  static std::string name_space(const Client& client) { return socket_io_namespace(client); }
  static std::string path(const Client&) { return "/socket.io/?EIO=4&transport=websocket"; }
  static bool greet(Client&, std::string& /*out*/) { return false; }
  static bool welcomed(Client& client, std::string_view payload, std::string& out) {
    if (payload.starts_with('0')) append_client_frame(out, kText, "40" + name_space(client));
    if (payload.starts_with("44")) fail("refused: %.80s", std::string(payload).c_str());
    return payload.starts_with("40");
  }
  static bool is_message(std::string_view payload) { return payload.starts_with("42"); }
  static void answer(std::string_view payload, std::string& out) {
    if (payload == "2") append_client_frame(out, kText, "3");
  }
  static std::string message(const Client& client, std::string_view text) {
    return "42" + name_space(client) + R"(["chat message",)" + quoted(text) + "]";
  }
};

// The transport "websocket" of SockJS. A frame may contain several messages.
struct SockJs {
  static std::string path(const Client& client) {
    return "/chat/000/session" + std::to_string(client.number) + "/websocket?room=" + room_name(client);
  }
  static bool greet(Client&, std::string& /*out*/) { return false; }
  static bool welcomed(Client&, std::string_view payload, std::string& /*out*/) { return payload == "o"; }
  static bool is_message(std::string_view payload) { return payload.starts_with('a'); }
  static void answer(std::string_view, std::string& /*out*/) {}
  static std::string message(const Client&, std::string_view text) { return "[" + quoted(text) + "]"; }
};

struct Stomp {
  static std::string path(const Client&) { return "/stomp"; }
  static bool greet(Client&, std::string& out) {
    append_client_frame(out, kText,
                        std::string("CONNECT\naccept-version:1.2\nhost:localhost\nheart-beat:0,0\n\n") + '\0');
    return false;
  }
  static bool welcomed(Client& client, std::string_view payload, std::string& out) {
    if (payload.starts_with("ERROR")) fail("refused: %.200s", std::string(payload).c_str());
    if (payload.starts_with("CONNECTED")) {
      append_client_frame(out, kText,
                          "SUBSCRIBE\nid:0\nreceipt:r\ndestination:/topic/" + room_name(client) + "\n\n" + '\0');
    }
    return payload.starts_with("RECEIPT");
  }
  static bool is_message(std::string_view payload) { return payload.starts_with("MESSAGE"); }
  static void answer(std::string_view, std::string& /*out*/) {}
  static std::string message(const Client& client, std::string_view text) {
    return "SEND\ndestination:/topic/" + room_name(client) + "\n\n" + std::string(text) + '\0';
  }
};

// The JSON protocol of Centrifugo. A frame may contain several messages and replies.
struct Centrifugo {
  static std::string path(const Client&) { return "/connection/websocket"; }
  static bool greet(Client&, std::string& out) {
    append_client_frame(out, kText, R"({"id":1,"connect":{}})");
    return false;
  }
  static bool welcomed(Client& client, std::string_view payload, std::string& out) {
    if (payload.find(R"("error":)") != std::string_view::npos) fail("refused: %.200s", std::string(payload).c_str());
    if (payload.find(R"("id":1,)") != std::string_view::npos) {
      append_client_frame(out, kText, R"({"id":2,"subscribe":{"channel":")" + room_name(client) + R"("}})");
    }
    return payload.find(R"("id":2,)") != std::string_view::npos;
  }
  static bool is_message(std::string_view payload) { return payload.find('@') != std::string_view::npos; }
  static void answer(std::string_view, std::string& /*out*/) {}
  static std::string message(const Client& client, std::string_view text) {
    return R"({"id":3,"publish":{"channel":")" + room_name(client) + R"(","data":)" + quoted(text) + "}}";
  }
};

template <class Codec>
class WebSocketForm final : public Form {
 public:
  std::string hello(const Client& client) const override { return handshake_request(Codec::path(client)); }

  std::size_t set_up(Client& client, std::string_view bytes, std::string& out) const override {
    std::size_t used = 0;
    if (client.step == 0) {
      const std::size_t end = bytes.find("\r\n\r\n");
      if (end == std::string_view::npos) return 0;
      if (!bytes.starts_with("HTTP/1.1 101 ")) fail("refused: %.60s", std::string(bytes).c_str());
      used = end + 4;
      client.step = 1;
      client.member = Codec::greet(client, out);
    }
    while (!client.member) {
      const auto frame = first_frame(bytes.substr(used));
      if (!frame) return used;
      used += frame->frame_bytes;
      if (frame->opcode >= kClose) fail("the server closed a connection during its set-up");
      client.member = Codec::welcomed(client, frame->payload, out);
    }
    return used;
  }

  std::size_t take(Client& client, std::string_view bytes, LabelSink& sink, std::string& out) const override {
    std::size_t used = 0;
    std::uint64_t messages = 0;
    while (const auto frame = first_frame(bytes.substr(used))) {
      used += frame->frame_bytes;
      if (frame->opcode >= kClose) {
        control(*frame, out);
      } else if (Codec::is_message(frame->payload)) {
        messages += hear(client, frame->payload, sink);
      } else {
        Codec::answer(frame->payload, out);
      }
    }
    client.messages += messages;
    return used;
  }

  std::string message(const Client& client, std::string_view text) const override {
    return Codec::message(client, text);
  }

 private:
  static std::uint64_t hear(Client& client, std::string_view payload, LabelSink& sink) {
    if constexpr (std::is_same_v<Codec, SockJs> || std::is_same_v<Codec, Centrifugo>) {
      return hear_labels(client, payload, sink);
    } else {
      if (client.publisher) sink.hear(client, payload.substr(std::min(payload.size(), payload.find('@'))));
      return 1;
    }
  }

  static void control(const FrameView& frame, std::string& out) {
    if (frame.opcode == kClose) {
      fail("the server sent a close frame: %.100s",
           std::string(frame.payload.substr(std::min<std::size_t>(2, frame.payload.size()))).c_str());
    }
    if (frame.opcode == kPing) append_client_frame(out, kPong, frame.payload);
  }
};

}  // namespace

std::uint64_t hear_labels(Client& client, std::string_view bytes, LabelSink& sink) {
  std::uint64_t count = 0;
  for (std::size_t at = bytes.find('@'); at != std::string_view::npos; at = bytes.find('@', at + 1)) {
    ++count;
    if (client.publisher) sink.hear(client, bytes.substr(at));
  }
  return count;
}

std::unique_ptr<Form> make_websocket_form(std::string_view name) {
  if (name == "plain") return std::make_unique<WebSocketForm<Plain>>();
  if (name == "chat.v1") return std::make_unique<WebSocketForm<ChatV1>>();
  if (name == "socket.io") return std::make_unique<WebSocketForm<SocketIo>>();
  if (name == "sockjs") return std::make_unique<WebSocketForm<SockJs>>();
  if (name == "stomp") return std::make_unique<WebSocketForm<Stomp>>();
  if (name == "centrifugo") return std::make_unique<WebSocketForm<Centrifugo>>();
  return nullptr;
}

}  // namespace bench
