// See stomp_negotiation.h.
#include "wire/stomp/stomp_negotiation.h"

#include <algorithm>
#include <charconv>

#include "wire/http/syntax.h"

namespace chat::wire {
namespace {

constexpr StompVersion kHighestFirst[] = {StompVersion::v1_2, StompVersion::v1_1, StompVersion::v1_0};
constexpr std::int64_t kMaxHeartBeatMs = 2'147'483'647;  // larger ones count as this

std::optional<std::int64_t> parse_interval(std::string_view text) {
  text = trim_blanks(text);
  const bool digits = std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (text.empty() || !digits) return std::nullopt;
  std::int64_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() ? std::min(value, kMaxHeartBeatMs) : kMaxHeartBeatMs;
}

}  // namespace

std::optional<StompVersion> negotiate_stomp_version(const std::string* accept_version) {
  if (!accept_version) return StompVersion::v1_0;
  const std::vector<std::string> accepted = list_elements(*accept_version);
  for (const StompVersion version : kHighestFirst) {
    if (std::find(accepted.begin(), accepted.end(), name_of(version)) != accepted.end()) return version;
  }
  return std::nullopt;
}

std::string_view stomp_subprotocol(StompVersion version) {
  constexpr std::string_view kNames[] = {"v10.stomp", "v11.stomp", "v12.stomp"};
  return kNames[static_cast<std::size_t>(version)];
}

std::optional<StompVersion> find_stomp_subprotocol(std::string_view name) {
  for (const StompVersion version : kHighestFirst) {
    if (stomp_subprotocol(version) == name) return version;
  }
  return std::nullopt;
}

std::optional<StompHeartBeat> parse_stomp_heart_beat(const std::string* header) {
  if (!header) return StompHeartBeat{};
  const std::string_view text = *header;
  const std::size_t comma = text.find(',');
  if (comma == std::string_view::npos) return std::nullopt;
  const auto sends_ms = parse_interval(text.substr(0, comma));
  const auto wants_ms = parse_interval(text.substr(comma + 1));
  if (!sends_ms || !wants_ms) return std::nullopt;
  return StompHeartBeat{*sends_ms, *wants_ms};
}

std::string encode_stomp_heart_beat(const StompHeartBeat& heart_beat) {
  return std::to_string(heart_beat.sends_ms) + ',' + std::to_string(heart_beat.wants_ms);
}

StompHeartBeats negotiate_stomp_heart_beats(const StompHeartBeat& client, const StompHeartBeat& server) {
  const auto agree = [](std::int64_t sends_ms, std::int64_t wants_ms) {
    return sends_ms == 0 || wants_ms == 0 ? 0 : std::max(sends_ms, wants_ms);
  };
  return {agree(server.sends_ms, client.wants_ms), agree(client.sends_ms, server.wants_ms)};
}

}  // namespace chat::wire
