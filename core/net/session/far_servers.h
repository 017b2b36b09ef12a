// The other servers of a cluster, for sessions and clients that may come to any of them. cluster/far_link.h implements it.
// Every function may be called from any thread, and never blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace chat::net {

class FarServers {
 public:
  virtual ~FarServers() = default;

  // Of this server: a few letters, digits, '-' and '_'. No other server of the cluster has it, and it does not change.
  virtual const std::string& name() const = 0;

  // A value that all servers can take, until for_ms are over. While the cluster is gone, and without memory, nothing is kept.
  // key: letters, digits, '-' and '_'.
  virtual void keep(std::string_view key, std::string value, std::int64_t for_ms) noexcept = 0;
  virtual void drop(std::string_view key) noexcept = 0;
  // The same when it has this value; any other one stays.
  virtual void drop_if(std::string_view key, std::string value) noexcept = 0;
  // Removes a value and gives it to this caller alone. done is called once, from another thread or from this call. nullopt: no
  // such value, or the cluster is gone. When the server stops, done may be dropped. It must not throw.
  using Taken = std::function<void(std::optional<std::string>)>;
  virtual void take(std::string_view key, Taken done) = 0;

  // The value of a key, which gets this value for for_ms when it has none; empty: then it stays without. Whoever asks keeps the
  // value for at least for_ms from now on. done: as above, but: empty: there is no value; nullopt: the cluster is gone.
  virtual void agree(std::string_view key, std::string value, std::int64_t for_ms, Taken done) = 0;

  // What shows that a server of the cluster has issued this text: URL-safe characters. Servers share a secret for it.
  static constexpr std::size_t kTagSize = 12;
  virtual std::string tag(std::string_view text) const = 0;
  virtual bool has_tag(std::string_view text, std::string_view tag) const = 0;

  // Sends a text to a server, which may be this one. told is called as `done` above, if there is one. Texts of one server to
  // another arrive in their order; those that are under way are lost when the cluster is.
  enum class Told : std::uint8_t {
    heard,
    nobody,     // there is no such server
    unsettled,  // nobody hears it, but the cluster has just come back, and servers are still connecting to it
    failed,     // the cluster is gone: the server may have heard it
  };
  using Done = std::function<void(Told)>;
  virtual void tell(std::string_view server, std::string text, Done told) = 0;
};

// Hears what other servers tell this one, on a thread of the cluster. It must not throw.
class FarListener {
 public:
  virtual void on_far_text(std::string_view text) = 0;

 protected:
  ~FarListener() = default;
};

}  // namespace chat::net
