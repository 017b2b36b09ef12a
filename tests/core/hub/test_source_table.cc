// Resource accounting: what counts as one source, limits per source and in total, and concurrent use.
#include "hub/source_table.h"

#include <atomic>
#include <random>
#include <thread>
#include <vector>

// Last, because it defines a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

using namespace chat;

namespace {

ResourceLimits limits(Resource resource, std::int64_t per_source, std::int64_t total) {
  ResourceLimits result;
  result[static_cast<std::size_t>(resource)] = {per_source, total};
  return result;
}

#define assert_key(address, expected) assert_string_equal(SourceTable::key_of(address).c_str(), expected)
#define assert_refused(outcome, reason) assert_true((outcome) == std::optional<Refusal>(reason))

void an_ipv6_address_counts_as_its_64(void**) {
  assert_key("192.0.2.1", "192.0.2.1");
  assert_key("::ffff:192.0.2.1", "192.0.2.1");
  assert_key("2001:db8:0:1:2:3:4:5", "2001:db8:0:1::/64");
  assert_key("2001:db8:0:1::9", "2001:db8:0:1::/64");
  assert_key("2001:db8:0:2::9", "2001:db8:0:2::/64");
  assert_key("::1", "::/64");
  assert_key("", "");
  assert_key("no:address", "no:address");

  SourceTable table({});
  const SourcePtr one = table.find("2001:db8::1");
  assert_true(table.find("2001:db8::2") == one);
  assert_true(table.find("2001:db8:0:1::1") != one);
  assert_true(table.find("::ffff:192.0.2.1") == table.find("192.0.2.1"));
}

void one_source_has_a_share_and_all_of_them_a_sum(void**) {
  SourceTable table(limits(Resource::rooms, 2, 3));
  const SourcePtr one = table.find("192.0.2.1");
  const SourcePtr two = table.find("192.0.2.2");
  assert_false(one->take(Resource::rooms).has_value());
  assert_false(one->at_limit(Resource::rooms));
  assert_false(one->take(Resource::rooms).has_value());
  assert_true(one->at_limit(Resource::rooms));
  assert_refused(one->take(Resource::rooms), Refusal::rooms_per_address);
  assert_refused(one->take(Resource::rooms), Refusal::rooms_per_address);  // a refusal charges nothing
  assert_false(two->take(Resource::rooms).has_value());
  assert_refused(two->take(Resource::rooms), Refusal::rooms);
  assert_int_equal(table.total(Resource::rooms), 3);
  assert_int_equal(two->held(Resource::rooms), 1);
  one->give(Resource::rooms);
  assert_false(two->take(Resource::rooms).has_value());
  // Other resources are counted separately, and are unlimited here.
  assert_false(one->take(Resource::clients, 1'000'000).has_value());
}

void amounts_are_taken_whole_or_not_at_all(void**) {
  SourceTable table(limits(Resource::queued_bytes, 100, 150));
  const SourcePtr one = table.find("192.0.2.1");
  const SourcePtr two = table.find("192.0.2.2");
  assert_false(one->take(Resource::queued_bytes, 90).has_value());
  assert_refused(one->take(Resource::queued_bytes, 11), Refusal::queued_bytes_per_address);
  assert_false(one->take(Resource::queued_bytes, 10).has_value());
  assert_refused(two->take(Resource::queued_bytes, 51), Refusal::queued_bytes);
  assert_false(two->take(Resource::queued_bytes, 50).has_value());
}

void without_an_address_only_the_sum_counts(void**) {
  SourceTable table(limits(Resource::clients, 1, 3));
  const SourcePtr local = table.find("");
  for (int i = 0; i < 3; ++i) assert_false(local->take(Resource::clients).has_value());
  assert_refused(local->take(Resource::clients), Refusal::clients);
}

void a_share_is_given_back_by_its_end(void**) {
  SourceTable table(limits(Resource::connections, 1, kUnlimited));
  std::optional<Refusal> refusal;
  {
    Share share = Share::take(table.find("192.0.2.1"), Resource::connections, refusal);
    assert_false(refusal.has_value());
    const Share moved = std::move(share);
    share.give_back();  // nothing to give back
    assert_int_equal(table.total(Resource::connections), 1);
    const Share second = Share::take(table.find("192.0.2.1"), Resource::connections, refusal);
    assert_refused(refusal, Refusal::connections_per_address);
    assert_int_equal(second.amount(), 0);
  }
  assert_int_equal(table.total(Resource::connections), 0);

  SourceTable bytes(limits(Resource::queued_bytes, 100, kUnlimited));
  Share queued(bytes.find("192.0.2.1"), Resource::queued_bytes);
  assert_false(queued.resize(80).has_value());
  assert_refused(queued.resize(101), Refusal::queued_bytes_per_address);
  assert_int_equal(queued.amount(), 80);
  assert_false(queued.resize(20).has_value());
  assert_int_equal(bytes.total(Resource::queued_bytes), 20);
  queued = Share();
  assert_int_equal(bytes.total(Resource::queued_bytes), 0);
}

void nobody_is_remembered_who_holds_nothing(void**) {
  SourceTable table({});
  for (int i = 0; i < 1'000; ++i) table.find("192.0.2." + std::to_string(i));
  assert_int_equal(table.size(), 0);
  {
    const SourcePtr kept = table.find("192.0.2.1");
    assert_int_equal(table.size(), 1);
  }
  assert_int_equal(table.size(), 0);
}

void a_source_may_outlive_the_table(void**) {
  std::optional<Refusal> refusal;
  Share share;
  {
    SourceTable table({});
    share = Share::take(table.find("192.0.2.1"), Resource::clients, refusal);
  }
  assert_int_equal(share.amount(), 1);
}

// Limits are never exceeded, and at the end nothing is charged.
void many_threads_take_and_give_back(void**) {
  constexpr std::int64_t kPerSource = 40, kTotal = 100;
  SourceTable table(limits(Resource::memberships, kPerSource, kTotal));
  std::atomic<int> faults = 0;
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      std::vector<Share> shares;
      for (int i = 0; i < 20'000; ++i) {
        if (random() % 2 == 0 && !shares.empty()) {
          std::swap(shares[random() % shares.size()], shares.back());
          shares.pop_back();
        } else {
          SourcePtr source = table.find("192.0.2." + std::to_string(random() % 5));
          Share share(source, Resource::memberships);
          if (!share.resize(1 + static_cast<std::int64_t>(random() % 3))) shares.push_back(std::move(share));
          if (source->held(Resource::memberships) > kPerSource) ++faults;
        }
        if (table.total(Resource::memberships) > kTotal) ++faults;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  assert_int_equal(faults.load(), 0);
  assert_int_equal(table.total(Resource::memberships), 0);
  assert_int_equal(table.size(), 0);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(an_ipv6_address_counts_as_its_64),
      cmocka_unit_test(one_source_has_a_share_and_all_of_them_a_sum),
      cmocka_unit_test(amounts_are_taken_whole_or_not_at_all),
      cmocka_unit_test(without_an_address_only_the_sum_counts),
      cmocka_unit_test(a_share_is_given_back_by_its_end),
      cmocka_unit_test(nobody_is_remembered_who_holds_nothing),
      cmocka_unit_test(a_source_may_outlive_the_table),
      cmocka_unit_test(many_threads_take_and_give_back),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
