// Loops for unit tests: the real hub, dispatcher, timers, clients and fan-out, with a clock that the test moves, and without a
// socket or a thread. The loops of one FakeServer run when the test says so, each by its own.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "hub/dispatcher.h"
#include "hub/hub.h"
#include "hub/loop_inbox.h"
#include "net/endpoint/endpoint_context.h"

namespace chat::test {

class FakeServer;

class FakeLoop final : public LoopInbox, public net::EndpointContext {
 public:
  FakeLoop(FakeServer& server, std::size_t index);

  // A turn: takes what has been posted, retires who is to go, and writes every link with pending frames once.
  void run();
  // What has been posted alone.
  bool drain_inbox() override;
  // Time passes; timers that are due are called, and the loop has a turn.
  void advance(std::int64_t ms);
  // The loop takes nothing any more, as one that has ended.
  void end() { ended_ = true; }
  // One item of what has been posted; false when there is none.
  bool take_one();
  // There is no memory for one of the next posts: 1 is the next.
  void fail_at(int post) { until_failure_ = post; }

  void post(LoopEvent event) override {
    if (until_failure_ > 0 && --until_failure_ == 0) throw std::bad_alloc();
    inbox_.emplace_back(std::move(event));
  }
  bool post_task(net::Task task) override {
    if (!ended_) inbox_.emplace_back(std::move(task));
    return !ended_;
  }

  Hub& hub() override;
  Dispatcher& dispatcher() override;
  FakeLoop& at(std::size_t loop) override;
  const net::HttpRules& rules() const override;
  std::int64_t now_ms() const override;
  void set_timer(net::TimerEntry& entry, std::int64_t deadline_ms) override { timers_.set(entry, deadline_ms); }
  void note_activity() override {}
  bool draining() const override { return drains; }
  // The answers to requests, in order.
  struct Answered {
    net::HeldRequest request;
    net::HttpResponse response;
    bool essential;
  };
  void answer(const net::HeldRequest& request, net::HttpResponse response, bool essential) override {
    answers.push_back({request, std::move(response), essential});
  }

  std::vector<Answered> answers;
  bool drains = false;

 private:
  void give_back_memory() override {}

  FakeServer& server_;
  std::deque<std::variant<LoopEvent, net::Task>> inbox_;
  bool ended_ = false;
  bool in_inbox_ = false;
  int until_failure_ = 0;  // posts; 0: none fails
  net::TimerWheel timers_;
};

class FakeServer {
 public:
  explicit FakeServer(net::ServerOptions given = {}, std::size_t loops = 1)
      : FakeServer(std::make_unique<Application>(), std::move(given), loops) {}
  // The application must outlive the server.
  explicit FakeServer(Application& told, net::ServerOptions given = {}, std::size_t loops = 1)
      : FakeServer(nullptr, std::move(given), loops, &told) {}

  FakeLoop& loop(std::size_t index = 0) { return *loops_[index]; }
  std::uint64_t refused(Refusal reason) const { return refusals.counts()[static_cast<std::size_t>(reason)]; }
  // Every loop has turns until nothing is left to do, about.
  void run() {
    for (int turn = 0; turn < 10; ++turn) {
      for (const auto& loop : loops_) loop->run();
    }
  }

 private:
  FakeServer(std::unique_ptr<Application> own, net::ServerOptions given, std::size_t loops, Application* told = nullptr)
      : own_application_(std::move(own)),
        application(told != nullptr ? *told : *own_application_),
        options(std::move(given)),
        refusals(application),
        rules{options, {}, net::AllowedHosts({})} {
    std::vector<LoopInbox*> inboxes;
    for (std::size_t i = 0; i < loops; ++i) {
      loops_.push_back(std::make_unique<FakeLoop>(*this, i));
      inboxes.push_back(loops_.back().get());
    }
    hub = std::make_unique<Hub>(options.hub, std::move(inboxes), &refusals);
    dispatcher = std::make_unique<Dispatcher>(*hub, application);
  }

  const std::unique_ptr<Application> own_application_;

 public:
  Application& application;
  const net::ServerOptions options;
  net::RefusalLog refusals;
  const net::HttpRules rules;
  std::int64_t now_ms = 1'000'000;
  std::unique_ptr<Hub> hub;
  std::unique_ptr<Dispatcher> dispatcher;

 private:
  std::vector<std::unique_ptr<FakeLoop>> loops_;
};

inline FakeLoop::FakeLoop(FakeServer& server, std::size_t index)
    : EndpointContext(index, server.options, server.application, server.refusals),
      server_(server),
      timers_(server.now_ms) {}

inline Hub& FakeLoop::hub() { return *server_.hub; }
inline Dispatcher& FakeLoop::dispatcher() { return *server_.dispatcher; }
inline FakeLoop& FakeLoop::at(std::size_t loop) { return server_.loop(loop); }
inline const net::HttpRules& FakeLoop::rules() const { return server_.rules; }
inline std::int64_t FakeLoop::now_ms() const { return server_.now_ms; }

inline bool FakeLoop::take_one() {
  if (inbox_.empty()) return false;
  auto item = std::move(inbox_.front());
  inbox_.pop_front();
  try {
    if (auto* const task = std::get_if<net::Task>(&item)) {
      (*task)();
    } else {
      while (!peers().handle(std::get<LoopEvent>(item))) continue;
    }
  } catch (...) {
    if (fanout().interrupted()) inbox_.push_front(std::move(item));
    throw;
  }
  return true;
}

inline bool FakeLoop::drain_inbox() {
  if (in_inbox_) return true;
  struct Inside {
    explicit Inside(bool& flag) : inside(flag) { inside = true; }
    ~Inside() { inside = false; }
    bool& inside;
  } const inside(in_inbox_);
  while (take_one()) continue;
  return true;
}

inline void FakeLoop::run() {
  drain_inbox();
  peers().retire_due();
  dirty_links().flush(true, budget());
  peers().retire_due();
}

inline void FakeLoop::advance(std::int64_t ms) {
  server_.now_ms += ms;
  timers_.advance(server_.now_ms, budget());
  run();
}

}  // namespace chat::test
