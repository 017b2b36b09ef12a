// See far_lists.h.
#include "cluster/far_lists.h"

#include <algorithm>
#include <utility>

#include "cluster/words.h"
#include "model/names.h"
#include "model/surely.h"

namespace chat::cluster {
namespace {

constexpr std::size_t kMaxIdBytes = 64;
constexpr std::size_t kMaxServers = kMaxNode;
constexpr std::uint64_t kMaxNumber = std::uint64_t{1} << 53;
constexpr std::uint64_t kMaxCount = std::uint64_t{1} << 40;  // so that sums fit

template <class Number>
bool take_number(std::string_view& text, Number& number, std::uint64_t max) {
  const auto given = number_in<std::uint64_t>(take_word(text));
  if (!given || *given > max) return false;
  number = static_cast<Number>(*given);
  return true;
}

std::string_view flag(bool value) { return value ? "1 " : "0 "; }

void add_number(std::uint64_t number, std::string& text) {
  text += text_of(number);
  text += ' ';
}

void add_entry(const MemberInfo& member, std::string& text) {
  add_number(member.id, text);
  add_number(static_cast<std::uint64_t>(member.role), text);
  add_number(static_cast<std::uint64_t>(member.protocol), text);
  add_sized(member.name, text);
  add_sized(member.user_id, text);
}

bool take_entry(std::string_view& text, MemberInfo& member) {
  unsigned role = 0;
  unsigned protocol = 0;
  if (!take_number(text, member.id, kMaxNumber) || !take_number(text, role, kRoleCount - 1) ||
      !take_number(text, protocol, kProtocolCount - 1) || !take_sized(text, member.name) ||
      !take_sized(text, member.user_id)) {
    return false;
  }
  member.role = static_cast<Role>(role);
  member.protocol = static_cast<Protocol>(protocol);
  return member.id != 0 && protocol != 0 && !member.name.empty() && check_person_name(member.name).ok() &&
         check_person_name(member.user_id).ok();
}

void add_entry(const RoomInfo& room, std::string& text) {
  add_sized(room.name, text);
  add_sized(room.epoch, text);
  add_number(room.seq, text);
  add_number(room.member_count, text);
  add_number(room.history_count, text);
  add_number(room.people_count, text);
}

bool take_entry(std::string_view& text, RoomInfo& room) {
  return take_sized(text, room.name) && take_sized(text, room.epoch) && take_number(text, room.seq, kMaxNumber) &&
         take_number(text, room.member_count, kMaxCount) && take_number(text, room.history_count, kMaxCount) &&
         take_number(text, room.people_count, kMaxCount) && check_room_name(room.name).ok() &&
         (room.epoch.empty() || check_epoch(room.epoch).ok());
}

// The entries of an answer, as far as they fit. complete: set to false when some do not.
template <class Item>
std::string entries_of(const SharedList<Item>& list, bool& complete) {
  std::string text;
  complete = complete && list.complete;
  for (const Item& item : list.items) {
    const std::size_t before = text.size();
    add_entry(item, text);
    if (text.size() <= FarLists::kMaxAnswerBytes) continue;
    text.resize(before);
    complete = false;
    break;
  }
  return text;
}

// False: they are not well-formed. complete: set to false when there are too many.
template <class Item>
bool take_entries(std::string_view text, std::vector<Item>& items, bool& complete) {
  while (!text.empty()) {
    if (items.size() == FarLists::kMaxEntries) {
      complete = false;
      break;
    }
    Item item;
    if (!take_entry(text, item)) return false;
    items.push_back(std::move(item));
  }
  return true;
}

Status unreachable() { return {Error::unavailable, "the other servers cannot be reached"}; }

// One room for each name. It has the newest position that a server knows.
void merge_rooms(std::vector<RoomInfo>& rooms) {
  std::stable_sort(rooms.begin(), rooms.end(), [](const RoomInfo& a, const RoomInfo& b) { return a.name < b.name; });
  std::vector<RoomInfo> merged;
  for (RoomInfo& room : rooms) {
    if (merged.empty() || merged.back().name != room.name) {
      merged.push_back(std::move(room));
      continue;
    }
    RoomInfo& known = merged.back();
    known.member_count += room.member_count;
    known.history_count = std::max(known.history_count, room.history_count);
    known.people_count = std::max(known.people_count, room.people_count);
    if (known.epoch.empty()) known.epoch = room.epoch;
    if (known.epoch == room.epoch) known.seq = std::max(known.seq, room.seq);
  }
  rooms = std::move(merged);
}

}  // namespace

struct FarLists::List {
  std::string room;  // empty: a list of the rooms
  std::vector<Waiter> waiters;

  // While a question is under way.
  bool asking = false;
  std::uint64_t number = 0;
  std::int64_t asked_ms = 0;
  bool all = false;                      // every server has heard it
  std::optional<std::uint64_t> servers;  // that have heard it, as far as it is known
  std::set<std::string> answered;        // by their ids

  // What the other servers have said.
  bool known = false;     // one of them has the room
  bool left_out = false;  // entries
  std::vector<MemberInfo> members;
  std::vector<RoomInfo> rooms;
  std::size_t bytes = 0;

  // Afterwards.
  Status trouble;
  std::int64_t used_until_ms = 0;
  FarListPtr whole;  // for all who ask; nullptr: it is made anew from what was said
};

FarLists::~FarLists() = default;

void FarLists::list(const std::string& room, std::int64_t within_ms, FarListDone done) {
  const std::int64_t now_ms = host_.loop_ms();
  ListPtr list;
  if (const auto found = lists_.find(room); found != lists_.end()) {
    list = found->second;
    if (!list->asking && now_ms < list->used_until_ms) {
      done(list->whole ? list->whole : merged(*list, list->trouble));
      return;
    }
  } else {
    if (lists_.size() >= kMaxLists) {
      std::erase_if(lists_,
                    [&](const auto& one) { return !one.second->asking && one.second->used_until_ms <= now_ms; });
    }
    if (lists_.size() >= kMaxLists) {
      List alone;
      alone.room = room;
      done(merged(alone, {Error::too_many, "too many lists are asked for"}));
      return;
    }
    list = std::make_shared<List>();
    list->room = room;
    lists_.emplace(room, list);
  }
  list->waiters.push_back({now_ms + within_ms, std::move(done)});
  if (list->asking) return;
  try {
    ask(list);
  } catch (...) {
    list->asking = false;
    list->waiters.clear();  // the caller repeats it
    throw;
  }
}

void FarLists::ask(const ListPtr& list) {
  const std::uint64_t number = ++numbers_;
  std::string text = "l" + settings_.id + " " + text_of(number) + " ";
  add_sized(list->room, text);
  list->number = number;
  list->servers.reset();
  list->answered.clear();
  list->known = list->left_out = false;
  list->members.clear();
  list->rooms.clear();
  list->bytes = 0;
  list->whole.reset();
  list->asked_ms = host_.loop_ms();
  list->asking = true;
  const auto heard = [this, number, weak = std::weak_ptr(list)](std::optional<std::uint64_t> servers, bool all) {
    const ListPtr asked = weak.lock();
    if (!asked || !asked->asking || asked->number != number) return;
    if (!servers) {
      end(*asked, unreachable());
      return;
    }
    asked->servers = servers;
    asked->all = all;
    look_after(*asked);
  };
  if (!host_.publish_question(list->room, text, heard)) end(*list, unreachable());
}

void FarLists::look_after(List& list) {
  if (!list.asking || !list.servers || list.answered.size() < *list.servers) return;
  end(list, list.all ? Status() : Status{Error::unavailable, "not all servers have found Redis again"});
}

void FarLists::end(List& list, Status trouble) {
  list.asking = false;
  list.trouble = std::move(trouble);
  FarListPtr result;
  surely([&] { result = merged(list, list.trouble); });
  const std::size_t entries = result->members ? result->members->items.size()
                              : result->rooms ? result->rooms->items.size()
                                              : 0;
  const bool lasts = entries > Hub::kAlwaysFresh || list.trouble.code == Error::timed_out;
  list.used_until_ms = host_.loop_ms() + (lasts ? Hub::kListAgeMs : kFewMs);
  if (lasts) {
    list.whole = result;
    list.members = {};
    list.rooms = {};
  }
  for (const Waiter& waiter : std::exchange(list.waiters, {})) surely([&] { waiter.done(result); });
}

Result<MemberListPtr> FarLists::own_members(Hub& hub, const std::string& room) {
  const std::int64_t now_ms = host_.loop_ms();
  const auto found = own_.find(room);
  if (found != own_.end() && now_ms - found->second.made_ms < Hub::kListAgeMs) return found->second.members;
  Result<MemberListPtr> made = hub.describe_members(room);
  if (made.ok() && (*made)->items.size() > Hub::kAlwaysFresh && (found != own_.end() || own_.size() < kMaxOwn)) {
    own_[room] = {*made, now_ms};
  }
  return made;
}

// This server's part, as it is now, and what the others have said.
FarListPtr FarLists::merged(const List& list, const Status& trouble) {
  auto result = std::make_shared<FarList>();
  result->status = trouble;
  Hub* const hub = host_.listed_hub();
  bool left_out = list.left_out;
  if (list.room.empty()) {
    auto all = std::make_shared<RoomList>();
    if (hub != nullptr) {
      const RoomListPtr own = hub->list_rooms(host_.now());
      all->items = own->items;
      left_out = left_out || !own->complete;
    }
    all->items.insert(all->items.end(), list.rooms.begin(), list.rooms.end());
    merge_rooms(all->items);
    if (all->items.size() > kMaxEntries) {
      left_out = true;
      const auto by_members = [](const RoomInfo& a, const RoomInfo& b) { return a.member_count > b.member_count; };
      std::nth_element(all->items.begin(), all->items.begin() + kMaxEntries, all->items.end(), by_members);
      all->items.resize(kMaxEntries);
      std::sort(all->items.begin(), all->items.end(),
                [](const RoomInfo& a, const RoomInfo& b) { return a.name < b.name; });
    }
    if (left_out && trouble.ok()) result->status = {Error::too_many, "rooms were left out"};
    all->complete = result->status.ok();
    result->rooms = std::move(all);
    return result;
  }
  auto all = std::make_shared<MemberList>();
  bool known = list.known;
  if (hub != nullptr) {
    if (const Result<MemberListPtr> own = own_members(*hub, list.room); own.ok()) {
      known = true;
      all->items = (*own)->items;
      left_out = left_out || !(*own)->complete;
    }
  }
  const auto own_count = static_cast<std::ptrdiff_t>(all->items.size());
  all->items.insert(all->items.end(), list.members.begin(), list.members.end());
  std::sort(all->items.begin() + own_count, all->items.end(),
            [](const MemberInfo& a, const MemberInfo& b) { return a.id < b.id; });
  if (all->items.size() > kMaxEntries) {
    left_out = true;
    all->items.resize(kMaxEntries);
  }
  if (left_out && trouble.ok()) result->status = {Error::too_many, "members were left out"};
  all->complete = result->status.ok();
  if (known || !all->complete) result->members = std::move(all);
  return result;
}

std::size_t FarLists::bytes() const {
  std::size_t bytes = 0;
  for (const auto& [room, list] : lists_) bytes += list->bytes;
  return bytes;
}

void FarLists::take_question(std::string_view text) {
  const std::string id(take_word(text));
  const auto number = number_in<std::uint64_t>(take_word(text));
  std::string room;
  const bool fits = !id.empty() && id.size() <= kMaxIdBytes && number && take_sized(text, room) && text.empty() &&
                    (room.empty() || check_room_name(room).ok());
  if (!fits) {
    host_.dropped();
    return;
  }
  if (id == settings_.id) {
    const auto found = lists_.find(room);
    if (found == lists_.end() || !found->second->asking || found->second->number != *number) return;
    const ListPtr list = found->second;
    list->answered.insert(id);
    look_after(*list);
    return;
  }
  Hub* const hub = host_.listed_hub();
  std::string entries;
  bool known = false;
  bool complete = true;
  if (hub != nullptr && room.empty()) {
    entries = entries_of(*hub->list_rooms(host_.now()), complete);
  } else if (hub != nullptr) {
    if (const Result<MemberListPtr> own = own_members(*hub, room); own.ok()) {
      known = true;
      entries = entries_of(**own, complete);
    }
  }
  std::string answer = "a" + settings_.id + " " + text_of(*number) + " ";
  answer += flag(known);
  answer += flag(complete);
  answer += entries;
  if (!host_.publish_answer(id, answer)) host_.dropped();
}

void FarLists::take_answer(std::string_view text) {
  const std::size_t size = text.size();
  const std::string id(take_word(text));
  const auto number = number_in<std::uint64_t>(take_word(text));
  const std::string_view known = take_word(text);
  bool complete = take_word(text) == "1";
  ListPtr list;
  for (const auto& [room, one] : lists_) {
    if (number && one->asking && one->number == *number) list = one;
  }
  const bool wanted = list && !id.empty() && id.size() <= kMaxIdBytes && id != settings_.id &&
                      !list->answered.contains(id) && list->answered.size() < kMaxServers;
  std::vector<MemberInfo> members;
  std::vector<RoomInfo> rooms;
  if (!wanted || !(list->room.empty() ? take_entries(text, rooms, complete) : take_entries(text, members, complete))) {
    host_.dropped();
    return;
  }
  const std::size_t entries = list->members.size() + members.size();
  const std::size_t bytes_more = size + members.size() * sizeof(MemberInfo) + rooms.size() * sizeof(RoomInfo);
  if (bytes() + bytes_more > kMaxAllBytes || entries > kMaxEntries) {
    complete = false;
    const std::size_t fits = bytes() + bytes_more > kMaxAllBytes ? 0 : kMaxEntries - list->members.size();
    members.resize(std::min(members.size(), fits));
    rooms.clear();
  }
  list->answered.insert(id);
  list->bytes += bytes_more;
  list->members.insert(list->members.end(), std::make_move_iterator(members.begin()),
                       std::make_move_iterator(members.end()));
  list->rooms.insert(list->rooms.end(), std::make_move_iterator(rooms.begin()), std::make_move_iterator(rooms.end()));
  list->known = list->known || known == "1";
  list->left_out = list->left_out || !complete;
  look_after(*list);
}

void FarLists::on_timer() {
  const std::int64_t now_ms = host_.loop_ms();
  const Status late{Error::timed_out, "a server has not answered"};
  std::erase_if(own_, [&](const auto& one) { return now_ms - one.second.made_ms >= Hub::kListAgeMs; });
  for (const auto& one : lists_) {
    List& list = *one.second;
    if (!list.asking) continue;
    const bool over = now_ms - list.asked_ms >= kFarListMs;
    const auto due = std::stable_partition(list.waiters.begin(), list.waiters.end(),
                                           [&](const Waiter& waiter) { return waiter.until_ms > now_ms; });
    if (over && due == list.waiters.begin()) {
      end(list, late);
      continue;
    }
    if (due != list.waiters.end()) {
      const FarListPtr partial = merged(list, late);
      const std::vector<Waiter> waiters(std::make_move_iterator(due), std::make_move_iterator(list.waiters.end()));
      list.waiters.erase(due, list.waiters.end());
      for (const Waiter& waiter : waiters) surely([&] { waiter.done(partial); });
    }
    if (over) ask(one.second);
  }
  std::erase_if(lists_, [&](const auto& one) { return !one.second->asking && one.second->used_until_ms <= now_ms; });
}

void FarLists::lost() {
  for (const auto& one : lists_) {
    if (one.second->asking) end(*one.second, unreachable());
  }
}

void FarLists::stop() {
  for (const auto& one : lists_) {
    if (one.second->asking) end(*one.second, {Error::stopped, "the server is stopping"});
  }
  lists_.clear();
}

}  // namespace chat::cluster
