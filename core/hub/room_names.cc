// See room_names.h.
#include "hub/room_names.h"

#include <utility>

namespace chat {
namespace {

template <class Action>
void for_each_key(const Identity& identity, Action action) {
  if (!identity.keys.made()) return;
  action(identity.keys->looks);
  if (!identity.keys->folded.empty()) action(identity.keys->folded);
}

bool same_person(const RoomNames::Holder& holder, const Identity& identity, ClientId client) {
  if (identity.user_id.empty()) return holder.identity->user_id.empty() && holder.client == client;
  return holder.identity->user_id == identity.user_id;
}

bool has_key(const Identity& identity, const std::string& wanted) {
  bool found = false;
  for_each_key(identity, [&](const std::string& key) { found = found || key == wanted; });
  return found;
}

}  // namespace

const RoomNames::Holder* RoomNames::taken_by(const Identity& identity, ClientId client) const {
  const auto own = named_.find(client);
  const Holder* taken = nullptr;
  for_each_key(identity, [&](const std::string& key) {
    const auto found = holders_.find(key);
    if (taken != nullptr || found == holders_.end() || same_person(found->second, identity, client)) return;
    // A guest that becomes a user keeps its name.
    const bool only_own = found->second.clients == 1 && own != named_.end() && has_key(*own->second.now, key);
    if (!only_own) taken = &found->second;
  });
  return taken;
}

void RoomNames::take(ClientId client, const IdentityPtr& identity) {
  if (!identity->keys.made()) return;
  const auto [found, added] = holders_.try_emplace(identity->keys->looks);
  Holder& looks = found->second;
  if (!identity->keys->folded.empty()) {
    try {
      Holder& folded = holders_[identity->keys->folded];
      if (folded.clients++ == 0) folded = {client, identity, 1};
    } catch (...) {
      if (added) holders_.erase(identity->keys->looks);
      throw;
    }
  }
  if (looks.clients++ == 0) looks = {client, identity, 1};
}

void RoomNames::give_back(const Identity& identity) noexcept {
  for_each_key(identity, [&](const std::string& key) {
    const auto found = holders_.find(key);
    if (found != holders_.end() && --found->second.clients == 0) holders_.erase(found);
  });
}

void RoomNames::add(ClientId client, const IdentityPtr& identity) {
  const auto [named, added] = named_.try_emplace(client, Named{identity});
  if (!added) return;
  try {
    take(client, identity);
  } catch (...) {
    named_.erase(named);
    throw;
  }
}

void RoomNames::remove(ClientId client) noexcept {
  const auto named = named_.find(client);
  if (named == named_.end()) return;
  give_back(*named->second.now);
  if (named->second.next) give_back(*named->second.next);
  named_.erase(named);
}

void RoomNames::prepare(ClientId client, const IdentityPtr& next) {
  const auto named = named_.find(client);
  if (named == named_.end()) return;
  take(client, next);
  named->second.next = next;
}

void RoomNames::finish(ClientId client, bool changed) noexcept {
  const auto found = named_.find(client);
  if (found == named_.end() || !found->second.next) return;
  Named& named = found->second;
  if (!changed) {
    give_back(*named.next);
    named.next.reset();
    return;
  }
  give_back(*named.now);
  named.now = std::exchange(named.next, nullptr);
  // The person may be another one now.
  for_each_key(*named.now, [&](const std::string& key) {
    Holder& holder = holders_.find(key)->second;
    holder.client = client;
    holder.identity = named.now;
  });
}

}  // namespace chat
