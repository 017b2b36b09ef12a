// The link of a SockJS session over HTTP. Its frames, each one message, wait until the session has a request to write them to.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "net/deliver/link.h"

namespace chat::net {

// The session, as its link sees it.
class SockJsLinkOwner {
 public:
  // Frames wait.
  virtual void on_output() = 0;
  // The link closes. Its user has not been told yet.
  virtual void on_close(std::uint16_t code, std::string_view reason) = 0;
  // No more messages of the client are to be delivered until that time.
  virtual void on_pause(std::int64_t until_ms) = 0;
  virtual void on_resume() = 0;
  // What the client has sent waits, or would wait.
  virtual bool holds_input() const = 0;
  // Of what the client has sent and the user has not been given.
  virtual std::size_t waiting_bytes() const = 0;

 protected:
  ~SockJsLinkOwner() = default;
};

class SockJsLink final : public Link {
 public:
  SockJsLink(LinkContext& loop, SockJsLinkOwner& owner, std::unique_ptr<LinkUser> user);

  void close(std::uint16_t code, std::string_view reason) override;
  // The client is gone. Its user is told, unless the link was closed before.
  void lose(std::uint16_t code, std::string_view reason);

  void flush() override { owner_.on_output(); }
  void write_now() override { owner_.on_output(); }
  void pause_reading_until(std::int64_t until_ms) override { owner_.on_pause(until_ms); }
  void resume_reading() override { owner_.on_resume(); }
  void pause_reading_for_output() override;
  bool is_paused() const override { return owner_.holds_input(); }
  const Carrier& carrier() const override;

  bool empty() const { return outbox_.empty(); }
  // Appends messages to the elements of an array, while these are shorter than max_bytes.
  void take(std::string& elements, std::size_t max_bytes);

 private:
  std::size_t held_input_bytes() const override { return owner_.waiting_bytes(); }
  void tell_gaps_first();

  SockJsLinkOwner& owner_;
  const std::unique_ptr<LinkUser> owned_user_;
};

}  // namespace chat::net
