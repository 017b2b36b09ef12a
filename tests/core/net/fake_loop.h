// Loops for unit tests: the real hub, dispatcher, timers, clients and fan-out, with a clock that the test moves, and without a
// socket or a thread. The loops of one FakeServer run when the test says so, each by its own.
#pragma once

#include <algorithm>
#include <cstdint>
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
  // Another part that takes turns on the loop. For connections see fake_sockets.h.
  class Guest {
   public:
    virtual void take_input() = 0;  // before the inbox
    virtual void kill() = 0;        // when everything is written
    virtual void bury() = 0;        // last
    virtual void answer(const net::HeldRequest& request, net::HttpResponse response, bool essential) = 0;
    virtual void write(const net::HeldRequest& request, std::string bytes, bool last) = 0;
    virtual int direct_fd(const net::HeldRequest& request) = 0;
    virtual void write_rest(const net::HeldRequest& request, std::string bytes) = 0;

   protected:
    ~Guest() = default;
  };

  FakeLoop(FakeServer& server, std::size_t index);

  // A round: reads, takes the inbox, retires peers, and writes every link with pending frames once.
  void run();
  // The same without reading and without the inbox.
  void end_round();
  // Takes the inbox alone. False when the budget was over before it was empty.
  bool drain_inbox() override;
  // Lets time pass: calls the timers that are due, and runs a round.
  void advance(std::int64_t ms);
  // The loop has ended: posts are dropped.
  void end() { ended_ = true; }
  // Handles one item of the inbox; false when it is empty.
  bool take_one();
  std::size_t inbox_size() const { return inbox_.size() - taken_; }
  // take_one() would handle an event of the hub, and not a task.
  bool event_is_next() const { return inbox_size() != 0 && std::holds_alternative<LoopEvent>(inbox_[taken_]); }
  // There is no memory for one of the next posts, or for its reserved place: 1 is the next.
  void fail_at(int post) { until_failure_ = post; }

  void post(LoopEvent event) override {
    need_memory(1);
    if (ended_) return;
    make_room(1);
    inbox_.push_back(std::move(event));
  }
  void reserve(std::size_t events) override {
    need_memory(events);
    make_room(events);
    reserved_ += events;
  }
  void post_reserved(LoopEvent&& event) noexcept override {
    --reserved_;
    if (!ended_) inbox_.push_back(std::move(event));
  }
  void release(std::size_t events) noexcept override { reserved_ -= events; }
  bool post_task(net::Task task) override {
    if (ended_) return false;
    make_room(1);
    inbox_.push_back(std::move(task));
    return true;
  }
  // Places that are reserved and were neither used nor given back.
  std::size_t reserved() const { return reserved_; }

  Hub& hub() override;
  Dispatcher& dispatcher() override;
  FakeLoop& at(std::size_t loop) override;
  const net::HttpRules& rules() const override;
  std::int64_t now_ms() const override;
  void set_timer(net::TimerEntry& entry, std::int64_t deadline_ms) override { timers_.set(entry, deadline_ms); }
  void note_activity() override {}
  bool draining() const override { return drains; }
  // The answers to requests, in order, unless the loop that holds the request has a guest.
  struct Answered {
    net::HeldRequest request;
    net::HttpResponse response;
    bool essential;
  };
  void answer(const net::HeldRequest& request, net::HttpResponse response, bool essential) override;

  struct Written {
    net::HeldRequest request;
    std::string bytes;
    bool last;
  };
  // The same for more of a streaming answer.
  void write(const net::HeldRequest& request, std::string bytes, bool last) override;
  int direct_fd(const net::HeldRequest& request) override { return guest == nullptr ? -1 : guest->direct_fd(request); }
  void write_rest(const net::HeldRequest& request, std::string bytes) override {
    if (guest != nullptr) guest->write_rest(request, std::move(bytes));
  }

  std::vector<Answered> answers;
  std::vector<Written> written;
  bool drains = false;
  Guest* guest = nullptr;

 private:
  using Item = std::variant<LoopEvent, net::Task>;

  void give_back_memory() override {}
  bool handle_one();
  // Ignores the budget.
  void finish_deliveries() {
    while (!peers().finish_deliveries()) continue;
  }
  void need_memory(std::size_t events) {
    for (; events > 0; --events) {
      if (until_failure_ > 0 && --until_failure_ == 0) throw std::bad_alloc();
    }
  }
  // Items are taken from the front of a vector, so that a reserved place needs no memory of its own.
  void make_room(std::size_t items) {
    if (!in_inbox_ && taken_ == inbox_.size()) {  // an item that is being handled may have to be put back
      inbox_.clear();
      taken_ = 0;
    }
    const std::size_t needed = inbox_.size() + reserved_ + items;
    if (needed > inbox_.capacity()) inbox_.reserve(std::max(needed, 2 * inbox_.capacity()));
  }

  FakeServer& server_;
  std::vector<Item> inbox_;
  std::size_t taken_ = 0;  // items at the front that are done
  std::size_t reserved_ = 0;
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
  // Runs ten rounds of every loop, which is enough for what tests do.
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
        rules{options, proxies(options), net::AllowedHosts(options.allowed_hosts)} {
    std::vector<LoopInbox*> inboxes;
    for (std::size_t i = 0; i < loops; ++i) {
      loops_.push_back(std::make_unique<FakeLoop>(*this, i));
      inboxes.push_back(loops_.back().get());
    }
    hub = std::make_unique<Hub>(options.hub, std::move(inboxes), &refusals);
    dispatcher = std::make_unique<Dispatcher>(*hub, application);
  }

  static net::TrustedProxies proxies(const net::ServerOptions& options) {
    net::TrustedProxies result;
    for (const std::string& entry : options.trusted_proxies) result.add(entry);
    return result;
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
  const bool any = handle_one();
  if (!in_inbox_) finish_deliveries();
  return any;
}

inline bool FakeLoop::handle_one() {
  if (inbox_size() == 0) return false;
  Item item = std::move(inbox_[taken_++]);
  // Also when it throws.
  struct Inside {
    explicit Inside(bool& given) : flag(given), outer(std::exchange(given, true)) {}
    ~Inside() { flag = outer; }
    bool& flag;
    const bool outer;
  } const inside(in_inbox_);
  try {
    if (auto* const task = std::get_if<net::Task>(&item)) {
      finish_deliveries();
      (*task)();
    } else {
      while (!peers().handle(std::get<LoopEvent>(item))) continue;
    }
  } catch (...) {
    if (peers().must_repeat()) inbox_[--taken_] = std::move(item);
    throw;
  }
  return true;
}

inline bool FakeLoop::drain_inbox() {
  if (in_inbox_) return peers().finish_deliveries();
  bool over = false;
  while (!over && handle_one()) over = inbox_size() != 0 && budget().over();
  finish_deliveries();
  return !over;
}

inline void FakeLoop::answer(const net::HeldRequest& request, net::HttpResponse response, bool essential) {
  FakeLoop& there = at(request.loop);
  if (there.guest == nullptr) {
    answers.push_back({request, std::move(response), essential});
  } else if (&there == this) {
    guest->answer(request, std::move(response), essential);
  } else {
    there.post_task([&there, request, response = std::move(response), essential] {
      there.guest->answer(request, response, essential);
    });
  }
}

inline void FakeLoop::write(const net::HeldRequest& request, std::string bytes, bool last) {
  FakeLoop& there = at(request.loop);
  if (there.guest == nullptr) {
    written.push_back({request, std::move(bytes), last});
  } else if (&there == this) {
    guest->write(request, std::move(bytes), last);
  } else {
    there.post_task([&there, request, bytes = std::move(bytes), last] { there.guest->write(request, bytes, last); });
  }
}

inline void FakeLoop::run() {
  if (guest != nullptr) guest->take_input();
  drain_inbox();
  end_round();
}

inline void FakeLoop::end_round() {
  peers().retire_due();
  dirty_links().flush(true, budget());
  if (guest != nullptr) guest->kill();
  peers().retire_due();
  if (guest != nullptr) guest->bury();
}

inline void FakeLoop::advance(std::int64_t ms) {
  server_.now_ms += ms;
  timers_.advance(server_.now_ms, budget());
  run();
}

}  // namespace chat::test
