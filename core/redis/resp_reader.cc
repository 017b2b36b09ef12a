// See resp_reader.h.
#include "redis/resp_reader.h"

#include <hiredis/read.h>

#include <algorithm>
#include <charconv>
#include <new>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace chat::redis {
namespace {

// hiredis moves the rest of its buffer after each reply, so large pieces would cost time in proportion to their square.
constexpr std::size_t kPieceBytes = 16'384;
// Of what has no length before it: a status, an error, a number. hiredis searches for its end from its begin each time.
constexpr std::size_t kMaxLineBytes = 65'536;
constexpr int kMaxDepth = 7;
// An array is allocated as its items arrive, not as it announces them.
constexpr std::size_t kMaxReservedItems = 64;

}  // namespace

// The functions that hiredis calls for each part of a reply. They build it in root_: an item is added at the end of its parent,
// and no parent grows while one of its items is being built, so the pointers that hiredis keeps stay valid.
class RespReader::Parser {
 public:
  explicit Parser(std::size_t max_elements)
      : max_elements_(max_elements), functions_(make_functions(redisReplyObjectFunctions{})) {
    reader_ = redisReaderCreateWithFunctions(&functions_);
    if (!reader_) throw std::bad_alloc();
    reader_->privdata = this;
  }
  ~Parser() { redisReaderFree(reader_); }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  // ok: see `done`. Otherwise fault() and text().
  bool get(bool& done) {
    void* reply = nullptr;
    if (redisReaderGetReply(reader_, &reply) != REDIS_OK) return false;
    done = reply != nullptr;
    return true;
  }
  bool feed(std::string_view bytes) { return redisReaderFeed(reader_, bytes.data(), bytes.size()) == REDIS_OK; }
  Value take() {
    elements_ = 0;
    return std::exchange(root_, Value());
  }
  // What hiredis has not parsed.
  std::string_view rest() const {
    if (!reader_->buf) return {};
    return {reader_->buf + reader_->pos, reader_->len - reader_->pos};
  }
  Error fault() const {
    return fault_ != Error::ok ? fault_ : reader_->err == REDIS_ERR_OOM ? Error::no_memory : Error::system;
  }
  std::string_view text() const { return fault_text_.empty() ? std::string_view(reader_->errstr) : fault_text_; }

 private:
  // With a template a field that only later versions have can be looked for, and a number may have the type of any version.
  template <class Functions>
  static Functions make_functions(Functions functions) {
    functions.createString = [](const redisReadTask* task, char* text, std::size_t size) -> void* {
      return add(task, [&](Parser& parser, Value& value) {
        switch (task->type) {
          case REDIS_REPLY_STATUS:
            value.kind = Value::Kind::status;
            break;
          case REDIS_REPLY_ERROR:
            value.kind = Value::Kind::error;
            break;
          case REDIS_REPLY_STRING:
            value.kind = Value::Kind::text;
            if (text[size] != '\r' || text[size + 1] != '\n')
              return parser.refuse(Error::system, "a text is longer than it says");
            break;
          default:
            return parser.refuse(Error::system, "a type of RESP3");
        }
        value.text.assign(text, size);
        return true;
      });
    };
    functions.createArray = [](const redisReadTask* task, auto count) -> void* {
      return add(task, [&](Parser& parser, Value& value) {
        if (task->type != REDIS_REPLY_ARRAY) return parser.refuse(Error::system, "a type of RESP3");
        int depth = 1;
        for (const redisReadTask* above = task->parent; above; above = above->parent) ++depth;
        if (depth > kMaxDepth) return parser.refuse(Error::too_large, "more than 7 levels of arrays");
        const auto items = static_cast<std::size_t>(count);
        if (items > parser.max_elements_ - parser.elements_)
          return parser.refuse(Error::too_large, "too many elements");
        parser.elements_ += items;
        value.kind = Value::Kind::array;
        value.items.reserve(std::min(items, kMaxReservedItems));
        return true;
      });
    };
    functions.createInteger = [](const redisReadTask* task, long long number) -> void* {
      return add(task, [&](Parser&, Value& value) {
        value.kind = Value::Kind::integer;
        value.integer = number;
        return true;
      });
    };
    functions.createNil = [](const redisReadTask* task) -> void* {
      return add(task, [](Parser&, Value&) { return true; });
    };
    // Values of RESP3, which nobody asked for.
    if constexpr (requires { functions.createDouble; }) {
      functions.createDouble = [](const redisReadTask* task, auto...) -> void* { return refuse_resp3(task); };
    }
    if constexpr (requires { functions.createBool; }) {
      functions.createBool = [](const redisReadTask* task, auto...) -> void* { return refuse_resp3(task); };
    }
    functions.freeObject = [](void*) {};  // root_ owns everything
    return functions;
  }

  // nullptr makes hiredis stop with an error.
  template <class Fill>
  static void* add(const redisReadTask* task, Fill fill) noexcept {
    Parser& parser = *static_cast<Parser*>(task->privdata);
    try {
      if (!task->parent) {
        parser.root_ = Value();
        return fill(parser, parser.root_) ? &parser.root_ : nullptr;
      }
      Value& item = static_cast<Value*>(task->parent->obj)->items.emplace_back();
      return fill(parser, item) ? &item : nullptr;
    } catch (...) {
      parser.refuse(Error::no_memory, "no memory");
      return nullptr;
    }
  }
  static void* refuse_resp3(const redisReadTask* task) {
    static_cast<Parser*>(task->privdata)->refuse(Error::system, "a type of RESP3");
    return nullptr;
  }
  bool refuse(Error code, std::string_view text) noexcept {
    fault_ = code;
    fault_text_ = text;
    return false;
  }

  std::size_t max_elements_;
  redisReplyObjectFunctions functions_;
  redisReader* reader_ = nullptr;
  Value root_;
  std::size_t elements_ = 0;  // that the arrays of root_ have announced
  Error fault_ = Error::ok;
  std::string_view fault_text_;  // static
};

RespReader::RespReader(RespLimits limits) : parser_(std::make_unique<Parser>(limits.elements)), limits_(limits) {}
RespReader::~RespReader() = default;

RespReader::Outcome RespReader::fail(Error code, std::string_view what) {
  error_.code = code;
  try {
    const std::string_view about = code == Error::system      ? "Redis sent what is not RESP2: "
                                   : code == Error::too_large ? "a reply of Redis is too large: "
                                                              : "a reply of Redis: ";
    error_.detail.append(about).append(what);
  } catch (...) {
    error_.detail.clear();
  }
  input_ = {};
  return Outcome::error;
}

RespReader::Outcome RespReader::next(Value& value) {
  while (error_.ok()) {
    bool done = false;
    if (!parser_->get(done)) return fail(parser_->fault(), parser_->text());
    const std::string_view rest = parser_->rest();
    if (done) {
      const std::size_t size = reply_bytes_ - rest.size();
      reply_bytes_ = rest.size();
      if (size > limits_.reply_bytes) return fail(Error::too_large, "more bytes than the limit");
      value = parser_->take();
      return Outcome::value;
    }
    if (reply_bytes_ > limits_.reply_bytes) return fail(Error::too_large, "more bytes than the limit");
    // Only a text can lack bytes when its line is whole, so the line is the length of the text.
    const std::size_t line = rest.substr(0, kMaxLineBytes).find("\r\n");
    if (line == std::string_view::npos) {
      if (rest.size() >= kMaxLineBytes) return fail(Error::too_large, "a line without an end");
    } else {
      std::size_t text_bytes = 0;
      const auto [end, error] = std::from_chars(rest.data(), rest.data() + line, text_bytes);
      if (error != std::errc() || text_bytes > limits_.reply_bytes)
        return fail(Error::too_large, "a text above the limit");
    }
    if (input_.empty()) return Outcome::none;
    const std::string_view piece = input_.substr(0, kPieceBytes);
    if (!parser_->feed(piece)) return fail(Error::no_memory, "no memory");
    input_.remove_prefix(piece.size());
    reply_bytes_ += piece.size();
  }
  return Outcome::error;
}

}  // namespace chat::redis
