// The requests to HTTP endpoints that are answered later: RestExchange is one for a single answer, RestStreamExchange one for a
// stream of events. The connection owns them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "net/endpoint/rest/rest_local.h"
#include "net/http/exchange.h"
#include "wire/rest/rest_body.h"
#include "wire/rest/rest_query.h"

namespace chat::net {

class RestExchange final : public Exchange {
 public:
  // question: its request is filled in here; for a message, its command too.
  RestExchange(RestLocal& local, const HttpRequest& request, RestBirth birth, std::string identity,
               RestQuestion question);

  // The request brings a message.
  void set_body(wire::RestBody format, std::size_t max_bytes, bool has_body);

  void on_held(const HeldRequest& request) override;
  void on_body(std::string body) override;
  void on_body_too_large() override;
  void complete(HttpResponse& response) override;
  void on_lost(bool answered) override;

 private:
  struct Body {
    wire::RestBody format;
    std::size_t max_bytes;
    bool has_body;
  };

  void serve();

  RestLocal& local_;
  RestBirth birth_;
  const std::string identity_;
  RestQuestion question_;
  std::optional<Body> body_;
  Pairs headers_;  // of every answer
  const bool compresses_;
  SessionNumber client_ = 0;
};

class RestStreamExchange final : public Exchange {
 public:
  RestStreamExchange(RestLocal& local, const HttpRequest& request, RestBirth birth, wire::RestEventsQuery query);

  void on_held(const HeldRequest& request) override;
  void on_body(std::string) override {}
  void on_body_too_large() override {}
  void complete(HttpResponse& response) override;
  void on_drained() override;
  void on_lost(bool answered) override;

 private:
  RestLocal& local_;
  RestBirth birth_;
  wire::RestEventsQuery query_;
  Pairs headers_;
  const bool chunked_;
  SessionNumber stream_ = 0;
};

// The headers for pages of other origins.
Pairs rest_cors_headers(const HttpRequest& request, const ServerOptions& options);

}  // namespace chat::net
