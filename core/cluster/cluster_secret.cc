// See cluster_secret.h.
#include "cluster/cluster_secret.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "net/base/random_id.h"
#include "wire/base64.h"
#include "wire/digest.h"

namespace chat::cluster {
namespace {

std::string tag_with(const std::string& secret, std::string_view text) {
  constexpr std::size_t kTagBytes = 9;
  static_assert(wire::base64_size(kTagBytes) == ClusterSecret::kTagSize);
  const std::array<char, 32> code = wire::hmac_sha256(secret, text);
  std::string tag;
  wire::append_base64(tag, std::string_view(code.data(), kTagBytes));
  std::ranges::replace(tag, '+', '-');
  std::ranges::replace(tag, '/', '_');
  return tag;
}

}  // namespace

ClusterSecret::ClusterSecret() : secret_(kBytes, '\0') { net::fill_random(std::as_writable_bytes(std::span(secret_))); }

std::string ClusterSecret::offer() const {
  const std::lock_guard lock(mutex_);
  return secret_;
}

bool ClusterSecret::take(std::string_view secret) {
  if (secret.size() < kLeastBytes || secret.size() > kMostBytes) return false;
  const std::lock_guard lock(mutex_);
  if (secret != secret_) {
    std::string next(secret);
    // One that was never shared has signed nothing that others know.
    if (shared_) earlier_ = std::move(secret_);
    secret_ = std::move(next);
  }
  shared_ = true;
  return true;
}

bool ClusterSecret::is_shared() const {
  const std::lock_guard lock(mutex_);
  return shared_;
}

std::string ClusterSecret::tag(std::string_view text) const { return tag_with(offer(), text); }

bool ClusterSecret::has_tag(std::string_view text, std::string_view tag) const {
  if (tag.size() != kTagSize) return false;
  std::string secret;
  std::string earlier;
  {
    const std::lock_guard lock(mutex_);
    secret = secret_;
    earlier = earlier_;
  }
  return wire::same_bytes(tag, tag_with(secret, text)) ||
         (!earlier.empty() && wire::same_bytes(tag, tag_with(earlier, text)));
}

}  // namespace chat::cluster
