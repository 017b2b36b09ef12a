// The link of a peer whose client has gone while something that it said waits for a verdict: leads nowhere.
#pragma once

#include "net/deliver/link.h"

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
  const Framing& framing() const override { return framing_; }

 private:
  class Nobody final : public LinkUser {
   public:
    void on_message(bool, std::string_view) override {}
    void on_link_closed(std::uint16_t, std::string_view) override {}
    FramePtr encode_gap(const GapReply&) override { return {}; }
  };

  Nobody nobody_;
  const Framing framing_;
};

}  // namespace chat::net
