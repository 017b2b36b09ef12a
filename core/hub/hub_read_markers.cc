// The hub: read markers. See hub.h.
#include "hub/hub.h"

#include <algorithm>
#include <list>

#include "hub/hub_parts.h"
#include "hub/seen_event.h"

namespace chat {

ReadMarkers& Hub::markers_of(Room& room) {
  if (!room.markers) {
    room.markers = std::make_unique<ReadMarkers>(marker_bytes_, options_.store, room.name, room.log->seq());
  }
  return *room.markers;
}

Status Hub::raise_seen(Room& room, std::string_view user_id, std::uint64_t seq, ClientId from, Moment now,
                       bool is_kept) {
  seq = std::min(seq, room.log->seq());
  ReadMarkers& markers = markers_of(room);
  if (seq <= markers.of(user_id)) return {};
  struct Notice {
    Notice(LoopInbox& inbox, ClientId client, MessagePtr message)
        : place(inbox), event{client, std::move(message), {}} {}
    ReservedPosts place;
    DirectMessage event;
  };
  std::list<Notice> notices;
  std::shared_ptr<Message> message;
  // A client that is not among them yet joins the room after this, and its Joined has the new marker.
  for (const ClientPtr& client : clients_of_user(user_id)) {
    const auto member = client->id() == from ? room.members.end() : room.members.find(client->id());
    if (member == room.members.end()) continue;
    if (!message) {
      message = seen_event(room.name, seq, now);
      message->epoch = room.log->epoch();
      message->serial = next_serial();
    }
    notices.emplace_back(*inboxes_[member->second.loop], client->id(), message);
  }
  Status status = markers.raise(user_id, seq, now, is_kept);
  if (!status.ok()) return status;
  for (Notice& notice : notices) notice.place.post(std::move(notice.event));
  return {};
}

Status Hub::set_seen(std::string_view name, std::string_view user_id, std::uint64_t seq, ClientId from, Moment now) {
  Status status = check_room_name(name);
  if (!status.ok()) return status;
  const auto routing = routing_.share();
  const bool known = with_known(name, [&](Room& room) { status = raise_seen(room, user_id, seq, from, now); });
  return known ? status : no_such_room(name);
}

Result<std::uint64_t> Hub::seen(std::string_view name, std::string_view user_id) {
  Status status = check_room_name(name);
  if (!status.ok()) return status;
  std::uint64_t seq = 0;
  with_known(name, [&](Room& room) { seq = markers_of(room).of(user_id); });
  return seq;
}

void Hub::keep_seen() noexcept try {
  if (options_.store == nullptr) return;
  for (const RoomPtr& room : rooms_.all()) {
    rooms_.with(room, [](Room& kept) {
      if (kept.markers) kept.markers->keep_all();
    });
  }
} catch (const std::bad_alloc&) {
}

}  // namespace chat
