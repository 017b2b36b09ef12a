// The entry points about one client: the verdict on its connection, its identity, its pointer, and its disconnection.
#include "handle.h"
#include "message.h"
#include "model/names.h"
#include "sized.h"
#include "wire/json/json.h"

using chat::ClientPtr;
using chat::Error;
using chat::Identity;
using chat::Result;
using chat::Status;
using chat::capi::act;
using chat::capi::check_far;
using chat::capi::find_client;
using chat::capi::find_live_server;
using chat::capi::find_server;
using chat::capi::guarded;
using chat::net::Server;

namespace {

// RFC 6455 section 7.4.1: a policy violation, the nearest to a kick.
constexpr std::uint16_t kPolicyViolation = 1008;

// The hub checks these rules too, for every protocol.
Result<Identity> read_identity(const chat_identity *identity) {
  chat_identity given = {};
  Status status = chat::capi::read_sized(identity, chat::capi::kRequiredBytes<chat_identity>, "identity", given);
  if (!status.ok()) return status;
  Identity result;
  if (given.user_id != nullptr) result.user_id = given.user_id;
  if (given.name != nullptr) result.name = given.name;
  status = chat::check_person_name(result.user_id);
  if (!status.ok()) return {status.code, "identity.user_id: " + status.detail};
  status = chat::check_person_name(result.name);
  if (!status.ok()) return {status.code, "identity.name: " + status.detail};
  Result<chat::Pairs> attributes =
      chat::capi::read_pairs(given.attributes, given.attribute_count, "identity.attributes");
  if (!attributes.ok()) return attributes.status();
  result.attributes = std::move(*attributes);
  status = chat::check_attributes(result.attributes);
  if (!status.ok()) return {status.code, "identity.attributes: " + status.detail};
  return result;
}

Result<std::string> read_refusal_data(const char *data_json, std::int64_t max_bytes) {
  const std::string data = data_json == nullptr ? "" : data_json;
  if (data.empty()) {
    if (data_json != nullptr) return {Error::invalid_json, "data_json is empty"};
    return data;
  }
  if (chat::exceeds(static_cast<std::int64_t>(data.size()), max_bytes)) {
    return {Error::too_large, "data_json is larger than max_message_bytes"};
  }
  Status status = chat::wire::json::check(data);
  if (!status.ok()) return {status.code, "data_json: " + status.detail};
  return data;
}

// Empty: no state.
Result<std::string> read_state(const char *state_json) {
  if (state_json == nullptr) return std::string();
  std::string_view state = state_json;
  if (state.size() > chat::kMaxStateBytes) return {Error::too_large, "state_json is larger than 1,024 bytes"};
  Status status = chat::wire::json::check(state);
  if (!status.ok()) return {status.code, "state_json: " + status.detail};
  constexpr std::string_view kSpace = " \t\r\n";
  state.remove_prefix(state.find_first_not_of(kSpace));
  state.remove_suffix(state.size() - 1 - state.find_last_not_of(kSpace));
  return std::string(state == "null" ? "" : state);
}

Result<chat::Decision> read_decision(std::uint64_t id, int verdict, const char *reason, const chat_message *replacement,
                                     std::int64_t max_message_bytes) {
  const bool about_message = chat::is_about_message(id);
  if (verdict != CHAT_PASS && verdict != CHAT_REFUSE && !(verdict == CHAT_CONSUME && about_message)) {
    return {Error::invalid_argument,
            "verdict is " + std::to_string(verdict) +
                (about_message ? ", not CHAT_PASS, CHAT_REFUSE or CHAT_CONSUME" : ", not CHAT_PASS or CHAT_REFUSE")};
  }
  Result<std::string> why = chat::capi::read_reason_argument(reason);
  if (!why.ok()) return why.status();
  chat::Decision decision{static_cast<chat::Verdict>(verdict), std::move(*why), std::nullopt};
  if (replacement == nullptr) return decision;
  if (!about_message || verdict != CHAT_PASS) {
    return {Error::invalid_argument, "replacement requires a message and CHAT_PASS"};
  }
  const Result<std::shared_ptr<chat::Message>> message = chat::capi::read_message(replacement, max_message_bytes);
  if (!message.ok()) return message.status();
  chat::MessageDraft &draft = **message;
  decision.replacement = std::move(draft);
  return decision;
}

Status close_client(chat_server *server, const char *function, chat_client_id client, const char *reason,
                    bool whole_connection) {
  Result<Server *> running = find_live_server(server);
  if (!running.ok()) return running.status();
  Result<std::string> why = chat::capi::read_reason_argument(reason);
  if (!why.ok()) return why.status();
  chat::Hub &hub = (*running)->hub();
  Result<ClientPtr> found = find_client(**running, client);
  if (!found.ok()) {
    Status status = check_far(hub, client);
    if (!status.ok()) return status;
    return act(*server, **running, function, [&hub, client, why = std::move(*why), whole_connection] {
      return hub.close_far(client, why, whole_connection);
    });
  }
  return act(*server, **running, function, [&hub, found = std::move(*found), why = std::move(*why), whole_connection] {
    return hub.close_client(found, kPolicyViolation, why, whole_connection, chat::net::current_moment());
  });
}

}  // namespace

chat_error chat_accept(chat_server *server, chat_client_id client, const chat_identity *identity) noexcept {
  return guarded([&]() -> Status {
    Result<Server *> running = find_live_server(server);
    if (!running.ok()) return running.status();
    std::optional<Identity> who;
    if (identity != nullptr) {
      Result<Identity> given = read_identity(identity);
      if (!given.ok()) return given.status();
      who = std::move(*given);
    }
    Result<ClientPtr> found = find_client(**running, client);
    if (!found.ok()) return found.status();
    return (*running)->hub().accept(*found, std::move(who));
  });
}

chat_error chat_refuse(chat_server *server, chat_client_id client, const char *reason, const char *data_json) noexcept {
  return guarded([&]() -> Status {
    Result<Server *> running = find_live_server(server);
    if (!running.ok()) return running.status();
    Result<std::string> why = chat::capi::read_reason_argument(reason);
    if (!why.ok()) return why.status();
    Result<std::string> data = read_refusal_data(data_json, server->application.settings().max_message_bytes);
    if (!data.ok()) return data.status();
    Result<ClientPtr> found = find_client(**running, client);
    if (!found.ok()) return found.status();
    return (*running)->hub().refuse(*found, std::move(*why), std::move(*data));
  });
}

chat_error chat_set_identity(chat_server *server, chat_client_id client, const chat_identity *identity) noexcept {
  return guarded([&]() -> Status {
    Result<Server *> running = find_live_server(server);
    if (!running.ok()) return running.status();
    Result<Identity> who = read_identity(identity);
    if (!who.ok()) return who.status();
    Result<ClientPtr> found = find_client(**running, client);
    if (!found.ok()) return found.status();
    return (*running)->hub().set_identity(*found, std::move(*who));
  });
}

chat_error chat_set_state(chat_server *server, chat_client_id client, const char *state_json) noexcept {
  return guarded([&]() -> Status {
    Result<Server *> running = find_live_server(server);
    if (!running.ok()) return running.status();
    Result<std::string> state = read_state(state_json);
    if (!state.ok()) return state.status();
    Result<ClientPtr> found = find_client(**running, client);
    if (!found.ok()) return found.status();
    return (*running)->hub().set_state(*found, std::move(*state));
  });
}

chat_error chat_client_set_user(chat_server *server, chat_client_id client, void *user) noexcept {
  return guarded([&]() -> Status {
    Result<Server *> running = find_server(server);
    if (!running.ok()) return running.status();
    Result<ClientPtr> found = find_client(**running, client);
    if (!found.ok()) return found.status();
    (*found)->set_user(user);
    return {};
  });
}

void *chat_client_user(chat_server *server, chat_client_id client) noexcept {
  return chat::capi::guarded_or<void *>(nullptr, [&]() -> Result<void *> {
    Result<Server *> running = find_server(server);
    if (!running.ok()) return running.status();
    Result<ClientPtr> found = find_client(**running, client);
    if (!found.ok()) return found.status();
    return (*found)->user();
  });
}

chat_error chat_find_client(chat_server *server, const char *socket_id, chat_client_id *client) noexcept {
  if (client != nullptr) *client = 0;
  return guarded([&]() -> Status {
    Result<Server *> running = find_server(server);
    if (!running.ok()) return running.status();
    if (socket_id == nullptr) return {Error::invalid_argument, "socket_id is NULL"};
    if (client == nullptr) return {Error::invalid_argument, "client is NULL"};
    const ClientPtr found = (*running)->hub().find_client(std::string_view(socket_id));
    if (!found) return {Error::no_such_client, "no client with this socket id"};
    *client = found->id();
    return {};
  });
}

chat_error chat_kick(chat_server *server, chat_client_id client, const char *reason) noexcept {
  return guarded([&] { return close_client(server, "chat_kick", client, reason, false); });
}

chat_error chat_close_connection(chat_server *server, chat_client_id client, const char *reason) noexcept {
  return guarded([&] { return close_client(server, "chat_close_connection", client, reason, true); });
}

chat_error chat_decide(chat_server *server, chat_client_id client, uint64_t decision_id, chat_verdict verdict,
                       const char *reason, const chat_message *replacement) noexcept {
  return guarded([&]() -> Status {
    Result<Server *> running = find_live_server(server);
    if (!running.ok()) return running.status();
    Result<chat::Decision> decision = read_decision(decision_id, chat::capi::raw_number(verdict), reason, replacement,
                                                    server->application.settings().max_message_bytes);
    if (!decision.ok()) return decision.status();
    Result<ClientPtr> found = find_client(**running, client);
    if (!found.ok()) return found.status();
    return (*running)->hub().decide(*found, decision_id, std::move(*decision));
  });
}
