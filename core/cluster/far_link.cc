// See far_link.h.
#include "cluster/far_link.h"

#include <algorithm>
#include <new>
#include <utility>
#include <vector>

#include "cluster/cluster_store.h"
#include "cluster/room_keys.h"

namespace chat::cluster {
namespace {

// 48 random bits: enough for the servers of one cluster.
constexpr std::size_t kNameBytes = 8;
constexpr std::size_t kMaxWordBytes = 64;

// Keys and names come from clients, too.
bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= kMaxWordBytes && std::ranges::all_of(text, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

constexpr const char* kAgree = R"(
local value = redis.call('GET', KEYS[1])
if value then
  if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
  return value
end
if ARGV[1] == '' then return false end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]
)";

constexpr const char* kDropIf = R"(
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
)";

constexpr const char* kShareSecret = R"(
local secret = redis.call('GET', KEYS[1])
if secret then return secret end
redis.call('SET', KEYS[1], ARGV[1])
return ARGV[1]
)";
constexpr const char* kSecretName = "secret";
static_assert(ClusterSecret::kTagSize == net::FarServers::kTagSize);

// Gives the text of an answer to the caller.
redis::ReplyHandler text_to(const net::FarServers::Taken& done) {
  return [done](redis::Reply&& reply) {
    std::optional<std::string> value;
    if (reply.answered() && reply.value.is_text()) value = std::move(reply.value.text);
    done(std::move(value));
  };
}

}  // namespace

FarLink::FarLink(ClusterStore& store, std::string prefix, std::string_view id)
    : store_(store), prefix_(std::move(prefix)), name_(id.substr(0, kNameBytes)), channel_(channel_of(name_)) {}

// It has no second colon behind its hash tag, unlike a key of a room.
std::string FarLink::key_of(std::string_view key) const {
  return prefix_ + "{" + std::to_string(partition_of(key)) + "}sess:" + std::string(key);
}

// A key of a room has a colon behind its hash tag.
std::vector<std::string> FarLink::secret_command() const {
  return {"EVAL", kShareSecret, "1", prefix_ + "{" + std::to_string(secret_part()) + "}" + kSecretName,
          secret_.offer()};
}

std::uint32_t FarLink::secret_part() { return partition_of(kSecretName); }

std::string FarLink::channel_of(std::string_view server) const { return prefix_ + "f:" + std::string(server); }

// Without memory nothing is kept.
void FarLink::keep(std::string_view key, std::string value, std::int64_t for_ms) noexcept try {
  if (!is_word(key)) return;
  (void)store_.command(std::string(key),
                       {"SET", key_of(key), std::move(value), "PX", std::to_string(std::max<std::int64_t>(1, for_ms))},
                       nullptr);
} catch (const std::bad_alloc&) {
}

void FarLink::drop(std::string_view key) noexcept try {
  if (is_word(key)) (void)store_.command(std::string(key), {"DEL", key_of(key)}, nullptr);
} catch (const std::bad_alloc&) {
}

void FarLink::drop_if(std::string_view key, std::string value) noexcept try {
  if (!is_word(key)) return;
  (void)store_.command(std::string(key), {"EVAL", kDropIf, "1", key_of(key), std::move(value)}, nullptr);
} catch (const std::bad_alloc&) {
}

void FarLink::take(std::string_view key, Taken done) {
  if (!is_word(key) || !store_.command(std::string(key), {"GETDEL", key_of(key)}, text_to(done)).ok())
    done(std::nullopt);
}

void FarLink::agree(std::string_view key, std::string value, std::int64_t for_ms, Taken done) {
  redis::ReplyHandler answered = [done](redis::Reply&& reply) {
    if (reply.answered() && reply.value.is_nil()) {
      done(std::string());
    } else {
      text_to(done)(std::move(reply));
    }
  };
  const bool asked =
      is_word(key) &&
      store_
          .command(std::string(key), {"EVAL", kAgree, "1", key_of(key), std::move(value), std::to_string(for_ms)},
                   std::move(answered))
          .ok();
  if (!asked) done(std::nullopt);
}

void FarLink::tell(std::string_view server, std::string text, Done told) {
  if (!is_word(server)) {
    if (told) told(Told::nobody);
    return;
  }
  redis::ReplyHandler published;
  if (told) {
    published = [&store = store_, told](redis::Reply&& reply) {
      const bool answered = reply.answered() && reply.value.is_integer();
      if (!answered) {
        told(Told::failed);
      } else if (reply.value.integer > 0) {
        told(Told::heard);
      } else {
        told(store.settled() ? Told::nobody : Told::unsettled);
      }
    };
  }
  const Status sent = store_.command({}, {"PUBLISH", channel_of(server), std::move(text)}, std::move(published));
  if (!sent.ok() && told) told(Told::failed);
}

void FarLink::on_text(std::string_view text) const {
  if (listener_ != nullptr) listener_->on_far_text(text);
}

}  // namespace chat::cluster
