// The scripts that Redis executes for a cluster: each is one step that happens whole or not at all. All keys of a room have the same
// hash tag. Numbers of messages stay below 2^53, because Lua counts in doubles.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace chat::cluster {

enum class Script : std::uint8_t {
  // Claims or renews the number of a server, and lists all servers.
  // KEYS: nodes (sorted set: number by end of lease), about (hash: number to the id and the words of
  // server_about.h). ARGV: number, id, lease_ms, the words.
  // Answers {0 or 1, now_ms, number, about, ...}; 0: another server has the number.
  heartbeat,
  // The position of a room, and what a server does not have yet. After a restart or a fail-over (`run`) the servers first hand over
  // what they know above the log.
  // KEYS: meta, stream, values, ids. ARGV: run, new epoch, settle, my epoch, my top, my run, limit, bytes, expire_ms, channel, token,
  // version, window_ms, told, and for each message that is handed over: last, n, time_ms, token, batch, id. settle: 1: all servers
  // have handed over; 2: they have, unless the room came without its data. token: of a batch that may have been published; "": none. version: of the values that the server has. told: 1:
  // the rest of the arguments is all that the server has.
  // Answers {"TELL", now_ms, top} when the server has to hand over what it has above top; {"WAIT", now_ms}; or {"OPEN", epoch, top,
  // now_ms, entries, version, values, first}: the newest entries, the newest first; keys with their values, or nothing if the version
  // is the same; the first seq of the batch with the token, or 0.
  open,
  // Numbers a batch, keeps it and publishes it.
  // KEYS: meta, stream, ids. ARGV: run, epoch, keep, channel, n, batch, token, window_ms, expire_ms, bytes, id (or "") of each message.
  // Answers {"OK", first, now_ms}, {"MOVED"} when the room must be opened first, or {"TWICE", index, seq, ...}: nothing was published,
  // because these messages (from 1) have been before.
  publish,
  // The numbering restarts in another epoch, and everything is dropped. Once for each epoch.
  // KEYS: meta, stream, ids, values. ARGV: run, epoch, channel, id, window_ms, expire_ms.
  close,
  // Sets values of a room; an empty one is removed. Answers the version of the values.
  // KEYS: values, meta. ARGV: channel, id, expire_ms, and for each value: key, value.
  set_values,
  // Tells the other servers who of this one is in a room; see cluster_people.h.
  // KEYS: index, own. ARGV: id, stamp, before, more, keep_ms, channel ("": the list is removed, and nobody is told), and for each
  // person: key, value.
  // before: "0": the people are all that there are. Answers "OK", or {"WHOLE"} when the last notice that Redis has is not `before`.
  tell_people,
  // What other servers have told. Lists that were not written for keep_ms are removed; the own one counts as written.
  // KEYS: index, own. ARGV: id, stamp (of the own list; "": none), more, keep_ms, bytes, and for each server whose last notice is
  // known: id, stamp; "*": its list is not wanted. Answers {stamp of the own list, left, id, stamp, more, {key, value, ...}, id, ...}
  // with the lists that have changed; stamp "": the list was removed. After so many bytes no further list follows, and left is "1".
  people,
};
inline constexpr std::size_t kScripts = 7;

std::string_view source_of(Script script);

}  // namespace chat::cluster
