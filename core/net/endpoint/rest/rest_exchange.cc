// See rest_exchange.h.
#include "net/endpoint/rest/rest_exchange.h"

#include <functional>
#include <string_view>
#include <utility>
#include <variant>

#include "net/endpoint/rest/rest_client.h"
#include "net/endpoint/rest/rest_stream.h"
#include "net/http/compression.h"
#include "net/http/cors.h"

namespace chat::net {
namespace {

wire::RestAnswer too_large(std::size_t max_bytes) {
  return wire::rest_problem(413, "too_large", "a message has at most " + std::to_string(max_bytes) + " bytes");
}

}  // namespace

Pairs rest_cors_headers(const HttpRequest& request, const ServerOptions& options) {
  HttpResponse headers;
  add_cors_headers(headers, request, options.allowed_origins);
  if (!headers.headers.empty() && headers.headers.front().name == "Access-Control-Allow-Origin") {
    headers.headers.push_back({"Access-Control-Expose-Headers", "Retry-After"});
  }
  return headers.headers;
}

RestExchange::RestExchange(RestLocal& local, const HttpRequest& request, RestBirth birth, std::string identity,
                           RestQuestion question)
    : local_(local),
      birth_(std::move(birth)),
      identity_(std::move(identity)),
      question_(std::move(question)),
      headers_(rest_cors_headers(request, local.loop().options())),
      compresses_(accepts_gzip(request.joined_header("accept-encoding"))) {}

void RestExchange::set_body(wire::RestBody format, std::size_t max_bytes, bool has_body) {
  body_ = Body{format, max_bytes, has_body};
}

void RestExchange::on_held(const HeldRequest& request) {
  question_.request = request;
  const bool asks_for_much = !std::holds_alternative<SendCommand>(question_.command);
  if (!local_.take_rate(request, birth_.address, asks_for_much)) return;
  if (!body_) {
    serve();
  } else if (!body_->has_body) {
    on_body({});
  }
}

void RestExchange::on_body(std::string body) {
  Result<SendCommand> command = wire::read_rest_message(body_->format, body, question_.room);
  if (!command.ok()) {
    local_.loop().refusals().note(Refusal::malformed, birth_.address, command.status().detail);
    local_.loop().stats().messages_refused.add();
    // A message with too many parts, unlike a full server, will not be accepted later either.
    const bool too_many = command.status().code == Error::too_many;
    local_.answer(question_.request, too_many ? wire::rest_problem(400, "too_many", command.status().detail)
                                              : wire::rest_problem(command.status()));
    return;
  }
  if (command->draft().size_bytes() > body_->max_bytes) {
    on_body_too_large();
    return;
  }
  command->draft().room = question_.room;
  command->without_joining = true;
  question_.command = std::move(*command);
  question_.fingerprint = std::hash<std::string>{}(body) + static_cast<std::size_t>(body_->format);
  serve();
}

void RestExchange::on_body_too_large() {
  local_.loop().refusals().note(Refusal::message_bytes, birth_.address);
  local_.loop().stats().messages_refused.add();
  local_.answer(question_.request, too_large(body_->max_bytes));
}

void RestExchange::serve() { client_ = local_.serve(std::move(birth_), identity_, std::move(question_)); }

void RestExchange::complete(HttpResponse& response) {
  response.headers.insert(response.headers.end(), headers_.begin(), headers_.end());
  response.headers.push_back({"Vary", "Accept-Encoding"});
  if (compresses_) compress(response);
}

void RestExchange::on_lost(bool) {
  if (RestClient* const client = local_.home().find_as<RestClient>(client_)) client->lose(question_.request);
}

RestStreamExchange::RestStreamExchange(RestLocal& local, const HttpRequest& request, RestBirth birth,
                                       wire::RestEventsQuery query)
    : local_(local),
      birth_(std::move(birth)),
      query_(std::move(query)),
      headers_(rest_cors_headers(request, local.loop().options())),
      chunked_(request.minor_version >= 1) {}

void RestStreamExchange::on_held(const HeldRequest& request) {
  if (!local_.take_rate(request, birth_.address, true)) return;
  stream_ = local_.open_stream(std::move(birth_), std::move(query_), request, chunked_);
}

void RestStreamExchange::complete(HttpResponse& response) {
  response.headers.insert(response.headers.end(), headers_.begin(), headers_.end());
}

void RestStreamExchange::on_drained() {
  if (RestStream* const stream = local_.home().find_as<RestStream>(stream_)) stream->drained();
}

void RestStreamExchange::on_lost(bool) {
  if (RestStream* const stream = local_.home().find_as<RestStream>(stream_)) stream->lose();
}

}  // namespace chat::net
