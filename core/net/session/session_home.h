// The sessions that live on one loop, of all protocols. Owns them, and brings requests and sockets from other loops to a
// session. For the loop's thread, except where a comment says otherwise. Knows no protocol.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "net/base/time_budget.h"
#include "net/endpoint/endpoint_context.h"
#include "net/session/far_gate.h"
#include "net/session/session.h"
#include "net/session/session_table.h"

namespace chat::net {

// Why a session is not at its home.
enum class SessionAbsence : std::uint8_t {
  gone,    // it has ended, or its loop has
  moving,  // it is on its way to another home
};

class SessionHome {
 public:
  // The home of the next loop of the table. Both must outlive it.
  SessionHome(EndpointContext& loop, SessionTable& table);
  ~SessionHome();
  SessionHome(const SessionHome&) = delete;
  SessionHome& operator=(const SessionHome&) = delete;

  EndpointContext& loop() { return loop_; }
  SessionTable& table() { return table_; }
  // For requests of sessions of other servers.
  FarGate& far_gate() { return far_gate_; }

  // An id for a session that will be added here: see SessionTable::claim(). Reports a refusal, and ends the sessions that
  // make way, in a later turn of their loops.
  SessionTable::Claim claim(const Endpoint& endpoint, const std::string& id, Transport transport,
                            const std::string& address);
  void add(std::shared_ptr<Session> session);
  // nullptr: no session here has that number.
  Session* find(SessionNumber number);
  // The same for a number that is known to be of a session of class S, because it was claimed at an endpoint of that protocol.
  template <class S>
  S* find_as(SessionNumber number) {
    return static_cast<S*>(find(number));
  }

  // When an action runs that is for a session at home on the calling loop.
  enum class Turn : std::uint8_t { now, later };
  // Runs action(S&) on the loop that is the session's home. Runs absent(SessionHome&, SessionAbsence) instead when the
  // session is not there, on the loop that notices, whose home is the argument. Exactly one of the two runs, unless the loop
  // ends first. Both are copied, and must own what they use.
  template <class S, class Action, class Absent>
  void at_home(SessionNumber number, Turn turn, Action action, Absent absent);
  // Any thread. Runs action(S&) in a later turn of this loop, if the session is here then. Also finds a session that is not
  // in the table any more, because it is evicted.
  template <class S, class Action>
  void run_later(SessionNumber number, Action action) {
    loop_.post_task([this, number, action = std::move(action)] {
      if (S* const session = find_as<S>(number)) action(*session);
    });
  }

  // The session has ended: takes it out of the table. It is destroyed at the end of the round.
  void bury(Session& session);
  // False when the time budget was over before all were destroyed.
  bool bury_dead(TimeBudget& budget);
  // Takes a session out that moves to another home, where add() takes it in. Its entry in the table stays.
  std::shared_ptr<Session> release(Session& session);

  bool empty() const { return sessions_.empty(); }
  // A call of say_goodbye() for each session. The calls may be made over some time, in which sessions may end.
  std::vector<Task> goodbyes();
  // Every session ends at once.
  void end_all();

 private:
  std::vector<SessionNumber> numbers() const;

  EndpointContext& loop_;
  SessionTable& table_;
  FarGate far_gate_{loop_};
  std::unordered_map<SessionNumber, std::shared_ptr<Session>> sessions_;
  std::vector<std::shared_ptr<Session>> dead_;
};

template <class S, class Action, class Absent>
void SessionHome::at_home(SessionNumber number, Turn turn, Action action, Absent absent) {
  const auto place = table_.find(number);
  if (!place) {
    absent(*this, SessionAbsence::gone);
    return;
  }
  SessionHome& home = table_.home(place->home);
  const auto run = [&home, number, action = std::move(action), absent] {
    if (S* const session = home.find_as<S>(number)) {
      action(*session);
    } else {
      absent(home, home.table_.find(number) ? SessionAbsence::moving : SessionAbsence::gone);
    }
  };
  if (turn == Turn::now && &home == this) {
    run();
  } else if (!home.loop().post_task(run)) {
    absent(*this, SessionAbsence::gone);
  }
}

}  // namespace chat::net
