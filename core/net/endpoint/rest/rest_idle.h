// Clients of the pool of identities that have no request. When the server admits no further client, the oldest of them make way. One
// for each server; any thread. Reads no clock, and ends no client itself.
#pragma once

#include <cstddef>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "net/session/session_table.h"

namespace chat::net {

class RestIdle {
 public:
  struct Entry {
    SessionNumber number = 0;
    std::size_t loop = 0;
    std::string source;  // SourceTable::key_of()
  };

  // A client that is in the table already changes nothing.
  void add(Entry entry);
  // It has a request again, or it has ended.
  void remove(SessionNumber number);
  // Takes out at most `count` clients, the oldest first: those of the source; if it has none and of_others is true, those of all.
  std::vector<Entry> take(std::string_view source, bool of_others, std::size_t count);
  std::size_t size() const;

 private:
  using Order = std::list<Entry>;

  void take_from(std::vector<Entry>& taken, std::string_view source, bool any, std::size_t count);

  mutable std::mutex mutex_;
  Order order_;  // the oldest first
  std::unordered_map<SessionNumber, Order::iterator> places_;
};

}  // namespace chat::net
