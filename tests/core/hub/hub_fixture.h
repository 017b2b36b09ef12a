// A hub with inboxes that only record events, and a clock that the test sets. No loop, no socket.
#pragma once

#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "hub/hub.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

// Last, because it defines macros with common names.
extern "C" {
#include <cmocka.h>
}

namespace chat::test {

class FakeInbox : public LoopInbox {
 public:
  void post(LoopEvent event) override {
    std::lock_guard lock(mutex_);
    need_memory(1);
    events_.push_back(std::move(event));
  }
  void reserve(std::size_t events) override {
    std::lock_guard lock(mutex_);
    need_memory(events);
    const std::size_t needed = events_.size() + reserved_ + events;
    if (needed > events_.capacity()) events_.reserve(2 * needed);
    reserved_ += events;
  }
  void post_reserved(LoopEvent&& event) noexcept override {
    std::lock_guard lock(mutex_);
    assert_true(reserved_ > 0);
    --reserved_;
    events_.push_back(std::move(event));
  }
  void release(std::size_t events) noexcept override {
    std::lock_guard lock(mutex_);
    assert_true(reserved_ >= events);
    reserved_ -= events;
  }
  std::size_t reserved() {
    std::lock_guard lock(mutex_);
    return reserved_;
  }

  // There is no memory for one of the next posts, or for its reserved place: 1 is the next.
  void fail_at(int post) {
    std::lock_guard lock(mutex_);
    until_failure_ = post;
  }

  std::vector<LoopEvent> take() {
    std::lock_guard lock(mutex_);
    return std::exchange(events_, {});
  }

 private:
  void need_memory(std::size_t events) {
    for (; events > 0; --events) {
      if (until_failure_ > 0 && --until_failure_ == 0) throw std::bad_alloc();
    }
  }

  std::mutex mutex_;
  std::vector<LoopEvent> events_;
  std::size_t reserved_ = 0;
  int until_failure_ = 0;  // posts; 0: none fails
};

// The events of one kind, in order.
template <class Event>
std::vector<Event> only(const std::vector<LoopEvent>& events) {
  std::vector<Event> result;
  for (const LoopEvent& event : events) {
    if (const Event* match = std::get_if<Event>(&event)) result.push_back(*match);
  }
  return result;
}

inline int number(Error error) { return static_cast<int>(error); }

#define assert_status(status, expected) \
  assert_int_equal(::chat::test::number((status).code), ::chat::test::number(expected))
#define assert_ok(status) assert_status(status, ::chat::Error::ok)
#define assert_no_memory(call)        \
  do {                                \
    bool failed = false;              \
    try {                             \
      (void)(call);                   \
    } catch (const std::bad_alloc&) { \
      failed = true;                  \
    }                                 \
    assert_true(failed);              \
  } while (false)
#define assert_text(actual, expected) assert_string_equal(std::string(actual).c_str(), std::string(expected).c_str())

inline MessageDraft draft(std::string room, std::string text) {
  MessageDraft result;
  result.room = std::move(room);
  result.payload = std::move(text);
  return result;
}

struct HubFixture {
  explicit HubFixture(HubOptions options = {}, std::size_t loops = 1, RefusalReport* refusals = nullptr) {
    std::vector<LoopInbox*> pointers;
    for (std::size_t i = 0; i < loops; ++i) {
      inboxes.push_back(std::make_unique<FakeInbox>());
      pointers.push_back(inboxes.back().get());
    }
    hub = std::make_unique<Hub>(std::move(options), std::move(pointers), refusals);
  }

  ClientPtr add(std::size_t loop = 0, std::string address = "192.0.2.1") {
    ClientOrigin origin;
    origin.loop = loop;
    origin.address = std::move(address);
    Result<ClientPtr> client = hub->add_client(origin);
    assert_true(client.ok());
    return *client;
  }

  // Returns an open client. Discards the events in its inbox, including that of the verdict.
  ClientPtr open(std::size_t loop = 0, std::string user_id = {}, std::string address = "192.0.2.1") {
    ClientPtr client = add(loop, std::move(address));
    Identity identity;
    identity.user_id = std::move(user_id);
    assert_ok(hub->accept(client, std::move(identity)));
    assert_ok(hub->open(client));
    inboxes[loop]->take();
    return client;
  }

  Status join(const ClientPtr& client, std::string_view room) { return hub->join(client, room, std::nullopt, {}, now); }

  Published publish(std::string room, std::string text) {
    Result<Published> published = hub->publish(draft(std::move(room), std::move(text)), now);
    assert_true(published.ok());
    return *published;
  }

  std::vector<LoopEvent> take(std::size_t loop = 0) { return inboxes[loop]->take(); }

  Moment now{1'700'000'000'000, 5'000};
  std::vector<std::unique_ptr<FakeInbox>> inboxes;
  std::unique_ptr<Hub> hub;
};

}  // namespace chat::test
