// What sessions need of the cluster: values that any server can take, and texts from server to server, each with a channel of
// its own. Its commands go through the store's worker.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/cluster_secret.h"
#include "net/session/far_servers.h"

namespace chat::cluster {

class ClusterStore;

class FarLink final : public net::FarServers {
 public:
  // The store must outlive it. id: of this server.
  FarLink(ClusterStore& store, std::string prefix, std::string_view id);

  // Before the store starts. The listener must exist until the store has stopped.
  void listen(net::FarListener& listener) { listener_ = &listener; }

  const std::string& name() const override { return name_; }
  void keep(std::string_view key, std::string value, std::int64_t for_ms) noexcept override;
  void drop(std::string_view key) noexcept override;
  void drop_if(std::string_view key, std::string value) noexcept override;
  void take(std::string_view key, Taken done) override;
  void agree(std::string_view key, std::string value, std::int64_t for_ms, Taken done) override;
  std::string tag(std::string_view text) const override { return secret_.tag(text); }
  bool has_tag(std::string_view text, std::string_view tag) const override { return secret_.has_tag(text, tag); }
  void tell(std::string_view server, std::string text, Done told) override;

  // For the worker: the secret, and the command that brings the one of Redis, which gets this server's if it has none. Its key is
  // in this part.
  ClusterSecret& secret() { return secret_; }
  std::vector<std::string> secret_command() const;
  static std::uint32_t secret_part();

  // For the worker: the channel of this server, and what came there.
  const std::string& channel() const { return channel_; }
  void on_text(std::string_view text) const;

 private:
  std::string key_of(std::string_view key) const;
  std::string channel_of(std::string_view server) const;

  ClusterStore& store_;
  const std::string prefix_;
  const std::string name_;
  const std::string channel_;
  net::FarListener* listener_ = nullptr;
  ClusterSecret secret_;
};

}  // namespace chat::cluster
