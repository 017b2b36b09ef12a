// Which messages were reported lately, and by whom. A message counts once for each person, and a user or an address can report
// only so many messages in a minute. Bounded: above the limits what is oldest is forgotten. Any thread. Reads no clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>

#include "hub/age_list.h"
#include "model/string_map.h"
#include "model/types.h"

namespace chat {

class ReportLog {
 public:
  static constexpr std::size_t kPerMinute = 10;
  static constexpr std::int64_t kMinuteMs = 60'000;
  static constexpr std::size_t kMaxReports = 10'000;
  static constexpr std::size_t kMaxSources = 10'000;

  // Notes a report. source: whose rate it counts in. report: identifies the person and the message. False: it is known
  // already, and does not count again. Errors: rate_limited. Throws std::bad_alloc; then nothing has changed.
  Result<bool> note(const std::string& source, const std::string& report, std::int64_t now_ms);

 private:
  struct Report {
    const std::string* key = nullptr;  // in reports_
    AgeLink<Report> age{this};
  };
  // The minute that began with the source's first report.
  struct Source {
    const std::string* key = nullptr;  // in sources_
    std::int64_t since_ms = 0;
    std::size_t reports = 0;
    AgeLink<Source> age{this};
  };

  // With the lock held.
  Source& source_of(const std::string& key, std::int64_t now_ms);

  std::mutex mutex_;
  StringMap<Report> reports_;
  StringMap<Source> sources_;
  AgeList<Report> reports_by_age_;
  AgeList<Source> sources_by_age_;
};

}  // namespace chat
