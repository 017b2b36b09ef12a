// Any bytes as a stream of STOMP frames. It must be read in the same way however it is cut, a frame that is written must be read
// again as it was, and a session must keep its bounds and answer each request once.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "fuzz.h"
#include "model/utf8.h"
#include "session/stomp_session.h"
#include "wire/stomp/stomp_negotiation.h"
#include "wire/stomp/stomp_parser.h"

using namespace chat;
using namespace chat::fuzz;
using wire::StompFrame;
using wire::StompVersion;

namespace {

using Version = std::optional<StompVersion>;

wire::StompLimits small_limits() {
  wire::StompLimits limits;
  limits.max_headers = 8;
  limits.max_line_bytes = 60;
  limits.max_headers_bytes = 200;
  limits.max_body_bytes = 300;
  return limits;
}

struct Reading {
  std::vector<StompFrame> frames;
  std::optional<wire::StompFault> fault;
  bool in_frame = false;
};

Reading read(std::string_view stream, Version version, std::size_t piece) {
  wire::StompParser parser(small_limits());
  if (version) parser.set_version(*version);
  Reading reading;
  while (!stream.empty() && !parser.fault()) {
    const Exact bytes(stream.substr(0, piece));
    std::string_view rest = bytes.view();
    for (StompFrame frame; parser.read(rest, frame);) reading.frames.push_back(std::move(frame));
    require(rest.empty() || parser.fault());
    stream.remove_prefix(bytes.view().size());
  }
  reading.fault = parser.fault();
  reading.in_frame = parser.in_frame();
  return reading;
}

bool same(const StompFrame& a, const StompFrame& b) {
  return a.command == b.command && a.headers == b.headers && a.body == b.body;
}

Pairs without_length(const StompFrame& frame) {
  Pairs headers = frame.headers;
  std::erase_if(headers, [](const Pair& header) { return header.name == "content-length"; });
  return headers;
}

// Not what a version cannot say: see stomp_frame.h.
bool can_be_written(const StompFrame& frame, StompVersion version) {
  const auto has = [](std::string_view text, std::string_view octets) {
    return text.find_first_of(octets) != std::string_view::npos;
  };
  const bool escaped = version != StompVersion::v1_0 && frame.command != wire::StompCommand::connect &&
                       frame.command != wire::StompCommand::connected;
  return std::none_of(frame.headers.begin(), frame.headers.end(), [&](const Pair& header) {
    return has(header.name + header.value, version == StompVersion::v1_2 && escaped ? "" : "\r");
  });
}

void read_and_write(std::string_view stream, Version version) {
  const wire::StompLimits limits = small_limits();
  const Reading whole = read(stream, version, stream.size() + 1);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{5}}) {
    const Reading cut = read(stream, version, piece);
    require(cut.fault == whole.fault && (cut.fault || cut.in_frame == whole.in_frame));
    require(std::equal(cut.frames.begin(), cut.frames.end(), whole.frames.begin(), whole.frames.end(), same));
  }
  for (const StompFrame& frame : whole.frames) {
    require(frame.headers.size() <= limits.max_headers && frame.body.size() <= limits.max_body_bytes);
    require(frame.body.empty() || wire::may_have_body(frame.command));
    for (const Pair& header : frame.headers) require(is_utf8(header.name) && is_utf8(header.value));
    if (!version || !can_be_written(frame, *version)) continue;
    const std::string bytes = wire::encode_stomp(frame, *version);
    wire::StompParser parser;
    parser.set_version(*version);
    StompFrame again;
    std::string_view rest = bytes;
    require(parser.read(rest, again) && rest.empty());
    require(again.command == frame.command && again.body == frame.body);
    require(without_length(again) == without_length(frame));
  }
}

// The net layer's part.
class Driver {
 public:
  explicit Driver(const session::StompOptions& options) : session_(options, 0) {}

  void hear(std::string_view bytes) {
    const Exact exact(bytes);
    session_.receive(exact.view(), now_ms_, out_);
    carry_out();
    while (session_.has_input()) {
      session_.take_frame(now_ms_, out_);
      carry_out();
    }
  }
  void handle(char event) {
    switch (event) {
      case 'a':
        session_.accept("session", now_ms_, out_);
        break;
      case 'r':
        session_.reject("no", {}, out_);
        break;
      case 'd':
        if (!requests_.empty()) answer(true);
        break;
      case 'x':
        if (!requests_.empty()) answer(false);
        break;
      case 'm':
        for (const auto subscription : subscriptions_)
          require(session_.message_head(subscription, "m" + std::to_string(++messages_)).starts_with("MESSAGE\n"));
        break;
      case 'c':
        session_.close("closed", "here", out_);
        break;
      case 'l':
        session_.lost();
        closed_ = true;
        requests_.clear();
        break;
      default:
        if (session_.deadline_ms() >= 0) {
          require(session_.deadline_ms() >= now_ms_);
          now_ms_ = session_.deadline_ms();
        }
        session_.tick(now_ms_, out_);
    }
    carry_out();
    // What came behind CONNECT is read after the answer.
    hear({});
  }

  void operator()(const session::stomp::Send& action) {
    if (action.bytes == wire::kStompHeartBeat) return;
    wire::StompParser parser;
    if (action.bytes.starts_with("ERROR") || action.bytes.starts_with("CONNECTED") || connected_)
      parser.set_version(session_.version());
    StompFrame frame;
    std::string_view rest = action.bytes;
    require(parser.read(rest, frame) && rest.empty());
    connected_ = connected_ || frame.command == wire::StompCommand::connected;
    if (frame.command == wire::StompCommand::error) failed_ = true;
  }
  void operator()(const session::stomp::Connect&) {
    require(!asked_);
    asked_ = true;
  }
  void operator()(const session::stomp::Subscribe& action) {
    require(connected_ && requests_.insert(action.ref).second && subscriptions_.insert(action.subscription).second);
    require(subscriptions_.size() <= 3);
  }
  void operator()(const session::stomp::Unsubscribe& action) {
    require(subscriptions_.erase(action.subscription) == 1);
  }
  void operator()(const session::stomp::Publish& action) {
    require(connected_ && requests_.insert(action.ref).second && action.body.size() <= 300);
  }
  void operator()(const session::stomp::Refuse& action) {
    require(connected_ && requests_.insert(action.ref).second && !action.status.ok());
  }
  void operator()(const session::stomp::Acknowledged& action) {
    require(subscriptions_.count(action.subscription) == 1 && !action.message_ids.empty());
  }
  void operator()(const session::stomp::Disconnect& action) { require(requests_.insert(action.ref).second); }
  void operator()(const session::stomp::Close&) {
    require(!closed_);
    closed_ = true;
  }

 private:
  void answer(bool well) {
    const auto ref = *requests_.begin();
    requests_.erase(ref);
    if (well) {
      session_.done(ref, now_ms_, out_);
    } else {
      session_.refused(ref, "forbidden", "no", now_ms_, out_);
    }
  }

  void carry_out() {
    for (const session::StompAction& action : out_) {
      require(!closed_);
      // Behind an ERROR frame there is only the end.
      require(!failed_ || std::holds_alternative<session::stomp::Close>(action));
      std::visit(*this, action);
    }
    out_.clear();
    require(closed_ == session_.closed());
    // Counted when it comes and when it goes, so it never falls below zero.
    require(session_.held_bytes() >= session_.waiting_bytes() && session_.held_bytes() < 100'000);
    if (closed_) require(session_.deadline_ms() < 0 && !session_.has_input() && session_.waiting_bytes() == 0);
  }

  session::StompSession session_;
  session::StompActions out_;
  std::int64_t now_ms_ = 0;
  bool asked_ = false;
  bool connected_ = false;
  bool failed_ = false;
  bool closed_ = false;
  std::set<session::stomp::Ref> requests_;
  std::set<session::stomp::Subscription> subscriptions_;
  int messages_ = 0;
};

// Each piece between two bytes 0xFF is an event, its first byte, and then bytes of the client. The first is only the latter.
void drive_session(std::string_view events) {
  session::StompOptions options;
  options.limits = small_limits();
  options.transactions = {2, 4, 1'000};
  options.max_subscriptions = 3;
  options.max_unacknowledged = 2;
  options.max_requests = 5;
  options.max_waiting_bytes = 1'000;
  Driver driver(options);
  Input input(reinterpret_cast<const std::uint8_t*>(events.data()), events.size());
  std::string_view event;
  if (input.piece('\xFF', event)) driver.hear(event);
  while (input.piece('\xFF', event)) {
    if (event.empty()) continue;
    driver.handle(event.front());
    driver.hear(event.substr(1));
  }
  driver.handle('c');
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const Version version :
       {Version(), Version(StompVersion::v1_0), Version(StompVersion::v1_1), Version(StompVersion::v1_2)})
    read_and_write(bytes, version);
  const std::string text(bytes);
  (void)wire::negotiate_stomp_version(&text);
  (void)wire::parse_stomp_heart_beat(&text);
  drive_session(bytes);
  return 0;
}
