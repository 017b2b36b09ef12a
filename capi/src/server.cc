// The entry points that start, drive and stop a server.
#include "handle.h"
#include "options.h"
#include "poll_parts.h"

using chat::Error;
using chat::Result;
using chat::Status;
using chat::capi::check_process;
using chat::capi::find_live_server;
using chat::capi::find_server;
using chat::capi::guarded;
using chat::capi::guarded_or;
using chat::net::Server;

chat_error chat_server_start(const chat_server_options *options, chat_server **server) noexcept {
  if (server != nullptr) *server = nullptr;
  return guarded([&]() -> Status {
    if (server == nullptr) return {Error::invalid_argument, "server is NULL"};
    Result<chat::capi::Settings> settings = chat::capi::read_options(options);
    if (!settings.ok()) return settings.status();

    auto handle = std::make_unique<chat_server>(settings->application);
    Result<std::unique_ptr<Server>> started =
        Server::start(std::move(settings->server), handle->application, std::move(settings->history));
    if (!started.ok()) return started.status();
    handle->owned = std::move(*started);
    handle->running.store(handle->owned.get());
    // An on_log inside the start may have called chat_server_stop().
    if (handle->stop_requested.load()) handle->owned->stop();
    *server = handle.release();
    return {};
  });
}

void chat_server_stop(chat_server *server) noexcept {
  guarded([&]() -> Status {
    if (server == nullptr) return {};
    if (Status status = check_process(*server); !status.ok()) return status;
    server->stop_requested.store(true);
    if (Server *running = server->running.load()) running->stop();
    return {};
  });
}

chat_error chat_server_wait(chat_server *server, int timeout_ms) noexcept {
  return guarded([&]() -> Status {
    Result<Server *> running = find_server(server);
    if (!running.ok()) return running.status();
    if (timeout_ms < -1) return {Error::invalid_argument, "timeout_ms is below -1"};
    return (*running)->wait(timeout_ms);
  });
}

chat_error chat_server_free(chat_server *server) noexcept {
  return guarded([&]() -> Status {
    if (server == nullptr) return {};
    if (Status status = check_process(*server); !status.ok()) return status;
    const Server *running = server->running.load();
    if (running == nullptr || running->on_own_thread()) {
      return {Error::wrong_thread, "chat_server_free() was called in a callback of the same server"};
    }
    std::unique_ptr<chat_server>{server}.reset();
    return {};
  });
}

int chat_server_port(const chat_server *server) noexcept {
  return guarded_or(0, [&]() -> Result<int> {
    Result<Server *> running = find_server(server);
    if (!running.ok()) return running.status();
    return (*running)->port();
  });
}

// The rest of chat_server_poll() is in poll.c.
chat_error chat_poll_begin(chat_server *server, int timeout_ms, int *fd) noexcept {
  return guarded([&]() -> Status {
    Result<Server *> running = find_server(server);
    if (!running.ok()) return running.status();
    if (timeout_ms < -1) return {Error::invalid_argument, "timeout_ms is below -1"};
    if ((*running)->options().threads != 0) return {Error::wrong_state, "the server has its own threads"};
    if ((*running)->on_own_thread()) {
      return {Error::wrong_thread, "chat_server_poll() was called in a callback of the same server"};
    }
    if (server->polling.exchange(true)) return {Error::wrong_thread, "another thread is in chat_server_poll()"};
    *fd = (*running)->fd();
    return {};
  });
}

void chat_poll_cancelled(void *server) noexcept { static_cast<chat_server *>(server)->polling.store(false); }

chat_error chat_poll_end(chat_server *server) noexcept {
  const chat_error error = guarded([&]() -> Status { return server->running.load()->poll(0); });
  server->polling.store(false);
  return error;
}

int chat_server_fd(const chat_server *server) noexcept {
  return guarded_or(-1, [&]() -> Result<int> {
    Result<Server *> running = find_server(server);
    if (!running.ok()) return running.status();
    return (*running)->fd();
  });
}

chat_error chat_server_check_loops(chat_server *server, int timeout_ms) noexcept {
  return guarded([&]() -> Status {
    Result<Server *> running = find_server(server);
    if (!running.ok()) return running.status();
    if (timeout_ms < 0) return {Error::invalid_argument, "timeout_ms is negative"};
    return (*running)->check_loops(timeout_ms);
  });
}

chat_error chat_server_reload_tls(chat_server *server) noexcept {
  return guarded([&]() -> Status {
    Result<Server *> running = find_live_server(server);
    if (!running.ok()) return running.status();
    if ((*running)->options().tls_certificate_file.empty()) {
      return {Error::wrong_state, "the server was started without TLS"};
    }
    return (*running)->reload_tls();
  });
}
