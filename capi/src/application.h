// chat::Application over the callbacks of chat.h: converts C++ structures to C structures that live as long as the
// callback runs. Logs a callback that is slow or throws, and refuses what a callback with an invalid result decided on.
// When memory fails before a callback is called, the exception leaves; afterwards none does, unless the result is lost.
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
  std::int64_t max_message_bytes = 65'536;  // of the application's messages
};

class CallbackApplication final : public Application {
 public:
  // The callbacks receive this handle.
  CallbackApplication(chat_server& handle, const ApplicationSettings& settings)
      : handle_(handle), settings_(settings) {}

  bool decides_requests() const override { return settings_.callbacks.on_authorize != nullptr; }
  bool decides_messages() const override { return settings_.callbacks.on_message != nullptr; }
  Decision on_connect(const ConnectRequest& request) override;
  void on_open(const ClientPtr& client, std::string_view room, ClientId recovered_from) override;
  void on_disconnect(const ClientPtr& client, int close_code, std::string_view reason) override;
  void on_abandon(const ClientPtr& client, int close_code, std::string_view reason) override;
  std::optional<Decision> on_authorize(const AuthorizeRequest& request) override;
  void on_join(const ClientPtr& client, std::string_view room) override;
  void on_leave(const ClientPtr& client, std::string_view room, std::string_view reason) override;
  Decision on_message(MessageRequest& request) override;
  void on_published(const Message& message) override;
  void on_presence(const Message& message) override;
  void on_audit(const AuditRecord& record) override;
  void on_report(const Report& report) override;
  void on_ack(const ClientPtr& client, const AckOutcome& outcome) override;
  void on_thread_start() override;
  void on_thread_stop() override;
  void log(LogLevel level, std::string_view text) override;

  const ApplicationSettings& settings() const { return settings_; }

 private:
  using ClientCallback = decltype(chat_callbacks::on_open);

  // Calls a callback, and logs it when it was slow or has thrown. False: it has thrown.
  template <class Callback>
  bool run(const char* name, Callback callback) noexcept;
  void log_about(const char* name, const char* what, const char* detail) noexcept;
  void tell(const char* name, ClientCallback callback, const Client& client, std::string_view room, int close_code,
            std::string_view reason, ClientId recovered_from = 0);
  // allowed: the verdicts that the callback may return besides pass and refuse.
  Decision decide(const char* name, bool returned, int verdict, std::initializer_list<Verdict> allowed,
                  const char* reason);
  void warn_slow(const char* name, std::chrono::steady_clock::duration took) noexcept;

  chat_server& handle_;
  const ApplicationSettings settings_;
  std::atomic<std::int64_t> next_slow_warning_ms_ = 0;  // steady clock
  std::atomic<std::uint64_t> slow_since_warning_ = 0;
};

// The ack id of the on_message that runs on this thread for this server and client; 0: none runs, or its message has none.
// Each client has its own ack ids, so the number alone does not identify a message.
std::uint64_t current_ack_id(const chat_server& handle, ClientId client);

}  // namespace chat::capi
