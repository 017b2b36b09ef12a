// How packets become bytes on a link: what surrounds each packet, and what surrounds the frames that one write gathers.
// A carrier is a constant object without state of a link. Links with the same carrier object share frames, so comparing
// carriers is comparing addresses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/message.h"
#include "net/deliver/frame.h"
#include "wire/codec.h"

namespace chat::net {

// The part of a packet that is the same for all subscriptions, as a carrier writes it: made once, shared by their
// frames.
struct SharedBody {
  wire::Packet packet;      // its bytes are moved to `bytes` when the carrier can share them
  BufferPtr bytes;          // empty: each frame gets a copy
  bool compressed = false;  // `bytes` is
};

class Carrier {
 public:
  virtual ~Carrier() = default;
  Carrier(const Carrier&) = delete;
  Carrier& operator=(const Carrier&) = delete;

  // Appends one packet of a codec.
  virtual void append(std::string& out, const wire::PacketView& packet) const = 0;
  // Appends a text of the session's own, which is not a packet of a codec: a ping of Engine.IO.
  virtual void append_text(std::string& out, std::string_view text) const = 0;

  // For packets with a head of their own before a shared body. append_head() appends what comes before body.bytes;
  // nothing follows these. By default nothing is shared: append_head() appends the whole packet.
  virtual SharedBody share(wire::Packet body) const { return {std::move(body), {}, false}; }
  virtual void append_head(std::string& out, std::string_view head, const SharedBody& body) const;

  // What the server sends when it closes a link: a text of the session's own (empty: none), then the close.
  struct Closing {
    std::string text;
    std::uint16_t code;
    std::string reason;
  };
  virtual Closing closing(std::uint16_t code, std::string_view reason) const { return {{}, code, std::string(reason)}; }

  // True: one write gathers several frames in an envelope: a prefix, the frames with separators between them, a suffix.
  // A write that has begun is written to its end. False: a frame is complete by itself.
  bool gathers() const { return gathers_; }
  // bytes: of the frames and separators that follow, without the suffix.
  virtual void append_prefix(std::string& out, std::size_t bytes) const;
  // Also between the packets of one frame.
  std::string_view separator() const { return separator_; }
  std::string_view suffix() const { return suffix_; }

  // The same with permessage-deflate (RFC 7692): the window of the compression in bits, 9 to 15. A carrier that does
  // not compress is its own variant, because compression is optional for each message.
  virtual const Carrier& with_deflate(int window_bits) const;

 protected:
  Carrier() = default;
  // One that gathers. The texts are constants.
  Carrier(std::string_view separator, std::string_view suffix)
      : gathers_(true), separator_(separator), suffix_(suffix) {}

 private:
  const bool gathers_ = false;
  const std::string_view separator_;
  const std::string_view suffix_;
};

// The bytes of a frame.
struct Segments {
  std::string own;                // the first segment
  std::vector<BufferPtr> shared;  // those after it
};

// Puts packets into one frame.
class FrameBuilder final : public wire::PacketSink {
 public:
  // buffer: its memory is used for the first segment, its content is not.
  explicit FrameBuilder(const Carrier& carrier, std::string buffer = {})
      : carrier_(carrier), bytes_(std::move(buffer)) {
    bytes_.clear();
  }

  void reserve(std::size_t bytes) { bytes_.reserve(bytes); }
  void add(const wire::PacketView& packet) override;
  void add(std::string_view head, const SharedBody& body);
  // Once. An empty pointer when nothing was added.
  FramePtr finish(MessagePtr message);
  // With several messages of one room.
  FramePtr finish(std::vector<MessagePtr> messages);
  // The bytes alone. Once, instead of finish(). Empty when nothing was added.
  Segments take();
  // How many were added.
  std::size_t packets() const { return packets_; }

 private:
  void separate();

  const Carrier& carrier_;
  std::size_t packets_ = 0;
  Segments made_;
  std::string bytes_;  // the segment that is being made
};

// The messages are of one room.
FramePtr make_frame(Segments bytes, std::vector<MessagePtr> messages);
// An empty pointer when there are no packets.
FramePtr make_frame(const wire::Packets& packets, const Carrier& carrier, MessagePtr message);
FramePtr make_frame(std::string_view head, const SharedBody& body, const Carrier& carrier, MessagePtr message);
FramePtr make_text_frame(std::string_view text, const Carrier& carrier);

}  // namespace chat::net
