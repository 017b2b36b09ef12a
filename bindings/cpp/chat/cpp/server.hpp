// A server that runs, and ends with its owner.
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

// A running server and its owner. Its functions are those of ServerRef; callbacks, which may come before start() has
// returned, take theirs from their event: event.server(). May be moved while callbacks run, but not beside other calls on
// the same object.
class Server : public ServerRef {
 public:
  // None; to be assigned to.
  Server() = default;

  // chat_server_start(): when it gives a server, that listens.
  [[nodiscard]] static Result<Server> start(Options options) {
    // The callbacks keep this address; only the pointer moves with the Server.
    auto kept = std::make_unique<const Options>(std::move(options));
    detail::RawOptions raw(*kept);
    if (raw.nul()) return detail::nul_error();
    detail::Callbacks::set(raw.raw(), *kept);
    chat_server* handle = nullptr;
    if (const chat_error error = chat_server_start(&raw.raw(), &handle)) return Error::last(error);
    return Server(handle, std::move(kept));
  }

  Server(Server&& other) noexcept : ServerRef(other), options_(std::move(other.options_)) { other.forget(); }
  // Ends the server that was here first, as the destructor does.
  Server& operator=(Server&& other) noexcept {
    if (this != &other) {
      end();
      static_cast<ServerRef&>(*this) = other;
      options_ = std::move(other.options_);
      other.forget();
    }
    return *this;
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Says goodbye to every client, waits for the end of the drain and of all callbacks, and frees. Not in a callback of this
  // server: there it can only stop, says so to on_log, and the memory stays.
  ~Server() { end(); }

  // The same at a time of one's choosing. CHAT_ERROR_WRONG_THREAD in a callback of this server: it goes on then.
  Result<void> close() {
    if (const chat_error error = chat_server_free(handle())) return Error::last(error);
    options_.reset();
    forget();
    return {};
  }

 private:
  Server(chat_server* handle, std::unique_ptr<const Options> options) noexcept
      : ServerRef(handle), options_(std::move(options)) {}

  void forget() noexcept { static_cast<ServerRef&>(*this) = ServerRef(); }

  void end() noexcept {
    if (!options_ || chat_server_free(handle()) == CHAT_OK) return;
    stop();
    detail::Callbacks::log(*options_, {"a chat::Server was destroyed in one of its own callbacks: it leaks"});
    // The callbacks may run until the process ends.
    static_cast<void>(options_.release());
  }

  std::unique_ptr<const Options> options_;
};

}  // namespace v0
}  // namespace chat

#endif  // CHAT_CPP_SERVER_HPP
