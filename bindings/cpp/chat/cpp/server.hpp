// A running server that ends with its owner.
#ifndef CHAT_CPP_SERVER_HPP
#define CHAT_CPP_SERVER_HPP

#include <chat/chat.h>

#include <chat/cpp/callbacks.hpp>
#include <chat/cpp/error.hpp>
#include <chat/cpp/options.hpp>
#include <chat/cpp/server_ref.hpp>
#include <memory>
#include <string>
#include <utility>

namespace chat {
inline namespace v0 {

// Owns a running server. It has the functions of ServerRef. Callbacks may run before start() has returned, so they must
// use event.server(). A Server may be moved while callbacks run, but not during other calls on the same object.
class Server : public ServerRef {
 public:
  // Owns no server; assign one later.
  Server() = default;

  // chat_server_start(): the returned server is listening.
  [[nodiscard]] static Result<Server> start(Options options) {
    auto running = std::make_unique<Running>(Running{std::move(options), nullptr});
    detail::RawOptions raw(running->options);
    if (raw.nul()) return detail::nul_error();
    detail::Callbacks::set(raw.raw(), running->options);
    if (const chat_error error = chat_server_start(&raw.raw(), &running->handle)) return Error::last(error);
    return Server(std::move(running));
  }

  Server(Server&& other) noexcept : ServerRef(other), running_(std::move(other.running_)) { other.forget(); }
  // First ends the server that this object owned, as the destructor does.
  Server& operator=(Server&& other) noexcept {
    if (this != &other) {
      end();
      static_cast<ServerRef&>(*this) = other;
      running_ = std::move(other.running_);
      other.forget();
    }
    return *this;
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Closes every connection cleanly, waits for the end of the drain and of all callbacks, and frees the server. In a
  // callback of this server it can only stop the server; it reports this to on_log and leaks the memory.
  ~Server() { end(); }

  // The same before destruction. In a callback of this server, fails with CHAT_ERROR_WRONG_THREAD and changes nothing.
  Result<void> close() {
    if (!running_) return {};
    if (const chat_error error = chat_server_free(running_->handle)) return Error::last(error);
    running_.reset();
    forget();
    return {};
  }

 private:
  // What the Server owns, independent of the public ServerRef. The callbacks keep the address of the options, so only
  // the pointer moves with the Server.
  struct Running {
    const Options options;
    chat_server* handle;
  };

  explicit Server(std::unique_ptr<Running> running) noexcept
      : ServerRef(running->handle), running_(std::move(running)) {}

  void forget() noexcept { static_cast<ServerRef&>(*this) = ServerRef(); }

  void end() noexcept {
    if (!running_ || chat_server_free(running_->handle) == CHAT_OK) return;
    chat_server_stop(running_->handle);
    detail::Callbacks::log(running_->options, {"a chat::Server was destroyed in one of its own callbacks: it leaks"});
    // The callbacks may run until the process ends.
    static_cast<void>(running_.release());
  }

  std::unique_ptr<Running> running_;
};

}  // namespace v0
}  // namespace chat

#endif  // CHAT_CPP_SERVER_HPP
