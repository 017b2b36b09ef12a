// Decides who a connecting client is, before the application's on_connect. A server has an ordered list of authenticators. Each is
// asked until one gives a verdict; if all pass, the application is asked.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "hub/application.h"
#include "hub/client.h"

namespace chat {

// The answer of an authenticator. accept, refuse and defer end the question: neither the authenticators after this one nor
// on_connect are asked.
struct Authentication {
  enum class Kind : std::uint8_t { pass, accept, refuse, defer };

  // No verdict. With an identity, whoever is asked next finds it at the client.
  static Authentication pass(std::optional<Identity> identity = std::nullopt) {
    return {Kind::pass, std::move(identity), {}, {}};
  }
  static Authentication accept(Identity identity) { return {Kind::accept, std::move(identity), {}, {}}; }
  // code: for programs, for example "token_expired"; may be empty. A protocol whose refusals carry data gets it as the JSON object
  // {"code":"..."} (Socket.IO's connect_error). reason: for people, as in chat_refuse().
  static Authentication refuse(std::string code, std::string reason) {
    return {Kind::refuse, std::nullopt, std::move(code), std::move(reason)};
  }
  // The verdict comes later, as it may from on_connect: by Hub::accept() or Hub::refuse(), from any thread, within
  // verdict_timeout_ms.
  static Authentication defer() { return {Kind::defer, std::nullopt, {}, {}}; }

  Kind kind = Kind::pass;
  std::optional<Identity> identity;
  std::string code;
  std::string reason;
};

class Authenticator {
 public:
  virtual ~Authenticator() = default;
  // On the client's loop, with no lock held; several loops may call it at the same time. The request has headers, query, cookies
  // and what the protocol carries to authenticate. The client is in state connecting.
  virtual Authentication authenticate(const ClientPtr& client, const ConnectRequest& request) = 0;
};

}  // namespace chat
