// The minimal server on libwebsockets, which writes like libchat: the frames of one round of libuv's loop are encoded
// once and sent to each connection in a single lws_write(LWS_WRITE_RAW), outside the WRITEABLE callback. One room, no
// limits, no checks. The difference to libchat is the cost of libchat itself.
#include <libwebsockets.h>
#include <uv.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "websocket.h"

namespace {

// More than one round ever queues, so libwebsockets writes it at once.
constexpr std::size_t kMaxWriteBytes = 1 << 18;

struct Connection {
  lws* wsi = nullptr;
  std::size_t index = 0;  // in `connections`
  std::string in;         // the start of an incomplete frame
  std::string out;        // bytes that could not be written at the end of their round
};

std::vector<std::unique_ptr<Connection>> connections;
std::string round_frames;

// Returns false when the connection is lost. libwebsockets buffers what the socket does not accept.
bool write(Connection& connection, std::string& bytes) {
  return lws_write(connection.wsi, reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), LWS_WRITE_RAW) >= 0;
}

void write_round(uv_check_t*) {
  if (round_frames.empty()) return;
  for (const auto& connection : connections) {
    if (!connection->out.empty() || lws_partial_buffered(connection->wsi)) {
      connection->out += round_frames;
      lws_callback_on_writable(connection->wsi);
    } else if (!write(*connection, round_frames)) {
      lws_set_timeout(connection->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
    }
  }
  round_frames.clear();
}

void publish(std::string_view text) {
  bench::append_frame_head(round_frames, bench::kFinal | bench::kText, text.size());
  round_frames += text;
}

void receive(Connection& connection, std::string_view piece) {
  if (connection.in.empty() && lws_is_final_fragment(connection.wsi)) {
    publish(piece);
    return;
  }
  connection.in += piece;
  if (!lws_is_final_fragment(connection.wsi)) return;
  publish(connection.in);
  connection.in.clear();
}

int on_callback(lws* wsi, lws_callback_reasons reason, void* user, void* in, std::size_t size) {
  auto** connection = static_cast<Connection**>(user);
  switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
      connections.push_back(std::make_unique<Connection>(Connection{wsi, connections.size(), {}, {}}));
      *connection = connections.back().get();
      return 0;
    case LWS_CALLBACK_RECEIVE:
      receive(**connection, {static_cast<char*>(in), size});
      return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
      if (!(*connection)->out.empty() && !lws_partial_buffered(wsi)) {
        if (!write(**connection, (*connection)->out)) return -1;
        (*connection)->out.clear();
      }
      return 0;
    case LWS_CALLBACK_CLOSED: {
      const std::size_t index = (*connection)->index;
      std::swap(connections[index], connections.back());
      connections[index]->index = index;
      connections.pop_back();
      return 0;
    }
    default:
      return 0;
  }
}

}  // namespace

int main(int argc, char** argv) {
  lws_set_log_level(LLL_ERR | LLL_WARN, nullptr);
  uv_loop_t loop;
  uv_loop_init(&loop);
  void* loops[] = {&loop};

  lws_protocols protocols[2];
  std::memset(protocols, 0, sizeof protocols);
  protocols[0].name = "chat";
  protocols[0].callback = on_callback;
  protocols[0].per_session_data_size = sizeof(Connection*);
  protocols[0].tx_packet_size = kMaxWriteBytes;

  // All zero disables pings.
  lws_retry_bo_t no_keepalive;
  std::memset(&no_keepalive, 0, sizeof no_keepalive);

  lws_context_creation_info info;
  std::memset(&info, 0, sizeof info);
  info.port = argc > 1 ? std::atoi(argv[1]) : 0;
  info.iface = "127.0.0.1";
  info.protocols = protocols;
  info.foreign_loops = loops;
  info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_DISABLE_IPV6 | LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
  info.retry_and_idle_policy = &no_keepalive;
  lws_context* context = lws_create_context(&info);
  lws_vhost* vhost = context ? lws_create_vhost(context, &info) : nullptr;
  const int port = vhost ? lws_get_vhost_listen_port(vhost) : 0;
  if (port <= 0) {
    std::fprintf(stderr, "lws_direct_server: cannot listen\n");
    return 1;
  }
  std::printf("listening on port %d\n", port);
  std::fflush(stdout);

  uv_check_t check;
  uv_check_init(&loop, &check);
  uv_check_start(&check, write_round);
  return uv_run(&loop, UV_RUN_DEFAULT);
}
