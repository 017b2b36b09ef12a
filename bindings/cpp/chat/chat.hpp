// libchat for C++17: a header-only layer of RAII, std::function and string_view over chat.h.
//
//   chat::Options      every option of chat_server_options under the same name, and the callbacks
//   chat::Server       owns a running server and ends it; chat::ServerRef has the same functions without owning it
//   chat::Message      a message to publish; chat::MessageView and the other views show data of the library
//   chat::Verdict      the result of a callback: pass(), refuse("why"), defer(), consume(), replace(message)
//   chat::read_cluster() the state of a cluster
//   chat::Result       the result of a call: a value or an Error; value() throws if there is an error
//
// chat.h documents the rules: what each function does, its limits and errors, and on which thread callbacks run. The
// comments here describe only the differences. The headers work with -fno-exceptions and -fno-rtti. Only value()
// throws, apart from std::bad_alloc.
//
// handle() and raw() give access to the chat_server * and the chat_... structs of chat.h, so you can mix both
// interfaces.
#ifndef CHAT_CHAT_HPP
#define CHAT_CHAT_HPP

#include <chat/chat.h>

#include <chat/cpp/client.hpp>
#include <chat/cpp/cluster.hpp>
#include <chat/cpp/error.hpp>
#include <chat/cpp/events.hpp>
#include <chat/cpp/message.hpp>
#include <chat/cpp/options.hpp>
#include <chat/cpp/server.hpp>
#include <chat/cpp/server_ref.hpp>
#include <chat/cpp/verdict.hpp>

#include <string>
#include <string_view>

namespace chat {
inline namespace v0 {

// chat_version()
inline std::string_view version() noexcept { return chat_version(); }

// chat_library_versions()
inline std::string_view library_versions() noexcept { return chat_library_versions(); }

// chat_has_feature()
inline bool has_feature(const std::string& name) noexcept { return chat_has_feature(name.c_str()) != 0; }

// chat_check_room_name()
inline Result<void> check_room_name(std::string_view room) {
  return detail::call([](const char* name) { return chat_check_room_name(name); }, room);
}

}  // namespace v0
}  // namespace chat

#endif  // CHAT_CHAT_HPP
