// What a STOMP client has asked for and the layer above has not answered yet, with the receipt that each shall get. The messages of a
// commit are requests of their own, and parts of the commit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "session/stomp_action.h"

namespace chat::session {

class StompRequests {
 public:
  enum class Kind : std::uint8_t { subscribe, publish, commit, disconnect };

  struct Request {
    Kind kind = Kind::publish;
    std::optional<std::string> receipt;
    std::string destination;     // of a publish
    stomp::Ref commit = 0;       // that a publish is a part of; 0: none
    std::size_t unfinished = 0;  // parts of a commit
    bool failed = false;         // a part of a commit was refused
  };

  explicit StompRequests(const std::size_t& max_requests) : max_requests_(max_requests) {}

  // nullopt: too many wait.
  std::optional<stomp::Ref> add(Request request);
  // nullopt: there is none, or it has been answered.
  std::optional<Request> take(stomp::Ref ref);
  // A part of a commit has been answered. The commit, when that was the last of its parts.
  std::optional<Request> take_part(stomp::Ref commit, bool refused);
  // The client is told when the request is carried out. Of a part of a commit that is not known before its last part.
  bool tells_success(stomp::Ref ref) const;
  std::size_t size() const { return requests_.size(); }
  // The memory that they take, about.
  std::size_t held_bytes() const { return held_bytes_; }
  void clear();

 private:
  const std::size_t& max_requests_;
  stomp::Ref last_ref_ = 0;
  std::size_t held_bytes_ = 0;
  std::unordered_map<stomp::Ref, Request> requests_;
};

}  // namespace chat::session
