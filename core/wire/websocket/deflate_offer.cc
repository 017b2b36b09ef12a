// See deflate_offer.h.
#include "wire/websocket/deflate_offer.h"

#include <utility>

namespace chat::wire {
namespace {

constexpr std::string_view kName = "permessage-deflate";

// RFC 9110 section 5.6.2.
bool is_token_character(char c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
  return std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

// Parses the grammar's elements from the front of a header value. A function whose element is absent leaves the text
// unchanged.
class ListReader {
 public:
  explicit ListReader(std::string_view text) : text_(text) { skip_space(); }

  bool at_end() const { return text_.empty(); }

  bool take(char c) {
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    skip_space();
    return true;
  }

  std::string_view take_token() {
    std::size_t size = 0;
    while (size < text_.size() && is_token_character(text_[size])) ++size;
    const std::string_view token = text_.substr(0, size);
    text_.remove_prefix(size);
    skip_space();
    return token;
  }

  // Reads a token or a quoted string, in which a backslash escapes the next character. Empty when there is neither.
  std::string take_value() {
    if (!text_.starts_with('"')) return std::string(take_token());
    std::string value;
    for (std::size_t at = 1; at < text_.size(); ++at) {
      if (text_[at] == '"') {
        text_.remove_prefix(at + 1);
        skip_space();
        return value;
      }
      if (text_[at] == '\\') ++at;
      if (at == text_.size() || !is_token_character(text_[at])) return {};
      value += text_[at];
    }
    return {};
  }

 private:
  void skip_space() {
    while (text_.starts_with(' ') || text_.starts_with('\t')) text_.remove_prefix(1);
  }

  std::string_view text_;
};

struct Parameter {
  std::string_view name;
  std::optional<std::string> value;
};

// Returns 8 to 15 for a number without leading zeros; 0 otherwise.
int window_bits(const std::optional<std::string>& value) {
  if (!value) return 0;
  if (*value == "8" || *value == "9") return value->front() - '0';
  if (value->size() != 2 || value->front() != '1' || (*value)[1] < '0' || (*value)[1] > '5') return 0;
  return 10 + ((*value)[1] - '0');
}

// One offer. It is declined when a parameter is invalid, unknown or repeated.
class Offer {
 public:
  explicit Offer(std::string_view extension) : possible_(extension == kName) {}

  void add(const Parameter& parameter) {
    if (parameter.name == "server_no_context_takeover") {
      possible_ &= !std::exchange(server_no_context_takeover_, true) && !parameter.value;
    } else if (parameter.name == "client_no_context_takeover") {
      possible_ &= !std::exchange(client_no_context_takeover_, true) && !parameter.value;
    } else if (parameter.name == "client_max_window_bits") {
      // Ignored otherwise: the reader accepts every window size.
      possible_ &= !std::exchange(client_max_window_bits_, true);
      possible_ &= !parameter.value || window_bits(parameter.value) != 0;
    } else if (parameter.name == "server_max_window_bits") {
      possible_ &= server_window_bits_ == 0;
      server_window_bits_ = window_bits(parameter.value);
      possible_ &= server_window_bits_ > 8;  // zlib cannot compress with a window of 256 bytes
    } else {
      possible_ = false;
    }
  }

  std::optional<DeflateAgreement> agreement() const {
    if (!possible_) return std::nullopt;
    DeflateAgreement agreement;
    agreement.answer = kName;
    agreement.answer += "; server_no_context_takeover";
    if (server_window_bits_ != 0) {
      agreement.server_window_bits = server_window_bits_;
      agreement.answer += "; server_max_window_bits=" + std::to_string(server_window_bits_);
    }
    if (client_no_context_takeover_) {
      agreement.client_no_context_takeover = true;
      agreement.answer += "; client_no_context_takeover";
    }
    return agreement;
  }

 private:
  bool possible_;
  bool server_no_context_takeover_ = false;
  bool client_no_context_takeover_ = false;
  bool client_max_window_bits_ = false;
  int server_window_bits_ = 0;
};

// Stores the first acceptable offer in `agreement`. Returns false when the value is malformed.
bool read_list(std::string_view value, std::optional<DeflateAgreement>& agreement) {
  ListReader reader(value);
  bool any = false;
  while (!reader.at_end()) {
    if (reader.take(',')) continue;  // empty elements are allowed (RFC 2616 section 2.1)
    const std::string_view extension = reader.take_token();
    if (extension.empty()) return false;
    any = true;
    Offer offer(extension);
    while (reader.take(';')) {
      Parameter parameter{reader.take_token(), std::nullopt};
      if (parameter.name.empty()) return false;
      if (reader.take('=')) {
        parameter.value = reader.take_value();
        if (parameter.value->empty()) return false;
      }
      offer.add(parameter);
    }
    if (!reader.at_end() && !reader.take(',')) return false;
    if (!agreement) agreement = offer.agreement();
  }
  return any;
}

}  // namespace

std::optional<DeflateAgreement> agree_on_deflate(std::span<const std::string_view> values) {
  std::optional<DeflateAgreement> agreement;
  for (const std::string_view value : values) {
    if (!read_list(value, agreement)) return std::nullopt;
  }
  return agreement;
}

bool is_extension_list(std::string_view value) {
  std::optional<DeflateAgreement> unused;
  return read_list(value, unused);
}

}  // namespace chat::wire
