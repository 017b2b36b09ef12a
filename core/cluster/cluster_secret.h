// The secret that the servers of a cluster share. With it they recognise what one of them has issued, such as the id of a
// session, before it costs anything. Redis keeps it: the first server writes it. When Redis has lost it, each server offers the
// one that it has, so it stays the same. A secret that was replaced still counts here. Any thread.
#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>

namespace chat::cluster {

class ClusterSecret {
 public:
  static constexpr std::size_t kBytes = 32;
  // What is no secret: a value of another size.
  static constexpr std::size_t kLeastBytes = 16;
  static constexpr std::size_t kMostBytes = 1'024;
  // Of a tag.
  static constexpr std::size_t kTagSize = 12;

  // A random one, for a cluster that has none yet. Throws when the system has no random bytes.
  ClusterSecret();

  // The one to write into Redis when it has none.
  std::string offer() const;
  // Redis has this one. False: it cannot be one, and the old one stays.
  bool take(std::string_view secret);
  // Redis has told one.
  bool is_shared() const;

  // HMAC-SHA256 of the text, its first 72 bits as URL-safe base64.
  std::string tag(std::string_view text) const;
  // In constant time for tags of the right size.
  bool has_tag(std::string_view text, std::string_view tag) const;

 private:
  mutable std::mutex mutex_;
  std::string secret_;
  std::string earlier_;  // empty: none
  bool shared_ = false;
};

}  // namespace chat::cluster
