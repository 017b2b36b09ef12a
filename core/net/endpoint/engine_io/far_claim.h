// A CONNECT of a cluster that continues a client of any server: takes the client's record from the cluster, ends the connection
// that the client may still have, and opens its rooms here. Each step may wait for Redis or for another server; the session's
// loop calls step() until it is over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hub/hub.h"
#include "hub/kept_range.h"
#include "hub/moment.h"
#include "model/command.h"
#include "net/endpoint/engine_io/engine_io_shared.h"
#include "net/session/far_servers.h"
#include "session/far_recovery.h"
#include "wire/socket_io/socket_io_offset.h"

namespace chat::net {

class FarClaim : public std::enable_shared_from_this<FarClaim> {
 public:
  enum class Stage : std::uint8_t { working, ready, failed };

  struct Wanted {
    std::string pid;
    std::string nsp;
    std::string room;  // of the namespace
    std::optional<wire::SocketIoOffset> offset;
  };

  // wake: called on any thread when step() has something to do; it must not throw. shared and hub must outlive the claim.
  FarClaim(EngineIoShared& shared, Hub& hub, Wanted wanted, std::int64_t now_ms, std::function<void()> wake);

  // Goes on with what has come. ready: record() and rooms() are what the client continues. failed: there is nothing.
  Stage step(std::int64_t now_ms, Moment moment);
  // When step() is to be called at the latest.
  std::int64_t next_step_ms() const { return next_step_ms_; }

  const std::string& pid() const { return wanted_.pid; }
  session::RecoveryRecord& record() { return found_->record; }
  std::vector<RoomPosition>& rooms() { return positions_.rooms; }
  // Gives the record back to the cluster: there was no place for the client here.
  void give_back() { give_back(*found_); }
  // Before it is ready or has failed: the client has gone, and may come again. The record goes back, unless there is a newer one.
  void abandon() noexcept;

 private:
  enum class Step : std::uint8_t { begin, taking, telling, pausing, opening, ready, failed };

  // What other threads have brought.
  struct Mail {
    bool taken = false;
    std::optional<std::string> record;
    std::optional<FarServers::Told> told;
    std::vector<KeptRangePtr> opened;  // their holds keep the rooms
  };

  void give_back(const session::FarRecovery& recovery);
  void put_back(std::string text);
  void take();
  void on_record(std::optional<std::string> text, std::int64_t now_ms);
  void end_connection();
  void pause(std::int64_t now_ms);
  void open_rooms();
  bool must_read(const RoomPosition& one);
  void on_opened();
  template <class Put>
  void put(Put put_in);

  EngineIoShared& shared_;
  Hub& hub_;
  const Wanted wanted_;
  const std::function<void()> wake_;
  const std::int64_t give_up_ms_;   // a server that has the client and does not answer is passed over
  const std::int64_t deadline_ms_;  // the client is new then
  Step step_ = Step::begin;
  std::int64_t next_step_ms_;
  bool asked_ = false;  // the client's server was told to end its connection, and will keep a record of what it knows
  std::optional<session::FarRecovery> found_;
  session::FarPositions positions_;
  std::size_t opening_ = 0;
  Moment moment_;  // of the step

  std::mutex mutex_;
  Mail mail_;
  bool abandoned_ = false;
};

}  // namespace chat::net
