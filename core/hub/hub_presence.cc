// The hub: presence. See hub.h.
#include "hub/hub.h"

#include "hub/announcement.h"
#include "hub/hub_parts.h"

namespace chat {
namespace {

// The keys of kept values of a room: this and the id of a user who was present when the server stopped.
constexpr std::string_view kPresentKey = "present/";

}  // namespace

PresenceLevel Hub::presence_level(std::string_view name) const {
  if (!uses_presence_.load(std::memory_order_relaxed)) return PresenceLevel::off;
  const RoomPtr room = rooms_.find(name);
  if (!room) return options_.presence;
  std::lock_guard lock(room->mutex);
  return room->presence ? room->presence->level() : PresenceLevel::off;
}

Status Hub::set_presence(std::string_view name, std::optional<PresenceLevel> wished) {
  const PresenceLevel level = wished.value_or(options_.presence);
  if (level != PresenceLevel::off) uses_presence_.store(true, std::memory_order_relaxed);
  std::optional<Refusal> refusal;  // unused: the application learns the reason from the status
  return rooms_.with(name, nullptr, refusal, [&](Room& room) -> Status {
    if (level == PresenceLevel::off) {
      for (auto& [id, member] : room.members) member.person = nullptr;
      room.presence.reset();
    } else if (room.presence) {
      room.presence->set_level(level);
    } else {
      auto presence = std::make_unique<Presence>(room, level, rooms_.presence_queue());
      std::vector<Presence::Entry*> people;
      people.reserve(room.members.size());
      for (const auto& [id, member] : room.members) people.push_back(presence->enter(id, *member.client->identity()));
      auto person = people.begin();
      for (auto& [id, member] : room.members) member.person = *person++;
      room.presence = std::move(presence);
    }
    room.presence_set = wished.has_value();
    if (rooms_.presence_queue()->is_shared()) (void)rooms_.presence_queue()->tell_others(room.name);
    return {};
  });
}

Result<PresenceNotice> Hub::presence(std::string_view name, bool all) const {
  Status status = check_room_name(name);
  if (!status.ok()) return status;
  PresenceNotice notice;
  const Status off{Error::forbidden, "the presence of the room " + std::string(name) + " is off"};
  if (const RoomPtr room = rooms_.find(name)) {
    std::lock_guard lock(room->mutex);
    if (!room->presence) return off;
    return room->presence->current(all);
  }
  if (options_.presence == PresenceLevel::off) return off;
  notice.counts_only = !all && options_.presence != PresenceLevel::full;
  notice.listed = !notice.counts_only;
  return notice;
}

// With what members receive that may not list people, unless that is the same.
std::shared_ptr<Message> Hub::presence_message(const Room& room, PresenceNotice notice, std::size_t count_before,
                                               Moment now) const {
  auto message = std::make_shared<Message>();
  message->room = room.name;
  message->event = options_.presence_event;
  message->kind = PayloadKind::args;
  message->ephemeral = true;
  message->event_kind = RoomEventKind::presence;
  message->epoch = room.log->epoch();
  message->time_ms = now.time_ms;
  message->born_ms = now.age_ms;
  message->serial = next_serial();
  if (!notice.counts_only && (notice.count != count_before || notice.listed)) {
    PresenceNotice reduced;
    reduced.count = notice.count;
    reduced.counts_only = true;
    notice.reduced = presence_message(room, std::move(reduced), count_before, now);
  }
  message->presence = std::make_shared<const PresenceNotice>(std::move(notice));
  return message;
}

MessagePtr Hub::presence_snapshot(Room& room, Moment now) const {
  MessagePtr& kept = room.presence->kept_snapshot;
  if (!kept) kept = presence_message(room, room.presence->snapshot(), 0, now);
  return kept;
}

template <class Action>
void Hub::for_each_person(const Client& client, Action action) {
  for (const std::string& name : client.rooms()) {
    const RoomPtr room = rooms_.find(name);
    if (!room) continue;
    rooms_.with(room, [&](Room& joined) {
      const auto member = joined.members.find(client.id());
      if (member == joined.members.end() || member->second.person == nullptr) return;
      action(*joined.presence, member->second.person);
    });
  }
}

// When memory fails, the person keeps the old name there.
void Hub::update_presence(const ClientPtr& client) try {
  if (!uses_presence_.load(std::memory_order_relaxed)) return;
  for_each_person(*client, [&](Presence& presence, Presence::Entry*& person) {
    person = presence.change(person, client->id(), *client->identity());
  });
} catch (const std::bad_alloc&) {
}

Status Hub::check_state(std::string_view state) const {
  if (!uses_presence_.load(std::memory_order_relaxed)) return {Error::forbidden, "presence is off"};
  if (state.size() <= kMaxStateBytes) return {};
  return {Error::too_large, "the state is larger than " + std::to_string(kMaxStateBytes) + " bytes"};
}

Status Hub::set_state(const ClientPtr& client, std::string state) {
  Status status = check_state(state);
  if (!status.ok()) return status;
  PublicStatePtr shared;
  if (!state.empty()) shared = std::make_shared<const std::string>(std::move(state));
  {
    std::lock_guard lock(client->mutex_);
    if (client->state_ == ClientState::gone) return no_such_client();
    client->identity_ = with_state(*client->identity_, std::move(shared));
  }
  for_each_person(*client, [&](Presence& presence, Presence::Entry* person) {
    presence.set_state(person, *client->identity()->state);
  });
  return {};
}

void Hub::keep_presence(Moment now) noexcept try {
  if (options_.store == nullptr || !uses_presence_.load(std::memory_order_relaxed)) return;
  if (options_.store->is_shared()) return;  // the other servers go on
  for (const RoomPtr& room : rooms_.all()) {
    std::vector<Person> users;
    {
      const std::lock_guard lock(room->mutex);
      if (room->presence) users = room->presence->users();
    }
    for (const Person& user : users) {
      std::string value = user.name + '\n';
      if (user.state) value += *user.state;
      if (!options_.store->keep_value(room->name, std::string(kPresentKey) + user.user_id, value, now).ok()) break;
    }
  }
} catch (const std::bad_alloc&) {
}

void Hub::load_presence(Moment now) {
  if (options_.store == nullptr) return;
  for (const std::string& name : options_.store->rooms_with_values()) {
    for (const RoomValue& kept : options_.store->values(name)) {
      if (!kept.key.starts_with(kPresentKey)) continue;
      const std::size_t end = kept.value.find('\n');
      if (end != std::string::npos && now.time_ms - kept.time_ms <= kMaxDownMs) {
        Person user{kept.key.substr(kPresentKey.size()), 0, kept.value.substr(0, end), nullptr};
        if (end + 1 < kept.value.size()) user.state = std::make_shared<const std::string>(kept.value.substr(end + 1));
        std::optional<Refusal> refusal;  // unused: then the user comes back as a new one
        (void)rooms_.with(name, nullptr, refusal, [&](Room& room) -> Status {
          if (room.presence) room.presence->restore(std::move(user));
          return {};
        });
      }
      (void)options_.store->keep_value(name, kept.key, {}, now);
    }
  }
}

void Hub::set_sees_people(const Client& client, std::string_view name, bool sees_people) {
  const RoomPtr room = rooms_.find(name);
  if (!room) return;
  std::lock_guard lock(room->mutex);
  if (const auto member = room->members.find(client.id()); member != room->members.end()) {
    member->second.sees_people = sees_people;
  }
}

void Hub::tell_presence(Moment now) {
  for (int rooms = 0; rooms < kPresenceSlice; ++rooms) {
    const RoomPtr room = rooms_.presence_queue()->next(now.age_ms);
    if (!room) return;
    rooms_.with(room, [&](Room& due) {
      if (due.removed || !due.presence) return;
      due.presence->advance(now.age_ms, options_.presence_grace_ms);
      bool failed = false;
      try {
        tell_presence(due, now);
      } catch (const std::bad_alloc&) {
        failed = true;
      }
      due.presence->schedule(now.age_ms, failed);
    });
  }
}

void Hub::tell_presence(Room& room, Moment now) {
  Presence& presence = *room.presence;
  if (!presence.notice_due(now.age_ms)) return;
  PresenceNotice changes = presence.changes();
  if (presence.is_nothing(changes)) return presence.note_nothing();
  PresenceNotice notice = presence.for_members(changes);
  const bool silent = notice.counts_only && !presence.relists() && notice.count == presence.told();
  Submission submission;
  submission.message = presence_message(room, notice, presence.told(), now);
  std::optional<ReservedPosts> for_application;
  std::shared_ptr<Message> told;
  if (options_.tells_presence) {
    told = presence_message(room, std::move(changes), presence.told(), now);
    for_application.emplace(*inboxes_[room.notice_loop]);
  }
  if (!silent) Announcement(inboxes_, &room, submission, false).post();
  if (for_application) for_application->post(PublishedNotice{std::move(told)});
  presence.note_told(notice, now.age_ms);
}

// Several servers ---------------------------------------------------------------------------------------------------------

std::optional<OwnPeople> Hub::own_people(std::string_view name, bool whole) {
  std::optional<OwnPeople> own;
  const RoomPtr room = rooms_.find(name);
  if (!room) return own;
  rooms_.with(room, [&](Room& found) {
    if (!found.removed && found.presence) own = found.presence->take_own(whole);
  });
  return own;
}

void Hub::begin_people(std::string_view name) {
  const RoomPtr room = rooms_.find(name);
  if (!room) return;
  const std::lock_guard lock(room->mutex);
  if (room->presence) room->presence->begin_far();
}

void Hub::take_people(std::string_view name, std::uint32_t server, const std::vector<FarPerson>& people,
                      std::size_t more, bool whole) {
  const RoomPtr room = rooms_.find(name);
  if (!room) return;
  std::vector<ClientPtr> guests;  // that give way
  rooms_.with(room, [&](Room& found) {
    if (found.removed || !found.presence) return;
    found.presence->take_far(server, people, more, whole);
    if (!found.names) return;
    for (const FarPerson& one : people) {
      for (std::string& key : found.presence->far_keys(one.person)) {
        Identity far{one.person.user_id, one.person.name, {}};
        far.keys.make().looks = std::move(key);
        const RoomNames::Holder* const holder = found.names->taken_by(far, one.person.client);
        if (holder == nullptr || !holder->identity->user_id.empty()) continue;
        if (far.user_id.empty() && holder->client < one.person.client) continue;
        if (const auto member = found.members.find(holder->client); member != found.members.end()) {
          guests.push_back(member->second.client);
        }
      }
    }
  });
  if (guests.empty()) return;
  const auto names = naming();
  for (const ClientPtr& guest : guests) (void)take_guest_name(guest);  // it may have left
}

void Hub::lose_people(std::uint32_t server) {
  for (const RoomPtr& room : rooms_.all()) {
    rooms_.with(room, [&](Room& found) {
      if (found.presence) found.presence->lose(server);
    });
  }
}

}  // namespace chat
