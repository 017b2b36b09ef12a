// A link over a socket that the test controls: it accepts as many bytes as the test says. Each message that arrives becomes a line
// of a story, in one order with everything else that happens. Gap notices are placed as WebSocketLink places them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/deliver/link.h"
#include "net/deliver/link_context.h"
#include "net/deliver/websocket_carrier.h"

namespace chat::test {

class StreamLink;

// One line for each event. Before an event is added, all links write what they have queued, so that the lines have the order in
// which things happened.
class Story {
 public:
  void tell(std::string line);
  // All lines since the last call.
  std::string take() {
    std::string text;
    for (const std::string& line : std::exchange(lines_, {})) text += line + '\n';
    return text;
  }

 private:
  friend class StreamLink;

  std::vector<std::string> lines_;
  std::vector<StreamLink*> links_;
};

class StreamLink final : public net::Link {
 public:
  static constexpr std::size_t kEverything = SIZE_MAX;

  StreamLink(net::LinkContext& loop, net::LinkUser& user, std::string name, Story& story,
             const net::Carrier& carrier = net::websocket_carrier())
      : Link(loop, user), name_(std::move(name)), story_(story), carrier_(carrier) {
    story_.links_.push_back(this);
  }
  ~StreamLink() override { std::erase(story_.links_, this); }

  // The socket accepts so many bytes from now on; 0: its reader is stuck.
  void set_room(std::size_t bytes) { room_bytes_ = bytes; }
  // The reader has read, and the socket accepts so many bytes more.
  void reads(std::size_t bytes = kEverything) {
    room_bytes_ = bytes;
    note_progress();
    flush();
    charge_queue();
  }
  // So much received input waits to be handled.
  void hold_input(std::size_t bytes) { held_input_bytes_ = bytes; }
  bool told_to_pause() const { return paused_; }

  void close(std::uint16_t code, std::string_view reason) override {
    if (closing_) return;
    closing_ = true;
    story_.tell(name_ + ": closes " + std::to_string(code) + " " + std::string(reason));
    user_->on_link_closed(code, reason);
  }
  // The connection is lost.
  void lose() {
    if (closing_) return;
    closing_ = true;
    user_->on_link_closed(1006, "the connection was lost");
  }
  void flush() override {
    write_now();
    user_->on_output();
    if (closing_ || !outbox_.empty() || !outbox_.has_gaps()) return;
    for (const GapReply& gap : outbox_.take_gaps()) push(user_->encode_gap(gap));
  }
  void write_now() override;
  void pause_reading_until(std::int64_t until_ms) override {
    paused_ = true;
    story_.tell(name_ + ": pauses for " + std::to_string(until_ms - loop_.now_ms()) + " ms");
  }
  void resume_reading() override {
    paused_ = false;
    story_.tell(name_ + ": resumes");
  }
  void pause_reading_for_output() override { story_.tell(name_ + ": pauses for its output"); }
  const net::Carrier& carrier() const override { return carrier_; }

 private:
  std::size_t held_input_bytes() const override { return held_input_bytes_; }
  void tell_arrived();

  const std::string name_;
  Story& story_;
  const net::Carrier& carrier_;
  std::size_t room_bytes_ = kEverything;
  std::size_t held_input_bytes_ = 0;
  bool paused_ = false;
  std::string arrived_;
};

inline void Story::tell(std::string line) {
  for (std::size_t i = 0; i < links_.size(); ++i) links_[i]->write_now();
  lines_.push_back(std::move(line));
}

inline void StreamLink::write_now() {
  while (!outbox_.empty() && room_bytes_ != 0) {
    if (outbox_.has_gaps() && !outbox_.mid_write() && loop_.outbox_limits().policy == net::OutboxPolicy::drop_oldest) {
      std::vector<GapReply> gaps = outbox_.take_gaps();
      std::reverse(gaps.begin(), gaps.end());
      for (const GapReply& gap : gaps) {
        if (net::FramePtr notice = user_->encode_gap(gap)) outbox_.push_front(std::move(notice));
      }
    }
    const std::string_view bytes = outbox_.next(carrier_, loop_.scratch(), room_bytes_);
    const std::size_t written = bytes.size();
    arrived_ += bytes;
    outbox_.consume(written);
    if (room_bytes_ != kEverything) room_bytes_ -= written;
  }
  tell_arrived();
}

// Unmasked frames, as RFC 6455 section 5.2 describes them.
inline void StreamLink::tell_arrived() {
  for (;;) {
    const auto byte = [&](std::size_t at) {
      return static_cast<std::size_t>(static_cast<unsigned char>(arrived_[at]));
    };
    if (arrived_.size() < 2) return;
    std::size_t head = 2;
    std::size_t size = byte(1);
    if (size >= 126) {
      head = size == 126 ? 4 : 10;
      if (arrived_.size() < head) return;
      size = 0;
      for (std::size_t at = 2; at < head; ++at) size = size << 8 | byte(at);
    }
    if (arrived_.size() < head + size) return;
    story_.lines_.push_back(name_ + ": " + arrived_.substr(head, size));
    arrived_.erase(0, head + size);
  }
}

inline std::string lines_of(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + '\n';
  return text;
}

// Asserts exactly these lines since the last time.
#define assert_told(story, ...) \
  assert_string_equal((story).take().c_str(), ::chat::test::lines_of({__VA_ARGS__}).c_str())

}  // namespace chat::test
