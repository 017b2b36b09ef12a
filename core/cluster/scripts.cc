// See scripts.h.
#include "cluster/scripts.h"

namespace chat::cluster {
namespace {

constexpr std::string_view kHeartbeat = R"(
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do
  redis.call('ZREM', KEYS[1], gone)
  redis.call('HDEL', KEYS[2], gone)
end
local owner = redis.call('HGET', KEYS[2], ARGV[1])
if owner and string.match(owner, '^%S+') ~= ARGV[2] then return {0, now} end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2] .. ' ' .. ARGV[4])
local result = {1, now}
for _, text in ipairs(redis.call('HGETALL', KEYS[2])) do result[#result + 1] = text end
return result
)";

// The field b of an entry is how many bytes of batches the room has had with it, so the difference of two is what is between them.
constexpr std::string_view kOpen = R"(
local function text(number) return string.format('%.0f', number) end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local meta = redis.call('HMGET', KEYS[1], 'e', 's', 'g', 'st', 'vv')
local epoch, top, settled = meta[1], tonumber(meta[2] or '0'), tonumber(meta[4] or '0')
local mine = tonumber(ARGV[5])
local settle = ARGV[3] == '1' or (ARGV[3] == '2' and meta[3])
local function append()
  local ids = KEYS[4] .. text(math.floor(now / ARGV[13]))
  for i = 15, #ARGV, 6 do
    local last = tonumber(ARGV[i])
    if last - ARGV[i + 1] == top then
      local bytes = redis.call('HINCRBY', KEYS[1], 'b', #ARGV[i + 4])
      redis.call('XADD', KEYS[2], text(last) .. '-0', 'n', ARGV[i + 1], 't', ARGV[i + 2], 'k', ARGV[i + 3], 'd', ARGV[i + 4], 'b', bytes)
      if ARGV[i + 5] ~= '' then
        redis.call('HSET', ids, ARGV[i + 5], text(last))
        redis.call('PEXPIRE', ids, 2 * ARGV[13])
      end
      top = last
    end
  end
  if mine > top then top = mine end
end
if ARGV[4] ~= '' and ARGV[14] ~= '1' and ARGV[6] ~= ARGV[1] and (not epoch or epoch == ARGV[4]) and mine > top then
  return {'TELL', now, text(top)}
end
if epoch and meta[3] == ARGV[1] then
  -- I know of numbers above those at which the room was opened.
  if epoch == ARGV[4] and ARGV[6] ~= ARGV[1] and mine > settled then
    if top == settled then
      append()
      redis.call('HSET', KEYS[1], 's', text(top), 'st', text(top))
    else
      -- They have been given again.
      epoch = ARGV[2]
      redis.call('HSET', KEYS[1], 'e', epoch, 'st', text(top))
    end
    redis.call('PUBLISH', ARGV[10], 'f')
  end
else
  if not epoch and ARGV[4] ~= '' then
    epoch = ARGV[4]
    top = mine
    if #ARGV > 14 then top = ARGV[15] - ARGV[16] end
    redis.call('DEL', KEYS[2])
  elseif not epoch and settle then
    epoch = ARGV[2]
    redis.call('DEL', KEYS[2])
  end
  if not epoch then return {'WAIT', now} end
  if epoch == ARGV[4] then append() end
  redis.call('HSET', KEYS[1], 'e', epoch, 's', text(top))
  redis.call('PEXPIRE', KEYS[1], ARGV[9])
  if not settle then return {'WAIT', now} end
  redis.call('HSET', KEYS[1], 'g', ARGV[1], 'st', text(top))
end
redis.call('HSET', KEYS[1], 'x', 0)
for i = 1, 3 do redis.call('PEXPIRE', KEYS[i], ARGV[9]) end
local after = '-'
if epoch == ARGV[4] then after = '(' .. text(mine) .. '-0' end
local entries, bytes, from = {}, 0, '+'
while #entries < tonumber(ARGV[7]) and bytes < tonumber(ARGV[8]) do
  local part = redis.call('XREVRANGE', KEYS[2], from, after, 'COUNT', 100)
  for _, entry in ipairs(part) do
    if #entries >= tonumber(ARGV[7]) or bytes >= tonumber(ARGV[8]) then break end
    bytes = bytes + #entry[2][8]
    entries[#entries + 1] = entry
    from = '(' .. entry[1]
  end
  if #part < 100 then break end
end
local first = '0'
if ARGV[11] ~= '' then
  for _, entry in ipairs(redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 5000)) do
    if entry[2][6] == ARGV[11] then
      first = text(string.match(entry[1], '^%d+') - entry[2][2] + 1)
      break
    end
  end
end
local version, values = meta[5] or '0', {}
if version ~= ARGV[12] then values = redis.call('HGETALL', KEYS[3]) end
return {'OPEN', epoch, text(top), now, entries, version, values, first}
)";

// Each call of Redis within a script costs several microseconds, so this one makes no call that it can do without. The field ob is
// what b was before the oldest entry, or less; x is when the expiry of the keys was last put off, or 0 when a key may be new.
constexpr std::string_view kPublish = R"(
local meta = redis.call('HMGET', KEYS[1], 'e', 'g', 's', 'b', 'ob', 'x')
if meta[1] ~= ARGV[2] or meta[2] ~= ARGV[1] then return {'MOVED'} end
local function text(number) return string.format('%.0f', number) end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local bucket = math.floor(now / ARGV[8])
local current, earlier = KEYS[3] .. text(bucket), KEYS[3] .. text(bucket - 1)
local known = {'TWICE'}
for i = 11, #ARGV do
  if ARGV[i] ~= '' then
    local seq = redis.call('HGET', current, ARGV[i]) or redis.call('HGET', earlier, ARGV[i])
    if seq then
      known[#known + 1] = i - 10
      known[#known + 1] = seq
    end
  end
end
if #known > 1 then return known end
local n = tonumber(ARGV[5])
local top, bytes = (meta[3] or 0) + n, (meta[4] or 0) + #ARGV[6]
local before, renewed = tonumber(meta[5] or '0'), tonumber(meta[6] or '0')
local first, last = text(top - n + 1), text(top) .. '-0'
redis.call('XADD', KEYS[2], 'MINID', '~', text(math.max(0, top - ARGV[3])), last, 'n', n, 't', text(now), 'k', ARGV[7], 'd', ARGV[6], 'b', text(bytes))
if bytes - before > tonumber(ARGV[10]) then
  for i = 1, 10 do
    local oldest = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
    if not oldest then break end
    before = oldest[2][10] - #oldest[2][8]
    if oldest[1] == last or bytes - before <= tonumber(ARGV[10]) then break end
    redis.call('XDEL', KEYS[2], oldest[1])
  end
end
local ids = false
for i = 11, #ARGV do
  if ARGV[i] ~= '' then
    redis.call('HSET', current, ARGV[i], text(top - n + i - 10))
    ids = true
  end
end
if ids then redis.call('PEXPIRE', current, 2 * ARGV[8]) end
if now - renewed > ARGV[9] / 30 then
  renewed = now
  redis.call('PEXPIRE', KEYS[1], ARGV[9])
  redis.call('PEXPIRE', KEYS[2], ARGV[9])
end
redis.call('HSET', KEYS[1], 's', text(top), 'b', text(bytes), 'ob', text(before), 'x', text(renewed))
redis.call('PUBLISH', ARGV[4], 'b' .. ARGV[2] .. ' ' .. first .. ' ' .. n .. ' ' .. text(now) .. ' ' .. ARGV[7] .. ' ' .. ARGV[1] .. ' ' .. ARGV[6])
return {'OK', first, now}
)";

constexpr std::string_view kClose = R"(
if redis.call('HGET', KEYS[1], 'e') == ARGV[2] then return 'OK' end
local t = redis.call('TIME')
local bucket = math.floor((t[1] * 1000 + math.floor(t[2] / 1000)) / ARGV[5])
redis.call('DEL', KEYS[2], KEYS[4], KEYS[3] .. string.format('%.0f', bucket), KEYS[3] .. string.format('%.0f', bucket - 1))
redis.call('HSET', KEYS[1], 'e', ARGV[2], 's', 0, 'g', ARGV[1], 'st', 0, 'b', 0, 'ob', 0, 'x', 0)
redis.call('HINCRBY', KEYS[1], 'vv', 1)
redis.call('PEXPIRE', KEYS[1], ARGV[6])
redis.call('PUBLISH', ARGV[3], 'c' .. ARGV[4] .. ' ' .. ARGV[2])
return 'OK'
)";

// A notice has the length of each key and value before it.
constexpr std::string_view kSetValues = R"(
local notice = {'v' .. ARGV[2] .. ' '}
for i = 4, #ARGV, 2 do
  if ARGV[i + 1] == '' then
    redis.call('HDEL', KEYS[1], ARGV[i])
  else
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  end
  notice[#notice + 1] = #ARGV[i] .. ' ' .. ARGV[i] .. #ARGV[i + 1] .. ' ' .. ARGV[i + 1]
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PUBLISH', ARGV[1], table.concat(notice))
return redis.call('HINCRBY', KEYS[2], 'vv', 1)
)";

constexpr std::string_view kTellPeople = R"(
local t = redis.call('TIME')
if ARGV[6] == '' then
  redis.call('DEL', KEYS[2])
  redis.call('HDEL', KEYS[1], ARGV[1])
  return 'OK'
end
if ARGV[3] == '0' then
  redis.call('DEL', KEYS[2])
elseif string.match(redis.call('HGET', KEYS[1], ARGV[1]) or '', '^%d+') ~= ARGV[3] then
  return {'WHOLE'}
end
local notice = {'p' .. ARGV[1] .. ' ' .. ARGV[3] .. ' ' .. ARGV[2] .. ' ' .. ARGV[4] .. ' '}
for i = 7, #ARGV, 2 do
  if ARGV[i + 1] == '' then
    redis.call('HDEL', KEYS[2], ARGV[i])
  else
    redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
  end
  notice[#notice + 1] = #ARGV[i] .. ' ' .. ARGV[i] .. #ARGV[i + 1] .. ' ' .. ARGV[i + 1]
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. ARGV[4] .. ' ' .. t[1])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
redis.call('PUBLISH', ARGV[6], table.concat(notice))
return 'OK'
)";

// A list that is too old is removed at once, and its entry in the index later, so that each server finds it. Without memory for it
// Redis still answers.
constexpr std::string_view kPeople = R"(
local t = redis.call('TIME')
local known = {}
for i = 6, #ARGV, 2 do known[ARGV[i]] = ARGV[i + 1] end
local result, bytes = {'', '0'}, 0
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local id = all[i]
  local stamp, more, written = string.match(all[i + 1], '^(%d+) (%d+) (%d+)$')
  local age = stamp and (t[1] - written) * 1000 / ARGV[4]
  if not stamp or age > 2 then
    redis.call('HDEL', KEYS[1], id)
    redis.call('DEL', KEYS[1] .. ':' .. id)
  elseif age > 1 then
    redis.call('DEL', KEYS[1] .. ':' .. id)
    if known[id] then
      for _, item in ipairs({id, '', '', {}}) do result[#result + 1] = item end
    end
  elseif id == ARGV[1] then
    result[1] = stamp
    if stamp == ARGV[2] then
      redis.pcall('HSET', KEYS[1], id, stamp .. ' ' .. ARGV[3] .. ' ' .. t[1])
      redis.call('PEXPIRE', KEYS[1], ARGV[4])
      redis.call('PEXPIRE', KEYS[2], ARGV[4])
    end
  elseif known[id] ~= stamp and known[id] ~= '*' then
    if bytes >= tonumber(ARGV[5]) then
      result[2] = '1'
    else
      local people = redis.call('HGETALL', KEYS[1] .. ':' .. id)
      for _, text in ipairs(people) do bytes = bytes + #text end
      for _, item in ipairs({id, stamp, more, people}) do result[#result + 1] = item end
    end
  end
end
return result
)";

}  // namespace

std::string_view source_of(Script script) {
  static constexpr std::array<std::string_view, kScripts> kSources = {kHeartbeat, kOpen,       kPublish, kClose,
                                                                      kSetValues, kTellPeople, kPeople};
  return kSources[static_cast<std::size_t>(script)];
}

}  // namespace chat::cluster
