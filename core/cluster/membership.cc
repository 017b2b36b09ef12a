// See membership.h.
#include "cluster/membership.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "cluster/room_keys.h"
#include "cluster/words.h"

namespace chat::cluster {

namespace {

constexpr int kListsAfterGreeting = 3;  // one may be on its way when a greeting comes

}  // namespace

std::string nodes_key(const ClusterSettings& settings) { return settings.prefix + "{nodes}"; }

Membership::Membership(const ClusterSettings& settings, User user)
    : settings_(settings),
      user_(std::move(user)),
      nodes_key_(nodes_key(settings)),
      about_key_(nodes_key_ + ":about"),
      number_(partition_of(settings.id) + 1) {}  // somewhere to begin

void Membership::lose() {
  ++session_;
  claimed_ = beating_ = false;
}

void Membership::beat(RedisShard& redis, const ServerAbout& about, std::int64_t next_ms) {
  if (beating_) return;
  next_beat_ms_ = next_ms;
  const auto answered = [this, &redis, about, session = session_](redis::Reply&& reply) {
    if (session != session_) return;
    beating_ = false;
    if (!reply.answered()) return;
    if (reply.value.is_array() && reply.value.items.size() >= 2) {
      on_beat(reply.value, redis, about);
    } else {
      user_.on_trouble({Error::unavailable, "Redis: " + reply.value.text});
      // With another error it is left, too.
      if (redis.refused(reply.value) == RoomRedis::Refusal::of_command) redis.distrust(reply.value.text);
    }
  };
  beating_ =
      redis
          .run_script(Script::heartbeat, {nodes_key_, about_key_},
                      {text_of(std::uint64_t{number_}), about.id, text_of(settings_.lease_ms), about_text(about)},
                      answered)
          .ok();
}

void Membership::on_beat(const redis::Value& answer, RedisShard& redis, const ServerAbout& about) {
  if (answer.items[0].integer == 0) {
    if (had_lease_ && settings_.log) {
      // Another server took the number while this one was not heard of. Clients keep their ids.
      settings_.log(LogLevel::warning,
                    "cluster: another server has the number " + std::to_string(number_) + " of this one");
    }
    number_ = number_ % kMaxNode + 1;
    beat(redis, about, next_beat_ms_);
    return;
  }
  servers_.clear();
  numbers_.clear();
  for (std::size_t i = 2; i + 1 < answer.items.size(); i += 2) {
    numbers_.push_back(number_in<std::uint32_t>(answer.items[i]).value_or(0));
    std::string_view text = answer.items[i + 1].text;
    if (std::optional<ServerAbout> server = parse_about(text)) {
      servers_.push_back(*std::move(server));
    } else {  // of another version
      servers_.emplace_back().id = take_word(text);
    }
  }
  for (auto next = greetings_.begin(); next != greetings_.end();) {
    const auto greeting = next++;
    const bool listed = std::ranges::find(numbers_, greeting->first) != numbers_.end();
    if (listed || --greeting->second.lists_left == 0) greetings_.erase(greeting);
  }
  had_lease_ = true;
  user_.on_beat(!std::exchange(claimed_, true));
}

std::vector<std::string> Membership::ids() const {
  std::vector<std::string> ids;
  for (const ServerAbout& server : servers_) ids.push_back(server.id);
  return ids;
}

std::vector<std::string> Membership::ids_with_greeted() const {
  std::vector<std::string> all = ids();
  for (const auto& [number, greeting] : greetings_) all.push_back(greeting.id);
  return all;
}

std::string Membership::id_of(std::uint32_t number) const {
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    if (numbers_[i] == number) return servers_[i].id;
  }
  const auto greeting = greetings_.find(number);
  return greeting != greetings_.end() ? greeting->second.id : std::string();
}

std::vector<std::uint32_t> Membership::numbers() const {
  std::vector<std::uint32_t> numbers = numbers_;
  for (const auto& [number, greeting] : greetings_) numbers.push_back(number);
  return numbers;
}

void Membership::greet(std::string id, std::uint32_t number) {
  if (number == 0 || number > kMaxNode || number == number_) return;
  greetings_[number] = {std::move(id), kListsAfterGreeting};
}

bool Membership::all_handed_over(std::string_view assignment) const {
  return std::ranges::all_of(servers_, [assignment](const ServerAbout& server) {
    return std::ranges::find(server.handed_over, assignment) != server.handed_over.end();
  });
}

}  // namespace chat::cluster
