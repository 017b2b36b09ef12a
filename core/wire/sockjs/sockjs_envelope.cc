// See sockjs_envelope.h.
#include "wire/sockjs/sockjs_envelope.h"

#include <algorithm>

namespace chat::wire {
namespace {

constexpr std::size_t kXhrPreludeBytes = 2'048;  // what some browsers buffer before they show a page any of a response
constexpr std::size_t kHtmlfilePreludeBytes = 1'024;

bool is_callback_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

// A frame as the literal of a script's string. Frames hold no control character, U+2028 or U+2029: their messages are quoted.
// An escaped < cannot end the script element around it.
void append_script_string(std::string& out, std::string_view frame) {
  out += '"';
  for (const char c : frame) {
    if (c == '<') {
      out += "\\u003c";
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

// sockjs-client reads an event's data with decodeURI().
void append_event_data(std::string& out, std::string_view frame) {
  for (const char c : frame) {
    if (c == '%') {
      out += "%25";
    } else {
      out += c;
    }
  }
}

std::string htmlfile_prelude(std::string_view callback) {
  std::string page =
      "<!doctype html>\n"
      "<html><head>\n"
      "  <meta http-equiv=\"X-UA-Compatible\" content=\"IE=edge\" />\n"
      "  <meta http-equiv=\"Content-Type\" content=\"text/html; charset=UTF-8\" />\n"
      "</head><body><h2>Don't panic!</h2>\n"
      "  <script>\n"
      "    document.domain = document.domain;\n"
      "    var c = parent.";
  page += callback;
  page +=
      ";\n"
      "    c.start();\n"
      "    function p(d) {c.message(d);};\n"
      "    window.onload = function() {c.stop();};\n"
      "  </script>\n";
  page.resize(std::max(page.size(), kHtmlfilePreludeBytes), ' ');
  page += "\r\n\r\n";
  return page;
}

}  // namespace

std::string_view name_of(SockJsTransport transport) {
  constexpr std::string_view kNames[] = {"websocket", "xhr", "xhr_streaming", "eventsource", "htmlfile", "jsonp"};
  return kNames[static_cast<std::size_t>(transport)];
}

std::string_view content_type_of(SockJsTransport transport) {
  switch (transport) {
    case SockJsTransport::eventsource:
      return "text/event-stream";
    case SockJsTransport::htmlfile:
      return "text/html; charset=UTF-8";
    default:
      return "application/javascript; charset=UTF-8";
  }
}

std::string_view text_of(SockJsCallbackError error) {
  return error == SockJsCallbackError::required ? R"("callback" parameter required)"
                                                : R"(invalid "callback" parameter)";
}

std::optional<SockJsCallbackError> check_sockjs_callback(std::string_view callback) {
  if (callback.empty()) return SockJsCallbackError::required;
  if (callback.size() > kMaxSockJsCallbackBytes ||
      !std::all_of(callback.begin(), callback.end(), is_callback_character))
    return SockJsCallbackError::invalid;
  return std::nullopt;
}

std::string sockjs_prelude(SockJsTransport transport, std::string_view callback) {
  switch (transport) {
    case SockJsTransport::xhr_streaming:
      return std::string(kXhrPreludeBytes, 'h') + '\n';
    case SockJsTransport::eventsource:
      return "\r\n";
    case SockJsTransport::htmlfile:
      return htmlfile_prelude(callback);
    default:
      return {};
  }
}

void append_sockjs_envelope(std::string& out, SockJsTransport transport, std::string_view frame,
                            std::string_view callback) {
  switch (transport) {
    case SockJsTransport::websocket:
      out += frame;
      break;
    case SockJsTransport::xhr:
    case SockJsTransport::xhr_streaming:
      out += frame;
      out += '\n';
      break;
    case SockJsTransport::eventsource:
      out += "data: ";
      append_event_data(out, frame);
      out += "\r\n\r\n";
      break;
    case SockJsTransport::htmlfile:
      out += "<script>\np(";
      append_script_string(out, frame);
      out += ");\n</script>\r\n";
      break;
    case SockJsTransport::jsonp:
      out += "/**/";  // keeps the response from being read as a Flash file
      out += callback;
      out += '(';
      append_script_string(out, frame);
      out += ");\r\n";
      break;
  }
}

}  // namespace chat::wire
