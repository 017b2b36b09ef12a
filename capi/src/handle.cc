// See handle.h.
#include "handle.h"

#include "model/names.h"
#include "model/utf8.h"

namespace chat::capi {

Status check_process(const chat_server& handle) {
  if (handle.generation == net::ForkGuard::generation()) return {};
  return {Error::wrong_state, "the server belongs to the parent process: start another one after fork()"};
}

Result<net::Server*> find_server(const chat_server* handle) {
  if (handle == nullptr) return {Error::invalid_argument, "server is NULL"};
  if (Status status = check_process(*handle); !status.ok()) return status;
  net::Server* server = handle->running.load();
  if (server == nullptr) return {Error::wrong_state, "chat_server_start() has not returned yet"};
  return server;
}

Result<net::Server*> find_live_server(const chat_server* handle) {
  Result<net::Server*> server = find_server(handle);
  if (server.ok() && (*server)->stopping()) return {Error::stopped, "the server has stopped"};
  return server;
}

Result<ClientPtr> find_client(net::Server& server, chat_client_id id) {
  ClientPtr client = server.hub().find_client(id);
  if (!client) return {Error::no_such_client, "no client " + std::to_string(id)};
  return client;
}

Status check_far(const Hub& hub, chat_client_id id) {
  Status status = hub.check_far(id);
  if (status.code == Error::no_such_client) status.detail = "no client " + std::to_string(id);
  return status;
}

Result<std::string> read_reason_argument(const char* reason) {
  const std::string_view text = reason == nullptr ? std::string_view() : std::string_view(reason);
  if (text.size() >= CHAT_REASON_BYTES) return {Error::too_large, "reason is longer than 123 bytes"};
  if (!is_utf8(text)) return {Error::invalid_utf8, "reason is not UTF-8"};
  return std::string(text);
}

Result<KeptRangePtr> open_room(net::Server& server, const std::string& room) {
  Hub& hub = server.hub();
  if (!hub.is_shared()) return KeptRangePtr();
  const std::optional<KeptQuery> query = hub.unread(room, std::optional<Position>());
  if (!query) return KeptRangePtr();
  if (server.on_own_thread()) {
    return {Error::wrong_thread, "the room " + room + " is read from the cluster, which a callback must not wait for"};
  }
  KeptRangePtr range = hub.read_now(*query);
  if (!range->status.ok()) return range->status;
  return range;
}

Result<std::string> read_room(const char* room) {
  if (room == nullptr) return {Error::invalid_argument, "room is NULL"};
  Status status = check_room_name(room);
  if (!status.ok()) return status;
  return std::string(room);
}

Result<std::string> read_user_id(const char* user_id) {
  if (user_id == nullptr || *user_id == '\0') return {Error::invalid_argument, "user_id is NULL or empty"};
  Status status = check_person_name(user_id);
  if (!status.ok()) return {status.code, "user_id: " + status.detail};
  return std::string(user_id);
}

void log_deferred(chat_server& handle, const char* function, const Status& status) noexcept {
  try {
    std::string text = std::string(function) + " failed after its callback: ";
    text += status.detail.empty() ? chat_strerror(static_cast<chat_error>(status.code)) : status.detail;
    handle.application.log(LogLevel::warning, text);
  } catch (...) {
    // Out of memory: the line is lost.
  }
}

}  // namespace chat::capi
