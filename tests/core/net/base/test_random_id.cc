// Unguessable ids: their form and uniqueness.
#include "net/base/random_id.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

// Last, because it defines a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

using namespace chat::net;

namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t kLength = 20;

void ids_are_twenty_characters_for_urls(void**) {
  for (int i = 0; i < 10'000; ++i) {
    const std::string id = random_id();
    assert_int_equal(id.size(), kLength);
    assert_true(id.find_first_not_of(kAlphabet) == std::string::npos);
  }
}

// With a good source, each of the 64 characters is near its expected frequency at each position: 6,400, with a standard
// deviation of 80.
void every_character_comes_everywhere(void**) {
  constexpr int kIds = 64 * 6'400;
  std::array<std::array<int, 256>, kLength> counts{};
  for (int i = 0; i < kIds; ++i) {
    const std::string id = random_id();
    for (std::size_t place = 0; place < kLength; ++place) ++counts[place][static_cast<unsigned char>(id[place])];
  }
  for (const auto& place : counts) {
    for (const char character : kAlphabet) {
      assert_in_range(place[static_cast<unsigned char>(character)], 6'400 - 10 * 80, 6'400 + 10 * 80);
    }
  }
}

void no_two_are_alike(void**) {
  constexpr std::size_t kThreads = 4;
  constexpr std::size_t kIds = 50'000;
  std::mutex mutex;
  std::unordered_set<std::string> all;
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      std::vector<std::string> mine(kIds);
      std::generate(mine.begin(), mine.end(), random_id);
      const std::lock_guard lock(mutex);
      all.insert(mine.begin(), mine.end());
    });
  }
  for (std::thread& thread : threads) thread.join();
  assert_int_equal(all.size(), kThreads * kIds);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(ids_are_twenty_characters_for_urls),
      cmocka_unit_test(every_character_comes_everywhere),
      cmocka_unit_test(no_two_are_alike),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
