// All clients, indexed by id, socket id and user. A client's identity and state change here, because the indexes depend
// on them. Any thread may call it. The table's lock is acquired before a client's lock; a room's lock may be held
// outside it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "hub/client.h"
#include "hub/source_table.h"
#include "model/string_map.h"

namespace chat {

class ClientTable {
 public:
  // node: the node part of new client ids, at most kMaxNode (see ClientId). last_number: their numbers are higher.
  // with_keys: identities have the keys of their names.
  ClientTable(SourceTable& sources, std::uint32_t node, std::uint64_t last_number = 0, bool with_keys = false);
  ~ClientTable();
  ClientTable(const ClientTable&) = delete;
  ClientTable& operator=(const ClientTable&) = delete;

  // Adds a client in state connecting, with a guest name. Errors: too_many above a limit; `refusal` says which limit.
  Result<ClientPtr> add(const ClientOrigin& origin, std::optional<Refusal>& refusal);

  // The name that a guest has until it has another one.
  static std::string guest_name(ClientId id) { return std::string(kGuestPrefix) + std::to_string(id); }
  static constexpr std::string_view kGuestPrefix = "guest-";
  // Checks an identity and fills in its name, if it has none, and the keys of the name. Errors: invalid_argument,
  // invalid_utf8, too_many.
  Status complete(const Client& client, Identity& identity) const;

  // The state before removal. A removed client can no longer join a room.
  struct Removed {
    ClientState last = ClientState::gone;  // gone when it was already removed
    std::vector<std::shared_ptr<Room>> rooms;
  };
  // Removes the client from all indexes and sets its state to gone.
  Removed remove(const ClientPtr& client);

  // accept() and set_identity() call tell() with the locks held, so events keep the order of the changes. tell() must not
  // throw.
  using Tell = std::function<void()>;
  using TellName = std::function<void(std::string name)>;
  // Moves the client from connecting to accepted and sets its identity in one step, so one of two concurrent callers
  // wins entirely.
  Status accept(Client& client, std::optional<Identity> identity, const Tell& tell);
  // identity: as by complete(). Calls tell() when the change gives an open client a new name. Errors: no_such_client.
  Status set_identity(Client& client, Identity identity, const TellName& tell);

  // Returns nullptr when there is no such client.
  ClientPtr find(ClientId id) const;
  // Finds a client by its socket id, or by its ClientId in decimal digits. When two clients share a socket id, because
  // one continues the other, the newer one is returned.
  ClientPtr find(std::string_view socket_id) const;
  std::vector<ClientPtr> open() const;                             // by id
  std::vector<ClientPtr> of_user(std::string_view user_id) const;  // by id

  std::uint64_t size() const;
  std::uint64_t total() const;  // since the start

 private:
  Status give_keys(Identity& identity) const;
  // Call with both locks held.
  void replace_identity(Client& client, Identity identity);
  void unindex_user(const std::string& user_id, ClientId id);

  SourceTable& sources_;
  const std::uint32_t node_;
  const std::uint64_t first_number_;
  const bool with_keys_;

  mutable std::shared_mutex mutex_;
  std::uint64_t last_number_;
  std::unordered_map<ClientId, ClientPtr> by_id_;
  StringMap<ClientId> by_socket_id_;  // clients whose socket id differs from their ClientId
  StringMap<std::unordered_set<ClientId>> by_user_;
};

}  // namespace chat
