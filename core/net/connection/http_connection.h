// The HTTP/1.1 side of a connection (RFC 9112): takes request heads and bodies from the input, gets each request
// answered before it reads the next, and writes the responses. A request may be held: a HeldRequest then names it for
// the answer.
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

  // Takes usable input from the front. The rest waits: for the end of a head, or for the previous request.
  void take(std::span<char>& input);
  // A WebSocket handshake was accepted, and its response is queued at the link. The rest of the input belongs to the
  // link.
  bool upgraded() const { return state_ == State::upgraded; }
  // A head comes next. A part of it may be here.
  bool at_head() const { return state_ == State::head; }
  // Between two requests. A request that has begun to arrive is answered, even during a drain.
  bool idle() const { return at_head() && !begun_; }

  void answer(std::uint64_t request_number, HttpResponse response, bool essential);
  void write(std::uint64_t request_number, std::string_view bytes, bool last);
  int direct_fd(std::uint64_t request_number) const;
  void write_rest(std::uint64_t request_number, std::string_view bytes);
  void writable();
  void on_deadline();
  // The connection is gone.
  void lost();
  // Charges the client's source with what is held here. Refuses the request, or ends the connection, when that is too
  // much.
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
  // announced_bytes: 0 when the length was not announced.
  void begin_body(BodyPlan::Kind kind, std::uint64_t announced_bytes, std::uint64_t max_bytes);
  void take_body(std::span<char>& input);
  void take_chunks(std::span<char>& input);
  void body_complete();
  void fail_body(HttpResponse response);
  void respond_after_body(HttpResponse response);
  void respond(const HttpResponse& response);
  bool streams(std::uint64_t request_number) const;
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
  std::size_t scanned_bytes_ = 0;  // of an incomplete head, see parse_request_head()
  std::uint64_t request_number_ = 0;
  std::shared_ptr<Exchange> exchange_;  // its running functions hold it too: the request may end in them
  struct Intake {
    bool chunked = false;
    std::uint64_t announced_bytes = 0;
    std::uint64_t received_bytes = 0;  // of the announced ones
    std::uint64_t max_bytes = 0;
    ChunkedDecoder decoder;
    std::string body;
    std::optional<HttpResponse> response;  // known before the body has come. The body is then discarded
  };
  std::unique_ptr<Intake> intake_;
  ResponseOutput output_;
  std::string client_address_;  // of the request, when a trusted proxy reported it
  Share held_;                  // for a body, and for a response that the client does not read
};

}  // namespace chat::net
