// Counts refusals by reason and logs them: the first of each reason immediately, then at most one line per ten seconds
// with the number of refusals since the last line. A flood of one reason therefore neither fills the log nor hides the
// others. Any thread may call it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include "hub/application.h"
#include "model/refusal.h"

namespace chat::net {

// The reason's name in metrics, such as "connections_per_address".
const char* refusal_name(Refusal reason);

class RefusalLog : public RefusalReport {
 public:
  explicit RefusalLog(Application& application) : application_(application) {}

  void note(Refusal reason, std::string_view address, std::string_view detail = {}) override;
  // Like note(), with an explicit monotonic time.
  void note_at(std::int64_t now_ms, Refusal reason, std::string_view address, std::string_view detail = {});

  // Indexed by Refusal.
  std::array<std::uint64_t, kRefusalCount> counts() const;

 private:
  struct Kind {
    std::atomic<std::uint64_t> count = 0;
    std::atomic<std::uint64_t> logged = 0;  // the count when the last line was written
    std::atomic<std::int64_t> next_line_ms = INT64_MIN;
  };

  Application& application_;
  std::array<Kind, kRefusalCount> kinds_;
};

}  // namespace chat::net
