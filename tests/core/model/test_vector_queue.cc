// A queue in one block of memory: compared with std::deque, and what it holds while it is empty.
#include "model/vector_queue.h"

#include <algorithm>
#include <deque>
#include <memory>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

extern "C" {
#include <cmocka.h>
}

namespace {

using chat::VectorQueue;
using Number = std::shared_ptr<int>;

bool same(const VectorQueue<Number>& queue, const std::deque<Number>& model) {
  return std::equal(queue.begin(), queue.end(), model.begin(), model.end()) && queue.size() == model.size() &&
         queue.empty() == model.empty() &&
         (model.empty() || (queue.front() == model.front() && queue.back() == model.back()));
}

void it_does_what_a_deque_does(void**) {
  VectorQueue<Number> queue;
  std::deque<Number> model;
  unsigned random = 1;
  for (int i = 0; i < 20'000; ++i) {
    random = random * 1'664'525 + 1'013'904'223;
    const unsigned choice = (random >> 16) % 100;
    const bool fills = i / 1'000 % 2 == 0;
    if (choice < (fills ? 60 : 40)) {
      model.push_back(std::make_shared<int>(i));
      queue.push_back(model.back());
    } else if (choice < 95 && !model.empty()) {
      model.pop_front();
      queue.pop_front();
    } else if (choice < 98 && !model.empty()) {
      model.pop_back();
      queue.pop_back();
    } else if (model.size() > 3) {
      model.erase(model.begin() + 1, model.begin() + 3);
      queue.erase(queue.begin() + 1, queue.begin() + 3);
    }
    assert_true(same(queue, model));
  }
  queue.clear();
  assert_true(queue.empty());
}

void a_queue_that_is_moved_is_empty(void**) {
  VectorQueue<int> queue;
  for (int i = 0; i < 3; ++i) queue.push_back(i);
  queue.pop_front();
  VectorQueue<int> other = std::move(queue);
  assert_true(queue.empty() && other.size() == 2 && other.front() == 1);
  queue.push_back(7);
  assert_int_equal(queue.front(), 7);
  other = std::move(queue);
  assert_true(queue.empty() && other.size() == 1 && other.front() == 7);
  queue = other;
  assert_true(queue.size() == 1 && other.size() == 1);
}

void an_item_that_is_taken_is_destroyed(void**) {
  VectorQueue<Number> queue;
  const Number number = std::make_shared<int>(1);
  for (int i = 0; i < 3; ++i) queue.push_back(number);
  queue.pop_front();
  assert_int_equal(number.use_count(), 3);
  queue.pop_back();
  assert_int_equal(number.use_count(), 2);
  queue.pop_front();
  assert_int_equal(number.use_count(), 1);
}

struct Place {
  explicit Place(int) {}
  static inline std::size_t moves = 0;
  Place(Place&&) noexcept { ++moves; }
  Place& operator=(Place&&) noexcept {
    ++moves;
    return *this;
  }
};

void items_are_moved_seldom(void**) {
  VectorQueue<Place> queue;
  for (int i = 0; i < 100; ++i) queue.emplace_back(i);
  Place::moves = 0;
  constexpr int kMore = 10'000;
  for (int i = 0; i < kMore; ++i) {
    queue.emplace_back(i);
    queue.pop_front();
  }
  assert_true(Place::moves < 6 * kMore);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(it_does_what_a_deque_does),
      cmocka_unit_test(a_queue_that_is_moved_is_empty),
      cmocka_unit_test(an_item_that_is_taken_is_destroyed),
      cmocka_unit_test(items_are_moved_seldom),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
