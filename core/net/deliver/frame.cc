// See frame.h.
#include "net/deliver/frame.h"

namespace chat::net {

Frame::Frame(std::string own, std::vector<BufferPtr> shared, std::vector<MessagePtr> messages)
    : size_bytes_(own.size()), own_(std::move(own)) {
  for (const BufferPtr& buffer : shared) size_bytes_ += buffer->bytes().size();
  if (!messages.empty()) {
    count_ = static_cast<std::uint32_t>(messages.size());
    message_ = messages.front();
  }
  if (messages.size() < 2) messages.clear();
  if (shared.empty() && messages.empty()) return;
  more_ = std::make_unique<More>(More{std::move(shared), std::move(messages)});
}

void Frame::append_shared_to(std::string& out) const {
  for (const BufferPtr& buffer : more_->shared) out += buffer->bytes();
}

std::size_t Frame::bytes_per_holder(std::uint32_t holders) const {
  std::size_t bytes = own_.size();
  if (more_) {
    for (const BufferPtr& buffer : more_->shared) bytes += buffer->bytes().size() / buffer.holders();
  }
  return bytes / holders;
}

}  // namespace chat::net
