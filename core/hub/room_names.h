// The display names of the people in one room, each of which belongs to one person: a user, with all its clients, or a guest.
// Names that look alike are the same name (model/name_keys.h). Not thread-safe: the room's lock guards it.
#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>

#include "hub/client.h"
#include "model/string_map.h"

namespace chat {

class RoomNames {
 public:
  // Whose name it is.
  struct Holder {
    ClientId client = 0;
    IdentityPtr identity;     // of that client when it took the name
    std::size_t clients = 0;  // that use the name
  };

  // The other person that has the name of this identity, or one that looks like it. nullptr: it is free for the client.
  const Holder* taken_by(const Identity& identity, ClientId client) const;

  // The name must be free. Throws std::bad_alloc; then nothing has changed.
  void add(ClientId client, const IdentityPtr& identity);
  // Also for a client that has no name here.
  void remove(ClientId client) noexcept;

  // A client changes its name in several rooms, or in none: it has both names until finish(). The same rules as for add().
  void prepare(ClientId client, const IdentityPtr& next);
  // changed: it has the prepared name from now on, otherwise the earlier one. Does nothing for a client that was removed.
  void finish(ClientId client, bool changed) noexcept;

 private:
  struct Named {
    IdentityPtr now;
    IdentityPtr next = nullptr;  // between prepare() and finish()
  };

  void take(ClientId client, const IdentityPtr& identity);
  void give_back(const Identity& identity) noexcept;

  std::unordered_map<ClientId, Named> named_;
  StringMap<Holder> holders_;
};

}  // namespace chat
