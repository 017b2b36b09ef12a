// The forms in which the members of one room on one loop receive messages, numbered densely, so that a delivery finds
// what it has encoded for a member by an index. Members whose forms are equal share frames.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/string_map.h"
#include "net/base/stats.h"
#include "net/deliver/carrier.h"
#include "wire/codec.h"

namespace chat::net {

// Where the deliveries to a receiver are counted. Empty pointers: nowhere.
struct DeliveryCounters {
  Counter* by_protocol = nullptr;
  Counter* by_transport = nullptr;

  void add(std::uint64_t deliveries) const {
    if (by_protocol) by_protocol->add(deliveries);
    if (by_transport) by_transport->add(deliveries);
  }
  bool operator==(const DeliveryCounters&) const = default;
};

struct MemberForm {
  wire::WireForm form = 0;
  const Carrier* carrier = nullptr;
  DeliveryCounters counters;
  std::string subscription;  // empty: none. The packets are those of Codec::encode()
  bool own_heads = false;    // see Subscription
  bool counts_only = false;  // see seen_by()

  bool operator==(const MemberForm&) const = default;
};

class MemberForms {
 public:
  using Number = std::uint32_t;

  // One more member with this form.
  Number acquire(const MemberForm& form);
  // One member fewer. The number may be given to another form when it has none left.
  void release(Number number) noexcept;

  const MemberForm& operator[](Number number) const { return entries_[number].form; }
  // Larger than every number in use.
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    MemberForm form;
    std::uint32_t members = 0;         // 0: free
    const std::string* key = nullptr;  // in numbers_
  };

  std::optional<Number> find(const MemberForm& form) const;
  Number take_place(const MemberForm& form);
  void index_all();

  std::vector<Entry> entries_;
  std::vector<Number> free_;                    // has capacity for all entries, so that release() needs no memory
  std::unique_ptr<StringMap<Number>> numbers_;  // by key_of(), once there are many; until then they are compared
};

}  // namespace chat::net
