// The boundary that every entry point of chat.h goes through: no exception leaves it, and a failure leaves its
// sentence for chat_error_message(). Also the only place that turns chat::Error into chat_error.
#pragma once

#include <exception>
#include <new>
#include <string_view>
#include <system_error>
#include <utility>

#include "chat/chat.h"
#include "model/types.h"
#include "net/base/platform.h"

namespace chat::capi {

// Remembers the sentence for this thread (empty: the text of the error) and gives the error back. Allocates nothing.
chat_error fail(Error code, std::string_view detail) noexcept;

// Runs a body that returns a Status.
template <class Body>
chat_error guarded(Body&& body) noexcept {
  // The C library would unwind the stack, through functions that are noexcept. Waking a loop is a write().
  const net::CancellationDisabled not_cancelled;
  try {
    const Status status = std::forward<Body>(body)();
    return status.ok() ? CHAT_OK : fail(status.code, status.detail);
  } catch (const std::bad_alloc&) {
    return fail(Error::no_memory, {});
  } catch (const std::system_error& error) {
    return fail(Error::system, error.what());
  } catch (const std::exception& error) {
    return fail(Error::internal, error.what());
  } catch (...) {
    return fail(Error::internal, {});
  }
}

// The same for the functions that return something else than chat_error: a body that returns a Result<Value>.
template <class Value, class Body>
Value guarded_or(Value otherwise, Body&& body) noexcept {
  guarded([&]() -> Status {
    Result<Value> result = std::forward<Body>(body)();
    if (result.ok()) otherwise = std::move(*result);
    return result.status();
  });
  return otherwise;
}

}  // namespace chat::capi
