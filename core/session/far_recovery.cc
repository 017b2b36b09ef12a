// See far_recovery.h.
//
// Why this is exact for a server that has died: the client names the last message that it saw of all its rooms. If that is not
// above what an answered ping proves of its room, the client has seen nothing after that ping, in no room. If it is above, the
// client has everything of that room up to the message, and of the other rooms at least what is proven.
#include "session/far_recovery.h"

#include <algorithm>
#include <utility>

#include "model/packed_fields.h"

namespace chat::session {
namespace {

constexpr std::uint64_t kFormat = 1;
constexpr std::size_t kMaxEarlier = 64;

void pack_positions(std::string& out, const std::vector<RoomPosition>& positions) {
  pack_number(out, positions.size());
  for (const RoomPosition& one : positions) {
    pack_text(out, one.room);
    pack_text(out, one.position.epoch);
    pack_number(out, one.position.seq);
  }
}

bool unpack_positions(PackedReader& in, std::vector<RoomPosition>& positions) {
  std::uint64_t count = 0;
  if (!in.read(count)) return false;
  for (; count != 0; --count) {
    RoomPosition one;
    if (!in.read(one.room) || !in.read(one.position.epoch) || !in.read(one.position.seq)) return false;
    positions.push_back(std::move(one));
  }
  return true;
}

bool unpack_identity(PackedReader& in, Identity& identity) {
  std::uint64_t count = 0;
  if (!in.read(identity.user_id) || !in.read(identity.name) || !in.read(count)) return false;
  for (; count != 0; --count) {
    Pair attribute;
    if (!in.read(attribute.name) || !in.read(attribute.value)) return false;
    identity.attributes.push_back(std::move(attribute));
  }
  std::string state;
  if (!in.read(state)) return false;
  if (!state.empty()) identity.state.make() = std::make_shared<const std::string>(std::move(state));
  return true;
}

}  // namespace

std::string pack_recovery(const FarRecovery& recovery) {
  const RecoveryRecord& record = recovery.record;
  std::string out;
  pack_number(out, kFormat);
  pack_text(out, recovery.server);
  pack_text(out, record.sid);
  pack_text(out, record.nsp);
  pack_number(out, record.client);
  pack_number(out, record.earlier.size());
  for (const ClientId client : record.earlier) pack_number(out, client);
  pack_text(out, record.identity.user_id);
  pack_text(out, record.identity.name);
  pack_number(out, record.identity.attributes.size());
  for (const Pair& attribute : record.identity.attributes) {
    pack_text(out, attribute.name);
    pack_text(out, attribute.value);
  }
  pack_text(out, *record.identity.state ? std::string_view(**record.identity.state) : std::string_view());
  pack_positions(out, recovery.proven);
  record.log.pack(out);
  return out;
}

std::optional<FarRecovery> unpack_recovery(std::string_view bytes) {
  PackedReader in(bytes);
  FarRecovery recovery;
  RecoveryRecord& record = recovery.record;
  std::uint64_t format = 0;
  std::uint64_t count = 0;
  if (!in.read(format) || format != kFormat) return std::nullopt;
  if (!in.read(recovery.server) || !in.read(record.sid) || !in.read(record.nsp)) return std::nullopt;
  if (!in.read(record.client) || !in.read(count) || count > kMaxEarlier) return std::nullopt;
  for (; count != 0; --count) {
    ClientId client = 0;
    if (!in.read(client)) return std::nullopt;
    record.earlier.push_back(client);
  }
  if (!unpack_identity(in, record.identity) || !unpack_positions(in, recovery.proven)) return std::nullopt;
  std::optional<DeliveryLog> log = DeliveryLog::unpack(in);
  if (!log || !in.done()) return std::nullopt;
  record.log = std::move(*log);
  return recovery;
}

std::optional<FarPositions> far_positions(const FarRecovery& recovery, std::string_view room,
                                          const std::optional<Position>& last) {
  if (recovery.server.empty()) {
    const DeliveryLog& log = recovery.record.log;
    std::optional<std::vector<RoomPosition>> rooms = last ? log.positions_at(room, *last) : log.positions_proven();
    if (!rooms || rooms->empty()) return std::nullopt;
    return FarPositions{*std::move(rooms)};
  }
  if (recovery.proven.empty()) return std::nullopt;
  FarPositions result{recovery.proven};
  if (!last) return result;
  const auto seen = std::ranges::find_if(
      result.rooms, [&](const RoomPosition& one) { return one.room == room && one.position.epoch == last->epoch; });
  if (seen != result.rooms.end() && last->seq <= seen->position.seq) return result;
  if (seen != result.rooms.end()) {
    seen->position.seq = last->seq;
    std::rotate(result.rooms.begin(), seen, std::next(seen));
    result.uncertain.assign(std::next(result.rooms.begin()), result.rooms.end());
  } else {
    result.uncertain = result.rooms;  // it has left that room since, or has joined it and the server died at once
  }
  return result;
}

}  // namespace chat::session
