// Batches of one room that came before something which they follow. By their first seq; bounded.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "cluster/batch.h"

namespace chat::cluster {

class BatchesAhead {
 public:
  // Keeps it. Above the bound the last one is forgotten, to be fetched later.
  void put(Batch batch, std::int64_t now_ms);
  // Takes the next one off that goes on after `seq` in the epoch, and was numbered by the Redis `run`. What is not needed any
  // more is dropped.
  std::optional<Batch> take_after(std::uint64_t seq, const std::string& epoch, const std::string& run,
                                  std::int64_t now_ms);
  void drop_others(const std::string& epoch, const std::string& run);
  void clear() { batches_.clear(); }

  bool empty() const { return batches_.empty(); }
  // Something between `seq` and the first of them is missing.
  bool lacks_after(std::uint64_t seq) const { return !batches_.empty() && batches_.begin()->first > seq + 1; }
  // Since when something before them is missing.
  std::int64_t since_ms() const { return since_ms_; }

 private:
  std::map<std::uint64_t, Batch> batches_;
  std::int64_t since_ms_ = 0;
};

}  // namespace chat::cluster
