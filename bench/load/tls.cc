#include "tls.h"

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "../loopback.h"

namespace bench {

int open_over_tls(int port, Client& client, const Form& form) {
  static const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                         SSL_CTX_free);
  const int fd = connect_to_loopback(port);
  const std::unique_ptr<SSL, decltype(&SSL_free)> tls(SSL_new(context.get()), SSL_free);
  if (!tls || SSL_set_fd(tls.get(), fd) != 1 || SSL_connect(tls.get()) != 1) fail("the TLS handshake failed");
  std::string out = form.hello(client);
  std::string in;
  char buffer[4096];
  for (;;) {
    if (!out.empty() && SSL_write(tls.get(), out.data(), static_cast<int>(out.size())) <= 0) break;
    out.clear();
    if (client.member) return fd;
    const int count = SSL_read(tls.get(), buffer, sizeof buffer);
    if (count <= 0) break;
    in.append(buffer, static_cast<std::size_t>(count));
    in.erase(0, form.set_up(client, in, out));
  }
  fail("the server closed a connection over TLS");
}

}  // namespace bench
