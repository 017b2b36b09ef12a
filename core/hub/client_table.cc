// See client_table.h.
#include "hub/client_table.h"

#include <algorithm>
#include <charconv>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "hub/room.h"
#include "model/names.h"

namespace chat {
namespace {

void sort_by_id(std::vector<ClientPtr>& clients) {
  std::sort(clients.begin(), clients.end(), [](const ClientPtr& a, const ClientPtr& b) { return a->id() < b->id(); });
}

}  // namespace

ClientTable::ClientTable(SourceTable& sources, std::uint32_t node, std::uint64_t last_number, bool with_keys)
    : sources_(sources), node_(node), first_number_(last_number), with_keys_(with_keys), last_number_(last_number) {
  if (node > kMaxNode) throw std::invalid_argument("the node's number is above kMaxNode");
}

Status ClientTable::complete(const Client& client, Identity& identity) const {
  Status status = check_person_name(identity.user_id);
  if (status.ok()) status = check_person_name(identity.name);
  if (status.ok()) status = check_attributes(identity.attributes);
  if (!status.ok()) return status;
  if (identity.name.empty()) identity.name = identity.user_id.empty() ? guest_name(client.id()) : identity.user_id;
  return give_keys(identity);
}

Status ClientTable::give_keys(Identity& identity) const {
  identity.keys.reset();
  if (!with_keys_) return {};
  Result<NameKeys> keys = name_keys(identity.name);
  if (!keys.ok()) return keys.status();
  identity.keys.make() = std::move(*keys);
  return {};
}

ClientTable::~ClientTable() {
  for (const auto& [id, client] : by_id_) {
    std::lock_guard lock(client->mutex_);
    client->rooms_.clear();
  }
}

Result<ClientPtr> ClientTable::add(const ClientOrigin& origin, std::optional<Refusal>& refusal) {
  Share share = Share::take(sources_.find(origin.address), Resource::clients, refusal);
  if (refusal) {
    return {Error::too_many, refusal == Refusal::clients ? "the server is full" : "too many clients from this address"};
  }
  std::unique_lock lock(mutex_);
  const ClientId id = make_client_id(node_, last_number_ + 1);
  Identity named{{}, guest_name(id), {}};
  Status status = give_keys(named);
  if (!status.ok()) return status;
  auto identity = std::make_shared<const Identity>(std::move(named));
  auto client = std::make_shared<Client>(id, origin, std::move(identity), std::move(share));
  by_id_.emplace(id, client);
  try {
    if (!origin.socket_id.empty()) by_socket_id_[origin.socket_id] = id;
  } catch (...) {
    by_id_.erase(id);
    throw;
  }
  ++last_number_;
  return client;
}

ClientTable::Removed ClientTable::remove(const ClientPtr& client) {
  Removed removed;
  std::unique_lock tables(mutex_);
  if (by_id_.erase(client->id()) == 0) return removed;
  if (auto found = by_socket_id_.find(client->socket_id());
      found != by_socket_id_.end() && found->second == client->id()) {
    by_socket_id_.erase(found);
  }
  std::lock_guard lock(client->mutex_);
  client->share_.give_back();
  client->memberships_.give_back();
  removed.rooms.swap(client->rooms_);
  removed.last = std::exchange(client->state_, ClientState::gone);
  unindex_user(client->identity_->user_id, client->id());
  return removed;
}

Status ClientTable::accept(Client& client, std::optional<Identity> identity, const Tell& tell) {
  if (identity) {
    Status status = complete(client, *identity);
    if (!status.ok()) return status;
  }
  std::unique_lock tables(mutex_);
  std::lock_guard lock(client.mutex_);
  if (client.state_ != ClientState::connecting) return {Error::wrong_state, "the verdict was already given"};
  if (identity) replace_identity(client, *std::move(identity));
  tell();
  client.state_ = ClientState::accepted;
  return {};
}

Status ClientTable::set_identity(Client& client, Identity identity, const TellName& tell) {
  std::unique_lock tables(mutex_);
  std::lock_guard lock(client.mutex_);
  if (client.state_ == ClientState::gone) return {Error::no_such_client, "no such client"};
  const bool renamed = client.state_ == ClientState::open && identity.name != client.identity_->name;
  std::string name = identity.name;
  replace_identity(client, std::move(identity));
  if (renamed) tell(std::move(name));
  return {};
}

void ClientTable::replace_identity(Client& client, Identity identity) {
  if (!identity.state.made() && identity.user_id == client.identity_->user_id) identity.state = client.identity_->state;
  const auto next = std::make_shared<const Identity>(std::move(identity));
  if (next->user_id != client.identity_->user_id) {
    if (!next->user_id.empty()) {
      const auto entry = by_user_.try_emplace(next->user_id).first;
      try {
        entry->second.insert(client.id());
      } catch (...) {
        if (entry->second.empty()) by_user_.erase(entry);
        throw;
      }
    }
    unindex_user(client.identity_->user_id, client.id());
  }
  client.identity_ = next;
}

void ClientTable::unindex_user(const std::string& user_id, ClientId id) {
  auto entry = by_user_.find(user_id);
  if (entry == by_user_.end()) return;
  entry->second.erase(id);
  if (entry->second.empty()) by_user_.erase(entry);
}

ClientPtr ClientTable::find(ClientId id) const {
  std::shared_lock lock(mutex_);
  auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

ClientPtr ClientTable::find(std::string_view socket_id) const {
  std::shared_lock lock(mutex_);
  ClientId id = 0;
  if (auto found = by_socket_id_.find(socket_id); found != by_socket_id_.end()) {
    id = found->second;
  } else {
    // Accepts the canonical form only: no sign, no leading zero.
    const auto [end, error] = std::from_chars(socket_id.data(), socket_id.data() + socket_id.size(), id);
    if (error != std::errc() || end != socket_id.data() + socket_id.size() || socket_id.front() == '0') return nullptr;
  }
  auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

std::vector<ClientPtr> ClientTable::open() const {
  std::vector<ClientPtr> result;
  {
    std::shared_lock lock(mutex_);
    result.reserve(by_id_.size());
    for (const auto& [id, client] : by_id_) {
      if (client->state() == ClientState::open) result.push_back(client);
    }
  }
  sort_by_id(result);
  return result;
}

std::vector<ClientPtr> ClientTable::of_user(std::string_view user_id) const {
  std::vector<ClientPtr> result;
  {
    std::shared_lock lock(mutex_);
    auto found = by_user_.find(user_id);
    if (found == by_user_.end()) return result;
    for (ClientId id : found->second) result.push_back(by_id_.at(id));
  }
  sort_by_id(result);
  return result;
}

std::uint64_t ClientTable::size() const {
  std::shared_lock lock(mutex_);
  return by_id_.size();
}

std::uint64_t ClientTable::total() const {
  std::shared_lock lock(mutex_);
  return last_number_ - first_number_;
}

}  // namespace chat
