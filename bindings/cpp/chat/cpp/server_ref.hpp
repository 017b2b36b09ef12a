// The functions of chat.h that take a server, as members.
#ifndef CHAT_CPP_SERVER_REF_HPP
#define CHAT_CPP_SERVER_REF_HPP

#include <chat/chat.h>

#include <algorithm>
#include <chat/cpp/client.hpp>
#include <chat/cpp/error.hpp>
#include <chat/cpp/message.hpp>
#include <chat/cpp/verdict.hpp>
#include <chrono>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace chat {
inline namespace v0 {

namespace detail {

// Passes each item of a visit of chat.h to the caller's function, and keeps its exception until the visit has ended.
template <class View, class Visitor>
class Visit {
 public:
  explicit Visit(Visitor& visitor) : visitor_(visitor) {}

  template <class Raw>
  static int step(const Raw* raw, void* visit) noexcept {
    return static_cast<Visit*>(visit)->show(View(*raw)) ? 0 : 1;
  }

  // The result of the visit. Rethrows the exception that the visitor threw.
  Result<void> finish(chat_error error) const {
#if CHAT_CPP_EXCEPTIONS
    if (thrown_) std::rethrow_exception(thrown_);
#endif
    return result_of(error);
  }

 private:
  bool show(const View& view) noexcept {
#if CHAT_CPP_EXCEPTIONS
    try {
      return ask(view);
    } catch (...) {
      thrown_ = std::current_exception();
      return false;
    }
#else
    return ask(view);
#endif
  }

  bool ask(const View& view) {
    if constexpr (std::is_void_v<decltype(visitor_(view))>) {
      visitor_(view);
      return true;
    } else {
      return static_cast<bool>(visitor_(view));
    }
  }

  Visitor& visitor_;
#if CHAT_CPP_EXCEPTIONS
  std::exception_ptr thrown_;
#endif
};

}  // namespace detail

// A reference to a server, for callbacks and for passing around. A copy is one pointer, and dangles when the Server
// that owns it has ended. The function of chat.h with the same name documents each function, its limits and its errors.
// Visitors are called with a view, on this thread, before the call returns. A visitor that returns false ends the
// visit.
class ServerRef {
 public:
  // Refers to no server: calls fail with CHAT_ERROR_INVALID_ARGUMENT.
  ServerRef() = default;
  explicit ServerRef(chat_server* handle) noexcept : handle_(handle) {}

  // For functions of chat.h; NULL if there is no server.
  chat_server* handle() const noexcept { return handle_; }
  explicit operator bool() const noexcept { return handle_ != nullptr; }

  // chat_server_port(): 0 on a UNIX socket.
  int port() const noexcept { return chat_server_port(handle_); }
  // chat_server_stop(): begins the drain and returns at once.
  void stop() const noexcept { chat_server_stop(handle_); }
  // chat_server_wait(): waits without a limit until the drain of a stopped server with threads has ended.
  Result<void> wait() const { return detail::result_of(chat_server_wait(handle_, -1)); }
  // The same for at most `timeout`, then CHAT_ERROR_TIMED_OUT. A negative time does not wait.
  Result<void> wait(std::chrono::milliseconds timeout) const {
    const auto timeout_ms = std::clamp<std::int64_t>(timeout.count(), 0, INT_MAX);
    return detail::result_of(chat_server_wait(handle_, static_cast<int>(timeout_ms)));
  }
  // chat_server_fd() of a server without threads, for the host's own loop. Do not read or close it.
  int fd() const noexcept { return chat_server_fd(handle_); }
  // chat_server_poll() of a server without threads: waits for events for at most `timeout`, and handles them. A
  // negative timeout does not wait.
  Result<void> poll(std::chrono::milliseconds timeout) const {
    const auto timeout_ms = std::clamp<std::int64_t>(timeout.count(), 0, INT_MAX);
    return detail::result_of(chat_server_poll(handle_, static_cast<int>(timeout_ms)));
  }
  // The same without a time limit. Fails with CHAT_ERROR_STOPPED when the drain has ended:
  // while (server.poll()) {}
  Result<void> poll() const { return detail::result_of(chat_server_poll(handle_, -1)); }
  // chat_server_check_loops(): whether every loop had a turn within `timeout`. Fails with CHAT_ERROR_TIMED_OUT if not.
  Result<void> check_loops(std::chrono::milliseconds timeout) const {
    const auto timeout_ms = std::clamp<std::int64_t>(timeout.count(), 0, INT_MAX);
    return detail::result_of(chat_server_check_loops(handle_, static_cast<int>(timeout_ms)));
  }
  // chat_server_reload_tls()
  Result<void> reload_tls() const { return detail::result_of(chat_server_reload_tls(handle_)); }

  // chat_broadcast(): text to all members of a room.
  Result<void> broadcast(std::string_view room, std::string_view text) const {
    return detail::call([&](const char* name) { return chat_broadcast(handle_, name, text.data(), text.size()); },
                        room);
  }
  // chat_broadcast() to all clients, independent of rooms. The message is neither numbered nor kept.
  Result<void> broadcast_to_everyone(std::string_view text) const {
    return detail::result_of(chat_broadcast(handle_, nullptr, text.data(), text.size()));
  }
  // chat_publish(). Returns the message's number: 0 if it is ephemeral, and in on_authorize and on_message.
  Result<std::uint64_t> publish(const Message& message) const {
    std::uint64_t seq = 0;
    return with(seq, detail::RawMessage(message).call(
                         [&](const chat_message* raw) { return chat_publish(handle_, raw, &seq); }));
  }
  // chat_edit(): replaces the payload of a kept message by that of another one, whose sender has done it.
  Result<void> edit(std::string_view room, std::uint64_t seq, const Message& message) const {
    if (detail::has_nul(room)) return detail::nul_error();
    return detail::RawMessage(message).call(
        [&](const chat_message* raw) { return chat_edit(handle_, std::string(room).c_str(), seq, raw); });
  }
  // chat_redact(): deletes a kept message. user_id empty: the application has done it.
  Result<void> redact(std::string_view room, std::uint64_t seq, std::string_view user_id = {}) const {
    return detail::call(
        [&](const char* name, const char* user) {
          return chat_redact(handle_, name, seq, user_id.empty() ? nullptr : user);
        },
        room, user_id);
  }
  // chat_react(): gives a kept message a reaction, or takes it back.
  Result<void> react(std::string_view room, std::uint64_t seq, std::string_view user_id, std::string_view reaction,
                     bool added = true) const {
    return detail::call(
        [&](const char* name, const char* user, const char* text) {
          return chat_react(handle_, name, seq, user_id.empty() ? nullptr : user, text, added ? 1 : 0);
        },
        room, user_id, reaction);
  }
  // chat_send(): to one client. In a cluster it is passed on to a client of another server, without an answer.
  Result<void> send(chat_client_id client, const Message& message) const {
    return detail::RawMessage(message).call([&](const chat_message* raw) { return chat_send(handle_, client, raw); });
  }
  // chat_send_with_ack(): to one client, which has `timeout` to answer (0: 10 s; milliseconds(CHAT_UNLIMITED): until it
  // disconnects). Returns the ack_id of the later on_ack, which may run before this returns.
  Result<std::uint64_t> send_with_ack(chat_client_id client, const Message& message,
                                      std::chrono::milliseconds timeout = {}) const {
    std::uint64_t ack_id = 0;
    return with(ack_id, detail::RawMessage(message).call([&](const chat_message* raw) {
      return chat_send_with_ack(handle_, client, raw, timeout.count(), &ack_id);
    }));
  }
  // chat_send_user(): to all clients of one user.
  Result<void> send_user(std::string_view user_id, const Message& message) const {
    if (detail::has_nul(user_id)) return detail::nul_error();
    return detail::RawMessage(message).call(
        [&](const chat_message* raw) { return chat_send_user(handle_, std::string(user_id).c_str(), raw); });
  }
  // chat_reply(): answers a message that came with an ack_id. args: a JSON array.
  Result<void> reply(chat_client_id client, std::uint64_t ack_id, std::string_view args,
                     const std::vector<std::string_view>& attachments = {}) const {
    const std::vector<chat_blob> blobs = detail::raw_blobs(attachments);
    return detail::result_of(chat_reply(handle_, client, ack_id, args.data(), args.size(), blobs.data(), blobs.size()));
  }

  // chat_decide(): the verdict on a request that on_authorize or on_message deferred.
  Result<void> decide(Decision decision, const Verdict& verdict) const;
  // chat_accept() as a guest, or with the identity that set_identity() has set.
  Result<void> accept(chat_client_id client) const { return detail::result_of(chat_accept(handle_, client, nullptr)); }
  // chat_accept(): the verdict on a connection that on_connect deferred.
  Result<void> accept(chat_client_id client, const Identity& identity) const {
    return detail::RawIdentity(identity).call(
        [&](const chat_identity* raw) { return chat_accept(handle_, client, raw); });
  }
  // chat_refuse(): the verdict on a connection that on_connect deferred. data_json: empty, or any JSON value.
  Result<void> refuse(chat_client_id client, std::string_view reason = "", std::string_view data_json = "") const {
    return detail::call(
        [&](const char* text, const char* data) {
          return chat_refuse(handle_, client, text, data_json.empty() ? nullptr : data);
        },
        reason, data_json);
  }
  // chat_set_identity()
  Result<void> set_identity(chat_client_id client, const Identity& identity) const {
    return detail::RawIdentity(identity).call(
        [&](const chat_identity* raw) { return chat_set_identity(handle_, client, raw); });
  }
  // chat_set_state(): JSON; empty: removes the state.
  Result<void> set_state(chat_client_id client, std::string_view state_json) const {
    return detail::call(
        [&](const char* json) { return chat_set_state(handle_, client, state_json.empty() ? nullptr : json); },
        state_json);
  }
  // chat_client_set_user(): a pointer of the application, which events carry.
  Result<void> set_user(chat_client_id client, void* user) const {
    return detail::result_of(chat_client_set_user(handle_, client, user));
  }
  // chat_client_user(): NULL at first, and if there is no such client.
  void* user(chat_client_id client) const noexcept { return chat_client_user(handle_, client); }
  // chat_find_client(): by the socket id that the client knows.
  Result<chat_client_id> find_client(std::string_view socket_id) const {
    chat_client_id client = 0;
    return with(client,
                detail::call([&](const char* text) { return chat_find_client(handle_, text, &client); }, socket_id));
  }
  // chat_kick(): in a cluster it is passed on to the server of the client, without an answer.
  Result<void> kick(chat_client_id client, std::string_view reason = "") const {
    return detail::call([&](const char* text) { return chat_kick(handle_, client, text); }, reason);
  }
  // chat_close_connection(): disconnects all clients of its connection. In a cluster it is passed on as kick() is.
  Result<void> close_connection(chat_client_id client, std::string_view reason = "") const {
    return detail::call([&](const char* text) { return chat_close_connection(handle_, client, text); }, reason);
  }

  // chat_join()
  Result<void> join(chat_client_id client, std::string_view room) const {
    return detail::call([&](const char* name) { return chat_join(handle_, client, name); }, room);
  }
  // chat_leave()
  Result<void> leave(chat_client_id client, std::string_view room) const {
    return detail::call([&](const char* name) { return chat_leave(handle_, client, name); }, room);
  }
  // chat_ban(): 0 lifts the ban.
  Result<void> ban(chat_client_id client, std::string_view room, std::chrono::milliseconds duration,
                   std::string_view reason = "") const {
    return detail::call(
        [&](const char* name, const char* text) { return chat_ban(handle_, client, name, duration.count(), text); },
        room, reason);
  }
  // chat_ban_user(): like ban(), by user id.
  Result<void> ban_user(std::string_view user_id, std::string_view room, std::chrono::milliseconds duration,
                        std::string_view reason = "") const {
    return detail::call([&](const char* id, const char* name,
                            const char* text) { return chat_ban_user(handle_, id, name, duration.count(), text); },
                        user_id, room, reason);
  }
  // chat_close_room()
  Result<void> close_room(std::string_view room, std::string_view reason = "") const {
    return detail::call([&](const char* name, const char* text) { return chat_close_room(handle_, name, text); }, room,
                        reason);
  }

  // chat_moderate(): moderation as made by CHAT_MODERATION_INIT.
  Result<void> moderate(const chat_moderation& moderation) const {
    return detail::call([&] { return chat_moderate(handle_, &moderation); });
  }
  // chat_set_role()
  Result<void> set_role(std::string_view room, std::string_view user_id, chat_role role) const {
    return detail::call([&](const char* name, const char* id) { return chat_set_role(handle_, name, id, role); }, room,
                        user_id);
  }
  // chat_client_role()
  Result<chat_role> client_role(chat_client_id client, std::string_view room) const {
    chat_role role = CHAT_ROLE_GUEST;
    const Result<void> read =
        detail::call([&](const char* name) { return chat_client_role(handle_, client, name, &role); }, room);
    return with(role, read);
  }

  // chat_seen(): how far a user has read in a room; 0: unknown.
  Result<std::uint64_t> seen(std::string_view room, std::string_view user_id) const {
    std::uint64_t seq = 0;
    const Result<void> read = detail::call(
        [&](const char* name, const char* id) { return chat_seen(handle_, name, id, &seq); }, room, user_id);
    return with(seq, read);
  }
  // chat_set_seen()
  Result<void> set_seen(std::string_view room, std::string_view user_id, std::uint64_t seq) const {
    return detail::call([&](const char* name, const char* id) { return chat_set_seen(handle_, name, id, seq); }, room,
                        user_id);
  }

  // chat_room_set_presence()
  Result<void> set_presence(std::string_view room, chat_presence_level level) const {
    return detail::call([&](const char* name) { return chat_room_set_presence(handle_, name, level); }, room);
  }

  // chat_room_restore(): the history of a room that has none, oldest first, each message with its seq(), time_ms() and
  // sender. seq 0: the number of the last one.
  Result<void> room_restore(std::string_view room, std::string_view epoch, const std::vector<Message>& messages,
                            std::uint64_t seq = 0) const {
    std::deque<detail::RawMessage> kept;
    std::vector<chat_message> raw;
    raw.reserve(messages.size());
    for (const Message& message : messages) {
      const chat_message* one = kept.emplace_back(message).get();
      if (one == nullptr) return detail::nul_error();
      raw.push_back(*one);
    }
    return detail::call(
        [&](const char* name, const char* numbering) {
          return chat_room_restore(handle_, name, numbering, seq, raw.data(), raw.size());
        },
        room, epoch);
  }

  // chat_client_info(): the visitor is called once, with a ClientView.
  template <class Visitor>
  Result<void> client_info(chat_client_id client, Visitor&& visitor) const {
    return visit<ClientView>(
        visitor, [&](chat_client_visitor step, void* visit) { return chat_client_info(handle_, client, step, visit); });
  }
  // chat_members(): each member of a room, as a ClientView.
  template <class Visitor>
  Result<void> members(std::string_view room, Visitor&& visitor) const {
    if (detail::has_nul(room)) return detail::nul_error();
    return visit<ClientView>(visitor, [&](chat_client_visitor step, void* visit) {
      return chat_members(handle_, std::string(room).c_str(), step, visit);
    });
  }
  // chat_members() without a room: every client of the server, as a ClientView.
  template <class Visitor>
  Result<void> clients(Visitor&& visitor) const {
    return visit<ClientView>(
        visitor, [&](chat_client_visitor step, void* visit) { return chat_members(handle_, nullptr, step, visit); });
  }
  // chat_rooms(): each room, as a RoomView.
  template <class Visitor>
  Result<void> rooms(Visitor&& visitor) const {
    return visit<RoomView>(visitor,
                           [&](chat_room_visitor step, void* visit) { return chat_rooms(handle_, step, visit); });
  }
  // chat_cluster_members(): each member of a room at any server, as a ClusterMemberView. With TIMED_OUT, UNAVAILABLE and
  // TOO_MANY the visitor has seen what is known. Waits for the other servers.
  template <class Visitor>
  Result<void> cluster_members(std::string_view room, Visitor&& visitor,
                               std::chrono::milliseconds timeout = std::chrono::seconds(1)) const {
    if (detail::has_nul(room)) return detail::nul_error();
    return visit<ClusterMemberView>(visitor, [&](chat_cluster_member_visitor step, void* visit) {
      return chat_cluster_members(handle_, std::string(room).c_str(), timeout.count(), step, visit);
    });
  }
  // chat_cluster_rooms(): each room of any server, as a RoomView; otherwise as cluster_members().
  template <class Visitor>
  Result<void> cluster_rooms(Visitor&& visitor, std::chrono::milliseconds timeout = std::chrono::seconds(1)) const {
    return visit<RoomView>(visitor, [&](chat_room_visitor step, void* visit) {
      return chat_cluster_rooms(handle_, timeout.count(), step, visit);
    });
  }
  // chat_presence(): each person in a room, as a PersonView.
  template <class Visitor>
  Result<void> presence(std::string_view room, Visitor&& visitor) const {
    if (detail::has_nul(room)) return detail::nul_error();
    return visit<PersonView>(visitor, [&](chat_person_visitor step, void* visit) {
      return chat_presence(handle_, std::string(room).c_str(), step, visit);
    });
  }
  // chat_history(): oldest first, each as a MessageView. limit 0: all kept messages.
  template <class Visitor>
  Result<void> history(std::string_view room, std::uint64_t after_seq, std::size_t limit, Visitor&& visitor) const {
    if (detail::has_nul(room)) return detail::nul_error();
    return visit<MessageView>(visitor, [&](chat_message_visitor step, void* visit) {
      return chat_history(handle_, std::string(room).c_str(), after_seq, limit, step, visit);
    });
  }
  // chat_history_between(): a page of it, above after_seq and below before_seq; before_seq 0: up to the newest message.
  template <class Visitor>
  Result<void> history_between(std::string_view room, std::uint64_t after_seq, std::uint64_t before_seq,
                               std::size_t limit, Visitor&& visitor) const {
    if (detail::has_nul(room)) return detail::nul_error();
    return visit<MessageView>(visitor, [&](chat_message_visitor step, void* visit) {
      return chat_history_between(handle_, std::string(room).c_str(), after_seq, before_seq, limit, step, visit);
    });
  }
  // chat_history_around(): at most `limit` messages around one.
  template <class Visitor>
  Result<void> history_around(std::string_view room, std::uint64_t seq, std::size_t limit, Visitor&& visitor) const {
    if (detail::has_nul(room)) return detail::nul_error();
    return visit<MessageView>(visitor, [&](chat_message_visitor step, void* visit) {
      return chat_history_around(handle_, std::string(room).c_str(), seq, limit, step, visit);
    });
  }
  // chat_search(): the newest `limit` messages with all words of a text, oldest first.
  template <class Visitor>
  Result<void> search(std::string_view room, std::string_view text, std::size_t limit, std::uint64_t before_seq,
                      Visitor&& visitor) const {
    if (detail::has_nul(room) || detail::has_nul(text)) return detail::nul_error();
    return visit<MessageView>(visitor, [&](chat_message_visitor step, void* visit) {
      return chat_search(handle_, std::string(room).c_str(), std::string(text).c_str(), limit, before_seq, step, visit);
    });
  }
  // chat_server_stats()
  Result<chat_stats> stats() const {
    chat_stats stats = {};
    stats.struct_size = CHAT_STATS_SIZE;
    if (const chat_error error = chat_server_stats(handle_, &stats)) return Error::last(error);
    return stats;
  }

 private:
  template <class Value>
  static Result<Value> with(const Value& value, const Result<void>& result) {
    if (!result) return result.error();
    return value;
  }

  template <class View, class Visitor, class Function>
  static Result<void> visit(Visitor& visitor, Function&& function) {
    using Visit = detail::Visit<View, Visitor>;
    Visit visit(visitor);
    return visit.finish(function(&Visit::step, &visit));
  }

  chat_server* handle_ = nullptr;
};

inline Result<void> ServerRef::decide(Decision decision, const Verdict& verdict) const {
  const std::string reason(detail::cut_reason(verdict.reason()));
  if (detail::has_nul(reason)) return detail::nul_error();
  const auto decide = [&](const chat_message* replacement) {
    return chat_decide(handle_, decision.client, decision.id, verdict.kind(), reason.empty() ? nullptr : reason.c_str(),
                       replacement);
  };
  const Message* replacement = detail::VerdictAccess::replacement(verdict);
  if (replacement == nullptr) return detail::result_of(decide(nullptr));
  return detail::RawMessage(*replacement).call(decide);
}

}  // namespace v0
}  // namespace chat

#endif  // CHAT_CPP_SERVER_REF_HPP
