// See chat_v1_binary.h.
#include "wire/chat_v1/chat_v1_binary.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "wire/chat_v1/chat_v1_writer.h"

namespace chat::wire {
namespace {

using Attachments = std::vector<std::string_view>;

void collect(Attachments& all, const std::vector<std::string>& attachments) {
  all.insert(all.end(), attachments.begin(), attachments.end());
}

// In the order in which the JSON text gives their lengths.
Attachments attachments_of(const Reply& reply) {
  Attachments all;
  if (const auto* answer = std::get_if<AnswerReply>(&reply)) {
    if (!answer->ref.empty()) collect(all, answer->attachments);
  } else if (const auto* history = std::get_if<HistoryReply>(&reply)) {
    for (const MessagePtr& message : history->messages) collect(all, message->attachments);
  }
  return all;
}

template <class Source>
std::optional<Packet> encode(const Source& source, const Attachments& attachments) {
  if (attachments.empty()) return std::nullopt;
  Packet packet{true, std::string(kChatV1LengthBytes, '\0')};
  std::string& bytes = packet.bytes;
  append_chat_v1(bytes, source, ChatV1Form{true, 0});
  const std::size_t length = bytes.size() - kChatV1LengthBytes;
  for (std::size_t i = 0; i < kChatV1LengthBytes; ++i) {
    bytes[i] = static_cast<char>(static_cast<std::uint32_t>(length) >> (8 * (kChatV1LengthBytes - 1 - i)));
  }
  std::size_t size = bytes.size();
  for (const std::string_view attachment : attachments) size += attachment.size();
  bytes.reserve(size);
  for (const std::string_view attachment : attachments) bytes += attachment;
  return packet;
}

}  // namespace

std::optional<ChatV1Parts> split_chat_v1_binary(std::string_view frame) {
  if (frame.size() < kChatV1LengthBytes) return std::nullopt;
  std::uint32_t length = 0;
  for (std::size_t i = 0; i < kChatV1LengthBytes; ++i) length = length << 8 | static_cast<unsigned char>(frame[i]);
  frame.remove_prefix(kChatV1LengthBytes);
  if (length > frame.size()) return std::nullopt;
  return ChatV1Parts{frame.substr(0, length), frame.substr(length)};
}

std::optional<Packet> encode_chat_v1_binary(const Message& message) {
  Attachments attachments;
  collect(attachments, message.attachments);
  return encode(message, attachments);
}

std::optional<Packet> encode_chat_v1_binary(const Reply& reply) { return encode(reply, attachments_of(reply)); }

}  // namespace chat::wire
