// All clients, by id and by user. What a client is called and how far it has come
// change here, as the tables must agree with it. Any thread; the table's lock is held outside of a client's.
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
  // node: see ClientId; at most kMaxNode.
  ClientTable(SourceTable& sources, std::uint32_t node);

  // A new client in state connecting, with a guest's name. too_many above a limit: which one.
  Result<ClientPtr> add(const ClientOrigin& origin, std::optional<Refusal>& refusal);

  // What a client was that is gone now. It joins nothing from then on.
  struct Removed {
    ClientState last = ClientState::gone;  // gone the second time
    std::vector<std::string> rooms;
  };
  Removed remove(const ClientPtr& client);

  // These two call tell() with the locks held, so that events come in the order of the changes. tell() may not throw.
  using Tell = std::function<void()>;
  using TellName = std::function<void(std::string name)>;
  // connecting -> accepted, with the identity, in one step: of two callers only the first succeeds.
  Status accept(Client& client, std::optional<Identity> identity, const Tell& tell);
  // Calls tell() when the client is open and its name has changed.
  Status set_identity(Client& client, Identity identity, const TellName& tell);

  ClientPtr find(ClientId id) const;
  // By its socket id, or by its number in decimal digits. Of two with one socket id, as while one continues the other, the
  // newer.
  ClientPtr find(std::string_view socket_id) const;
  std::vector<ClientPtr> open() const;                             // by id
  std::vector<ClientPtr> of_user(std::string_view user_id) const;  // by id

  std::uint64_t size() const;
  std::uint64_t total() const;  // that there ever were

 private:
  // With both locks held.
  void replace_identity(Client& client, Identity identity);
  void unindex_user(const std::string& user_id, ClientId id);

  SourceTable& sources_;
  const std::uint32_t node_;

  mutable std::shared_mutex mutex_;
  std::uint64_t last_number_ = 0;
  std::unordered_map<ClientId, ClientPtr> by_id_;
  StringMap<ClientId> by_socket_id_;  // of those whose socket id is not their number
  StringMap<std::unordered_set<ClientId>> by_user_;
};

}  // namespace chat
