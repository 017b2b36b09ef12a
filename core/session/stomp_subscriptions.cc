// See stomp_subscriptions.h.
#include "session/stomp_subscriptions.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace chat::session {
namespace {

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || stop != text.data() + text.size() || value == 0) return std::nullopt;
  return value;
}

std::size_t bytes_of(const StompSubscriptions::Entry::Message& message) { return sizeof(message) + message.id.size(); }

// Without its messages.
std::size_t bytes_of(const StompSubscriptions::Entry& entry) {
  return sizeof(entry) + entry.id.size() + entry.destination.size();
}

}  // namespace

const StompSubscriptions::Entry& StompSubscriptions::add(Entry entry) {
  const std::size_t bytes = bytes_of(entry);
  entry.number = last_number_ + 1;
  const Entry& added = entries_.emplace_back(std::move(entry));
  ++last_number_;
  bytes_ += bytes;
  return added;
}

void StompSubscriptions::remove(stomp::Subscription number) {
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.number == number; });
  if (found == entries_.end()) return;
  while (!found->unacknowledged.empty()) forget_one(*found);
  bytes_ -= bytes_of(*found);
  entries_.erase(found);
}

void StompSubscriptions::forget_one(Entry& entry) {
  Entry& full = !entry.unacknowledged.empty() ? entry : *std::ranges::max_element(entries_, {}, [](const Entry& one) {
    return one.unacknowledged.size();
  });
  bytes_ -= bytes_of(full.unacknowledged.front());
  --unacknowledged_;
  full.unacknowledged.pop_front();
}

const StompSubscriptions::Entry* StompSubscriptions::find(stomp::Subscription number) const {
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.number == number; });
  return found == entries_.end() ? nullptr : &*found;
}

StompSubscriptions::Entry* StompSubscriptions::find_mutable(stomp::Subscription number) {
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.number == number; });
  return found == entries_.end() ? nullptr : &*found;
}

const StompSubscriptions::Entry* StompSubscriptions::find_id(std::string_view id) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& entry) { return entry.has_id && entry.id == id; });
  return found == entries_.end() ? nullptr : &*found;
}

const StompSubscriptions::Entry* StompSubscriptions::find_destination(std::string_view destination) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return !entry.has_id && entry.destination == destination;
  });
  return found == entries_.end() ? nullptr : &*found;
}

std::string StompSubscriptions::add_message(stomp::Subscription number, std::string_view message_id) {
  Entry* entry = find_mutable(number);
  if (!entry || entry->ack == StompAckMode::automatic) return {};
  if (unacknowledged_ >= max_unacknowledged_) forget_one(*entry);
  const Entry::Message& added = entry->unacknowledged.emplace_back(entry->last_message + 1, std::string(message_id));
  ++entry->last_message;
  ++unacknowledged_;
  bytes_ += bytes_of(added);
  return std::to_string(number) + '-' + std::to_string(entry->last_message);
}

bool StompSubscriptions::find_message(std::string_view ack_id, Mark& mark) const {
  const std::size_t dash = ack_id.find('-');
  if (dash == std::string_view::npos) return false;
  const auto subscription = parse_number(ack_id.substr(0, dash));
  const auto message = parse_number(ack_id.substr(dash + 1));
  if (!subscription || !message || *subscription > last_number_) return false;
  mark = {*subscription, *message};
  const Entry* entry = find(*subscription);
  if (!entry) {
    mark.message = 0;  // of a subscription that has ended
    return true;
  }
  return *message <= entry->last_message;
}

StompSubscriptions::Mark StompSubscriptions::find_message_id(stomp::Subscription number,
                                                             std::string_view message_id) const {
  for (const Entry& entry : entries_) {
    if (number != 0 && entry.number != number) continue;
    const auto found = std::find_if(entry.unacknowledged.begin(), entry.unacknowledged.end(),
                                    [&](const Entry::Message& message) { return message.id == message_id; });
    if (found != entry.unacknowledged.end()) return {entry.number, found->number};
  }
  return {};
}

std::vector<std::string> StompSubscriptions::acknowledge(const Mark& mark) {
  std::vector<std::string> ids;
  Entry* entry = find_mutable(mark.subscription);
  if (!entry) return ids;
  auto& messages = entry->unacknowledged;
  const auto end = std::upper_bound(messages.begin(), messages.end(), mark.message,
                                    [](std::uint64_t number, const Entry::Message& m) { return number < m.number; });
  auto begin = messages.begin();
  if (entry->ack == StompAckMode::client_individual) {
    if (end == begin || std::prev(end)->number != mark.message) return ids;
    begin = std::prev(end);
  }
  ids.reserve(static_cast<std::size_t>(end - begin));
  for (auto message = begin; message != end; ++message) {
    bytes_ -= bytes_of(*message);
    --unacknowledged_;
    ids.push_back(std::move(message->id));
  }
  messages.erase(begin, end);
  return ids;
}

}  // namespace chat::session
