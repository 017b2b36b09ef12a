// The seam between what clients speak at an endpoint and the transport below it. The endpoint's protocol makes the user of
// a link; the transport makes the link. Neither knows the other.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "net/deliver/link.h"
#include "net/http/http.h"

namespace chat::net {

class Connection;

// Why a client gets no link.
struct LinkRefusal {
  int status;          // of HTTP
  std::string reason;  // for people, in one line

  HttpResponse response() const { return HttpResponse::text(status, reason + "\n"); }
};

class LinkMaker {
 public:
  // Once. The link owns the user, which accepts messages up to that size.
  virtual Link& make_link(std::unique_ptr<LinkUser> user, std::int64_t max_message_bytes) = 0;

 protected:
  ~LinkMaker() = default;
};

// Makes the WebSocket of a connection whose handshake is served.
class WebSocketMaker final : public LinkMaker {
 public:
  explicit WebSocketMaker(Connection& connection) : connection_(connection) {}

  Link& make_link(std::unique_ptr<LinkUser> user, std::int64_t max_message_bytes) override;

 private:
  Connection& connection_;
};

}  // namespace chat::net
