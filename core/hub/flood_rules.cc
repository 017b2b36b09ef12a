// See flood_rules.h.
#include "hub/flood_rules.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <functional>
#include <string>

namespace chat {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return c >= 'a' && c <= 'z'; }
bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// The text in lower case (ASCII). Of JSON, which is checked: with the escapes replaced, other characters than ASCII by '?'.
std::string plain_text(const MessageDraft& message) {
  std::string text;
  text.reserve(message.payload.size());
  const std::string& from = message.payload;
  for (std::size_t i = 0; i < from.size(); ++i) {
    char c = from[i];
    if (c == '\\' && message.kind == PayloadKind::args && i + 1 < from.size()) {
      c = from[++i];
      if (c == 'u' && i + 4 < from.size()) {
        const unsigned long code = std::strtoul(from.substr(i + 1, 4).c_str(), nullptr, 16);
        c = code < 0x80 ? static_cast<char>(code) : '?';
        i += 4;
      } else if (c == 'n' || c == 't' || c == 'r' || c == 'b' || c == 'f') {
        c = ' ';
      }
    }
    text += lower(c);
  }
  return text;
}

// Without those that are words, because people forget the space after a full stop.
constexpr std::array<std::string_view, 20> kDomains = {"com", "net", "org", "biz", "io",  "gg",    "ly",
                                                       "tv",  "cc",  "ru",  "cn",  "kr",  "jp",    "uk",
                                                       "eu",  "nl",  "pl",  "xyz", "dev", "online"};

// text[dot] is a dot. Whether a host name ends after it: example.com, t.me/x
bool ends_host(std::string_view text, std::size_t dot) {
  if (dot == 0 || !(is_letter(text[dot - 1]) || is_digit(text[dot - 1]))) return false;
  std::size_t end = dot + 1;
  while (end < text.size() && is_letter(text[end])) ++end;
  if (end < text.size() && (is_digit(text[end]) || text[end] == '-' || text[end] == '_')) return false;
  const std::string_view domain = text.substr(dot + 1, end - dot - 1);
  if (std::find(kDomains.begin(), kDomains.end(), domain) != kDomains.end()) return true;
  if (domain.size() < 2 || end + 1 >= text.size() || text[end] != '/') return false;
  return is_letter(text[end + 1]) || is_digit(text[end + 1]);
}

// "www." with a name after it.
bool begins_host(std::string_view text, std::size_t at) {
  if (text.substr(at, 4) != "www." || at + 4 >= text.size()) return false;
  return is_letter(text[at + 4]) || is_digit(text[at + 4]);
}

bool has_link_in(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    switch (text[i]) {
      case ':':
        if (i > 0 && is_letter(text[i - 1]) && text.substr(i, 3) == "://" && i + 3 < text.size()) return true;
        break;
      case '.':
        if (ends_host(text, i)) return true;
        break;
      case 'w':
        if (begins_host(text, i)) return true;
        break;
      default:
        break;
    }
  }
  return false;
}

std::uint64_t hash_of(std::string_view text) { return std::hash<std::string_view>()(text); }

std::uint64_t text_hash(std::string_view person, const MessageDraft& message) {
  std::string text = plain_text(message);
  std::erase_if(text, is_space);
  std::string key(person);
  key += '\n';
  key += message.event;
  key += '\n';
  key += text;
  for (const std::string& attachment : message.attachments) key += std::to_string(hash_of(attachment)) + '\n';
  return hash_of(key);
}

std::string seconds(std::int64_t ms) { return std::to_string(ms / 1'000 + (ms % 1'000 != 0 ? 1 : 0)) + " s"; }

}  // namespace

bool has_link(const MessageDraft& message) { return has_link_in(plain_text(message)); }

const std::int64_t* FloodRules::Memory::find(std::uint64_t hash) const {
  const auto found = first_ms_.find(hash);
  return found == first_ms_.end() ? nullptr : &found->second;
}

void FloodRules::Memory::add(std::uint64_t hash, std::int64_t now_ms) {
  if (first_ms_.contains(hash)) return;
  if (order_.size() >= most_) pop();
  order_.emplace_back(hash, now_ms);
  try {
    first_ms_.emplace(hash, now_ms);
  } catch (...) {
    order_.pop_back();
    throw;
  }
}

void FloodRules::Memory::pop() {
  remove(order_.front().first, order_.front().second);
  order_.pop_front();
}

void FloodRules::Memory::remove(std::uint64_t hash, std::int64_t first_ms) {
  const auto found = first_ms_.find(hash);
  if (found != first_ms_.end() && found->second == first_ms) first_ms_.erase(found);
}

void FloodRules::Memory::forget_before(std::int64_t ms) {
  while (!order_.empty() && order_.front().second <= ms) pop();
}

void FloodRules::Memory::clear() {
  first_ms_.clear();
  order_.clear();
}

void FloodRules::set_no_repeats(std::int64_t within_ms) {
  no_repeats_ms_ = within_ms;
  texts_.clear();
}

void FloodRules::set_no_links(std::int64_t newcomer_ms) {
  no_links_ms_ = newcomer_ms;
  if (no_links_ms_ == 0 && hold_first_ms_ == 0) people_.clear();
}

void FloodRules::set_hold_first(std::int64_t most_ms) {
  hold_first_ms_ = most_ms;
  if (no_links_ms_ == 0 && hold_first_ms_ == 0) people_.clear();
}

Status FloodRules::check(std::string_view person, const MessageDraft& message, std::int64_t now_ms) const {
  const bool edit = message.event_kind == RoomEventKind::edit;
  if (!edit && message.event_kind != RoomEventKind::message) return {};
  if (no_repeats_ms_ != 0 && !edit) {
    const std::int64_t* const said_ms = texts_.find(text_hash(person, message));
    if (said_ms != nullptr && now_ms - *said_ms < no_repeats_ms_) {
      const std::int64_t left_ms = no_repeats_ms_ - (now_ms - *said_ms);
      return {Error::repeated, "the same text again: wait " + seconds(left_ms), left_ms};
    }
  }
  if (no_links_ms_ != 0) {
    const std::int64_t* const first_ms = people_.find(hash_of(person));
    const bool is_new = first_ms == nullptr || now_ms - *first_ms < no_links_ms_;
    if (is_new && has_link(message)) {
      const std::int64_t left_ms = first_ms == nullptr ? 0 : no_links_ms_ - (now_ms - *first_ms);
      return {Error::no_links, "links are allowed " + seconds(no_links_ms_) + " after the first message in this room",
              left_ms};
    }
  }
  return {};
}

bool FloodRules::must_wait(std::string_view person, const MessageDraft& message) const {
  return hold_first_ms_ != 0 && message.event_kind == RoomEventKind::message &&
         people_.find(hash_of(person)) == nullptr;
}

void FloodRules::note(std::string_view person, const MessageDraft& message, std::int64_t now_ms) {
  if (message.event_kind != RoomEventKind::message) return;
  if (no_links_ms_ != 0 || hold_first_ms_ != 0) people_.add(hash_of(person), now_ms);
  if (no_repeats_ms_ == 0) return;
  texts_.forget_before(now_ms - no_repeats_ms_);
  texts_.add(text_hash(person, message), now_ms);
}

void FloodRules::forget_text(std::string_view person, const MessageDraft& message, std::int64_t noted_ms) {
  if (no_repeats_ms_ != 0 && message.event_kind == RoomEventKind::message) {
    texts_.remove(text_hash(person, message), noted_ms);
  }
}

}  // namespace chat
