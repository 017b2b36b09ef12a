// See redis_connection.h.
#include "redis/redis_connection.h"

#include <algorithm>
#include <cstdint>
#include <exception>
#include <functional>
#include <initializer_list>
#include <new>
#include <utility>

#include "model/give_back.h"
#include "model/vector_queue.h"
#include "redis/redis_socket.h"
#include "redis/resp_command.h"
#include "redis/resp_reader.h"
#include "redis/uv_handle.h"

namespace chat::redis {
namespace {

// What AUTH was refused with. The text itself may repeat the password, as that of an unknown command does.
std::string refused_login(const Value& reply) {
  if (reply.error_code() == "WRONGPASS") return "Redis refused the login: wrong user or password (WRONGPASS)";
  if (reply.text.starts_with("ERR AUTH <password> called without any password") ||
      reply.text.starts_with("ERR Client sent AUTH, but no password")) {
    return "Redis refused the login: it has no password for this user";
  }
  return "Redis refused the login (" + printable(reply.error_code().substr(0, 20)) + ")";
}

}  // namespace

class RedisConnection::Impl final : public SocketUser, public std::enable_shared_from_this<Impl> {
 public:
  Impl(uv_loop_t* loop, ConnectionOptions options, ConnectionUser& user)
      : loop_(loop),
        options_(std::move(options)),
        user_(&user),
        reader_({.reply_bytes = options_.max_reply_bytes}),
        socket_(loop, *this, options_.tls.get()),
        timer_(make_timer(loop, this)),
        prepare_(make_prepare(loop, this)) {}

  void open();
  void close(const Status& why) noexcept {
    user_ = nullptr;
    fail(why);
  }
  void close_later(Status&& why) noexcept;
  // For the destructor of the owner.
  void abandon() noexcept;
  Status send(std::span<const std::string_view> args, ReplyHandler&& done);
  void flush() noexcept;
  bool ready() const { return ready_ && !failing_; }
  std::size_t queued_bytes() const { return output_.size() + socket_.unsent_bytes(); }
  std::size_t waiting() const { return waiting_.size(); }

 private:
  // A command without an answer.
  struct Waiting {
    ReplyHandler done;
    std::uint64_t since_ms;
    std::uint64_t begin;            // the bytes that were sent on this connection before it
    std::string_view confirmation;  // empty: one ordinary answer
    std::size_t confirmations;      // that are still missing
  };

  std::shared_ptr<void> keep() noexcept override { return shared_from_this(); }
  void on_connected() override;
  void on_bytes(std::string_view bytes) override;
  void on_writable() override { flush(); }
  void on_broken(Status&& why) noexcept override;

  template <class Action>
  void guarded(Action action) noexcept;
  void fail(const Status& why) noexcept;
  Status at_address(const Status& why) const noexcept;
  void release_handles() noexcept;
  void log_in();
  void request(std::initializer_list<std::string_view> args, std::function<void(const Value&)> done);
  Status enqueue(std::span<const std::string_view> args, ReplyHandler&& done);
  void take(Value&& value);
  void take_push(std::string_view kind, Value&& value);
  Waiting pop() {
    Waiting first = std::move(waiting_.front());
    waiting_.pop_front();
    overdue_ = false;
    return first;
  }
  void start_timer(std::uint64_t due_ms) noexcept;
  void arm() noexcept;
  void on_timer();

  uv_loop_t* loop_;
  ConnectionOptions options_;
  ConnectionUser* user_;  // nullptr: nobody is called any more
  RespReader reader_;
  RedisSocket socket_;
  UvHandle<uv_timer_t> timer_;
  UvHandle<uv_prepare_t> prepare_;  // active while there is output that could be written
  VectorQueue<Waiting> waiting_;
  std::string output_;       // that the socket has not been given
  std::uint64_t begin_ = 0;  // bytes of commands before the next one
  std::uint64_t given_ = 0;  // bytes of commands that the socket has been given
  std::uint64_t timer_due_ms_ = 0;
  std::uint64_t last_input_ms_ = 0;
  bool ready_ = false;
  bool closed_ = false;
  bool abandoned_ = false;
  bool subscribed_ = false;  // a command for a subscription was sent
  bool overdue_ = false;     // the oldest answer was late, and libuv has not looked at the socket since
  bool failing_ = false;     // close_later()
  Status failure_;
};

template <class Action>
void RedisConnection::Impl::guarded(Action action) noexcept {
  const std::shared_ptr<void> kept = keep();
  try {
    action();
  } catch (const std::bad_alloc&) {
    fail({Error::no_memory, {}});
  } catch (...) {
    fail({Error::internal, {}});
  }
}

void RedisConnection::Impl::open() {
  uv_update_time(loop_);
  start_timer(uv_now(loop_) + static_cast<std::uint64_t>(options_.connect_limit_ms));
  if (Status opened = socket_.open(options_.address, options_.connect_limit_ms); !opened.ok())
    close_later(at_address(opened));
}

// Runs at the end only once, so what it calls may do anything.
void RedisConnection::Impl::fail(const Status& why) noexcept {
  if (closed_) return;
  closed_ = true;
  ready_ = false;
  socket_.close();
  release_handles();
  VectorQueue<Waiting> waiting = std::move(waiting_);
  for (Waiting& command : waiting) {
    if (abandoned_) return;
    if (!command.done) continue;
    Reply reply;
    reply.outcome = command.begin < given_ ? Reply::Outcome::lost : Reply::Outcome::not_sent;
    reply.status.code = why.code;
    try {
      reply.status.detail = why.detail;
    } catch (...) {
      reply.status.detail.clear();
    }
    try {
      ReplyHandler done = std::move(command.done);
      done(std::move(reply));
    } catch (...) {
      // The connection is closed already.
      continue;
    }
  }
  if (!user_) return;
  try {
    std::exchange(user_, nullptr)->on_closed(why);
  } catch (...) {
    return;
  }
}

void RedisConnection::Impl::release_handles() noexcept {
  timer_.reset();
  prepare_.reset();
  give_back(output_);
}

void RedisConnection::Impl::abandon() noexcept {
  abandoned_ = true;
  user_ = nullptr;
  closed_ = true;
  ready_ = false;
  socket_.close();
  release_handles();
  waiting_.clear();
}

void RedisConnection::Impl::close_later(Status&& why) noexcept {
  if (closed_ || failing_) return;
  failing_ = true;
  failure_ = std::move(why);
  start_timer(0);
}

Status RedisConnection::Impl::at_address(const Status& why) const noexcept {
  try {
    std::string detail = "Redis at " + describe(options_.address);
    if (!why.detail.empty()) detail += ": " + why.detail;
    return {why.code, std::move(detail)};
  } catch (...) {
    return {why.code, {}};
  }
}

void RedisConnection::Impl::on_broken(Status&& why) noexcept { fail(at_address(why)); }

void RedisConnection::Impl::on_connected() {
  last_input_ms_ = uv_now(loop_);
  log_in();
  flush();
}

// All at once: the answers come in order, and the last one says that it is ready.
void RedisConnection::Impl::log_in() {
  const auto refuse = [this](Error code, const std::string& what) { fail(at_address({code, what})); };
  if (!options_.password.empty()) {
    const auto answered = [refuse](const Value& reply) {
      if (!reply.is_ok()) refuse(Error::permission, refused_login(reply));
    };
    if (options_.user.empty()) {
      request({"AUTH", options_.password}, answered);
    } else {
      request({"AUTH", options_.user, options_.password}, answered);
    }
  }
  if (!options_.client_name.empty()) {
    // A name is for people. A user who may not set one works as well.
    request({"CLIENT", "SETNAME", options_.client_name}, [](const Value&) {});
  }
  if (options_.db != 0) {
    request({"SELECT", std::to_string(options_.db)}, [refuse](const Value& reply) {
      if (!reply.is_ok()) refuse(Error::unavailable, "Redis refused the database: " + printable(reply.text));
    });
  }
  request({"PING"}, [this, refuse](const Value& reply) {
    // NOPERM: this user may do other things.
    const bool fine = reply.kind == Value::Kind::status || reply.error_code() == "NOPERM";
    if (reply.error_code() == "NOAUTH")
      return refuse(Error::permission, "Redis wants a password, and the URL has none");
    if (!fine) return refuse(Error::unavailable, "Redis is not ready: " + printable(reply.text));
    ready_ = true;
    arm();
    user_->on_ready();
  });
}

// A command of our own. A lost connection needs no answer.
void RedisConnection::Impl::request(std::initializer_list<std::string_view> args,
                                    std::function<void(const Value&)> done) {
  if (closed_) return;
  const Status sent = enqueue({args.begin(), args.size()}, [this, done = std::move(done)](Reply&& reply) {
    if (reply.answered() && user_) done(reply.value);
  });
  if (!sent.ok()) fail(at_address(sent));
}

Status RedisConnection::Impl::send(std::span<const std::string_view> args, ReplyHandler&& done) {
  if (!ready()) return {Error::unavailable, "there is no connection to Redis"};
  if (args.empty() || args[0].empty()) return {Error::invalid_argument, "a command is missing"};
  const bool about_subscriptions = !confirmation_of(args[0]).empty();
  if (about_subscriptions && args.size() < 2) return {Error::invalid_argument, "a channel is missing"};
  if (subscribed_ && !about_subscriptions && args[0] != "PING") {
    return {Error::wrong_state, "a connection with subscriptions has no other commands"};
  }
  return enqueue(args, std::move(done));
}

Status RedisConnection::Impl::enqueue(std::span<const std::string_view> args, ReplyHandler&& done) {
  const std::size_t size = encoded_size(args);
  if (size > options_.max_queued_bytes || queued_bytes() > options_.max_queued_bytes - size) {
    return {Error::too_large, "too many bytes wait for Redis"};
  }
  if (waiting_.size() >= options_.max_waiting) return {Error::too_many, "too many commands wait for Redis"};
  output_.reserve(output_.size() + size);
  const std::string_view confirmation = confirmation_of(args[0]);
  waiting_.push_back({{}, uv_now(loop_), begin_, confirmation, confirmation.empty() ? 0 : args.size() - 1});
  // Nothing throws from here on.
  waiting_.back().done = std::move(done);
  append_command(output_, args);
  begin_ += size;
  subscribed_ = subscribed_ || !confirmation.empty();
  if (ready_) arm();
  if (uv_is_active(reinterpret_cast<const uv_handle_t*>(prepare_.get())) == 0) {
    uv_prepare_start(prepare_.get(), [](uv_prepare_t* prepare) {
      auto* const self = static_cast<Impl*>(prepare->data);
      const std::shared_ptr<void> kept = self->keep();
      self->flush();
    });
  }
  return {};
}

void RedisConnection::Impl::flush() noexcept {
  if (closed_ || failing_) return;
  uv_prepare_stop(prepare_.get());
  // on_writable() comes when it is busy.
  if (output_.empty() || !socket_.ready_to_write()) return;
  given_ = begin_;
  if (Status written = socket_.write(output_); !written.ok()) close_later(at_address(written));
}

void RedisConnection::Impl::on_bytes(std::string_view bytes) {
  last_input_ms_ = uv_now(loop_);
  reader_.feed(bytes);
  Value value;
  while (!closed_ && !failing_) {
    switch (reader_.next(value)) {
      case RespReader::Outcome::none:
        if (ready_) arm();  // the next PING
        return;
      case RespReader::Outcome::error:
        return fail(at_address(reader_.error()));
      case RespReader::Outcome::value:
        take(std::move(value));
    }
  }
}

void RedisConnection::Impl::take(Value&& value) {
  if (subscribed_) {
    const std::string_view kind = kind_of_push(value);
    if (!kind.empty()) return take_push(kind, std::move(value));
  }
  if (waiting_.empty()) {
    std::string what = "Redis sent an answer that nothing asked for";
    if (value.is_error()) what += ": " + printable(value.text);
    return fail(at_address({Error::system, std::move(what)}));
  }
  const Waiting answered = pop();
  if (!answered.done) return;
  Reply reply;
  reply.value = std::move(value);
  answered.done(std::move(reply));
}

void RedisConnection::Impl::take_push(std::string_view kind, Value&& value) {
  const bool confirms = !waiting_.empty() && waiting_.front().confirmation == kind;
  const bool last = confirms && --waiting_.front().confirmations == 0;
  if (!last) {
    if (user_ && ready_) user_->on_push(std::move(value));
    return;
  }
  const Waiting answered = pop();
  Reply reply;
  if (answered.done) reply.value = value;
  if (user_ && ready_) user_->on_push(std::move(value));
  if (answered.done && !abandoned_) answered.done(std::move(reply));
}

void RedisConnection::Impl::start_timer(std::uint64_t due_ms) noexcept {
  timer_due_ms_ = due_ms;
  const std::uint64_t now = uv_now(loop_);
  uv_timer_start(
      timer_.get(),
      [](uv_timer_t* timer) {
        auto* const self = static_cast<Impl*>(timer->data);
        self->guarded([self] { self->on_timer(); });
      },
      due_ms > now ? due_ms - now : 0, 0);
}

// Sets the timer for the oldest command or the next PING, unless it is set for an earlier time; it looks again then.
void RedisConnection::Impl::arm() noexcept {
  if (failing_) return;
  std::uint64_t due = 0;
  if (!waiting_.empty()) {
    due = waiting_.front().since_ms + static_cast<std::uint64_t>(options_.reply_limit_ms);
  } else if (options_.ping_interval_ms > 0) {
    due = last_input_ms_ + static_cast<std::uint64_t>(options_.ping_interval_ms);
  } else {
    return;
  }
  const bool active = uv_is_active(reinterpret_cast<const uv_handle_t*>(timer_.get())) != 0;
  if (!active || due < timer_due_ms_) start_timer(due);
}

void RedisConnection::Impl::on_timer() {
  if (failing_) return fail(failure_);
  const std::uint64_t now = uv_now(loop_);
  if (!ready_) {
    return fail(
        at_address({Error::timed_out, "no connection within " + std::to_string(options_.connect_limit_ms) + " ms"}));
  }
  if (!waiting_.empty()) {
    if (now < waiting_.front().since_ms + static_cast<std::uint64_t>(options_.reply_limit_ms)) return arm();
    if (overdue_) {
      return fail(
          at_address({Error::timed_out, "no answer within " + std::to_string(options_.reply_limit_ms) + " ms"}));
    }
    // The loop itself may have been late, and the answer may be in the socket. libuv reads before the timer runs again.
    overdue_ = true;
    return start_timer(now + 1);
  }
  if (options_.ping_interval_ms > 0 && now >= last_input_ms_ + static_cast<std::uint64_t>(options_.ping_interval_ms)) {
    request({"PING"}, [](const Value&) {});
    return;
  }
  arm();
}

RedisConnection::RedisConnection(uv_loop_t* loop, ConnectionOptions options, ConnectionUser& user)
    : impl_(std::make_shared<Impl>(loop, std::move(options), user)) {}
RedisConnection::~RedisConnection() { impl_->abandon(); }

void RedisConnection::open() { impl_->open(); }
void RedisConnection::close(const Status& why) {
  const std::shared_ptr<Impl> kept = impl_;
  kept->close(why);
}
void RedisConnection::close_later(Status why) { impl_->close_later(std::move(why)); }
Status RedisConnection::send(std::span<const std::string_view> args, ReplyHandler done) {
  return impl_->send(args, std::move(done));
}
void RedisConnection::flush() { impl_->flush(); }
bool RedisConnection::ready() const { return impl_->ready(); }
std::size_t RedisConnection::queued_bytes() const { return impl_->queued_bytes(); }
std::size_t RedisConnection::waiting() const { return impl_->waiting(); }

}  // namespace chat::redis
