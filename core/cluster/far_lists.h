// Lists of the members of a room, and of the rooms, of all servers. Who asks publishes a question, to the channel of the room or
// to that of everyone, and learns from Redis how many servers hear it. Each of them answers on the channel of the one that asks. A
// server that hears its own question counts as one that has answered.
//
//   question  "l" ID NUMBER SIZE ROOM                  ROOM "": the rooms
//   answer    "a" ID NUMBER KNOWN COMPLETE ENTRIES     KNOWN 1: it has the room; COMPLETE 1: no entry is left out
//   ENTRIES   of members: CLIENT ROLE PROTOCOL SIZE NAME SIZE USER
//             of rooms: SIZE NAME SIZE EPOCH SEQ MEMBERS HISTORY PEOPLE, each number with a space behind it
//
// A server has a second to answer. Who would wait longer asks again then.
//
// ID is the server that asks or answers. One question for a list is under way at a time, and serves all who ask meanwhile. What
// the other servers have said is used again for 100 ms, and for a second when the list has more than 100 entries. The worker's
// thread only. It knows no connections.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/cluster_settings.h"
#include "hub/far_list.h"
#include "hub/hub.h"
#include "model/string_map.h"

namespace chat::cluster {

// What it needs of the worker.
class ListsHost {
 public:
  ListsHost() = default;
  ListsHost(const ListsHost&) = delete;
  ListsHost& operator=(const ListsHost&) = delete;
  virtual ~ListsHost() = default;

  virtual Hub* listed_hub() = 0;  // nullptr: it has not started
  virtual std::int64_t loop_ms() const = 0;
  virtual Moment now() const = 0;
  // Publishes to the channel of the room, or with an empty name to that of everyone. Calls heard() once, never inside of this call,
  // with the number of servers that hear it; nullopt: that is not known. False: it cannot be published now.
  // all: every server of the cluster can hear it, as far as this one knows.
  using Heard = std::function<void(std::optional<std::uint64_t> servers, bool all)>;
  virtual bool publish_question(const std::string& room, const std::string& text, Heard heard) = 0;
  // To the channel of one server. False: it cannot be published now.
  virtual bool publish_answer(const std::string& server, const std::string& text) = 0;
  // A text cannot be read or is not wanted.
  virtual void dropped() = 0;
};

class FarLists {
 public:
  FarLists(ListsHost& host, const ClusterSettings& settings) : host_(host), settings_(settings) {}
  ~FarLists();
  FarLists(const FarLists&) = delete;
  FarLists& operator=(const FarLists&) = delete;

  // See RoomStore::list(). done() may throw std::bad_alloc, and is repeated then. When this function throws, nothing has changed.
  void list(const std::string& room, std::int64_t within_ms, FarListDone done);

  // Without the kind.
  void take_question(std::string_view text);
  void take_answer(std::string_view text);

  void on_timer();
  // Redis is gone: who waits is answered.
  void lost();
  // Nobody will answer any more.
  void stop();

  static constexpr std::size_t kMaxLists = 1'000;          // that are under way or used again
  static constexpr std::size_t kMaxAllBytes = 32 << 20;    // of what other servers have said
  static constexpr std::size_t kMaxAnswerBytes = 1 << 20;  // of an answer of this server
  static constexpr std::int64_t kFewMs = 100;              // so long a short list of other servers is used again
  static constexpr std::size_t kMaxOwn = 50;               // of these
  static constexpr std::size_t kMaxEntries = Hub::kMaxListed;

 private:
  struct List;
  using ListPtr = std::shared_ptr<List>;
  struct Waiter {
    std::int64_t until_ms;
    FarListDone done;
  };

  struct Own {
    MemberListPtr members;
    std::int64_t made_ms;
  };

  // As Hub::describe_members(); a long list is made once a second.
  Result<MemberListPtr> own_members(Hub& hub, const std::string& room);
  void ask(const ListPtr& list);
  void look_after(List& list);
  void end(List& list, Status trouble);
  FarListPtr merged(const List& list, const Status& trouble);
  std::size_t bytes() const;

  ListsHost& host_;
  const ClusterSettings& settings_;
  StringMap<ListPtr> lists_;  // by room
  StringMap<Own> own_;        // long ones, of this server
  std::uint64_t numbers_ = 0;
};

}  // namespace chat::cluster
