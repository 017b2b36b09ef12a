// What everything that lives on a loop may ask of that loop, whatever its layer. The loop itself is server/loop.h; unit tests
// have one of their own. For the loop's thread, except where it says otherwise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

#include "hub/application.h"
#include "hub/source_table.h"
#include "net/base/log_limiter.h"
#include "net/base/memory_release.h"
#include "net/base/refusal_log.h"
#include "net/base/server_options.h"
#include "net/base/stats.h"
#include "net/base/time_budget.h"
#include "net/base/timer_wheel.h"

namespace chat::net {

using Task = std::function<void()>;

// What clients are told when the server stops.
constexpr std::string_view kStopping = "the server is stopping";

class LoopContext {
 public:
  // The arguments must outlive the context. index: of the loop among the server's.
  LoopContext(std::size_t index, const ServerOptions& options, Application& application, RefusalLog& refusals);
  virtual ~LoopContext() = default;
  LoopContext(const LoopContext&) = delete;
  LoopContext& operator=(const LoopContext&) = delete;

  // The loop that runs on the calling thread, or nullptr. For callbacks of libraries that do not tell.
  static LoopContext* current();
  // Makes it that while this lives.
  class Running {
   public:
    explicit Running(LoopContext* loop);
    ~Running();
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

   private:
    LoopContext* const outer_;
  };

  std::size_t index() const { return index_; }
  const ServerOptions& options() const { return options_; }
  Application& application() { return application_; }
  RefusalLog& refusals() { return refusals_; }
  LoopStats& stats() { return stats_; }
  const LoopStats& stats() const { return stats_; }  // any thread
  TimeBudget& budget() { return budget_; }
  MemoryRelease& memory() { return memory_; }
  // Rate-limited: for what a client causes.
  void log(LogLevel level, std::string_view text);

  virtual SourceTable& sources() = 0;
  // Of a monotonic clock; the time at which the loop's turn began.
  virtual std::int64_t now_ms() const = 0;
  virtual void set_timer(TimerEntry& entry, std::int64_t deadline_ms) = 0;
  // Something has happened, for which the loop looks again before it waits.
  virtual void note_activity() = 0;
  // The server stops: nobody is let in any more.
  virtual bool draining() const = 0;
  // Any thread. The task runs in a later turn of the loop, behind everything that was posted before. False when the loop has
  // ended: the task is dropped.
  virtual bool post_task(Task task) = 0;
  // Takes what has been posted now, for what must be done before more input comes. False when the time was over before: then
  // what is posted now comes behind it. Not from inside itself.
  virtual bool drain_inbox() = 0;

 protected:
  friend class MemoryRelease;

  // Containers that keep the capacity of their largest round give it back.
  virtual void give_back_memory() = 0;

 private:
  const std::size_t index_;
  const ServerOptions& options_;
  Application& application_;
  RefusalLog& refusals_;
  LoopStats stats_;
  TimeBudget budget_;
  LogLimiter log_limiter_;
  MemoryRelease memory_{*this};
};

}  // namespace chat::net
