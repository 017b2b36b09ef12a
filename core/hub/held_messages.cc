// See held_messages.h.
#include "hub/held_messages.h"

#include <algorithm>
#include <utility>

namespace chat {

Status HeldMessages::check(std::string_view person, std::string_view source, std::int64_t now_ms) const {
  std::size_t of_source = 0;
  for (const HeldMessage& held : all_) {
    if (held.person == person) {
      return {Error::forbidden, "the first message in this room waits for a moderator", held.until_ms - now_ms};
    }
    if (held.source == source) ++of_source;
  }
  for (const HeldMessage& held : ended_) of_source += held.source == source ? 1 : 0;
  if (all_.size() + ended_.size() < kMax && of_source < kMaxOfSource) return {};
  return {Error::too_many, "too many first messages wait for a moderator of this room"};
}

void HeldMessages::add(HeldMessage&& held) {
  all_.reserve(all_.size() + 1);
  ended_.reserve(ended_.size() + all_.size() + 1);
  all_.push_back(std::move(held));
}

HeldMessage* HeldMessages::find(std::string_view person, ClientId client) {
  const auto found = std::ranges::find_if(
      all_, [&](const HeldMessage& held) { return held.person == person || held.client->id() == client; });
  return found == all_.end() ? nullptr : &*found;
}

HeldMessage* HeldMessages::find_expired(std::int64_t now_ms) {
  const auto found = std::ranges::find_if(all_, [&](const HeldMessage& held) { return held.until_ms <= now_ms; });
  return found == all_.end() ? nullptr : &*found;
}

HeldMessage HeldMessages::take(HeldMessage* held) noexcept {
  HeldMessage taken = std::move(*held);
  all_.erase(all_.begin() + (held - all_.data()));
  return taken;
}

void HeldMessages::end(HeldMessage* held) noexcept { ended_.push_back(take(held)); }

void HeldMessages::remove_client(ClientId client) noexcept {
  for (std::size_t i = all_.size(); i-- != 0;) {
    if (all_[i].client->id() == client) end(&all_[i]);
  }
}

std::vector<HeldMessage> HeldMessages::take_ended() {
  std::vector<HeldMessage> ended;
  ended.reserve(all_.size());
  ended_.swap(ended);
  return ended;
}

}  // namespace chat
