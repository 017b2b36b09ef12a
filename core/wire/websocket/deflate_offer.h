// Negotiates permessage-deflate for a server: reads what a client offers in Sec-WebSocket-Extensions (RFC 6455 section 9.1,
// RFC 7692 sections 5.1 and 7.1) and takes the first offer that it can honour. The server always compresses without context
// from earlier messages, so that one result serves every receiver.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace chat::wire {

struct DeflateAgreement {
  int server_window_bits = 15;              // 9 to 15: the window that the server may use
  bool client_no_context_takeover = false;  // no message of the client refers to an earlier one
  std::string answer;                       // the response's Sec-WebSocket-Extensions
};

// `values`: those of the request's Sec-WebSocket-Extensions headers, in their order. Nothing when no offer can be taken,
// which leaves a connection without compression, and when a header is malformed.
std::optional<DeflateAgreement> agree_on_deflate(std::span<const std::string_view> values);

// Whether a header's value is a list of extensions at all. RFC 6455 section 9.1 has the connection fail (400) when it is not.
bool is_extension_list(std::string_view value);

}  // namespace chat::wire
