// The hub: identities and names. See hub.h.
#include "hub/hub.h"

#include "hub/hub_parts.h"

namespace chat {

Status Hub::set_identity(const ClientPtr& client, Identity identity) {
  const auto names = naming();
  return put_identity(client, std::move(identity));
}

Status Hub::rename(const ClientPtr& client, std::string name) {
  const auto names = naming();
  Identity wanted = *client->identity();
  wanted.name = std::move(name);
  Status status = clients_.complete(*client, wanted);
  if (status.ok()) status = check_guest_name(*client, wanted.name, wanted.keys);
  if (!status.ok()) return status;
  const auto next = std::make_shared<const Identity>(std::move(wanted));
  return change_name(client, next, [&]() -> Status {
    std::lock_guard lock(client->mutex_);
    Identity identity = *client->identity_;
    identity.name = next->name;
    identity.keys = next->keys;
    client->identity_ = std::make_shared<const Identity>(std::move(identity));
    return {};
  });
}

std::unique_lock<std::mutex> Hub::naming() {
  return options_.unique_names ? std::unique_lock(naming_) : std::unique_lock<std::mutex>();
}

Status Hub::check_guest_name(const Client& client, const std::string& name, const Boxed<NameKeys>& keys) const {
  if (reserved_names_.empty() && guest_prefix_.empty()) return {};
  if (!client.identity()->user_id.empty()) return {};
  Status reserved{Error::forbidden, "the name " + name + " is reserved"};
  if (!reserved_names_.empty()) {
    const Result<NameKeys> wanted = keys.made() ? *keys : list_keys(name);
    if (!wanted.ok()) return wanted.status();
    if (reserved_names_.contains(wanted->looks) || reserved_names_.contains(wanted->folded)) return reserved;
  }
  // So that each guest can have its guest name at any time.
  const bool generated =
      keys.made() && (keys->looks.starts_with(guest_prefix_) || keys->folded.starts_with(guest_prefix_));
  return generated && name != ClientTable::guest_name(client.id()) ? reserved : Status();
}

template <class Change>
Status Hub::change_name(const ClientPtr& client, const IdentityPtr& next, Change change) {
  struct Prepared {
    ~Prepared() {
      for (const RoomPtr& room : rooms) {
        const std::lock_guard lock(room->mutex);
        room->names->finish(client, changed);
      }
    }
    ClientId client;
    std::vector<RoomPtr> rooms = {};
    bool changed = false;
  };
  Status status;
  {
    Prepared prepared{client->id()};
    std::vector<RoomPtr> rooms;
    if (options_.unique_names) {
      const std::lock_guard lock(client->mutex_);
      rooms = client->rooms_;
    }
    prepared.rooms.reserve(rooms.size());
    for (const RoomPtr& room : rooms) {
      status = make_way(client, next, room);
      if (!status.ok()) return status;
      const std::lock_guard lock(room->mutex);
      if (room->names->taken_by(*next, client->id()) != nullptr || taken_far(*room, *next, client->id())) {
        return name_taken(next->name, room->name);
      }
      room->names->prepare(client->id(), next);
      prepared.rooms.push_back(room);
    }
    status = change();
    prepared.changed = status.ok();
  }
  if (status.ok()) update_presence(client);
  return status;
}

Status Hub::take_guest_name(const ClientPtr& client) {
  Identity identity = *client->identity();
  identity.name = ClientTable::guest_name(client->id());
  return put_identity(client, std::move(identity));
}

Status Hub::put_identity(const ClientPtr& client, Identity identity) {
  Status status = clients_.complete(*client, identity);
  if (!status.ok()) return status;
  const auto next = std::make_shared<const Identity>(std::move(identity));
  return change_name(client, next, [&] {
    const auto routing = routing_.share();
    ReservedPosts renamed(inbox_of(*client));
    return clients_.set_identity(*client, *next, [&](std::string name) {
      renamed.post(Renamed{client->id(), std::move(name)});
    });
  });
}

// A guest of another server gives way to a user when its server hears of the user.
bool Hub::taken_far(const Room& room, const Identity& identity, ClientId client) {
  const Person* const holder = room.presence ? room.presence->far_holder(identity, client) : nullptr;
  return holder != nullptr && (identity.user_id.empty() || !holder->user_id.empty());
}

Status Hub::make_way(const ClientPtr& client, const IdentityPtr& identity, const RoomPtr& room) {
  if (identity->user_id.empty()) return {};
  // Each of the two keys of a name may belong to another guest.
  for (int guests = 0; guests < 2; ++guests) {
    ClientPtr guest;
    {
      const std::lock_guard lock(room->mutex);
      const RoomNames::Holder* const holder = room->names->taken_by(*identity, client->id());
      if (holder == nullptr || !holder->identity->user_id.empty()) return {};
      const auto member = room->members.find(holder->client);
      if (member == room->members.end()) return {};
      guest = member->second.client;
    }
    Status status = take_guest_name(guest);
    if (status.code == Error::no_such_client) continue;  // it has just left
    if (!status.ok()) return status;
  }
  return {};
}

Status Hub::make_way(const ClientPtr& client, std::string_view name, Moment now) {
  if (!options_.unique_names) return {};
  const RoomPtr room = rooms_.find(name);
  if (!room) return {};
  const IdentityPtr identity = client->identity();
  {
    const Standing who = client->standing_in(name);
    const std::lock_guard lock(room->mutex);
    const bool taken =
        room->names->taken_by(*identity, client->id()) != nullptr || taken_far(*room, *identity, client->id());
    if (room->members.contains(client->id()) || !taken) return {};
    if (!room->rules.check_join(who, now.age_ms).ok()) return {};  // enter() says why
  }
  if (!identity->user_id.empty()) return make_way(client, identity, room);
  return client->joined({}) == nullptr ? take_guest_name(client) : Status();  // enter() refuses it
}

}  // namespace chat
