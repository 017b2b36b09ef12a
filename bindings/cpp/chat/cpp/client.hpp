// Identity, which the application gives to a client, and views of clients and rooms.
#ifndef CHAT_CPP_CLIENT_HPP
#define CHAT_CPP_CLIENT_HPP

#include <chat/chat.h>

#include <chat/cpp/error.hpp>
#include <chat/cpp/range.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chat {
inline namespace v0 {

// Names and values that the application owns.
using Attributes = std::vector<std::pair<std::string, std::string>>;

// chat_identity: empty fields take their defaults.
struct Identity {
  std::string user_id;
  std::string name;
  // For the application only; never sent to clients.
  Attributes attributes;
};

namespace detail {

inline std::vector<chat_pair> raw_pairs(const Attributes& attributes, bool& nul) {
  std::vector<chat_pair> pairs;
  pairs.reserve(attributes.size());
  for (const auto& [name, value] : attributes) {
    nul = nul || has_nul(name);
    pairs.push_back({name.c_str(), value.c_str(), value.size()});
  }
  return pairs;
}

// An Identity in the form of chat.h; valid as long as the Identity.
class RawIdentity {
 public:
  explicit RawIdentity(const Identity& identity)
      : nul_(has_nul(identity.user_id) || has_nul(identity.name)), pairs_(raw_pairs(identity.attributes, nul_)) {
    raw_.user_id = identity.user_id.c_str();
    raw_.name = identity.name.c_str();
    raw_.attributes = pairs_.data();
    raw_.attribute_count = pairs_.size();
  }
  RawIdentity(const RawIdentity&) = delete;
  RawIdentity& operator=(const RawIdentity&) = delete;

  // Calls a function of chat.h with it.
  template <class Function>
  Result<void> call(Function&& function) const {
    return nul_ ? Result<void>(nul_error()) : result_of(std::forward<Function>(function)(&raw_));
  }

 private:
  bool nul_;
  std::vector<chat_pair> pairs_;
  chat_identity raw_ = CHAT_IDENTITY_INIT;
};

}  // namespace detail

// chat_client: a client's state, valid while a visitor runs.
class ClientView {
 public:
  explicit ClientView(const chat_client& raw) noexcept : raw_(&raw) {}

  chat_client_id id() const noexcept { return raw_->id; }
  // Empty: a guest.
  std::string_view user_id() const noexcept { return detail::view(raw_->identity->user_id); }
  std::string_view name() const noexcept { return detail::view(raw_->identity->name); }
  Pairs attributes() const noexcept { return {raw_->identity->attributes, raw_->identity->attribute_count}; }
  std::string_view address() const noexcept { return detail::view(raw_->address); }
  chat_protocol protocol() const noexcept { return raw_->protocol; }
  chat_transport transport() const noexcept { return raw_->transport; }
  // Time of day.
  std::int64_t connected_at_ms() const noexcept { return raw_->connected_at_ms; }
  Texts rooms() const noexcept { return {raw_->rooms, raw_->room_count}; }
  // See ServerRef::set_user().
  void* user() const noexcept { return raw_->user; }
  // The id for ServerRef::find_client().
  std::string_view socket_id() const noexcept { return detail::view(raw_->socket_id); }
  const chat_client& raw() const noexcept { return *raw_; }

 private:
  const chat_client* raw_;
};

// chat_cluster_member: a member of a room at any server of a cluster, valid while a visitor runs.
class ClusterMemberView {
 public:
  explicit ClusterMemberView(const chat_cluster_member& raw) noexcept : raw_(&raw) {}

  chat_client_id id() const noexcept { return raw_->id; }
  std::string_view name() const noexcept { return detail::view(raw_->name); }
  // Empty: a guest.
  std::string_view user_id() const noexcept { return detail::view(raw_->user_id); }
  // In this room.
  chat_role role() const noexcept { return raw_->role; }
  chat_protocol protocol() const noexcept { return raw_->protocol; }
  // The number of its server; 0 without a cluster.
  std::uint32_t server() const noexcept { return raw_->server; }
  const chat_cluster_member& raw() const noexcept { return *raw_; }

 private:
  const chat_cluster_member* raw_;
};

// chat_room: a room's state, valid while a visitor runs.
class RoomView {
 public:
  explicit RoomView(const chat_room& raw) noexcept : raw_(&raw) {}

  std::string_view name() const noexcept { return detail::view(raw_->name); }
  std::string_view epoch() const noexcept { return detail::view(raw_->epoch); }
  // The number of the newest message.
  std::uint64_t seq() const noexcept { return raw_->seq; }
  // In ServerRef::cluster_rooms() the clients of all servers.
  std::size_t member_count() const noexcept { return raw_->member_count; }
  std::size_t history_count() const noexcept { return raw_->history_count; }
  // With presence: the people, in a cluster of all servers; otherwise 0.
  std::size_t people_count() const noexcept { return raw_->people_count; }
  const chat_room& raw() const noexcept { return *raw_; }

 private:
  const chat_room* raw_;
};

}  // namespace v0
}  // namespace chat

#endif  // CHAT_CPP_CLIENT_HPP
