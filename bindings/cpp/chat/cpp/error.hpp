// The result of a call: chat::Result holds a value or an Error. chat_error is also an error code enumeration, so that
// it converts to std::error_code and mixes with other libraries' errors.
#ifndef CHAT_CPP_ERROR_HPP
#define CHAT_CPP_ERROR_HPP

#include <chat/chat.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

// 1 if exceptions are enabled: Result::value() throws, and exceptions of callbacks are caught. Otherwise value()
// aborts.
#if defined(__cpp_exceptions) || defined(_CPPUNWIND)
#define CHAT_CPP_EXCEPTIONS 1
#else
#define CHAT_CPP_EXCEPTIONS 0
#endif

template <>
struct std::is_error_code_enum<chat_error> : std::true_type {};

namespace chat {
// Keeps the names apart from libchat's internal ones, even in a program that contains both, and from those of a later,
// incompatible version of these headers.
inline namespace v0 {

namespace detail {

class ErrorCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "chat"; }
  std::string message(int number) const override { return chat_strerror(static_cast<chat_error>(number)); }
  std::error_condition default_error_condition(int number) const noexcept override {
    switch (number) {
      case CHAT_ERROR_INVALID_ARGUMENT:
        return std::errc::invalid_argument;
      case CHAT_ERROR_NO_MEMORY:
        return std::errc::not_enough_memory;
      case CHAT_ERROR_TOO_LARGE:
        return std::errc::message_size;
      case CHAT_ERROR_ADDRESS_IN_USE:
        return std::errc::address_in_use;
      case CHAT_ERROR_ADDRESS_INVALID:
        return std::errc::address_not_available;
      case CHAT_ERROR_PERMISSION:
        return std::errc::permission_denied;
      case CHAT_ERROR_UNSUPPORTED:
        return std::errc::operation_not_supported;
      case CHAT_ERROR_TIMED_OUT:
        return std::errc::timed_out;
      default:
        return {number, *this};
    }
  }
};

}  // namespace detail

// The category of chat_error in std::error_code.
inline const std::error_category& error_category() noexcept {
  static const detail::ErrorCategory category;
  return category;
}

// Why a call failed: the error code, and a sentence that names the cause.
class Error {
 public:
  // No error.
  Error() = default;
  // An error with the standard text of its code.
  Error(chat_error code, std::string message) : code_(code), message_(std::move(message)) {}
  // The error of the last call of chat.h, which failed on this thread.
  static Error last(chat_error code) { return {code, chat_error_message()}; }

  // The error code of chat.h.
  chat_error code() const noexcept { return code_; }
  // chat_error_message(): a text for humans.
  const std::string& message() const noexcept { return message_; }
  // The same for programs that handle errors of several libraries.
  std::error_code error_code() const noexcept { return {static_cast<int>(code_), error_category()}; }

 private:
  chat_error code_ = CHAT_OK;
  std::string message_;
};

// What Result::value() throws. what() is the message of the error.
class Exception : public std::system_error {
 public:
  // Takes the error of a failed call.
  explicit Exception(Error error) : std::system_error(error.error_code()), error_(std::move(error)) {}

  // The error's message.
  const char* what() const noexcept override { return error_.message().c_str(); }
  // The error of the call.
  const Error& error() const noexcept { return error_; }

 private:
  Error error_;
};

namespace detail {

[[noreturn]] inline void raise(const Error& error) {
#if CHAT_CPP_EXCEPTIONS
  throw Exception(error);
#else
  static_cast<void>(error);
  std::abort();
#endif
}

}  // namespace detail

// A value or an error. Check ok() (or test it as a bool) before * and ->. value() checks by itself.
template <class Value>
class Result {
 public:
  Result(Value value) : value_(std::move(value)) {}  // NOLINT(google-explicit-constructor): reads as a return of Value
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  // Whether there is a value.
  bool ok() const noexcept { return value_.has_value(); }
  explicit operator bool() const noexcept { return ok(); }
  // CHAT_OK and an empty message if there is a value.
  const Error& error() const noexcept { return error_; }

  Value& operator*() & { return *value_; }
  const Value& operator*() const& { return *value_; }
  Value&& operator*() && { return *std::move(value_); }
  Value* operator->() { return &*value_; }
  const Value* operator->() const { return &*value_; }

  // The value. Throws chat::Exception if there is none (std::abort() without exceptions).
  Value& value() & {
    require();
    return *value_;
  }
  // The same.
  const Value& value() const& {
    require();
    return *value_;
  }
  // The same, for moving the value out.
  Value&& value() && {
    require();
    return *std::move(value_);
  }

 private:
  void require() const {
    if (!ok()) detail::raise(error_);
  }

  std::optional<Value> value_;
  Error error_;
};

// The result of a call without a value.
template <>
class Result<void> {
 public:
  // Success.
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor): as above

  // Whether the call succeeded.
  bool ok() const noexcept { return error_.code() == CHAT_OK; }
  explicit operator bool() const noexcept { return ok(); }
  // CHAT_OK and an empty message if the call succeeded.
  const Error& error() const noexcept { return error_; }

  // Throws chat::Exception unless the call succeeded (std::abort() without exceptions).
  void value() const {
    if (!ok()) detail::raise(error_);
  }

 private:
  Error error_;
};

namespace detail {

// Success, or the error with its message. Must be called on the thread of the call.
inline Result<void> result_of(chat_error code) {
  if (code == CHAT_OK) return {};
  return Error::last(code);
}

// chat.h would read a text only up to its first NUL.
inline bool has_nul(std::string_view text) noexcept { return text.find('\0') != std::string_view::npos; }
inline Error nul_error() { return {CHAT_ERROR_INVALID_ARGUMENT, "a NUL character in a name or reason"}; }

// Calls a function of chat.h that takes NUL-terminated strings.
template <class Function, class... Texts>
Result<void> call(Function&& function, const Texts&... texts) {
  if ((has_nul(texts) || ...)) return nul_error();
  return result_of(std::forward<Function>(function)(std::string(texts).c_str()...));
}

}  // namespace detail
}  // namespace v0
}  // namespace chat

// Found by std::error_code, which looks where chat_error is declared.
inline std::error_code make_error_code(chat_error error) noexcept {
  return {static_cast<int>(error), chat::error_category()};
}

#endif  // CHAT_CPP_ERROR_HPP
