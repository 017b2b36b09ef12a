// See digest.h.
#include "wire/digest.h"

#include <openssl/evp.h>

#include <cstddef>

namespace chat::wire {
namespace {

// OpenSSL looks algorithms up by name under a lock, each time. A child of fork() may find that lock held. The algorithms of the
// parent need no lock.
struct Algorithms {
  const EVP_MD* sha1 = EVP_MD_fetch(nullptr, "SHA1", nullptr);
  const EVP_MD* sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
};

const Algorithms& algorithms() {
  static const Algorithms fetched;
  return fetched;
}

template <std::size_t kBytes>
std::array<char, kBytes> digest(std::string_view bytes, const EVP_MD* algorithm) {
  std::array<char, kBytes> result{};
  EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(result.data()), nullptr, algorithm, nullptr);
  return result;
}

}  // namespace

std::array<char, 20> sha1(std::string_view bytes) { return digest<20>(bytes, algorithms().sha1); }

std::string content_tag(std::string_view bytes) {
  constexpr std::string_view kHex = "0123456789abcdef";
  constexpr std::size_t kTagBytes = 16;
  const std::array<char, 32> sha256 = digest<32>(bytes, algorithms().sha256);
  std::string tag = "\"";
  for (const char c : std::string_view(sha256.data(), kTagBytes)) {
    const auto byte = static_cast<unsigned char>(c);
    tag += kHex[byte >> 4];
    tag += kHex[byte & 0xF];
  }
  return tag += '"';
}

}  // namespace chat::wire
