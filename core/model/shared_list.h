// A long list that many replies share, both as items and in encoded form.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace chat {

template <class Item>
struct SharedList {
  std::vector<Item> items;
  bool complete = true;  // no item is omitted

  // Returns encode(*this), computed once by the first thread that needs it. Any thread may call it. Only one protocol
  // encodes lists, so one encoded form is enough.
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
