// The link of a peer that lost its client while a command waits for a verdict. What is sent to it is discarded.
#pragma once

#include "net/deliver/link.h"
#include "net/deliver/websocket_carrier.h"

namespace chat::net {

class NoLink final : public Link {
 public:
  explicit NoLink(LinkContext& loop) : Link(loop, nobody_) { closing_ = true; }

  void close(std::uint16_t, std::string_view) override {}
  void flush() override {}
  void write_now() override {}
  void pause_reading_until(std::int64_t) override {}
  void resume_reading() override {}
  void pause_reading_for_output() override {}
  const Carrier& carrier() const override { return websocket_carrier(); }

 private:
  class Nobody final : public LinkUser {
   public:
    void on_message(bool, std::string_view) override {}
    void on_link_closed(std::uint16_t, std::string_view) override {}
    FramePtr encode_gap(const GapReply&) override { return {}; }
  };

  Nobody nobody_;
};

}  // namespace chat::net
