// The ids of the subscriptions to one room on one loop, numbered densely, so that a delivery finds the frame of a
// subscription by an index and not by a text. Many receivers may use the same id.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/string_map.h"

namespace chat::net {

class SubscriptionIds {
 public:
  using Number = std::uint32_t;
  static constexpr Number kNone = 0;  // of a member without a subscription

  // One more user of the id. Numbers begin at 1.
  Number acquire(std::string_view id);
  // One user fewer. The number may be given to another id when it has none left.
  void release(Number number) noexcept;
  bool empty() const { return used_ == 0; }

  std::string_view id(Number number) const { return ids_[number - 1].text; }
  // At least as large as every number in use.
  std::size_t max_number() const { return ids_.size(); }

 private:
  struct Id {
    std::string text;
    std::uint32_t users = 0;
    Number next_free = kNone;
  };

  std::vector<Id> ids_;
  StringMap<Number> numbers_;
  Number free_ = kNone;  // the first of a list
  std::size_t used_ = 0;
};

}  // namespace chat::net
