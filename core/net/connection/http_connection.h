// The HTTP/1.1 side of a connection (RFC 9112): takes request heads and bodies from the input, has each request answered
// before the next is looked at, and writes the answers. A request may be held: whoever answers it knows it by a HeldRequest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "hub/source_table.h"
#include "model/refusal.h"
#include "net/connection/byte_stream.h"
#include "net/connection/request_router.h"
#include "net/http/exchange.h"
#include "net/http/http.h"
#include "net/http/http_body.h"
#include "net/http/response_output.h"

namespace chat::net {

class Connection;
class LinkContext;

class HttpConnection {
 public:
  HttpConnection(LinkContext& loop, Connection& connection) : loop_(loop), connection_(connection) {}

  // Takes what it can use from the front. The rest waits: for the end of a head, or for the request before it.
  void take(std::span<char>& input);
  // A request has been accepted as a WebSocket handshake, and its answer is queued at the link. The rest of the input is
  // the link's.
  bool upgraded() const { return state_ == State::upgraded; }
  // Takes a head next, of which a part may have come.
  bool at_head() const { return state_ == State::head; }
  // Between two requests. One that has begun to arrive is answered, in a drain too.
  bool idle() const { return at_head() && !begun_; }

  void answer(std::uint64_t request_number, HttpResponse response, bool essential);
  void write(std::uint64_t request_number, std::string_view bytes, bool last);
  void writable();
  void on_deadline();
  // The connection is gone.
  void lost();
  // What is held here is the client's source's. Refuses the request, or ends the connection, when it is too much.
  void charge();

 private:
  enum class State : std::uint8_t {
    head,       // of the next request
    receiving,  // the body of a request
    waiting,    // for the answer to a held request
    writing,    // the response
    upgraded,
  };

  void note(Refusal reason, std::string_view detail);
  bool take_head(std::span<char>& input);
  void serve(const HttpRequest& request);
  bool refuse_host(const HttpRequest& request);  // true: answered
  void note_source(const HttpRequest& request);
  void serve_upgrade(const HttpRequest& request, const BodyPlan& plan);
  void serve_response(HttpResponse response, BodyPlan plan, bool asks_to_continue);
  void hold(const HttpRequest& request, const BodyPlan& plan, Hold hold);
  // announced_bytes: 0 when that was not done.
  void begin_body(BodyPlan::Kind kind, std::uint64_t announced_bytes, std::uint64_t max_bytes);
  void take_body(std::span<char>& input);
  void take_chunks(std::span<char>& input);
  void body_complete();
  void fail_body(HttpResponse response);
  void respond_after_body(HttpResponse response);
  void respond(const HttpResponse& response);
  void pump();
  void pump_to(ByteStream& stream);
  void finish_response();
  std::size_t held_bytes() const;

  LinkContext& loop_;
  Connection& connection_;
  State state_ = State::head;
  bool begun_ = false;         // a part of the head is here
  bool without_body_ = false;  // of the response: HEAD
  bool close_after_ = false;   // the response
  bool essential_ = false;
  bool blocked_ = false;  // the stream takes no output until writable()
  bool pumping_ = false;
  int minor_version_ = 1;          // of the request
  std::size_t scanned_bytes_ = 0;  // of a head that is not whole, see parse_request_head()
  std::uint64_t request_number_ = 0;
  std::shared_ptr<Exchange> exchange_;  // shared with its own running functions, in which it may be done with
  struct Intake {
    bool chunked = false;
    std::uint64_t announced_bytes = 0;
    std::uint64_t received_bytes = 0;  // of those announced
    std::uint64_t max_bytes = 0;
    ChunkedDecoder decoder;
    std::string body;
    std::optional<HttpResponse> response;  // decided before the body is there, of which nothing is kept
  };
  std::unique_ptr<Intake> intake_;
  ResponseOutput output_;
  std::string client_address_;  // of the request, when a trusted proxy has told it
  Share held_;                  // for a body, and for an answer that is not taken
};

}  // namespace chat::net
