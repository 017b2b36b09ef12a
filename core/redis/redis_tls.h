// TLS of a client, with OpenSSL and without a socket: encrypted bytes in and out, plain bytes in and out. Checks the
// certificate and the host name of the server. Thread: one stream at a time on one thread; a context may be shared by streams
// of one thread.
#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "model/types.h"
#include "redis/redis_url.h"

namespace chat::redis {

class TlsContext {
 public:
  // Reads the files of the target. certificate when one cannot be used; the sentence names it.
  static Result<std::shared_ptr<TlsContext>> make(const RedisTarget& target);

  SSL_CTX* get() const { return context_.get(); }
  bool verify() const { return verify_; }

 private:
  struct Free {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };

  std::unique_ptr<SSL_CTX, Free> context_;
  bool verify_ = true;
};

// Gives the target a context, if it has none and wants TLS. Copies that are made afterwards share it, so the files are read once.
// Errors: those of TlsContext::make().
Status share_tls(RedisTarget& target);

class TlsStream {
 public:
  // `host` is the name or the IP address that the certificate must have.
  static Result<std::unique_ptr<TlsStream>> open(const TlsContext& context, const std::string& host);

  // Goes on with the handshake. certificate when the server's is not trusted, unavailable otherwise.
  Status handshake();
  bool established() const { return SSL_is_init_finished(ssl_.get()) != 0; }
  // Takes bytes of the socket.
  Status receive(std::string_view bytes);
  // The next plain bytes, valid until the next call; empty: it needs more. Once the handshake is done.
  Result<std::string_view> read();
  // Encrypts. Once the handshake is done.
  Status write(std::string_view plain);
  // Appends what must be sent. False, with nothing lost: no memory.
  bool take_output(std::string& bytes);

 private:
  static constexpr std::size_t kPieceBytes = 16'384;  // a record, RFC 8446 section 5.1
  struct Free {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };

  Status fault(int result) const;

  std::unique_ptr<SSL, Free> ssl_;
  BIO* input_ = nullptr;   // of ssl_: from the socket
  BIO* output_ = nullptr;  // of ssl_: to the socket
  std::unique_ptr<char[]> plain_ = std::make_unique<char[]>(kPieceBytes);
};

}  // namespace chat::redis
