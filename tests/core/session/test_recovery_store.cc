// What is remembered of clients that lost their connection: once, not too long, and within its memory.
#include "session/recovery_store.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

// After all others: it has a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

using namespace chat;
using namespace chat::session;

namespace {

RecoveryRecord record(std::string sid, std::string nsp = "/") {
  RecoveryRecord result;
  result.sid = std::move(sid);
  result.nsp = std::move(nsp);
  result.client = 7;
  result.identity = {"ann", "Ann", {{"role", "admin"}}};
  result.log.join("lobby", {"e", 3});
  return result;
}

void a_record_is_given_back_once_and_whole(void**) {
  RecoveryStore store(1'000, kUnlimited);
  assert_true(store.enabled());
  store.put("p", record("s"), 100);
  assert_int_equal(store.size(), 1);
  assert_true(store.bytes() > 0);
  assert_false(store.take("q", "/", 100).has_value());
  const auto taken = store.take("p", "/", 1'100);
  assert_true(taken.has_value());
  assert_string_equal(taken->sid.c_str(), "s");
  assert_int_equal(taken->client, 7);
  assert_string_equal(taken->identity.attributes.at(0).value.c_str(), "admin");
  assert_int_equal(taken->log.positions_at("lobby", {"e", 3})->front().position.seq, 3);
  assert_false(store.take("p", "/", 1'100).has_value());
  assert_int_equal(store.size(), 0);
  assert_int_equal(store.bytes(), 0);
}

void of_another_namespace_it_stays(void**) {
  RecoveryStore store(1'000, kUnlimited);
  store.put("p", record("s", "/dev"), 0);
  assert_false(store.take("p", "/", 0).has_value());
  assert_true(store.take("p", "/dev", 0).has_value());
}

void what_is_too_old_is_forgotten(void**) {
  RecoveryStore store(1'000, kUnlimited);
  store.put("p", record("s"), 0);
  store.put("q", record("t"), 500);
  assert_false(store.take("p", "/", 1'001).has_value());
  assert_int_equal(store.size(), 1);
  store.expire(1'500);
  assert_int_equal(store.size(), 1);
  store.expire(1'501);
  assert_int_equal(store.size(), 0);
  assert_int_equal(store.bytes(), 0);
}

void off_nothing_is_remembered(void**) {
  for (const std::int64_t window_ms : {kUnlimited, std::int64_t{0}}) {
    RecoveryStore store(window_ms, kUnlimited);
    assert_false(store.enabled());
    store.put("p", record("s"), 0);
    assert_int_equal(store.size(), 0);
    assert_false(store.find_sid("p", "/", 0).has_value());
    assert_false(store.take("p", "/", 0).has_value());
  }
}

void asking_for_one_leaves_it_there(void**) {
  RecoveryStore store(1'000, kUnlimited);
  store.put("p", record("s"), 0);
  assert_true(store.find_sid("p", "/", 0).has_value());
  assert_true(store.find_sid("p", "/", 1'000).has_value());
  assert_false(store.find_sid("p", "/", 1'001).has_value());
  assert_false(store.find_sid("p", "/dev", 0).has_value());
  assert_false(store.find_sid("q", "/", 0).has_value());
  assert_true(store.take("p", "/", 1'000).has_value());
  assert_false(store.find_sid("p", "/", 0).has_value());
}

void the_same_pid_again_replaces(void**) {
  RecoveryStore store(1'000, kUnlimited);
  store.put("p", record("s"), 0);
  const std::size_t bytes = store.bytes();
  store.put("p", record("t"), 900);
  assert_int_equal(store.size(), 1);
  assert_int_equal(store.bytes(), bytes);
  assert_string_equal(store.take("p", "/", 1'500)->sid.c_str(), "t");
}

void the_oldest_go_when_memory_is_short(void**) {
  RecoveryStore measure(1'000, kUnlimited);
  measure.put("p0", record("s"), 0);
  const std::size_t one = measure.bytes();
  RecoveryStore store(1'000, static_cast<std::int64_t>(3 * one));
  for (int i = 0; i < 5; ++i) {
    store.put("p" + std::to_string(i), record("s"), i);
    assert_true(store.bytes() <= 3 * one);
  }
  assert_int_equal(store.size(), 3);
  assert_false(store.take("p1", "/", 5).has_value());
  assert_true(store.take("p2", "/", 5).has_value());
  assert_true(store.take("p4", "/", 5).has_value());
}

void everything_that_it_holds_counts(void**) {
  RecoveryStore store(1'000, kUnlimited);
  store.put("p", record("s"), 0);
  const std::size_t plain = store.bytes();
  auto grows_by = [&](std::string pid, RecoveryRecord one, std::size_t bytes) {
    const std::size_t before = store.bytes();
    store.put(std::move(pid), std::move(one), 0);
    assert_true(store.bytes() - before >= plain + bytes);
  };
  grows_by(std::string(500, 'p'), record("s"), 500);
  grows_by("1", record(std::string(500, 's')), 500);
  grows_by("2", record("s", std::string(500, 'n')), 500);
  RecoveryRecord large = record("s");
  large.identity.attributes.push_back({std::string(500, 'a'), std::string(500, 'v')});
  grows_by("3", large, 1'000);
  large = record("s");
  large.log.join("other", {"e", 0});
  Message message;
  message.room = "other";
  for (message.seq = 1; message.seq <= 2'000; ++message.seq) large.log.note(message);
  grows_by("4", large, DeliveryLog::kMaxEntries * 16);
}

void what_is_too_large_alone_is_not_kept_and_drives_nobody_out(void**) {
  RecoveryStore store(1'000, 4'096);
  store.put("p", record("s"), 0);
  store.put("q", record(std::string(10'000, 's')), 0);
  assert_int_equal(store.size(), 1);
  store.put("p", record(std::string(10'000, 's')), 0);  // what it had before is no longer true
  assert_int_equal(store.size(), 0);
  assert_int_equal(store.bytes(), 0);
  RecoveryStore none(1'000, 0);
  none.put("p", record("s"), 0);
  assert_int_equal(none.size(), 0);
}

void of_several_threads_one_takes_it(void**) {
  RecoveryStore store(1'000'000, 200'000);
  std::atomic<int> taken = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 3'000; ++i) {
        store.put("p" + std::to_string(i), record("s"), i);
        for (int j = 0; j < 3; ++j) taken += store.take("p" + std::to_string(i - j), "/", i).has_value() ? 1 : 0;
        if (i % 100 == 0) store.expire(i);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  assert_in_range(taken.load(), 3'000, 9'000);
  assert_true(store.bytes() <= 200'000);
  store.expire(INT64_MAX / 2);
  assert_int_equal(store.size(), 0);
  assert_int_equal(store.bytes(), 0);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_record_is_given_back_once_and_whole),
      cmocka_unit_test(of_another_namespace_it_stays),
      cmocka_unit_test(what_is_too_old_is_forgotten),
      cmocka_unit_test(asking_for_one_leaves_it_there),
      cmocka_unit_test(off_nothing_is_remembered),
      cmocka_unit_test(the_same_pid_again_replaces),
      cmocka_unit_test(the_oldest_go_when_memory_is_short),
      cmocka_unit_test(everything_that_it_holds_counts),
      cmocka_unit_test(what_is_too_large_alone_is_not_kept_and_drives_nobody_out),
      cmocka_unit_test(of_several_threads_one_takes_it),
  };
  return cmocka_run_group_tests_name("session/recovery_store", tests, nullptr, nullptr);
}
