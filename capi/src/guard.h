// The guard of every entry point of chat.h: catches exceptions, and stores the message of a failure for
// chat_error_message(). The only place that converts chat::Error to chat_error.
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

// Stores the message for this thread (empty: the text of the error) and returns the error. Allocates nothing.
chat_error fail(Error code, std::string_view detail) noexcept;

// Runs a body that returns a Status.
template <class Body>
chat_error guarded(Body&& body) noexcept {
  // write(), which wakes a loop, is a cancellation point: the C library would unwind through functions that are noexcept.
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

// The same for functions that do not return chat_error: runs a body that returns a Result<Value>.
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
