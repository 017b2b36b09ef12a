// See socket_io_assembler.h.
#include "wire/socket_io/socket_io_assembler.h"

#include <utility>

namespace chat::wire {

SocketIoAssembler::Added SocketIoAssembler::add(bool binary, std::string_view bytes) {
  if (!binary) {
    if (assembling_) return fail({Error::invalid_argument, "text instead of an attachment"});
    return begin(bytes);
  }
  if (!assembling_) return fail({Error::invalid_argument, "an attachment that no packet announced"});
  bytes_ += bytes.size();
  if (bytes_ > max_bytes_) return fail({Error::too_large, "the packet is too large"});
  attachments_.emplace_back(bytes);
  if (attachments_.size() < packet_.attachment_count) return Added::more;
  assembling_ = false;
  return Added::packet;
}

SocketIoAssembler::Added SocketIoAssembler::begin(std::string_view text) {
  attachments_.clear();
  bytes_ = text.size();
  if (bytes_ > max_bytes_) return fail({Error::too_large, "the packet is too large"});
  Result<SocketIoPacket> packet = decode_socket_io(text);
  if (!packet.ok()) return fail(packet.status());
  if (packet->attachment_count == 0) {
    packet_ = std::move(*packet);
    return Added::packet;
  }
  // packet_ holds views, so its text must live until the attachments have arrived.
  const std::string_view from = text;
  text_.assign(text);
  packet_ = std::move(*packet);
  const auto move_view = [&](std::string_view& view) {
    view = std::string_view(text_).substr(static_cast<std::size_t>(view.data() - from.data()), view.size());
  };
  if (packet_.nsp == "/") {
    packet_.nsp = "/";  // the text does not contain it when it is the default
  } else {
    move_view(packet_.nsp);
  }
  move_view(packet_.payload);
  if (!packet_.ack_id.empty()) move_view(packet_.ack_id);
  assembling_ = true;
  return Added::more;
}

SocketIoAssembler::Added SocketIoAssembler::fail(Status status) {
  assembling_ = false;
  attachments_.clear();
  text_.clear();
  fault_ = std::move(status);
  return Added::fault;
}

}  // namespace chat::wire
