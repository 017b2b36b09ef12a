// See digest.h.
#include "wire/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <cstddef>
#include <utility>

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

// Without OpenSSL's own HMAC, which looks an algorithm up by name each time.
std::array<char, 32> hmac_sha256(std::string_view key, std::string_view text) {
  constexpr std::size_t kBlockBytes = 64;
  constexpr char kInner = 0x36;
  constexpr char kOuter = 0x5c;
  std::string block(key);
  if (key.size() > kBlockBytes) {
    const std::array<char, 32> shorter = digest<32>(key, algorithms().sha256);
    block.assign(shorter.data(), shorter.size());
  }
  block.resize(kBlockBytes, '\0');
  std::string inner = block;
  for (char& c : inner) c = static_cast<char>(c ^ kInner);
  inner += text;
  const std::array<char, 32> first = digest<32>(inner, algorithms().sha256);
  std::string outer = std::move(block);
  for (char& c : outer) c = static_cast<char>(c ^ kOuter);
  outer.append(first.data(), first.size());
  return digest<32>(outer, algorithms().sha256);
}

bool same_bytes(std::string_view one, std::string_view other) {
  return one.size() == other.size() && CRYPTO_memcmp(one.data(), other.data(), one.size()) == 0;
}

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
