// The open transactions of one STOMP client: what it sent and acknowledged in each, in order, until it commits or aborts.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "session/stomp_action.h"
#include "session/stomp_subscriptions.h"

namespace chat::session {

struct StompTransactionLimits {
  std::size_t max_transactions = 16;
  std::size_t max_frames = 1'000;     // of all open ones together
  std::size_t max_bytes = 2'000'000;  // of memory, likewise
};

class StompTransactions {
 public:
  struct Ack {
    StompSubscriptions::Mark mark;
    bool negative = false;
  };
  using Step = std::variant<stomp::Publish, Ack>;
  using Steps = std::vector<Step>;

  explicit StompTransactions(const StompTransactionLimits& limits) : limits_(limits) {}

  bool contains(std::string_view id) const;
  // False: too many are open.
  bool begin(std::string_view id);
  // False: too much waits. The transaction must be there.
  bool add(std::string_view id, Step step, std::size_t bytes);
  // A message of it was refused. The transaction must be there.
  void refuse(std::string_view id);
  struct Ended {
    Steps steps;
    bool refused = false;  // a message that would be among the steps
  };
  // Ends it and returns its steps, which are done or dropped. The transaction must be there.
  Ended end(std::string_view id);
  void clear();
  // The memory that all of them take, about.
  std::size_t held_bytes() const { return bytes_; }

 private:
  struct Transaction {
    std::string id;
    Ended content;
    std::size_t bytes = 0;
  };
  std::vector<Transaction>::iterator find(std::string_view id);

  const StompTransactionLimits limits_;
  std::vector<Transaction> transactions_;
  std::size_t frames_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace chat::session
