// See redis_tls.h.
#include "redis/redis_tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <new>
#include <utility>

namespace chat::redis {
namespace {

// The reason of OpenSSL's last error, such as "no such file or directory"; empties its queue, which is the thread's.
std::string take_reason() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason ? reason : "unknown error";
}

Status file_fault(std::string_view what, const std::string& path) {
  return {Error::certificate, std::string("TLS to Redis: ").append(what).append(" ") + path + ": " + take_reason()};
}

bool is_ip_address(const std::string& host) {
  unsigned char bytes[16];
  return inet_pton(AF_INET, host.c_str(), bytes) == 1 || inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

}  // namespace

Result<std::shared_ptr<TlsContext>> TlsContext::make(const RedisTarget& target) {
  ERR_clear_error();
  auto made = std::make_shared<TlsContext>();
  made->context_.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* const context = made->get();
  if (!context) throw std::bad_alloc();
  made->verify_ = target.verify;
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_verify(context, target.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (!target.ca_file.empty()) {
    if (SSL_CTX_load_verify_locations(context, target.ca_file.c_str(), nullptr) != 1) {
      return file_fault("the file of certificates (ca)", target.ca_file);
    }
  } else if (target.verify && SSL_CTX_set_default_verify_paths(context) != 1) {
    return Status{Error::certificate, "TLS to Redis: the system's certificates: " + take_reason()};
  }
  if (!target.cert_file.empty()) {
    if (SSL_CTX_use_certificate_chain_file(context, target.cert_file.c_str()) != 1) {
      return file_fault("the certificate (cert)", target.cert_file);
    }
    // A key with a pass phrase fails: the default would ask the terminal for it.
    SSL_CTX_set_default_passwd_cb(context, [](char*, int, int, void*) { return -1; });
    if (SSL_CTX_use_PrivateKey_file(context, target.key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1) {
      return file_fault("the private key (key)", target.key_file);
    }
  }
  return made;
}

Status share_tls(RedisTarget& target) {
  if (!target.tls || target.tls_context) return {};
  Result<std::shared_ptr<TlsContext>> made = TlsContext::make(target);
  if (made.ok()) target.tls_context = std::move(*made);
  return made.status();
}

Result<std::unique_ptr<TlsStream>> TlsStream::open(const TlsContext& context, const std::string& host) {
  ERR_clear_error();
  auto stream = std::make_unique<TlsStream>();
  stream->ssl_.reset(SSL_new(context.get()));
  SSL* const ssl = stream->ssl_.get();
  BIO* const input = BIO_new(BIO_s_mem());
  BIO* const output = BIO_new(BIO_s_mem());
  if (!ssl || !input || !output) {
    BIO_free(input);
    BIO_free(output);
    throw std::bad_alloc();
  }
  BIO_set_mem_eof_return(input, -1);
  BIO_set_mem_eof_return(output, -1);
  SSL_set_bio(ssl, input, output);  // owns them
  stream->input_ = input;
  stream->output_ = output;
  SSL_set_connect_state(ssl);
  const bool ip = is_ip_address(host);
  bool set = ip || SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
  if (context.verify()) {
    set = set && (ip ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str())
                     : SSL_set1_host(ssl, host.c_str())) == 1;
  }
  if (!set) return Status{Error::invalid_argument, "TLS to Redis: the host name is invalid: " + take_reason()};
  return stream;
}

Status TlsStream::fault(int result) const {
  const int error = SSL_get_error(ssl_.get(), result);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
    ERR_clear_error();
    return {};
  }
  if (error == SSL_ERROR_ZERO_RETURN) {
    ERR_clear_error();
    return {Error::unavailable, "Redis closed the connection"};
  }
  const long verdict = SSL_get_verify_result(ssl_.get());
  if (verdict != X509_V_OK && !established() && SSL_get_verify_mode(ssl_.get()) != SSL_VERIFY_NONE) {
    ERR_clear_error();
    return {Error::certificate,
            std::string("the certificate of Redis is not accepted: ") + X509_verify_cert_error_string(verdict)};
  }
  return {Error::unavailable, "TLS: " + take_reason()};
}

Status TlsStream::handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  return result == 1 ? Status() : fault(result);
}

Status TlsStream::receive(std::string_view bytes) {
  if (BIO_write(input_, bytes.data(), static_cast<int>(bytes.size())) != static_cast<int>(bytes.size())) {
    return {Error::no_memory, {}};
  }
  return established() ? Status() : handshake();
}

Result<std::string_view> TlsStream::read() {
  ERR_clear_error();
  const int count = SSL_read(ssl_.get(), plain_.get(), static_cast<int>(kPieceBytes));
  if (count > 0) return std::string_view(plain_.get(), static_cast<std::size_t>(count));
  Status status = fault(count);
  if (!status.ok()) return status;
  return std::string_view();
}

Status TlsStream::write(std::string_view plain) {
  while (!plain.empty()) {
    ERR_clear_error();
    const std::string_view piece = plain.substr(0, kPieceBytes);
    const int count = SSL_write(ssl_.get(), piece.data(), static_cast<int>(piece.size()));
    if (count <= 0) {
      Status status = fault(count);
      // A write to memory never has to wait.
      if (status.ok()) status = {Error::unavailable, "TLS: a write does not go on"};
      return status;
    }
    plain.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

bool TlsStream::take_output(std::string& bytes) {
  const std::size_t pending = BIO_ctrl_pending(output_);
  if (pending == 0) return true;
  const std::size_t before = bytes.size();
  try {
    bytes.resize(before + pending);
  } catch (const std::bad_alloc&) {
    return false;
  }
  const int count = BIO_read(output_, bytes.data() + before, static_cast<int>(pending));
  bytes.resize(before + static_cast<std::size_t>(std::max(count, 0)));
  return true;
}

}  // namespace chat::redis
