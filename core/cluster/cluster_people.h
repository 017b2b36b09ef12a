// Who is in the rooms of a cluster. Each server keeps a list of its own people for each room in Redis, and tells the others
// of its changes on the room's channel, gathered. The others read the lists when they open the room, when a notice is
// missing, and now and then. The people of a server whose lease has ended are lost (Hub::lose_people()). Nothing is done
// without presence. A list that was not written for ten minutes is of a server that has gone or does not have the room any more.
//
//   ROOM:p      hash: the id of each server to "STAMP MORE TIME": its last notice, whom it only counts, when it wrote that
//   ROOM:p:ID   hash: the people of a server, by person_key(), each "VERSION SIZE NAME STATE"
//   notice      "p" ID BEFORE STAMP MORE, and the size and the text of each key and value; an empty value: has left. BEFORE is
//               the stamp of the notice before; 0: the notice has all people of the server
//   goodbye     "q" ID, to all servers
//
// The worker's thread only. It knows neither connections nor the rest of a room's state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/cluster_settings.h"
#include "cluster/scripts.h"
#include "hub/hub.h"
#include "model/string_map.h"
#include "redis/redis_value.h"

namespace chat::cluster {

// What it needs of the worker.
class PeopleHost {
 public:
  PeopleHost() = default;
  PeopleHost(const PeopleHost&) = delete;
  PeopleHost& operator=(const PeopleHost&) = delete;
  virtual ~PeopleHost() = default;

  virtual Hub& hub() = 0;
  virtual std::int64_t loop_ms() const = 0;  // steady
  // The Redis of the room takes commands, and does not have too many.
  virtual bool takes_commands(const std::string& room) const = 0;
  // Answers come in the order of the commands, and never inside of this call. Throws std::bad_alloc; nothing is sent then.
  virtual Status run_script(const std::string& room, Script script, const std::vector<std::string_view>& keys,
                            const std::vector<std::string>& args, redis::ReplyHandler done) = 0;
  // A command of the room was answered by an error.
  virtual void refused(const std::string& room, const redis::Value& error) = 0;
  // take_servers() is called soon.
  virtual void ask_servers() = 0;
  // To the channel of all servers.
  virtual void tell_servers(const std::string& text) = 0;
  // A notice cannot be read.
  virtual void dropped() = 0;
};

class ClusterPeople {
 public:
  ClusterPeople(PeopleHost& host, const ClusterSettings& settings);
  ~ClusterPeople();
  ClusterPeople(const ClusterPeople&) = delete;
  ClusterPeople& operator=(const ClusterPeople&) = delete;

  // The room's position is known and its channel heard. Calls then() when the hub has the people of the other servers, at
  // once if there is nothing to read; never after lost().
  void opened(const std::string& room, std::function<void()> then);
  // The hub has another room of this name, which knows nothing.
  void forgot(const std::string& room);
  // The hub has something for the other servers. is_open: as after opened().
  void changed(const std::string& room, bool is_open);
  // Nothing here needs the room any more. The others are told until Redis has it.
  void dropped(const std::string& room);
  // Compares what is known with the lists: a notice may have been lost. Keeps the own list from expiring.
  void check(const std::string& room);
  // The Redis of the room is gone.
  void lost(const std::string& room);
  // The Redis that lists the servers is gone.
  void lost_servers();

  // Of the channel of a room, and of all servers; without the kind.
  void take_notice(const std::string& room, std::string_view text);
  void take_goodbye(std::string_view id);
  // The ids of all servers with a lease.
  void take_servers(const std::vector<std::string>& ids);

  void on_timer();
  // The other servers learn at once that this one has ended.
  void stop();

 private:
  struct RoomPeople;
  using RoomPeoplePtr = std::shared_ptr<RoomPeople>;
  struct Server {
    std::uint32_t number = 0;  // for the hub; never used again
    bool listed = false;       // since Redis is there
    std::int64_t known_ms = 0;
  };

  RoomPeople* find(const std::string& room);
  RoomPeoplePtr current(const std::weak_ptr<RoomPeople>& room) const;
  RoomPeople& room_of(const std::string& room);
  std::string name_of(const RoomPeople& room, std::string_view part) const;
  Status run(RoomPeople& room, Script script, const std::vector<std::string>& args, redis::ReplyHandler done);
  void soon(RoomPeople& room);
  bool look_after(RoomPeople& room);
  void tell(RoomPeople& room);
  void send(RoomPeople& room, const OwnPeople& own);
  void read(RoomPeople& room);
  void read_on(RoomPeople& room);
  void on_read(RoomPeople& room, std::uint64_t stamp, const redis::Value& answer);
  Server& server_of(const std::string& id);
  void note_lost(const std::string& id);
  void end(std::map<std::string, Server>::iterator server);

  PeopleHost& host_;
  const ClusterSettings& settings_;
  StringMap<RoomPeoplePtr> rooms_;
  std::list<RoomPeoplePtr> soon_;          // something is to be done for them
  std::map<std::string, Server> servers_;  // the other ones, by their ids
  std::set<std::string> goodbyes_;         // servers that have ended, and still have a lease
  std::set<std::string> lost_;         // without a lease; they may come back, and until then their lists do not count
  std::vector<RoomPeoplePtr> unsure_;  // a list is of a server that take_servers() may know
  std::uint32_t numbers_ = 0;
  std::uint64_t stamps_ = 0;
  std::int64_t up_ms_ = 0;  // 0: the servers have not been listed since Redis is there
};

}  // namespace chat::cluster
