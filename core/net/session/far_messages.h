// What servers of a cluster write to each other about a request that arrived at a server (its entry) other than that of its
// session (its home). The first byte is the kind. Then comes a number by which the receiver chooses one of its loops.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/packed_fields.h"
#include "net/http/http.h"
#include "net/http/request_context.h"

namespace chat::net {

enum class FarKind : char {
  request = 'q',  // to the home
  lost = 'l',     // to the home: the client's connection has ended
  drained = 'd',  // to the home: all that was written is sent
  known = 'k',    // to the home: is the request known? It is answered with the answer again, with `over`, or not at all
  slow = 's',     // to the home: the client is still taking the answer, so its loss may yet be told
  answer = 'a',   // to the entry
  write = 'w',    // to the entry: more of a streaming answer
  over = 'o',     // to the entry: no answer, or no more of it, will come
  presence = 'p',  // to a server with requests of this one. Means nothing: whether it is heard counts
};

// Names a request in the cluster.
struct FarRequestName {
  std::string entry;         // FarServers::name()
  std::uint64_t loop = 0;    // of the entry
  std::uint64_t number = 0;  // on that loop

  auto operator<=>(const FarRequestName&) const = default;  // NOLINT(modernize-use-nullptr)
};

struct FarRequest {
  FarRequestName name;
  HttpRequest request;
  RequestContext context;  // as the entry sees it
  std::string body;
  std::uint64_t within_ms = 0;  // the entry waits so long for an answer, or for more of it; 0: without end
};

struct FarLost {
  FarRequestName name;
};

struct FarDrained {
  FarRequestName name;
};

struct FarKnown {
  FarRequestName name;
};

struct FarSlow {
  FarRequestName name;
};

struct FarAnswer {
  std::uint64_t loop = 0;
  std::uint64_t number = 0;
  bool essential = false;  // see EndpointContext::answer()
  HttpResponse response;   // without a file
  std::string home = {};   // FarServers::name()
};

struct FarWrite {
  std::uint64_t loop = 0;
  std::uint64_t number = 0;
  bool last = false;
  std::string bytes;
  std::uint64_t order = 0;  // of the request, from 1
  std::string home = {};
};

struct FarOver {
  std::uint64_t loop = 0;
  std::uint64_t number = 0;
};

std::string pack(const FarRequest& message);
std::string pack(const FarLost& message);
std::string pack(const FarDrained& message);
std::string pack(const FarKnown& message);
std::string pack(const FarSlow& message);
std::string pack(const FarAnswer& message);
std::string pack(const FarWrite& message);
std::string pack(const FarOver& message);
std::string pack_presence();

// The loop of a receiver with so many of them; nullopt: for none. text: without the kind.
std::optional<std::size_t> far_loop(FarKind kind, std::string_view text, std::size_t loops);

// text: without the kind. False: it is not well-formed.
bool unpack(std::string_view text, FarRequest& message);
bool unpack(std::string_view text, FarLost& message);
bool unpack(std::string_view text, FarDrained& message);
bool unpack(std::string_view text, FarKnown& message);
bool unpack(std::string_view text, FarSlow& message);
bool unpack(std::string_view text, FarAnswer& message);
bool unpack(std::string_view text, FarWrite& message);
bool unpack(std::string_view text, FarOver& message);

}  // namespace chat::net
