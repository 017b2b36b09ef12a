// See response_output.h.
#include "net/http/response_output.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "model/give_back.h"

namespace chat::net {
namespace {

// Consumed bytes are removed from the front of the buffer at this size.
constexpr std::size_t kMaxTakenBytes = 65'536;

}  // namespace

void ResponseOutput::begin(const HttpResponse& response, KeepAlive keep_alive, bool without_body, int minor_version) {
  end();
  bytes_ = response_head(response, keep_alive, minor_version);
  if (response.streams) {
    open_ = !without_body;
    chunked_ = minor_version >= 1;
    append(response.body);
  } else if (response.file >= 0) {
    file_ = response.file;
    file_left_ = without_body ? 0 : response.file_bytes;
  } else if (!without_body && !response.constant_body.empty()) {
    constant_left_ = response.constant_body;
  } else if (!without_body) {
    bytes_ += response.body;
  }
}

// An empty chunk would end the body.
void ResponseOutput::append(std::string_view bytes) {
  if (!open_ || bytes.empty()) return;
  drop_taken();
  if (chunked_) {
    std::array<char, 16> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), bytes.size(), 16).ptr;
    bytes_.append(digits.data(), end).append("\r\n").append(bytes).append("\r\n");
  } else {
    bytes_ += bytes;
  }
}

void ResponseOutput::append_framed(std::string_view bytes) {
  if (!open_) return;
  drop_taken();
  bytes_ += bytes;
}

void ResponseOutput::drop_taken() {
  if (taken_ <= kMaxTakenBytes) return;
  bytes_.erase(0, taken_);
  taken_ = 0;
}

void ResponseOutput::complete() {
  if (std::exchange(open_, false) && chunked_) bytes_ += "0\r\n\r\n";
}

std::optional<std::string_view> ResponseOutput::next(std::size_t max_bytes) {
  if (bytes_.empty() && file_left_ != 0) {
    bytes_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(file_left_, max_bytes)));
    const ssize_t count = ::read(file_, bytes_.data(), bytes_.size());
    if (count <= 0) return std::nullopt;
    bytes_.resize(static_cast<std::size_t>(count));
    file_left_ -= static_cast<std::uint64_t>(count);
  }
  if (bytes_.empty()) return constant_left_.substr(0, max_bytes);
  return std::string_view(bytes_).substr(taken_, max_bytes);
}

void ResponseOutput::consume(std::size_t size) {
  if (bytes_.empty()) {
    constant_left_.remove_prefix(size);
    return;
  }
  taken_ += size;
  if (taken_ != bytes_.size()) return;
  bytes_.clear();
  taken_ = 0;
}

void ResponseOutput::end() {
  if (file_ >= 0) ::close(std::exchange(file_, -1));
  file_left_ = 0;
  constant_left_ = {};
  open_ = false;
  taken_ = 0;
  give_back(bytes_);
}

}  // namespace chat::net
