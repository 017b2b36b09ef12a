// The response to a single request, before it is HTTP: a status, a media type and a body. Errors are problem details (RFC 9457)
// with the additional member `code`, the name of the error. A codec packs an answer into a packet, so that it passes through a
// link as every reply does; the endpoint unpacks it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/command.h"
#include "model/types.h"

namespace chat::wire {

inline constexpr std::string_view kJsonType = "application/json";
inline constexpr std::string_view kProblemType = "application/problem+json";

struct RestAnswer {
  int status = 200;
  std::string_view type = kJsonType;  // a constant
  std::string body;
  std::int64_t retry_after_s = 0;  // 0: no Retry-After
  // The answer to a request for history in which nothing is new and nothing is missing: the request may wait for more.
  bool nothing_new = false;
};

// The HTTP status of an error.
int rest_status(Error error);
// code: for programs. detail: for people.
RestAnswer rest_problem(int status, std::string_view code, std::string_view detail, std::int64_t retry_after_s = 0);
RestAnswer rest_problem(const Status& error);
// A message was published. seq 0: it has no number.
RestAnswer rest_published(std::uint64_t seq, std::string_view epoch);
// nullopt: the reply answers no request.
std::optional<RestAnswer> rest_answer(const Reply& reply);

// ref: of the command that is answered.
std::string pack_rest_answer(std::string_view ref, const RestAnswer& answer);
struct PackedRestAnswer {
  std::string ref;
  RestAnswer answer;
};
// nullopt: not made by pack_rest_answer().
std::optional<PackedRestAnswer> unpack_rest_answer(std::string_view packed);

}  // namespace chat::wire
