// What the hub and the loops ask (chat::Application), put to the callbacks of chat.h: C++ structures become C
// structures that live as long as the callback runs. Knows that a callback may be slow (it warns), wrong (it refuses)
// or throw (it logs).
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>

#include "chat/chat.h"
#include "hub/application.h"

namespace chat::capi {

struct ApplicationSettings {
  chat_callbacks callbacks = {};
  void* user = nullptr;
  LogLevel log_level = LogLevel::info;
  std::int64_t slow_callback_ms = 100;
  std::int64_t max_message_bytes = 65'536;  // of what the application says
};

class CallbackApplication final : public Application {
 public:
  // The handle is what the callbacks are given.
  CallbackApplication(chat_server& handle, const ApplicationSettings& settings)
      : handle_(handle), settings_(settings) {}

  Decision on_connect(const ConnectRequest& request) override;
  void on_open(const ClientPtr& client, std::string_view room, ClientId recovered_from) override;
  void on_disconnect(const ClientPtr& client, int close_code, std::string_view reason) override;
  void on_abandon(const ClientPtr& client, int close_code, std::string_view reason) override;
  std::optional<Decision> on_authorize(const AuthorizeRequest& request) override;
  void on_join(const ClientPtr& client, std::string_view room) override;
  void on_leave(const ClientPtr& client, std::string_view room, std::string_view reason) override;
  Decision on_message(MessageRequest& request) override;
  void on_published(const Message& message) override;
  void on_ack(const ClientPtr& client, const AckOutcome& outcome) override;
  void on_thread_start() override;
  void on_thread_stop() override;
  void log(LogLevel level, std::string_view text) override;

  const ApplicationSettings& settings() const { return settings_; }

 private:
  using ClientCallback = decltype(chat_callbacks::on_open);

  // Runs a callback, tells how long it took if that was long, and keeps what it throws from going further.
  // False: it has thrown.
  template <class Callback>
  bool run(const char* name, Callback callback);
  void tell(const char* name, ClientCallback callback, const Client& client, std::string_view room, int close_code,
            std::string_view reason, ClientId recovered_from = 0);
  // `allowed`: besides pass and refuse.
  Decision decide(const char* name, bool returned, int verdict, std::initializer_list<Verdict> allowed,
                  const char* reason);
  void warn_slow(const char* name, std::chrono::steady_clock::duration took);

  chat_server& handle_;
  const ApplicationSettings settings_;
  std::atomic<std::int64_t> next_slow_warning_ms_ = 0;  // steady clock
  std::atomic<std::uint64_t> slow_since_warning_ = 0;
};

// The acknowledgement that the on_message of this server, running on this thread, was called with for this client; 0
// without one. Ack ids are the client's own, so the number alone says nothing.
std::uint64_t current_ack_id(const chat_server& handle, ClientId client);

}  // namespace chat::capi
