// What all threads may know of a client: its identity, state and rooms. The loop that the client lives on keeps the rest
// (net/peer/peer.h). Shared by pointer; every member function may be called from any thread.
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
#include "model/types.h"

namespace chat {

struct Identity {
  std::string user_id;  // empty: a guest
  std::string name;     // never empty once the client is registered
  Pairs attributes;
};
using IdentityPtr = std::shared_ptr<const Identity>;

// connecting -> accepted -> open -> gone, or connecting -> refused -> gone
enum class ClientState : std::uint8_t { connecting, accepted, refused, open, gone };

// Where a client comes from. The loop and the transport are those of its beginning: see Client::loop().
struct ClientOrigin {
  std::size_t loop = 0;  // the index of the loop that it lives on
  std::string address;   // empty on a UNIX socket
  Protocol protocol = Protocol::plain;
  Transport transport = Transport::websocket;
  std::int64_t connected_at_ms = 0;
  std::string socket_id = {};  // the id that the client itself sees; empty: its number
};

class Client {
 public:
  Client(ClientId id, ClientOrigin origin, IdentityPtr identity, Share share)
      : id_(id),
        origin_(named(std::move(origin), id)),
        source_(share.source()),
        loop_(origin_.loop),
        transport_(origin_.transport),
        identity_(std::move(identity)),
        share_(std::move(share)),
        memberships_(source_, Resource::memberships) {}

  ClientId id() const { return id_; }
  const ClientOrigin& origin() const { return origin_; }
  // What it takes of the server is charged to this.
  const SourcePtr& source() const { return source_; }
  // What the client calls itself: Socket.IO's `socket.id`, the `id` of chat.v1's welcome. A recovered client has that of the
  // client that it continues.
  const std::string& socket_id() const { return origin_.socket_id; }
  // The loop that it lives on now: see Hub::move_client().
  std::size_t loop() const { return loop_.load(std::memory_order_acquire); }
  // What it speaks over now: an upgrade changes it.
  Transport transport() const { return transport_.load(std::memory_order_relaxed); }
  void set_transport(Transport transport) { transport_.store(transport, std::memory_order_relaxed); }

  // The application has thrown it out: nobody may continue it, however its connection ends.
  bool dismissed() const { return dismissed_.load(std::memory_order_relaxed); }
  void dismiss() { dismissed_.store(true, std::memory_order_relaxed); }

  IdentityPtr identity() const;
  ClientState state() const;
  std::vector<std::string> rooms() const;  // in the order of joining
  bool has_joined(std::string_view room) const;
  // What chat_refuse() was given; empty before.
  std::string refusal_reason() const;
  std::string refusal_data() const;

  // No verdict on its connection came in time.
  bool timed_out() const { return timed_out_.load(std::memory_order_relaxed); }

  // The application is about to be asked. On the client's loop, and one question at a time.
  DecisionId begin_decision(bool about_message) {
    const DecisionId decision = ++last_decision_ << 1 | (about_message ? 1 : 0);
    awaited_decision_.store(decision, std::memory_order_release);
    return decision;
  }
  // True for the one who is the first to answer: the callback itself, whoever was deferred to, or the time-out.
  bool end_decision(DecisionId decision) {
    return awaited_decision_.compare_exchange_strong(decision, 0, std::memory_order_acq_rel);
  }
  void set_user(void* user) { user_.store(user, std::memory_order_release); }
  void* user() const { return user_.load(std::memory_order_acquire); }

  // The key under which a room bans this client: its user id, or its address when it is a guest.
  std::string ban_key() const;

 private:
  friend class ClientTable;
  friend class Hub;

  static ClientOrigin named(ClientOrigin origin, ClientId id) {
    if (origin.socket_id.empty()) origin.socket_id = std::to_string(id);
    return origin;
  }

  // For so many rooms; the first goes with the client. With its lock held.
  [[nodiscard]] std::optional<Refusal> charge_rooms(std::size_t rooms) {
    return memberships_.resize(rooms == 0 ? 0 : static_cast<std::int64_t>(rooms) - 1);
  }

  const ClientId id_;
  const ClientOrigin origin_;
  const SourcePtr source_;
  std::atomic<std::size_t> loop_;
  std::atomic<Transport> transport_;
  std::atomic<void*> user_ = nullptr;
  std::atomic<bool> dismissed_ = false;
  std::atomic<bool> timed_out_ = false;
  std::uint64_t last_decision_ = 0;  // its loop's
  std::atomic<DecisionId> awaited_decision_ = 0;

  mutable std::mutex mutex_;  // a leaf but for a room's lock outside of it
  IdentityPtr identity_;
  ClientState state_ = ClientState::connecting;
  Share share_;  // of the clients that there may be, until it is gone
  std::vector<std::string> rooms_;
  Share memberships_;  // for all of rooms_ but one
  std::string refusal_reason_;
  std::string refusal_data_;
};
using ClientPtr = std::shared_ptr<Client>;

}  // namespace chat
