// See response_output.h.
#include "net/http/response_output.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "model/give_back.h"

namespace chat::net {

void ResponseOutput::begin(const HttpResponse& response, KeepAlive keep_alive, bool without_body) {
  end();
  bytes_ = response_head(response, keep_alive);
  if (response.file >= 0) {
    file_ = response.file;
    file_left_ = without_body ? 0 : response.file_bytes;
  } else if (!without_body && !response.constant_body.empty()) {
    constant_left_ = response.constant_body;
  } else if (!without_body) {
    bytes_ += response.body;
  }
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
  taken_ = 0;
  give_back(bytes_);
}

}  // namespace chat::net
