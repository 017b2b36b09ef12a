// A value of RESP2, the protocol of Redis, and what became of a command. Plain data.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "model/types.h"

namespace chat::redis {

struct Value {
  enum class Kind : std::uint8_t { nil, integer, text, status, error, array };

  Kind kind = Kind::nil;
  std::int64_t integer = 0;  // of kind integer
  std::string text;          // text: any bytes; status: such as "OK"; error: such as "READONLY You can't write"
  std::vector<Value> items;  // of kind array

  bool is_nil() const { return kind == Kind::nil; }
  bool is_integer() const { return kind == Kind::integer; }
  bool is_text() const { return kind == Kind::text; }
  bool is_array() const { return kind == Kind::array; }
  bool is_error() const { return kind == Kind::error; }
  // Whether it is the status "OK".
  bool is_ok() const { return kind == Kind::status && text == "OK"; }
  // The first word of an error, such as "READONLY"; empty when it is no error.
  std::string_view error_code() const {
    return is_error() ? std::string_view(text).substr(0, text.find(' ')) : std::string_view();
  }

  bool operator==(const Value&) const = default;
};

// What became of one command.
struct Reply {
  enum class Outcome : std::uint8_t {
    answered,  // value is the answer of Redis, which may be an error
    not_sent,  // the connection ended, and no byte of the command had been given to it: Redis has not executed it
    lost,      // the connection ended before the answer: Redis may have executed it
  };

  Outcome outcome = Outcome::answered;
  Value value;    // of answered; otherwise nil
  Status status;  // why there is no answer; ok when there is one

  bool answered() const { return outcome == Outcome::answered; }
};

// Receives what became of a command, once, on the thread of the loop and never inside of send(). It may send more, and stop or
// destroy the connection. It may be empty: then nobody is told. An exception that leaves it closes the connection.
using ReplyHandler = std::function<void(Reply&&)>;

}  // namespace chat::redis
