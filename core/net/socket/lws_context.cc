// See lws_context.h. All differences between libwebsockets 4.1 and 5.0 are handled here.
#include "net/socket/lws_context.h"

#include <dlfcn.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <memory>
#include <numeric>
#include <optional>
#include <utility>

#include "net/base/fork_guard.h"
#include "net/socket/elf_import.h"
#include "net/socket/lws_callbacks.h"
#include "net/socket/tls_socket.h"

namespace chat::net {
namespace {

// The maximum size of a read. One buffer serves all sockets of a loop. It is larger than a TLS record (16 KiB), so that
// no decrypted bytes remain inside OpenSSL after a read.
constexpr unsigned kReadBufferBytes = 65'536;
constexpr unsigned kNeverS = 366 * 86'400;

thread_local LwsContext* creating = nullptr;

class InCreation {
 public:
  explicit InCreation(LwsContext* context) { creating = context; }
  ~InCreation() { creating = nullptr; }
  InCreation(const InCreation&) = delete;
  InCreation& operator=(const InCreation&) = delete;
};

// Makes libwebsockets forget the descriptor of `wsi`; it has no function for this. The position of the descriptor in
// `wsi` is found with lws_get_socket_fd(), which only reads it: it is called on memory in which every element contains
// its own index.
void forget_descriptor(lws* wsi) {
  alignas(std::max_align_t) std::array<lws_sockfd_type, 1024> places;  // more than a wsi has
  std::iota(places.begin(), places.end(), 0);
  const auto place = static_cast<std::size_t>(lws_get_socket_fd(reinterpret_cast<lws*>(places.data())));
  if (place >= places.size()) return;
  constexpr lws_sockfd_type kNone = LWS_SOCK_INVALID;
  std::memcpy(reinterpret_cast<char*>(wsi) + place * sizeof kNone, &kNone, sizeof kNone);
}

// Keeps libwebsockets from changing the process while it creates a context. libwebsockets ignores SIGPIPE, and it
// derives the size of its descriptor table from the limit on open files: 16 MB per loop at a million, but only 2,560
// entries above ten million, where descriptors may be higher. No option fits: with fd_limit_per_thread below the limit,
// it searches the whole table for every event. The two functions that it calls for this are therefore replaced, in
// libwebsockets only, for the thread that creates a context.
class ContextMaking {
 public:
  // Only one thread at a time may hold this; see ForkGuard::Loading.
  explicit ContextMaking(int wanted_places) : wanted_places_(wanted_places), limit_(::sysconf(_SC_OPEN_MAX)) {
    static const Replaced<SignalFunction> replaced_signal("signal", signal_instead, real_signal);
    static const Replaced<SysconfFunction> replaced_sysconf("sysconf", sysconf_instead, real_sysconf);
    keeps_sigpipe_ = replaced_signal.import->replaced() != nullptr;
    if (!keeps_sigpipe_) sigaction(SIGPIPE, nullptr, &before_);
    current = this;
  }
  // When the function could not be replaced, a signal handler that the host installs meanwhile is kept, except for a
  // short interval.
  ~ContextMaking() {
    current = nullptr;
    if (keeps_sigpipe_) return;
    struct sigaction now;
    if (sigaction(SIGPIPE, &before_, &now) == 0 && now.sa_handler != SIG_IGN) sigaction(SIGPIPE, &now, nullptr);
  }
  ContextMaking(const ContextMaking&) = delete;
  ContextMaking& operator=(const ContextMaking&) = delete;

  // The number of entries in the table.
  int places() const {
    if (asked_) return wanted_places_;
    // The same computation as in libwebsockets. The limit may have changed meanwhile.
    const long limit = std::min(limit_, ::sysconf(_SC_OPEN_MAX));
    return limit < 0 || limit > 10'000'000 ? 2'560 : static_cast<int>(limit);
  }

 private:
  using Handler = void (*)(int);
  using SignalFunction = Handler (*)(int, Handler);
  using SysconfFunction = long (*)(int);

  template <class Function>
  struct Replaced {
    Replaced(const char* name, Function instead, std::atomic<Function>& real) {
      // Must be first, because another thread may be inside libwebsockets.
      real = reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, name));
      import.emplace(reinterpret_cast<const void*>(&lws_create_context), name, reinterpret_cast<void*>(instead));
      if (void* const before = import->replaced()) real = reinterpret_cast<Function>(before);
    }
    std::optional<ElfImport> import;
  };

  static Handler signal_instead(int number, Handler handler) {
    if (current != nullptr && number == SIGPIPE) return SIG_DFL;
    return real_signal.load()(number, handler);
  }
  static long sysconf_instead(int name) {
    if (current == nullptr || name != _SC_OPEN_MAX) return real_sysconf.load()(name);
    current->asked_ = true;
    return current->wanted_places_;
  }

  static inline std::atomic<SignalFunction> real_signal = nullptr;
  static inline std::atomic<SysconfFunction> real_sysconf = nullptr;
  static thread_local ContextMaking* current;

  const int wanted_places_;
  const long limit_;
  bool asked_ = false;
  bool keeps_sigpipe_ = false;
  struct sigaction before_ {};
};

thread_local ContextMaking* ContextMaking::current = nullptr;

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

// A handshake uses the newest certificate, whatever context it started with.
int choose_certificate(SSL* ssl, void* context) {
  if (SSL_CTX* newest = static_cast<LwsContext*>(context)->reloaded_ssl_context()) SSL_set_SSL_CTX(ssl, newest);
  return 1;
}

}  // namespace

Status check_certificate(const std::string& certificate_file, const std::string& private_key_file) {
  const SslContext context(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free);
  if (!context) return {Error::no_memory, "not enough memory for a TLS context"};
  return load_certificate(context.get(), certificate_file, private_key_file);
}

LwsContext* LwsContext::in_creation() { return creating; }

Status LwsContext::create(uv_loop_t* uv, const ServerOptions& options, int wanted_places) {
  const InCreation in_creation(this);
  protocols_[0].name = "raw";
  protocols_[0].callback = on_lws_callback;

  void* loops[1] = {uv};
  lws_context_creation_info info;
  std::memset(&info, 0, sizeof info);
  info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
  info.protocols = protocols_.data();
  info.foreign_loops = loops;
  info.pcontext = &context_;
  info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
  info.alpn = "http/1.1";
  info.pt_serv_buf_size = kReadBufferBytes;
  // The connection's own timer bounds the handshake. It waits when the loop was late; the timeout of libwebsockets does not.
  info.timeout_secs = kNeverS;
  // All zero disables pings and the sorted list of deadlines in libwebsockets.
  info.retry_and_idle_policy = &no_keepalive_;
  info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
  info.ssl_cert_filepath = options.tls_certificate_file.c_str();
  info.ssl_private_key_filepath = options.tls_private_key_file.c_str();
  // Otherwise libwebsockets creates a client context with all CA certificates of the system, and with several contexts it
  // frees only the last one.
  unused_client_.reset(SSL_CTX_new(TLS_client_method()));
  info.provided_client_ssl_ctx = unused_client_.get();

  const ForkGuard::Loading loading;
  lws_set_log_level(LLL_ERR | LLL_WARN, on_lws_log);
  {
    const ContextMaking making(wanted_places);
    context_ = lws_create_context(&info);
    places_ = making.places();
  }
  if (!context_) {
    return {
        Error::event_loop,
        "libwebsockets could not create a context on libuv: is its libuv plugin (libwebsockets-evlib-uv) installed?"};
  }
  // This is the only descriptor that libuv watches so far.
  uv_walk(
      uv,
      [](uv_handle_t* handle, void* found) {
        if (uv_handle_get_type(handle) == UV_POLL) *static_cast<lws**>(found) = static_cast<lws*>(handle->data);
      },
      &event_pipe_);
  // libwebsockets does not notice the missing descriptor, and returns a context that it has started to destroy.
  if (!event_pipe_) return {Error::system, "no file descriptor was left for libwebsockets"};
  vhost_ = lws_create_vhost(context_, &info);
  if (!vhost_) return {Error::certificate, "libwebsockets could not create a virtual host"};
  return {};
}

bool LwsContext::adopt(int socket_fd, TlsSocket& socket) {
  lws_adopt_desc_t description;
  std::memset(&description, 0, sizeof description);
  description.vh = vhost_;
  description.type = static_cast<lws_adoption_type>(LWS_ADOPT_SOCKET | LWS_ADOPT_ALLOW_SSL);
  description.fd.sockfd = socket_fd;
  description.opaque = &socket;
  lws* const wsi = lws_adopt_descriptor_vhost_via_info(&description);
  if (wsi) socket.attach(wsi);
  return wsi != nullptr;
}

void LwsContext::cancel_service() {
  if (context_) lws_cancel_service(context_);
}

// libwebsockets closes the descriptor of lws_cancel_service() twice: here, and when libuv has closed its handle.
// Between the two, another thread may open a file that gets the same number, and would lose it. So libwebsockets has to
// forget the descriptor.
void LwsContext::begin_destroy() {
  if (!context_) return;
  const ForkGuard::Loading loading;
  lws_context_destroy(context_);
  event_pipe_was_made_ = event_pipe_ != nullptr;
  if (event_pipe_) forget_descriptor(std::exchange(event_pipe_, nullptr));
}

void LwsContext::close_strays(uv_loop_t* loop) {
  if (!context_ || event_pipe_was_made_) return;
  uv_walk(
      loop,
      [](uv_handle_t* handle, void*) {
        if (!uv_is_closing(handle)) uv_close(handle, nullptr);
      },
      nullptr);
}

void LwsContext::finish_destroy() {
  // libwebsockets would close its handles a second time, so the memory is leaked. See close_strays().
  if (!event_pipe_was_made_) context_ = nullptr;
  const ForkGuard::Loading loading;
  // info.pcontext becomes null when the context is freed. The number of calls differs between versions, so the loop is
  // bounded.
  for (int stage = 0; context_ && stage < 4; ++stage) lws_context_destroy(context_);
}

void LwsContext::prepare_tls(SSL_CTX* ssl_context) {
  SSL_CTX_set_min_proto_version(ssl_context, TLS1_2_VERSION);
  SSL_CTX_set_mode(ssl_context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_cert_cb(ssl_context, choose_certificate, this);
}

Status LwsContext::reload_tls(const std::string& certificate_file, const std::string& private_key_file) {
  // A new context: loading into the old one would keep a key pair of another type.
  SslContext fresh(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free);
  if (!fresh) return {Error::no_memory, "not enough memory for a TLS context"};
  Status status = load_certificate(fresh.get(), certificate_file, private_key_file);
  if (status.ok()) reloaded_ = std::move(fresh);
  return status;
}

}  // namespace chat::net
