// What the HTTP endpoints keep on one loop: it admits clients, and has the pool of identities. For the loop's thread.
#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>
#include <variant>

#include "net/endpoint/rest/rest_request.h"
#include "net/endpoint/rest/rest_shared.h"
#include "net/session/session_home.h"
#include "wire/rest/rest_query.h"

namespace chat::net {

class RestLocal {
 public:
  // All must outlive it.
  RestLocal(SessionHome& home, RestShared& shared) : home_(home), loop_(home.loop()), shared_(shared) {}

  SessionHome& home() { return home_; }
  EndpointContext& loop() { return loop_; }
  RestShared& shared() { return shared_; }

  // Carries a request out, by a client of its own or, with an identity key, by one of the pool. Returns the session; 0: the request
  // was refused, and is answered.
  SessionNumber serve(RestBirth birth, const std::string& identity, RestQuestion question);
  // chunked: the body of the response is.
  SessionNumber open_stream(RestBirth birth, wire::RestEventsQuery query, const HeldRequest& request, bool chunked);
  // Counts the request for its address. False when there are too many: then it is answered.
  bool take_rate(const HeldRequest& request, const std::string& address, bool asks_for_much);

  void answer(const HeldRequest& request, wire::RestAnswer answer);
  // No client of this address was admitted. Idle clients of the pool end soon, on any loop, so that a later one is.
  void make_way(const std::string& address);
  // The client of this identity takes no more requests.
  void forget(const std::string& identity) { pool_.erase(identity); }
  // The answer to a client that was not accepted.
  static wire::RestAnswer refusal_of(const Client& client, bool has_credentials);

 private:
  void make_way(const std::string& address, bool of_others);

  struct Admitted {
    SessionNumber session = 0;
    ClientPtr client;
  };
  std::variant<Admitted, wire::RestAnswer> admit_client(RestBirth& birth, std::string room, Transport transport);

  SessionHome& home_;
  EndpointContext& loop_;
  RestShared& shared_;
  std::unordered_map<std::string, SessionNumber> pool_;  // bounded by max_http_identities
};

}  // namespace chat::net
