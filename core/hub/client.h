// The part of a client that all threads share: its identity, state and rooms. The client's loop keeps the rest
// (net/peer/peer.h). Shared by pointer; every member function may be called from any thread unless its comment names
// one.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "hub/decision.h"
#include "hub/source_table.h"
#include "model/boxed.h"
#include "model/name_keys.h"
#include "model/presence.h"
#include "model/types.h"

namespace chat {

struct Standing;
struct Room;

// Who a client is. Immutable; a change replaces the whole object.
struct Identity {
  std::string user_id;  // empty: a guest
  std::string name;     // never empty once the client is registered
  Pairs attributes;
  Boxed<PublicStatePtr> state = {};  // a new identity of the same user keeps it; see Hub::set_state()
  Boxed<NameKeys> keys = {};         // of the name, with HubOptions::unique_names
};
using IdentityPtr = std::shared_ptr<const Identity>;

// connecting -> accepted -> open -> gone, or connecting -> refused -> gone
enum class ClientState : std::uint8_t { connecting, accepted, refused, open, gone };

// Where a client came from. The loop and the transport are the initial ones; Client::loop() and Client::transport() are
// the current ones.
struct ClientOrigin {
  std::size_t loop = 0;  // the index of the client's first loop
  std::string address;   // empty on a UNIX socket
  Protocol protocol = Protocol::plain;
  Transport transport = Transport::websocket;
  std::int64_t connected_at_ms = 0;
  std::string socket_id = {};  // the id that the client itself sees; empty: its ClientId in decimal
};

class Client {
 public:
  // `share` is the client's part of the limits on clients.
  Client(ClientId id, ClientOrigin origin, IdentityPtr identity, Share share)
      : id_(id),
        origin_(named(std::move(origin), id)),
        loop_(static_cast<std::uint32_t>(origin_.loop)),
        transport_(origin_.transport),
        identity_(std::move(identity)),
        share_(std::move(share)),
        memberships_(share_.source(), Resource::memberships) {}

  ClientId id() const { return id_; }
  const ClientOrigin& origin() const { return origin_; }
  // The source that is charged for the client's resources.
  const SourcePtr& source() const { return memberships_.source(); }
  // The client's own id: Socket.IO's `socket.id`, or the `id` of chat.v1's welcome. A recovered client keeps the id of
  // the client that it continues.
  const std::string& socket_id() const { return origin_.socket_id; }
  // The current loop; Hub::move_client() changes it.
  std::size_t loop() const { return loop_.load(std::memory_order_acquire); }
  // The current transport; an upgrade changes it.
  Transport transport() const { return transport_.load(std::memory_order_relaxed); }
  void set_transport(Transport transport) { transport_.store(transport, std::memory_order_relaxed); }

  // True when the application disconnected the client. Such a client cannot be continued, however its connection ends.
  bool dismissed() const { return dismissed_.load(std::memory_order_relaxed); }
  void dismiss() { dismissed_.store(true, std::memory_order_relaxed); }

  // Snapshots, taken with the client's lock.
  IdentityPtr identity() const;
  ClientState state() const;
  std::vector<std::string> rooms() const;  // the names, in the order of joining
  // The room of this name, or with an empty name the one that the client joined first; nullptr when it is in no such
  // room. Needs no look-up among all rooms.
  std::shared_ptr<Room> joined(std::string_view name) const;
  // joined(), with the client as the sender of a message. Takes the lock once.
  std::shared_ptr<Room> place_for_send(std::string_view room, Sender& sender) const;
  bool has_joined(std::string_view room) const { return !room.empty() && joined(room) != nullptr; }
  // The reason and data given to chat_refuse(); empty before.
  std::string refusal_reason() const;
  std::string refusal_data() const;

  // True when no verdict on the connection arrived in time.
  bool timed_out() const { return timed_out_.load(std::memory_order_relaxed); }

  // Opens a question to the application. Runs on the client's loop; only one question is open at a time.
  DecisionId begin_decision(bool about_message) {
    const DecisionId decision = ++last_decision_ << 1 | (about_message ? 1 : 0);
    awaited_decision_.store(decision, std::memory_order_release);
    return decision;
  }
  // Closes the question. Returns true for the first caller only: the callback, a deferred verdict, or the timeout.
  bool end_decision(DecisionId decision) {
    return awaited_decision_.compare_exchange_strong(decision, 0, std::memory_order_acq_rel);
  }
  void set_user(void* user) { user_.store(user, std::memory_order_release); }
  void* user() const { return user_.load(std::memory_order_acquire); }

  // The key under which a room bans or mutes this client: its user id, or when it is a guest its address, of which an IPv6
  // address counts as its /64.
  std::string ban_key() const;
  // The client as the rules of this room see it.
  Standing standing_in(std::string_view room) const;

 private:
  friend class ClientTable;
  friend class Hub;

  struct Refused {
    std::string reason;
    std::string data;
  };

  static ClientOrigin named(ClientOrigin origin, ClientId id) {
    if (origin.socket_id.empty()) origin.socket_id = std::to_string(id);
    return origin;
  }

  // Charges for this number of rooms. The first one is free. Call with mutex_ held.
  [[nodiscard]] std::optional<Refusal> charge_rooms(std::size_t rooms) {
    return memberships_.resize(rooms == 0 ? 0 : static_cast<std::int64_t>(rooms) - 1);
  }

  // As joined(). Call with mutex_ held.
  std::vector<std::shared_ptr<Room>>::const_iterator find_room(std::string_view name) const;

  const ClientId id_;
  const ClientOrigin origin_;
  std::atomic<void*> user_ = nullptr;
  std::atomic<std::uint32_t> loop_;
  std::atomic<Transport> transport_;
  std::atomic<bool> dismissed_ = false;
  std::atomic<bool> timed_out_ = false;
  ClientState state_ = ClientState::connecting;  // guarded by mutex_
  std::uint64_t last_decision_ = 0;              // used by the client's loop only
  std::atomic<DecisionId> awaited_decision_ = 0;

  mutable std::mutex mutex_;  // innermost lock; a room's lock may be held outside it
  IdentityPtr identity_;
  Share share_;                               // of the limit on clients; returned when the client is gone
  std::vector<std::shared_ptr<Room>> rooms_;  // ClientTable clears it: the rooms refer to the client too
  Share memberships_;                         // covers all of rooms_ except one
  Boxed<Refused> refused_;
};
using ClientPtr = std::shared_ptr<Client>;

}  // namespace chat
