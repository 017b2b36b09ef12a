// What a chat_server is, and the steps that the entry points share: find the server, find the client, check a reason,
// and do something now or after the callback that this thread is in (chat.h, convention 8).
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

  // Callbacks may come before the start has returned the server. To be called in one.
  void note_running() {
    if (running.load() == nullptr) running.store(chat::net::Server::current());
  }

  chat::capi::CallbackApplication application;
  std::unique_ptr<chat::net::Server> owned;  // ends before the application that it calls
  // `owned`, also while it ends, and already before chat_server_start() returns when a callback has come.
  std::atomic<chat::net::Server*> running = nullptr;
  std::atomic<bool> stop_requested = false;
  std::atomic<bool> polling = false;
  // See net/base/fork_guard.h.
  const unsigned generation = chat::net::ForkGuard::generation();
};

namespace chat::capi {

// wrong_state in a child of fork() for the servers of its parent.
Status check_process(const chat_server& handle);
// invalid_argument for NULL; wrong_state in an on_log that comes from inside chat_server_start(), and by check_process().
Result<net::Server*> find_server(const chat_server* handle);
// Of a server that has not been stopped: stopped otherwise.
Result<net::Server*> find_live_server(const chat_server* handle);
Result<ClientPtr> find_client(net::Server& server, chat_client_id id);

// A reason for people, NULL is none. too_large above what a close frame can carry, invalid_utf8.
Result<std::string> read_reason_argument(const char* reason);
Result<std::string> read_room(const char* room);
Result<std::string> read_user_id(const char* user_id);

// A deferred call has failed: there is no one to return it to.
void log_deferred(chat_server& handle, const char* function, const Status& status) noexcept;

// `action` gives a Status. Deferred, it runs on this thread when the innermost on_authorize or on_message is done with.
template <class Action>
Status act(chat_server& handle, net::Server& server, const char* function, Action action) {
  CallbackScope* scope = CallbackScope::current(server.hub());
  if (scope == nullptr) return action();
  scope->defer([&handle, function, action = std::move(action)]() mutable {
    // Nothing may leave from here: the scope's destructor runs it.
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
