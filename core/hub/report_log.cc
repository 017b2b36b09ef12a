// See report_log.h.
#include "hub/report_log.h"

namespace chat {

ReportLog::Source& ReportLog::source_of(const std::string& key, std::int64_t now_ms) {
  const auto [found, added] = sources_.try_emplace(key);
  Source& source = found->second;
  if (!added && now_ms - source.since_ms < kMinuteMs) return source;
  source.key = &found->first;
  source.since_ms = now_ms;
  source.reports = 0;
  sources_by_age_.touch(source.age);
  if (sources_.size() > kMaxSources) sources_.erase(sources_.find(*sources_by_age_.oldest()->key));
  return source;
}

Result<bool> ReportLog::note(const std::string& source_key, const std::string& report_key, std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  if (reports_.contains(report_key)) return false;
  Source& source = source_of(source_key, now_ms);
  if (source.reports >= kPerMinute) {
    return Status{Error::rate_limited, "too many reports in a minute", source.since_ms + kMinuteMs - now_ms};
  }
  const auto added = reports_.try_emplace(report_key).first;
  added->second.key = &added->first;
  reports_by_age_.touch(added->second.age);
  ++source.reports;
  if (reports_.size() > kMaxReports) reports_.erase(reports_.find(*reports_by_age_.oldest()->key));
  return true;
}

}  // namespace chat
