// The names of numberings.
#pragma once

#include <cstdint>
#include <string>

namespace chat {

// SplitMix64 with a random seed: values are distinct within a run, and as unlikely to repeat between runs as the seed.
inline std::string make_epoch(std::uint64_t seed, std::uint64_t number) {
  std::uint64_t x = seed + number * 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  x ^= x >> 31;
  static constexpr char kDigits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
  std::string epoch;
  for (; epoch.size() < 12; x /= 36) epoch += kDigits[x % 36];
  return epoch;
}

}  // namespace chat
