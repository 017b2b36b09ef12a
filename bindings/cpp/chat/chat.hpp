// libchat for C++17: RAII, std::function and string_view over chat.h, and nothing besides it. Header-only.
//
//   chat::Options      every option of chat_server_options under its own name, and the callbacks
//   chat::Server       a running server that its owner ends; chat::ServerRef is the same without owning it
//   chat::Message      what is published; chat::MessageView and the other views show what the library hands out
//   chat::Verdict      what a callback answers: pass(), refuse("why"), defer(), consume(), replace(message)
//   chat::Result       what a call gives: a value or an Error; value() throws for who wants that
//
// chat.h has the rules: what each function does, its limits and errors, on which thread callbacks run. Here stands only
// what is different. Works with -fno-exceptions and -fno-rtti; nothing here throws unless value() is asked to, but for
// std::bad_alloc.
//
// A chat_server * or chat_... struct of chat.h is in reach everywhere (handle(), raw()), so both can be mixed.
#ifndef CHAT_CHAT_HPP
#define CHAT_CHAT_HPP

#include <chat/chat.h>

#include <chat/cpp/client.hpp>
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

// chat_has_feature()
inline bool has_feature(const std::string& name) noexcept { return chat_has_feature(name.c_str()) != 0; }

// chat_check_room_name()
inline Result<void> check_room_name(std::string_view room) {
  return detail::call([](const char* name) { return chat_check_room_name(name); }, room);
}

}  // namespace v0
}  // namespace chat

#endif  // CHAT_CHAT_HPP
