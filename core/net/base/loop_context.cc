// See loop_context.h.
#include "net/base/loop_context.h"

#include <string>
#include <utility>

namespace chat::net {
namespace {

thread_local LoopContext* current_loop = nullptr;

}  // namespace

LoopContext* LoopContext::current() { return current_loop; }

LoopContext::Running::Running(LoopContext* loop) : outer_(std::exchange(current_loop, loop)) {}
LoopContext::Running::~Running() { current_loop = outer_; }

LoopContext::LoopContext(std::size_t index, const ServerOptions& options, Application& application,
                         RefusalLog& refusals)
    : index_(index), options_(options), application_(application), refusals_(refusals) {}

void LoopContext::log(LogLevel level, std::string_view text) {
  std::uint64_t suppressed = 0;
  if (!log_limiter_.allow(now_ms(), suppressed)) return;
  if (suppressed != 0) {
    application_.log(LogLevel::warning, std::to_string(suppressed) + " log lines were dropped");
  }
  application_.log(level, text);
}

}  // namespace chat::net
