// The structure behind chat_server, and the steps that the entry points share: find the server, find the client, check a
// reason, and act now or after the callback that runs on this thread (chat.h, convention 8).
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "application.h"
#include "chat/chat.h"
#include "guard.h"
#include "hub/callback_scope.h"
#include "net/base/clock.h"
#include "net/base/fork_guard.h"
#include "server/server.h"

struct chat_server {
  explicit chat_server(const chat::capi::ApplicationSettings& settings) : application(*this, settings) {}

  // For callbacks, which may be called before chat_server_start() has returned the server.
  void note_running() {
    if (running.load() == nullptr) running.store(chat::net::Server::current());
  }

  chat::capi::CallbackApplication application;
  std::unique_ptr<chat::net::Server> owned;  // destroyed before the application that it calls
  // The same as `owned`, also while that is destroyed, and from the first callback on, before chat_server_start() returns.
  std::atomic<chat::net::Server*> running = nullptr;
  std::atomic<bool> stop_requested = false;
  std::atomic<bool> polling = false;
  // See net/base/fork_guard.h.
  const unsigned generation = chat::net::ForkGuard::generation();
};

namespace chat::capi {

// wrong_state: the server belongs to the parent process, and this is a child of fork().
Status check_process(const chat_server& handle);
// invalid_argument for NULL; wrong_state in an on_log inside chat_server_start(), and as check_process().
Result<net::Server*> find_server(const chat_server* handle);
// The same; stopped when the server has been stopped.
Result<net::Server*> find_live_server(const chat_server* handle);
Result<ClientPtr> find_client(net::Server& server, chat_client_id id);
// Whether the id can be of a client of another server. Errors: no_such_client, unavailable.
Status check_far(const Hub& hub, chat_client_id id);

// A readable reason; NULL: none. too_large when it does not fit a close frame, invalid_utf8.
Result<std::string> read_reason_argument(const char* reason);
Result<std::string> read_room(const char* room);
// In a cluster: reads what this server must know of the room before its rules are changed, and waits for that. The result keeps the
// room until the change is made; nullptr: nothing had to be read. Errors: wrong_thread on a thread of the server, whose callbacks
// must not wait; unavailable.
Result<KeptRangePtr> open_room(net::Server& server, const std::string& room);
Result<std::string> read_user_id(const char* user_id);

// Logs that a deferred call has failed, because it cannot be returned.
void log_deferred(chat_server& handle, const char* function, const Status& status) noexcept;

// Runs action(), which returns a Status. In an on_authorize or on_message, runs it on this thread after the decision of the
// innermost one has been carried out.
template <class Action>
Status act(chat_server& handle, net::Server& server, const char* function, Action action) {
  CallbackScope* scope = CallbackScope::current(server.hub());
  if (scope == nullptr) return action();
  scope->defer([&handle, function, action = std::move(action)]() mutable {
    // No exception may leave, because a destructor runs this.
    try {
      const Status status = action();
      if (!status.ok()) log_deferred(handle, function, status);
    } catch (const std::exception& error) {
      log_deferred(handle, function, {Error::internal, error.what()});
    } catch (...) {
      log_deferred(handle, function, {Error::internal, {}});
    }
  });
  return {};
}

}  // namespace chat::capi
