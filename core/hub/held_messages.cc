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
  if (all_.size() < kMax && of_source < kMaxOfSource) return {};
  return {Error::too_many, "too many first messages wait for a moderator of this room"};
}

void HeldMessages::add(HeldMessage&& held) {
  all_.reserve(all_.size() + 1);
  all_.push_back(std::move(held));
}

HeldMessage* HeldMessages::find(std::string_view person) {
  const auto found = std::ranges::find(all_, person, &HeldMessage::person);
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

void HeldMessages::remove_client(ClientId client) noexcept {
  std::erase_if(all_, [&](const HeldMessage& held) { return held.client->id() == client; });
}

}  // namespace chat
