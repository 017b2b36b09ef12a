// The interface of a loop for all code that runs on it. server/loop.h implements it; unit tests have their own
// implementation. Use it on the loop's thread unless a comment says otherwise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

#include "hub/application.h"
#include "hub/source_table.h"
#include "net/base/clock.h"
#include "net/base/log_limiter.h"
#include "net/base/memory_release.h"
#include "net/base/refusal_log.h"
#include "net/base/server_options.h"
#include "net/base/stats.h"
#include "net/base/time_budget.h"
#include "net/base/timer_wheel.h"

namespace chat::net {

using Task = std::function<void()>;

// The reason that clients receive when the server stops.
constexpr std::string_view kStopping = "the server is stopping";

class LoopContext {
 public:
  // The arguments must outlive the context. index: the loop's number in its server.
  LoopContext(std::size_t index, const ServerOptions& options, Application& application, RefusalLog& refusals);
  virtual ~LoopContext() = default;
  LoopContext(const LoopContext&) = delete;
  LoopContext& operator=(const LoopContext&) = delete;

  // The loop that runs on the calling thread, or nullptr. For library callbacks that have no context argument.
  static LoopContext* current();
  // Makes a loop current for the lifetime of this object.
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
  // Logs a line that a client caused. Rate-limited.
  void log(LogLevel level, std::string_view text);

  virtual SourceTable& sources() = 0;
  // The monotonic time at which the loop's current turn began.
  virtual std::int64_t now_ms() const = 0;
  // For what a client does now. A loop may read the monotonic clock once in a turn.
  virtual Moment moment() { return current_moment(); }
  // Sets or changes the entry's deadline.
  virtual void set_timer(TimerEntry& entry, std::int64_t deadline_ms) = 0;
  // Makes the loop check for work again before it waits.
  virtual void note_activity() = 0;
  // True when the server is stopping and accepts no more clients.
  virtual bool draining() const = 0;
  // Runs the task in a later turn of the loop, after everything posted before. Any thread may call it. Returns false
  // when the loop has ended; the task is dropped.
  virtual bool post_task(Task task) = 0;
  // Handles everything posted so far, for callers that need it before they read more input. Returns false when the time
  // budget ended first; the rest stays queued. Not reentrant.
  virtual bool drain_inbox() = 0;

 protected:
  friend class MemoryRelease;

  // Frees the spare capacity of the loop's containers.
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
