// A whole server over sockets: the input says what four clients and the application do, step by step. Each input has a server of
// its own, driven from here (threads = 0) over a UNIX socket, so nothing is left of one input in the next, and nothing waits.
//
// The first byte chooses options. Then come steps that end with 0xFE: a byte, whose low half says what is done (the cases of
// step()) and whose bits 4 and 5 by which client, and what the step is about. '@' to 'O' are the first client's, 'P' to '_' the
// second's, '`' to 'o' the third's. With bit 7 the step is a request of a SockJS session: the cases of sockjs_step().
//
// What is checked besides crashes and leaks: responses and frames are well formed, the server still serves afterwards, it ends
// without a fault, and every client that was opened and every room that was joined is told to have gone.
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "chat/chat.h"
#include "fuzz.h"
#include "server_peer.h"

using namespace chat::fuzz;

namespace {

constexpr int kMaxSteps = 60;
constexpr int kMaxRounds = 50;
constexpr char kStepEnd = '\xFE';

// What the application knows, and what it has yet to decide on.
struct Application {
  struct Undecided {
    chat_client_id client;
    std::uint64_t decision_id;  // 0: on_connect
  };
  std::set<chat_client_id> open;
  std::set<std::pair<chat_client_id, std::string>> joined;
  std::vector<Undecided> undecided;
  chat_client_id newest = 0;
  chat_client_id asker = 0;
  std::uint64_t ack_id = 0;
};

chat_verdict verdict_on(std::string_view text) {
  if (text.find("refuse") != std::string_view::npos) return CHAT_REFUSE;
  if (text.find("defer") != std::string_view::npos) return CHAT_DEFER;
  return CHAT_PASS;
}

chat_verdict on_connect(chat_server*, chat_connect_event* event, void* user) {
  auto& self = *static_cast<Application*>(user);
  std::string about(event->room);
  for (std::size_t i = 0; i < event->query_count; ++i) about.append(event->query[i].value);
  const chat_verdict verdict = verdict_on(about);
  if (verdict == CHAT_DEFER) self.undecided.push_back({event->client, 0});
  return verdict;
}

void on_open(chat_server*, const chat_client_event* event, void* user) {
  auto& self = *static_cast<Application*>(user);
  require(self.open.insert(event->client).second);
  self.newest = event->client;
}

void on_disconnect(chat_server*, const chat_client_event* event, void* user) {
  static_cast<Application*>(user)->open.erase(event->client);
}

void on_join(chat_server*, const chat_client_event* event, void* user) {
  require(static_cast<Application*>(user)->joined.emplace(event->client, event->room).second);
}

void on_leave(chat_server*, const chat_client_event* event, void* user) {
  require(static_cast<Application*>(user)->joined.erase({event->client, event->room}) == 1);
}

chat_verdict on_authorize(chat_server*, chat_authorize_event* event, void* user) {
  const chat_verdict verdict = verdict_on(std::string(event->room) + event->value);
  if (verdict == CHAT_DEFER) static_cast<Application*>(user)->undecided.push_back({event->client, event->decision_id});
  return verdict;
}

chat_verdict on_message(chat_server*, chat_message_event* event, void* user) {
  auto& self = *static_cast<Application*>(user);
  const std::string_view text(static_cast<const char*>(event->message->data), event->message->data_size);
  self.asker = event->client;
  self.ack_id = event->ack_id;
  if (text.find("consume") != std::string_view::npos) return CHAT_CONSUME;
  const chat_verdict verdict = verdict_on(text);
  if (verdict == CHAT_DEFER) self.undecided.push_back({event->client, event->decision_id});
  return verdict;
}

void on_ack(chat_server*, const chat_ack_event*, void*) {}
void on_log(chat_server*, chat_log_level, const char*, void*) {}

// Listens under a name that the kernel chooses and that is in no folder: nothing is left behind, however this ends.
int listening_socket(ServerAddress& address) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  address.name.sun_family = AF_UNIX;
  address.size = sizeof(address.name);
  require(fd >= 0 && bind(fd, address.generic(), sizeof(sa_family_t)) == 0 && listen(fd, 64) == 0);
  require(getsockname(fd, address.generic(), &address.size) == 0);
  return fd;
}

class Scene {
 public:
  explicit Scene(std::uint8_t choices) {
    chat_server_options options = CHAT_SERVER_OPTIONS_INIT;
    options.listen_fd = listening_socket(address_);
    options.threads = 0;
    options.callbacks.on_connect = on_connect;
    options.callbacks.on_open = on_open;
    options.callbacks.on_disconnect = on_disconnect;
    options.callbacks.on_authorize = on_authorize;
    options.callbacks.on_join = on_join;
    options.callbacks.on_leave = on_leave;
    options.callbacks.on_message = on_message;
    options.callbacks.on_ack = on_ack;
    options.callbacks.on_log = on_log;
    options.user = &application_;
    options.permessage_deflate = choices & 1;
    options.inbound_rate = CHAT_UNLIMITED;
    options.outbox_policy = static_cast<chat_outbox_policy>((choices >> 1 & 3) % 3);
    if ((choices & 8) != 0) options.max_outbox_messages = 4;
    if ((choices & 16) != 0) options.history_off = 1;
    if ((choices & 32) != 0) options.recovery_window_ms = CHAT_UNLIMITED;
    // Every transport of SockJS, and responses that end soon.
    chat_endpoint endpoints[] = {CHAT_ENDPOINT_INIT, CHAT_ENDPOINT_INIT, CHAT_ENDPOINT_INIT, CHAT_ENDPOINT_INIT};
    if ((choices & 64) != 0) {
      const std::pair<const char*, chat_protocol> served[] = {{"/chat", CHAT_PROTOCOL_PLAIN},
                                                              {"/stomp", CHAT_PROTOCOL_STOMP},
                                                              {"/chat.v1", CHAT_PROTOCOL_CHAT_V1},
                                                              {"/socket.io", CHAT_PROTOCOL_SOCKET_IO}};
      for (std::size_t i = 0; i < std::size(served); ++i) {
        endpoints[i].path = served[i].first;
        endpoints[i].protocol = served[i].second;
        if (served[i].second != CHAT_PROTOCOL_SOCKET_IO) endpoints[i].sockjs = CHAT_SOCKJS_OFF - 1;
      }
      options.endpoints = endpoints;
      options.endpoint_count = std::size(endpoints);
      options.sockjs_response_bytes = 256;
      options.sockjs_script_url = "/sockjs.js";
    }
    options.metrics_path = "/metrics";
    options.chat_page_path = "/";
    options.drain_timeout_ms = 1;
    options.poll_budget_ms = CHAT_UNLIMITED;  // what a step causes has happened before the next
    require(chat_server_start(&options, &server_) == CHAT_OK);
  }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  ~Scene() {
    for (ServerPeer& peer : peers_) peer.close();
    settle();
    ServerPeer& last = peers_[0];
    last.is_deaf = false;
    last.open(address_);
    last.request("GET", "/healthz");
    settle();
    require(last.seen().starts_with("HTTP/1.1 200 "));
    last.close();
    require(chat_server_free(server_) == CHAT_OK);
    require(application_.open.empty() && application_.joined.empty());
  }

  void step(std::uint8_t what, std::string_view about) {
    ServerPeer& peer = peers_[what >> 4 & 3];
    if (!peer.is_open()) {
      peer.open(address_);
      settle();
    }
    if ((what & 0x80) != 0) {
      sockjs_step(peer, what, about);
      settle();
      return;
    }
    const std::string engine_io = "/socket.io/?EIO=4&sid=" + sid_ + "&transport=";
    switch (what & 15) {
      case 0:
        peer.send_loose(about);
        break;
      case 1:
        peer.request("GET", about);
        break;
      case 2: {
        const std::size_t end = about.find('\n');
        const bool has_body = end != std::string_view::npos;
        peer.request("POST", about.substr(0, end), {}, has_body ? about.substr(end + 1) : std::string_view());
        break;
      }
      case 3:
        peer.request("GET", "/socket.io/?EIO=4&transport=polling" + std::string(about));
        break;
      case 4:
        peer.request("GET", engine_io + "polling");
        break;
      case 5:
        peer.request("POST", engine_io + "polling", {}, about);
        break;
      case 6:
        peer.ask_for_websocket(about.empty() ? "/chat.v1" : about);
        break;
      case 7:
        peer.ask_for_websocket(engine_io + "websocket");
        break;
      case 8:
        peer.send_frame(0x81, about, about.size());
        break;
      case 9: {
        Input input(reinterpret_cast<const std::uint8_t*>(about.data()), about.size());
        const std::uint8_t first = input.choice();
        peer.send_frame(first, input.rest(), input.rest().size());
        break;
      }
      case 10: {
        Input input(reinterpret_cast<const std::uint8_t*>(about.data()), about.size());
        const std::uint8_t first = input.choice();
        const std::uint64_t claimed_bytes = std::uint64_t{1} << (input.choice() & 63);
        peer.send_frame(first, input.rest(), claimed_bytes);
        break;
      }
      case 11:
        peer.end_sending();
        break;
      case 12:
        peer.close();
        break;
      case 13:
        act(about);
        break;
      case 14:
        peer.ask_for_websocket("/chat.v1", about);
        break;
      default:
        peer.is_deaf = !peer.is_deaf;
        break;
    }
    settle();
  }

 private:
  // The first byte of `about` chooses one of two sessions of each endpoint. What else there is becomes the body.
  static void sockjs_step(ServerPeer& peer, std::uint8_t what, std::string_view about) {
    Input input(reinterpret_cast<const std::uint8_t*>(about.data()), about.size());
    const char* const id = (input.choice() & 1) == 0 ? "/000/even/" : "/111/odd/";
    const std::string session = ((what & 8) == 0 ? "/chat" : "/stomp") + std::string(id);
    const std::string_view body = input.rest();
    switch (what & 7) {
      case 0:
        peer.request("POST", session + "xhr");
        break;
      case 1:
        peer.request("POST", session + "xhr_send", {}, body);
        break;
      case 2:
        peer.request("POST", session + "xhr_streaming");
        break;
      case 3:
        peer.request("GET", session + "eventsource");
        break;
      case 4:
        peer.request("GET", session + "htmlfile?c=cb");
        break;
      case 5:
        peer.request("GET", session + "jsonp?c=cb");
        break;
      case 6:
        peer.request("POST", session + "jsonp_send", "Content-Type: text/plain\r\n", body);
        break;
      default:
        peer.ask_for_websocket(session + "websocket");
        break;
    }
  }

  // Until nothing is ready on either side.
  void settle() {
    for (int round = 0; round < kMaxRounds; ++round) {
      require(chat_server_poll(server_, 0) == CHAT_OK);
      bool heard = false;
      for (ServerPeer& peer : peers_) heard |= peer.receive();
      if (!heard) break;
    }
    for (const ServerPeer& peer : peers_) learn_sid(peer.seen());
  }

  // Of the newest handshake: sessions have ids that nobody can guess.
  void learn_sid(std::string_view seen) {
    static constexpr std::string_view kBegin = "0{\"sid\":\"";
    const std::size_t begin = seen.find(kBegin);
    if (begin == std::string_view::npos) return;
    const std::string_view rest = seen.substr(begin + kBegin.size());
    const std::size_t end = rest.find('"');
    // A namespace's CONNECT looks much the same.
    if (end != std::string_view::npos && rest.substr(end).starts_with("\",\"upgrades\"")) sid_ = rest.substr(0, end);
  }

  // What the application does; whether that is right at the time is for the library to say.
  void act(std::string_view about) {
    Input input(reinterpret_cast<const std::uint8_t*>(about.data()), about.size());
    const std::uint8_t what = input.choice();
    const std::string text(input.rest());
    const chat_client_id newest = application_.newest;
    chat_message message = CHAT_MESSAGE_INIT;
    message.room = "lobby";
    message.data = text.data();
    message.data_size = text.size();
    switch (what % 12) {
      case 0:
        decide(CHAT_PASS, text);
        break;
      case 1:
        decide(CHAT_REFUSE, text);
        break;
      case 2:
        decide(CHAT_CONSUME, text);
        break;
      case 3:
        (void)chat_publish(server_, &message, nullptr);
        break;
      case 4:
        message.payload = CHAT_PAYLOAD_ARGS;
        (void)chat_send_with_ack(server_, newest, &message, 0, nullptr);
        break;
      case 5:
        (void)chat_kick(server_, newest, text.c_str());
        break;
      case 6:
        (void)chat_join(server_, newest, text.c_str());
        break;
      case 7:
        (void)chat_leave(server_, newest, text.c_str());
        break;
      case 8:
        (void)chat_close_room(server_, text.c_str(), "closed");
        break;
      case 9:
        (void)chat_reply(server_, application_.asker, application_.ack_id, text.data(), text.size(), nullptr, 0);
        break;
      case 10: {
        chat_identity identity = CHAT_IDENTITY_INIT;
        identity.user_id = "u";
        identity.name = text.c_str();
        (void)chat_set_identity(server_, newest, &identity);
        break;
      }
      default:
        (void)chat_ban_user(server_, "u", text.c_str(), 1000, "banned");
        break;
    }
  }

  void decide(chat_verdict verdict, const std::string& text) {
    if (application_.undecided.empty()) return;
    const auto [client, decision_id] = application_.undecided.front();
    application_.undecided.erase(application_.undecided.begin());
    if (decision_id != 0) {
      (void)chat_decide(server_, client, decision_id, verdict, text.c_str(), nullptr);
    } else if (verdict == CHAT_REFUSE) {
      (void)chat_refuse(server_, client, text.c_str(), nullptr);
    } else {
      (void)chat_accept(server_, client, nullptr);
    }
  }

  Application application_;
  ServerAddress address_;
  chat_server* server_ = nullptr;
  std::array<ServerPeer, 4> peers_;
  std::string sid_ = "none";
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  Scene scene(input.choice());
  std::string_view piece;
  for (int steps = 0; steps < kMaxSteps && input.piece(kStepEnd, piece); ++steps) {
    if (!piece.empty()) scene.step(static_cast<std::uint8_t>(piece.front()), piece.substr(1));
  }
  return 0;
}
