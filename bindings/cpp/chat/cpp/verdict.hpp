// The result of a callback that decides.
#ifndef CHAT_CPP_VERDICT_HPP
#define CHAT_CPP_VERDICT_HPP

#include <chat/chat.h>

#include <chat/cpp/client.hpp>
#include <chat/cpp/message.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace chat {
inline namespace v0 {

namespace detail {
struct VerdictAccess;
}

// A chat_verdict with its data. Create it with pass(), accept(), refuse(), defer(), consume() or replace(), or from a
// plain chat_verdict.
class Verdict {
 public:
  Verdict(chat_verdict kind) : kind_(kind) {}  // NOLINT(google-explicit-constructor): so that a callback can return it

  // The corresponding value of chat.h.
  chat_verdict kind() const noexcept { return kind_; }
  // The reason of a refusal, a text for humans.
  const std::string& reason() const noexcept { return reason_; }

 private:
  friend struct detail::VerdictAccess;
  friend Verdict accept(Identity identity);
  friend Verdict refuse(std::string reason, std::string data_json);
  friend Verdict replace(Message message);

  chat_verdict kind_;
  std::string reason_;
  std::string data_json_;
  std::unique_ptr<Identity> identity_;
  std::unique_ptr<Message> replacement_;
};

// Accept, allow, publish.
inline Verdict pass() { return CHAT_PASS; }

// on_connect: accept the client with this identity.
inline Verdict accept(Identity identity) {
  Verdict verdict(CHAT_PASS);
  verdict.identity_ = std::make_unique<Identity>(std::move(identity));
  return verdict;
}

// Refuse. reason: a text for humans, cut to 123 bytes; may be empty. data_json: for on_connect only, any JSON value for
// protocols that can carry one (the `data` of Socket.IO's connect_error).
inline Verdict refuse(std::string reason = {}, std::string data_json = {}) {
  Verdict verdict(CHAT_REFUSE);
  verdict.reason_ = std::move(reason);
  verdict.data_json_ = std::move(data_json);
  return verdict;
}

// Decide later: with ServerRef::accept() or ServerRef::refuse() after on_connect, otherwise with ServerRef::decide().
inline Verdict defer() { return CHAT_DEFER; }

// on_message: handled, not published.
inline Verdict consume() { return CHAT_CONSUME; }

// on_message: publish this instead. Room and sender stay the same.
inline Verdict replace(Message message) {
  Verdict verdict(CHAT_PASS);
  verdict.replacement_ = std::make_unique<Message>(std::move(message));
  return verdict;
}

// Identifies a deferred event for ServerRef::decide().
struct Decision {
  chat_client_id client = 0;
  std::uint64_t id = 0;
};

namespace detail {

// The parts of a verdict that only the binding reads; NULL if absent.
struct VerdictAccess {
  static const std::string& data_json(const Verdict& verdict) noexcept { return verdict.data_json_; }
  static const Identity* identity(const Verdict& verdict) noexcept { return verdict.identity_.get(); }
  static const Message* replacement(const Verdict& verdict) noexcept { return verdict.replacement_.get(); }
};

// A reason cut at the limit of chat.h, between characters.
inline std::string_view cut_reason(std::string_view reason) noexcept {
  std::size_t size = CHAT_REASON_BYTES - 1;
  if (reason.size() <= size) return reason;
  while (size != 0 && (static_cast<unsigned char>(reason[size]) & 0xc0U) == 0x80U) --size;
  return reason.substr(0, size);
}

}  // namespace detail
}  // namespace v0
}  // namespace chat

#endif  // CHAT_CPP_VERDICT_HPP
