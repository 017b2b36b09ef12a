// See sockjs_pages.h.
#include "wire/sockjs/sockjs_pages.h"

#include <algorithm>

#include "wire/digest.h"
#include "wire/http/syntax.h"

namespace chat::wire {
namespace {

void append_attribute(std::string& page, std::string_view value) {
  for (const char c : value) {
    switch (c) {
      case '&':
        page += "&amp;";
        break;
      case '"':
        page += "&quot;";
        break;
      case '<':
        page += "&lt;";
        break;
      default:
        page += c;
    }
  }
}

}  // namespace

std::string sockjs_info_json(const SockJsInfo& info) {
  const auto text_of = [](bool value) { return value ? "true" : "false"; };
  std::string json = R"({"websocket":)";
  json += text_of(info.websocket);
  json += R"(,"origins":["*:*"],"cookie_needed":)";
  json += text_of(info.cookie_needed);
  json += R"(,"entropy":)";
  json += std::to_string(info.entropy);
  json += '}';
  return json;
}

SockJsPage sockjs_iframe_page(std::string_view script_url) {
  SockJsPage page;
  page.body =
      "<!DOCTYPE html>\n"
      "<html>\n"
      "<head>\n"
      "  <meta http-equiv=\"X-UA-Compatible\" content=\"IE=edge\" />\n"
      "  <meta http-equiv=\"Content-Type\" content=\"text/html; charset=UTF-8\" />\n"
      "  <script src=\"";
  append_attribute(page.body, script_url);
  page.body +=
      "\"></script>\n"
      "  <script>\n"
      "    document.domain = document.domain;\n"
      "    SockJS.bootstrap_iframe();\n"
      "  </script>\n"
      "</head>\n"
      "<body>\n"
      "  <h2>Don't panic!</h2>\n"
      "  <p>This is a SockJS hidden iframe. It's used for cross domain magic.</p>\n"
      "</body>\n"
      "</html>";
  page.etag = content_tag(page.body);
  return page;
}

bool matches_etag(std::string_view if_none_match, std::string_view etag) {
  if (trim_blanks(if_none_match) == "*") return true;
  const std::vector<std::string> tags = list_elements(if_none_match);
  return std::any_of(tags.begin(), tags.end(), [&](std::string_view tag) {
    if (tag.starts_with("W/")) tag.remove_prefix(2);
    return tag == etag;
  });
}

}  // namespace chat::wire
