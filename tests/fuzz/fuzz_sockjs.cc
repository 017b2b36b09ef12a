// Any bytes as a SockJS body, message, path and callback, and as what happens to a session, request by request. What is quoted must
// be read again as it was, and must not end what is around it; a session must give each request one end, and each message once.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "fuzz.h"
#include "model/utf8.h"
#include "session/sockjs_session.h"
#include "session/sockjs_websocket.h"
#include "support/sockjs_buffer.h"
#include "wire/json/json.h"
#include "wire/sockjs/sockjs_body.h"
#include "wire/sockjs/sockjs_envelope.h"
#include "wire/sockjs/sockjs_frame.h"
#include "wire/sockjs/sockjs_path.h"

using namespace chat;
using namespace chat::fuzz;
using wire::SockJsTransport;

namespace {

constexpr SockJsTransport kTransports[] = {SockJsTransport::xhr, SockJsTransport::xhr_streaming,
                                           SockJsTransport::eventsource, SockJsTransport::htmlfile,
                                           SockJsTransport::jsonp};

void quote_and_read(std::string_view text) {
  if (!is_utf8(text)) return;
  const std::string frame = wire::sockjs_message_frame(text);
  require(is_utf8(frame) && frame.starts_with("a[\"") && frame.ends_with("\"]"));
  wire::SockJsMessageReader reader(frame.substr(1), wire::SockJsBodyForm::array);
  std::string message;
  require(!reader.error() && reader.next(message) && reader.at_end() && message == text);
  for (const char c : frame) require(static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0xF0);
  std::string script;
  wire::append_sockjs_envelope(script, SockJsTransport::htmlfile, frame);
  require(script.find('<', 1) == script.rfind("</script>"));
  std::string event;
  wire::append_sockjs_envelope(event, SockJsTransport::eventsource, frame);
  require(event.find('\n') == event.size() - 3 && event.find('\r') == event.size() - 4);
}

void read_body(std::string_view body) {
  const Exact bytes(body);
  for (const auto form : {wire::SockJsBodyForm::array, wire::SockJsBodyForm::array_or_string}) {
    wire::SockJsMessageReader reader(std::string(bytes.view()), form);
    std::size_t count = 0;
    for (std::string message; reader.next(message); ++count) require(is_utf8(message));
    require(reader.at_end() && (!reader.error() || count == 0));
  }
  (void)wire::sockjs_form_payload("application/x-www-form-urlencoded", bytes.view());
  (void)wire::check_sockjs_callback(bytes.view());
  if (const auto target = wire::parse_sockjs_path(bytes.view())) {
    require(target->session.size() <= wire::kMaxSockJsIdBytes && target->session.find('/') == std::string_view::npos);
    require(target->session.empty() == target->server.empty());
  }
}

// The net layer's part: what it holds, and what may therefore be done to it.
class Driver {
 public:
  Driver(const session::SockJsOptions& options, SockJsTransport transport)
      : options_(options), transport_(transport), session_(options, queue_, transport) {}

  void handle(char event, std::string_view body) {
    switch (event) {
      case 'o':
        session_.open(now_ms_, out_);
        break;
      case 'g':
        arrives(transport_);
        return;
      case 'G':
        arrives(transport_ == SockJsTransport::xhr ? SockJsTransport::jsonp : SockJsTransport::xhr);
        return;
      case 'd':
        if (receiver_) can_write_ = true;
        session_.drained(now_ms_, out_);
        break;
      case 'l':
        receiver_ = false;
        session_.receiver_lost(now_ms_, out_);
        break;
      case 'L':
        session_.response_lost(now_ms_, out_);
        break;
      case 'p': {
        const Exact bytes(body);
        ++sends_;
        session_.send(7, std::string(bytes.view()), out_);
        break;
      }
      case 't':
        session_.take_message(out_);
        break;
      case 'q':
        if (is_utf8(body) && !closed_) queue_.push(body);
        session_.flush(now_ms_, out_);
        break;
      case 'c':
        session_.close(3000, is_utf8(body) ? body : "", now_ms_, out_);
        break;
      case 'A':
        session_.abort(out_);
        break;
      default:
        if (session_.deadline_ms() >= 0) {
          require(session_.deadline_ms() >= now_ms_);
          now_ms_ = session_.deadline_ms();
        }
        session_.tick(now_ms_, out_);
    }
    carry_out();
  }

  void finish() {
    session_.abort(out_);
    carry_out();
    require(forgotten_);
  }

  void operator()(const session::sockjs::StartReceiver& action) {
    require(std::exchange(arriving_, false) && !receiver_);
    require(action.prelude == wire::sockjs_prelude(transport_, "cb"));
    receiver_ = can_write_ = true;
    written_ = 0;
  }
  void operator()(const session::sockjs::Write& action) {
    require(receiver_ && !action.bytes.empty() && is_utf8(action.bytes));
    written_ += action.bytes.size();
    require(action.last || (wire::is_streaming(transport_) && written_ < options_.response_bytes));
    if (action.last) receiver_ = false;
  }
  void operator()(const session::sockjs::DropReceiver&) { require(std::exchange(receiver_, false)); }
  void operator()(const session::sockjs::AnswerReceiver&) { require(std::exchange(arriving_, false)); }
  void operator()(const session::sockjs::RefuseReceiver&) { require(std::exchange(arriving_, false)); }
  void operator()(const session::sockjs::AnswerSend& answer) {
    require(answer.request == 7 && (answer.status == 204 || answer.status == 500 || answer.status == 503));
    require(sends_-- > 0);
  }
  void operator()(const session::sockjs::SendWebSocket&) { require(false); }
  void operator()(const session::sockjs::CloseWebSocket&) { require(false); }
  void operator()(const session::sockjs::Deliver& message) { require(is_utf8(message.text) && !closed_); }
  void operator()(const session::sockjs::Closed&) { require(!std::exchange(closed_, true)); }
  void operator()(const session::sockjs::Forgotten&) {
    require(closed_ && !receiver_ && sends_ == 0);
    require(!std::exchange(forgotten_, true));
  }

 private:
  void arrives(SockJsTransport transport) {
    arriving_ = true;
    session_.receive(transport, "cb", now_ms_, out_);
    carry_out();
    require(!arriving_);
  }

  void carry_out() {
    const bool could_write = can_write_ || arriving_;
    bool wrote = false;
    for (const session::SockJsAction& action : out_) {
      const bool is_answer = std::holds_alternative<session::sockjs::RefuseReceiver>(action) ||
                             std::holds_alternative<session::sockjs::AnswerSend>(action);
      require(!forgotten_ || is_answer);
      wrote = wrote || std::holds_alternative<session::sockjs::Write>(action);
      std::visit(*this, action);
    }
    out_.clear();
    require(!wrote || could_write);
    if (wrote) can_write_ = false;
    require(receiver_ == session_.has_receiver() && forgotten_ == session_.forgotten());
    require(forgotten_ == (session_.deadline_ms() < 0) || session_.deadline_ms() < 0);
    if (!session_.has_messages()) require(sends_ == 0 && session_.waiting_bytes() == 0);
  }

  const session::SockJsOptions& options_;
  const SockJsTransport transport_;
  session::SockJsBuffer queue_;
  session::SockJsSession session_;
  session::SockJsActions out_;
  std::int64_t now_ms_ = 0;
  bool arriving_ = false;
  bool receiver_ = false;
  bool can_write_ = false;
  bool closed_ = false;
  bool forgotten_ = false;
  std::size_t written_ = 0;
  int sends_ = 0;
};

// Each piece between two bytes 0xFF is one event; its first byte says which. The first piece's length chooses the transport.
void drive_session(std::string_view events) {
  session::SockJsOptions options;
  options.response_bytes = 100;
  options.max_waiting_sends = 3;
  Input input(reinterpret_cast<const std::uint8_t*>(events.data()), events.size());
  std::string_view event;
  input.piece('\xFF', event);
  Driver driver(options, kTransports[event.size() % std::size(kTransports)]);
  driver.handle('g', {});
  while (input.piece('\xFF', event)) {
    if (!event.empty()) driver.handle(event.front(), event.substr(1));
  }
  driver.finish();
}

void drive_websocket(std::string_view events) {
  session::SockJsOptions options;
  session::SockJsWebSocket websocket(options);
  session::SockJsActions out;
  websocket.open(0, out);
  Input input(reinterpret_cast<const std::uint8_t*>(events.data()), events.size());
  for (std::string_view text; input.piece('\xFF', text);) {
    websocket.receive(std::string(text), out);
    while (websocket.has_messages()) websocket.take_message(out);
  }
  websocket.lost(out);
  require(std::holds_alternative<session::sockjs::Forgotten>(out.back()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  quote_and_read(bytes);
  read_body(bytes);
  drive_session(bytes);
  drive_websocket(bytes);
  return 0;
}
