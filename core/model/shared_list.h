// A long list that many replies share, in memory and as a protocol writes it.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace chat {

template <class Item>
struct SharedList {
  std::vector<Item> items;
  bool complete = true;  // there are no more

  // What encode(*this) gives: called once, by whichever thread needs it first. One protocol has lists.
  template <class Encode>
  const std::string& encoded(Encode encode) const {
    const std::lock_guard lock(mutex_);
    if (!encoded_) encoded_ = encode(*this);
    return *encoded_;
  }

 private:
  mutable std::mutex mutex_;
  mutable std::optional<std::string> encoded_;
};

}  // namespace chat
