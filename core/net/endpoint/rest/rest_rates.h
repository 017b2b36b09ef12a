// The rates of single requests: each request is a client of its own, so they are counted by address. Bounded: beyond kMaxSources,
// new addresses share one entry. One for each server; any thread. Reads no clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

#include "net/base/token_bucket.h"

namespace chat::net {

class RestRates {
 public:
  static constexpr std::size_t kMaxSources = 16'384;
  static constexpr std::size_t kReplyTokenBytes = 4'096;  // one token of the second bucket

  RestRates(std::int64_t rate, std::int64_t burst) : rate_(rate), burst_(burst) {}

  enum class Verdict : std::uint8_t { allowed, too_many_requests, too_many_reply_bytes };
  // source: SourceTable::key_of(); empty: no limit. asks_for_much: the answer may be long. wait_ms: until a request is allowed.
  Verdict take(const std::string& source, bool asks_for_much, std::int64_t now_ms, std::int64_t& wait_ms);
  // An answer of so many bytes was sent.
  void charge_reply(const std::string& source, std::size_t bytes, std::int64_t now_ms);
  std::size_t size() const;

 private:
  struct Entry {
    TokenBucket requests;
    TokenBucket replies;
  };

  Entry& entry(const std::string& source, std::int64_t now_ms);
  void forget_idle(std::int64_t now_ms);

  const std::int64_t rate_;
  const std::int64_t burst_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;
  std::int64_t swept_ms_ = 0;
};

}  // namespace chat::net
