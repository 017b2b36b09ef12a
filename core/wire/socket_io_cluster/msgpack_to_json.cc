// See msgpack_to_json.h.
#include "wire/socket_io_cluster/msgpack_to_json.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <utility>

#include "model/message.h"
#include "model/utf8.h"
#include "wire/json/json.h"
#include "wire/socket_io_cluster/msgpack_reader.h"

namespace chat::wire {
namespace {

constexpr std::int8_t kTimestamp = -1;
constexpr std::int8_t kNotepack = 0;  // of notepack.io before version 3: undefined, Date, ArrayBuffer
constexpr double kMaxDateMs = 8.64e15;

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t number = 0;
  for (const char byte : bytes) number = number << 8 | static_cast<std::uint8_t>(byte);
  return number;
}

std::int64_t signed_big_endian(std::string_view bytes) { return static_cast<std::int64_t>(big_endian(bytes)); }

bool is_undefined(const MsgpackItem& item) {
  return item.kind == MsgpackKind::extension && item.type == kNotepack && item.fixed && item.bytes.size() == 1;
}

bool is_array_buffer(const MsgpackItem& item) {
  return item.kind == MsgpackKind::extension && item.type == kNotepack && !item.fixed;
}

// The milliseconds of a Date. False: the extension is none.
bool read_date(const MsgpackItem& item, double& ms) {
  const std::string_view bytes = item.bytes;
  if (item.type == kNotepack && item.fixed && bytes.size() == 8) {
    ms = static_cast<double>(signed_big_endian(bytes));
    return true;
  }
  if (item.type != kTimestamp) return false;
  double seconds = 0;
  double nanoseconds = 0;
  if (bytes.size() == 4) {
    seconds = static_cast<double>(big_endian(bytes));
  } else if (bytes.size() == 8) {
    const std::uint64_t both = big_endian(bytes);
    nanoseconds = static_cast<double>(both >> 34);
    seconds = static_cast<double>(both & 0x3FFFFFFFFU);
  } else if (bytes.size() == 12) {
    nanoseconds = static_cast<double>(big_endian(bytes.substr(0, 4)));
    seconds = static_cast<double>(signed_big_endian(bytes.substr(4)));
  } else {
    return false;
  }
  ms = std::trunc(seconds * 1e3 + nanoseconds / 1e6);
  return true;
}

// ECMA-262 section 21.4.1.32: years outside of 0 to 9999 have a sign and six digits.
void append_date(std::string& out, double ms) {
  if (std::abs(ms) > kMaxDateMs) {
    out += "null";
    return;
  }
  constexpr std::int64_t kDayMs = 86'400'000;
  const auto time = static_cast<std::int64_t>(ms);
  std::int64_t day = time / kDayMs;
  std::int64_t rest = time % kDayMs;
  if (rest < 0) {
    rest += kDayMs;
    --day;
  }
  // The proleptic Gregorian calendar in eras of 400 years, which begin on March 1.
  const std::int64_t shifted = day + 719'468;
  const std::int64_t era = (shifted >= 0 ? shifted : shifted - 146'096) / 146'097;
  const std::int64_t day_of_era = shifted - era * 146'097;
  const std::int64_t year_of_era = (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t shifted_month = (5 * day_of_year + 2) / 153;
  const auto month = static_cast<int>(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
  const auto day_of_month = static_cast<int>(day_of_year - (153 * shifted_month + 2) / 5 + 1);
  const auto year = static_cast<int>(year_of_era + era * 400 + (month <= 2 ? 1 : 0));
  const auto part = [&](std::int64_t unit_ms, std::int64_t count) { return static_cast<int>(rest / unit_ms % count); };

  std::array<char, 48> text;
  const char* const form = year >= 0 && year <= 9'999 ? "\"%04d-%02d-%02dT%02d:%02d:%02d.%03dZ\""
                                                      : "\"%+07d-%02d-%02dT%02d:%02d:%02d.%03dZ\"";
  const int size = std::snprintf(text.data(), text.size(), form, year, month, day_of_month, part(3'600'000, 24),
                                 part(60'000, 60), part(1'000, 60), part(1, 1'000));
  out.append(text.data(), static_cast<std::size_t>(size));
}

class Converter {
 public:
  Converter(std::string_view bytes, const ClusterLimits& limits) : reader_(bytes), limits_(limits) {}

  Status run() {
    do {
      MsgpackItem item;
      if (Status status = reader_.next(item); !status.ok()) return status;
      if (Status status = take(item); !status.ok()) return status;
      if (result_.json.size() + attachment_bytes_ > limits_.max_bytes) return limits_.too_large();
      close_finished();
    } while (depth_ != 0);
    if (!reader_.at_end()) return {Error::encoding, "bytes follow the MessagePack value"};
    return {};
  }

  PlacedJson take_result() { return std::move(result_); }

 private:
  struct Container {
    bool is_map = false;
    bool expects_value = false;  // of a map: the key has been read
    bool empty = true;           // nothing has been written
    bool placeholder = false;    // the last key was _placeholder
    std::uint32_t left = 0;      // elements, or pairs
    std::size_t key_at = 0;      // of the JSON, before the last key and its comma
    bool empty_before_key = true;
  };

  Container& top() { return open_[depth_ - 1]; }

  void close_finished() {
    while (depth_ != 0 && top().left == 0) {
      result_.json += top().is_map ? '}' : ']';
      --depth_;
      after_value();
    }
  }

  // Of the container that is open now.
  void after_value() {
    if (depth_ == 0) return;
    top().expects_value = false;
    --top().left;
  }

  Status take(const MsgpackItem& item) {
    if (depth_ != 0) {
      Container& container = top();
      if (container.is_map && !container.expects_value) return write_key(container, item);
      if (container.is_map && is_undefined(item)) {
        result_.json.resize(container.key_at);
        container.empty = container.empty_before_key;
        after_value();
        return {};
      }
      if (container.is_map && container.placeholder && item.kind == MsgpackKind::boolean && item.boolean) {
        return {Error::invalid_argument, "an object has the form of a placeholder"};
      }
      if (!container.is_map) separate(container);
    }
    return write_value(item);
  }

  void separate(Container& container) {
    if (!container.empty) result_.json += ',';
    container.empty = false;
  }

  Status write_key(Container& container, const MsgpackItem& key) {
    container.key_at = result_.json.size();
    container.empty_before_key = container.empty;
    separate(container);
    if (key.kind == MsgpackKind::string) {
      if (Status status = write_string(key.bytes); !status.ok()) return status;
    } else if (key.kind == MsgpackKind::unsigned_integer || key.kind == MsgpackKind::negative_integer) {
      result_.json += '"';
      write_integer(key);
      result_.json += '"';
    } else {
      return {Error::encoding, "the key of a map is neither a string nor an integer"};
    }
    result_.json += ':';
    container.placeholder = key.kind == MsgpackKind::string && key.bytes == "_placeholder";
    container.expects_value = true;
    return {};
  }

  Status write_value(const MsgpackItem& item) {
    switch (item.kind) {
      case MsgpackKind::array:
      case MsgpackKind::map:
        return open(item);
      case MsgpackKind::nil:
        result_.json += "null";
        break;
      case MsgpackKind::boolean:
        result_.json += item.boolean ? "true" : "false";
        break;
      case MsgpackKind::unsigned_integer:
      case MsgpackKind::negative_integer:
        write_integer(item);
        break;
      case MsgpackKind::real:
        append_js_number(result_.json, item.real);
        break;
      case MsgpackKind::string:
        if (Status status = write_string(item.bytes); !status.ok()) return status;
        break;
      case MsgpackKind::binary:
        if (Status status = write_attachment(item.bytes); !status.ok()) return status;
        break;
      case MsgpackKind::extension:
        if (Status status = write_extension(item); !status.ok()) return status;
        break;
    }
    after_value();
    return {};
  }

  Status open(const MsgpackItem& item) {
    if (depth_ == open_.size()) {
      return {Error::invalid_json, "the MessagePack is nested deeper than " + std::to_string(open_.size())};
    }
    Container& container = open_[depth_++];
    container = {};
    container.is_map = item.kind == MsgpackKind::map;
    container.left = item.count;
    result_.json += container.is_map ? '{' : '[';
    return {};
  }

  void write_integer(const MsgpackItem& item) {
    if (item.kind == MsgpackKind::negative_integer) {
      json::append_number(result_.json, item.negative);
    } else {
      json::append_number(result_.json, item.number);
    }
  }

  Status write_string(std::string_view text) {
    if (!is_utf8(text)) return {Error::invalid_utf8, "a string in the MessagePack is not UTF-8"};
    json::append_quoted(result_.json, text);
    return {};
  }

  Status write_attachment(std::string_view bytes) {
    if (result_.attachments.size() == kMaxAttachments) return {Error::too_many, "more than 10 attachments"};
    attachment_bytes_ += bytes.size();
    result_.json += "{\"_placeholder\":true,\"num\":";
    json::append_number(result_.json, static_cast<std::uint64_t>(result_.attachments.size()));
    result_.json += '}';
    result_.attachments.emplace_back(bytes);
    return {};
  }

  Status write_extension(const MsgpackItem& item) {
    double ms = 0;
    if (is_undefined(item)) {
      result_.json += "null";
    } else if (is_array_buffer(item)) {
      return write_attachment(item.bytes);
    } else if (read_date(item, ms)) {
      append_date(result_.json, ms);
    } else {
      return {Error::unsupported, "the MessagePack has an extension of type " + std::to_string(item.type)};
    }
    return {};
  }

  MsgpackReader reader_;
  const ClusterLimits& limits_;
  PlacedJson result_;
  std::size_t attachment_bytes_ = 0;
  std::size_t depth_ = 0;
  std::array<Container, json::TokenReader::kDepthCeiling> open_;  // outermost first
};

}  // namespace

Result<PlacedJson> msgpack_to_json(std::string_view bytes, const ClusterLimits& limits) {
  if (bytes.size() > limits.max_bytes) return limits.too_large();
  Converter converter(bytes, limits);
  Status status = converter.run();
  if (!status.ok()) return status;
  return converter.take_result();
}

void append_js_number(std::string& out, double number) {
  if (!std::isfinite(number)) {
    out += "null";
    return;
  }
  if (number == 0) {
    out += '0';
    return;
  }
  // ECMA-262 section 6.1.6.1.20: the shortest digits that read as the same number, and where its point is.
  std::array<char, 32> text;
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), std::abs(number), std::chars_format::scientific);
  std::string_view written(text.data(), static_cast<std::size_t>(end.ptr - text.data()));
  const std::size_t e = written.find('e');
  int exponent = 0;
  const std::size_t sign = written[e + 1] == '+' ? 2 : 1;
  std::from_chars(written.data() + e + sign, written.data() + written.size(), exponent);
  std::string digits(written.substr(0, 1));
  if (e > 2) digits += written.substr(2, e - 2);

  if (number < 0) out += '-';
  const int count = static_cast<int>(digits.size());
  const int point = exponent + 1;  // digits before the point
  if (point > 0 && point <= 21) {
    if (count <= point) {
      out += digits;
      out.append(static_cast<std::size_t>(point - count), '0');
    } else {
      out.append(digits, 0, static_cast<std::size_t>(point));
      out += '.';
      out.append(digits, static_cast<std::size_t>(point));
    }
  } else if (point > -6 && point <= 0) {
    out += "0.";
    out.append(static_cast<std::size_t>(-point), '0');
    out += digits;
  } else {
    out += digits[0];
    if (count > 1) {
      out += '.';
      out.append(digits, 1);
    }
    out += exponent < 0 ? "e-" : "e+";
    json::append_number(out, static_cast<std::uint64_t>(std::abs(exponent)));
  }
}

}  // namespace chat::wire
