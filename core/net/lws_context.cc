// See lws_context.h. Every difference between libwebsockets 4.1 and 5.0 that concerns us is handled here.
#include "net/lws_context.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <mutex>
#include <numeric>
#include <utility>

#include "net/connection.h"
#include "net/loop.h"
#include "net/lws_callbacks.h"

namespace chat::net {
namespace {

// A message longer than this arrives in pieces; each idle WebSocket pins one such buffer.
constexpr std::size_t kReceiveBufferBytes = 2048;

// Held while contexts are made and taken down: libwebsockets shares some things among them.
std::mutex& contexts_mutex() {
  static std::mutex mutex;
  return mutex;
}

// Makes libwebsockets forget the descriptor of `wsi`, for which it has no call. Where it is kept tells lws_get_socket_fd(),
// which only reads it: from memory in which every place holds its own number.
void forget_descriptor(lws* wsi) {
  alignas(std::max_align_t) std::array<lws_sockfd_type, 1024> places;  // more than a wsi has
  std::iota(places.begin(), places.end(), 0);
  const auto place = static_cast<std::size_t>(lws_get_socket_fd(reinterpret_cast<lws*>(places.data())));
  if (place >= places.size()) return;
  constexpr lws_sockfd_type kNone = LWS_SOCK_INVALID;
  std::memcpy(reinterpret_cast<char*>(wsi) + place * sizeof kNone, &kNone, sizeof kNone);
}

// Making a context ignores SIGPIPE for the whole process; the host's disposition comes back at once.
class SigpipeKept {
 public:
  SigpipeKept() { sigaction(SIGPIPE, nullptr, &kept_); }
  ~SigpipeKept() { sigaction(SIGPIPE, &kept_, nullptr); }
  SigpipeKept(const SigpipeKept&) = delete;
  SigpipeKept& operator=(const SigpipeKept&) = delete;

 private:
  struct sigaction kept_;
};

std::string openssl_reason() {
  char text[256];
  const unsigned long code = ERR_get_error();
  if (code == 0) return "unusable";
  ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return text;
}

Status load_certificate(SSL_CTX* context, const std::string& certificate_file, const std::string& private_key_file) {
  ERR_clear_error();
  if (access(certificate_file.c_str(), R_OK) != 0) {
    return {Error::certificate, "certificate file " + certificate_file + ": " + std::strerror(errno)};
  }
  if (access(private_key_file.c_str(), R_OK) != 0) {
    return {Error::certificate, "private key file " + private_key_file + ": " + std::strerror(errno)};
  }
  if (SSL_CTX_use_certificate_chain_file(context, certificate_file.c_str()) != 1) {
    return {Error::certificate, "certificate file " + certificate_file + ": " + openssl_reason()};
  }
  if (SSL_CTX_use_PrivateKey_file(context, private_key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    return {Error::certificate, "private key file " + private_key_file + ": " + openssl_reason()};
  }
  if (SSL_CTX_check_private_key(context) != 1) {
    return {Error::certificate, "private key file " + private_key_file + " does not belong to " + certificate_file};
  }
  return {};
}

// permessage-deflate is negotiated by libwebsockets but done by us: what goes out is compressed once for all receivers
// (frame.cc), what comes in is bounded (inflater.h). The extension of 4.1 aborts on some messages, holds others back until
// more input comes, and mistakes server_no_context_takeover for the client's.
const lws_ext_options kDeflateOptions[] = {
    {"server_no_context_takeover", EXTARG_NONE},
    {"client_no_context_takeover", EXTARG_NONE},
    {nullptr, EXTARG_NONE},
};

int on_extension_callback(lws_context*, const lws_extension*, lws*, lws_extension_callback_reasons reason, void*,
                          void* in, std::size_t) {
  if (reason == LWS_EXT_CB_CONSTRUCT) *static_cast<const lws_ext_options**>(in) = kDeflateOptions;
  return 0;  // options are accepted, payload stays as it is
}

const lws_extension kExtensions[] = {
    {"permessage-deflate", on_extension_callback, "permessage-deflate"},
    {nullptr, nullptr, nullptr},
};

// A handshake takes the newest certificate, whatever the context it began with had.
int choose_certificate(SSL* ssl, void* context) {
  if (SSL_CTX* newest = static_cast<LwsContext*>(context)->reloaded_ssl_context()) SSL_set_SSL_CTX(ssl, newest);
  return 1;
}

}  // namespace

Status check_certificate(const std::string& certificate_file, const std::string& private_key_file) {
  const SslContext context(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free);
  if (!context) return {Error::no_memory, "no memory for a TLS context"};
  return load_certificate(context.get(), certificate_file, private_key_file);
}

#if LWS_LIBRARY_VERSION_NUMBER >= 4003000

bool hides_headers(lws* wsi, std::size_t) {
  bool found = false;
  lws_hdr_custom_name_foreach(
      wsi,
      [](const char* text, int size, void* result) {
        std::string_view name(text, static_cast<std::size_t>(size));
        if (name.ends_with(':')) name.remove_suffix(1);
        if (name.find_first_of(" \t\r\n") != std::string_view::npos) *static_cast<bool*>(result) = true;
      },
      &found);
  return found;
}

#else

// This version does not list the names that it does not know. They are in the memory that the path points into, and each
// can be asked for: what is found by asking is there, whatever else that memory holds.
bool hides_headers(lws* wsi, std::size_t max_header_bytes) {
  for (const std::string_view name :
       {"content-length :", "transfer-encoding :", "content-length\t:", "transfer-encoding\t:"}) {
    if (lws_hdr_custom_length(wsi, name.data(), static_cast<int>(name.size())) >= 0) return true;
  }
  char* path = nullptr;
  int path_size = 0;
  if (lws_http_get_uri_and_method(wsi, &path, &path_size) < 0 || path == nullptr) return true;
  constexpr std::size_t kBeforePath = 9;
  constexpr std::size_t kLongestName = 64;
  const std::string_view memory(path, max_header_bytes - kBeforePath);
  for (std::size_t line = memory.find('\n'); line != std::string_view::npos; line = memory.find('\n', line + 1)) {
    const std::size_t first = memory.rfind(':', line);
    const std::size_t last = memory.find(':', line);
    if (first == std::string_view::npos || last == std::string_view::npos) continue;
    // The first colon is of the name; where the name begins only libwebsockets knows.
    for (std::size_t begin = first; begin-- > 0 && first - begin < kLongestName;) {
      if (lws_hdr_custom_length(wsi, memory.data() + begin, static_cast<int>(last + 1 - begin)) >= 0) return true;
    }
  }
  return false;
}

#endif

Status LwsContext::create(Loop& loop, const ServerOptions& options) {
  // The first has a name that no client can offer; the second's is written anew for each handshake that needs one.
  for (std::size_t i = 0; i < 2; ++i) {
    protocols_[i].name = i == 0 ? "/http" : subprotocol_.data();
    protocols_[i].callback = on_lws_callback;
    protocols_[i].rx_buffer_size = kReceiveBufferBytes;
    protocols_[i].tx_packet_size = kMaxWriteBytes;
  }
  mount_.mountpoint = "/";
  mount_.mountpoint_len = 1;
  mount_.origin_protocol = LWSMPRO_CALLBACK;
  mount_.origin = "/http";

  void* loops[1] = {loop.uv()};
  lws_context_creation_info info;
  std::memset(&info, 0, sizeof info);
  info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
  info.protocols = protocols_.data();
  info.mounts = &mount_;
  info.user = &loop;
  info.foreign_loops = loops;
  info.pcontext = &context_;
  info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
  info.alpn = "http/1.1";  // its HTTP/2 has known holes, see docs/security.md
  info.max_http_header_data = static_cast<decltype(info.max_http_header_data)>(options.max_header_bytes);
  info.pt_serv_buf_size = 16'384;
  // Its own time-outs stand behind ours, for what our timers do not see.
  info.timeout_secs = static_cast<unsigned>(options.handshake_timeout_ms / 1000 + 5);
  info.timeout_secs_ah_idle = info.timeout_secs;
  info.keepalive_timeout = static_cast<int>(options.http_idle_timeout_ms / 1000 + 5);
  // All zero: no pings and no sorted list of deadlines inside libwebsockets.
  info.retry_and_idle_policy = &no_keepalive_;
  if (options.permessage_deflate) info.extensions = kExtensions;
  const bool tls = !options.tls_certificate_file.empty();
  if (tls) {
    info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    info.ssl_cert_filepath = options.tls_certificate_file.c_str();
    info.ssl_private_key_filepath = options.tls_private_key_file.c_str();
    // It makes one for clients too, with every certificate of the system, and of several contexts frees only the last one's.
    unused_client_.reset(SSL_CTX_new(TLS_client_method()));
    info.provided_client_ssl_ctx = unused_client_.get();
  }

  std::lock_guard lock(contexts_mutex());
  const SigpipeKept kept;
  lws_set_log_level(LLL_ERR | LLL_WARN, on_lws_log);
  context_ = lws_create_context(&info);
  if (!context_) {
    return {Error::event_loop,
            "libwebsockets could not make a context on libuv: is its libuv plugin (libwebsockets-evlib-uv) installed?"};
  }
  // The only descriptor that libuv watches so far.
  uv_walk(
      loop.uv(),
      [](uv_handle_t* handle, void* found) {
        if (uv_handle_get_type(handle) == UV_POLL) *static_cast<lws**>(found) = static_cast<lws*>(handle->data);
      },
      &event_pipe_);
  vhost_ = lws_create_vhost(context_, &info);
  if (!vhost_) return {tls ? Error::certificate : Error::internal, "libwebsockets could not make a virtual host"};
  return {};
}

lws* LwsContext::adopt(int socket_fd, Connection& connection) {
  lws_adopt_desc_t description;
  std::memset(&description, 0, sizeof description);
  description.vh = vhost_;
  description.type = static_cast<lws_adoption_type>(LWS_ADOPT_HTTP | LWS_ADOPT_SOCKET | LWS_ADOPT_ALLOW_SSL);
  description.fd.sockfd = socket_fd;
  description.opaque = &connection;
  return lws_adopt_descriptor_vhost_via_info(&description);
}

void LwsContext::cancel_service() {
  if (context_) lws_cancel_service(context_);
}

// libwebsockets closes the descriptor of lws_cancel_service() twice: here, and when libuv has closed its handle. In between
// another thread of the process may open a file, be given the same number, and lose it. So it has to forget the number.
void LwsContext::begin_destroy() {
  if (!context_) return;
  std::lock_guard lock(contexts_mutex());
  lws_context_destroy(context_);
  if (event_pipe_) forget_descriptor(std::exchange(event_pipe_, nullptr));
}

void LwsContext::finish_destroy() {
  std::lock_guard lock(contexts_mutex());
  // info.pcontext makes it null once it is freed; bounded, as a version may need fewer or more calls.
  for (int stage = 0; context_ && stage < 4; ++stage) lws_context_destroy(context_);
}

void LwsContext::prepare_tls(SSL_CTX* ssl_context) {
  SSL_CTX_set_min_proto_version(ssl_context, TLS1_2_VERSION);
  SSL_CTX_set_cert_cb(ssl_context, choose_certificate, this);
}

Status LwsContext::reload_tls(const std::string& certificate_file, const std::string& private_key_file) {
  // A context of its own: loading into the old one would leave it a pair of another key type.
  SslContext fresh(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free);
  if (!fresh) return {Error::no_memory, "no memory for a TLS context"};
  Status status = load_certificate(fresh.get(), certificate_file, private_key_file);
  if (status.ok()) reloaded_ = std::move(fresh);
  return status;
}

void LwsContext::name_subprotocol(std::string_view name) {
  const std::size_t size = std::min(name.size(), subprotocol_.size() - 1);
  std::copy_n(name.begin(), size, subprotocol_.begin());
  subprotocol_[size] = '\0';
}

}  // namespace chat::net
