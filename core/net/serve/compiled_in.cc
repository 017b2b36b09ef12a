// See compiled_in.h.
#include "net/serve/compiled_in.h"

#include <algorithm>
#include <vector>

#include "net/base/protocol_traits.h"
#include "net/endpoint/endpoint_table.h"
#include "net/http/content_type.h"
#include "net/http/file_response.h"
#include "net/serve/embedded_files.h"
#include "wire/digest.h"

namespace chat::net {
namespace {

constexpr std::string_view kPageName = "index.html";
constexpr std::string_view kScriptName = "chat.js";

// Allows only the scripts, styles, images and connections that the page itself uses. Other pages cannot frame it, and
// text cannot become markup or script. 'self' includes WebSockets to the same host and port.
constexpr std::string_view kPagePolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; manifest-src 'self'; "
    "require-trusted-types-for 'script'";

Status invalid(std::string detail) { return {Error::invalid_argument, std::move(detail)}; }

std::string html_escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

// RFC 3986 section 2.1: encodes all characters except unreserved ones and those in `kept`.
std::string percent_encoded(std::string_view text, std::string_view kept) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const bool letter_or_digit = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (letter_or_digit || std::string_view("-._~").find(c) != std::string_view::npos ||
        kept.find(c) != std::string_view::npos) {
      encoded += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    encoded += '%';
    encoded += kDigits[byte >> 4];
    encoded += kDigits[byte & 15];
  }
  return encoded;
}

std::string query_of(const HttpRequest& request) {
  std::string query;
  for (const Pair& argument : request.query) {
    query += query.empty() ? '?' : '&';
    query += percent_encoded(argument.name, "") + "=" + percent_encoded(argument.value, "");
  }
  return query;
}

Status fill_in(std::string& html, std::string_view name, std::string_view value) {
  const std::string before = "<meta name=\"" + std::string(name) + "\" content=\"";
  const std::size_t found = html.find(before);
  const std::size_t begin = found + before.size();
  const std::size_t end = found == std::string::npos ? found : html.find('"', begin);
  if (end == std::string::npos) return {Error::internal, "index.html has no <meta> element for " + std::string(name)};
  html.replace(begin, end - begin, html_escaped(value));
  return {};
}

// The endpoint of chat.v1; otherwise a plain one, where clients can request chat.v1 as a subprotocol.
const Endpoint* find_chat_v1(const ServerOptions& options) {
  const auto& endpoints = options.endpoints;
  for (const Protocol protocol : {Protocol::chat_v1, Protocol::plain}) {
    auto found = std::find_if(endpoints.begin(), endpoints.end(),
                              [&](const Endpoint& endpoint) { return endpoint.protocol == protocol; });
    if (found != endpoints.end()) return &*found;
  }
  return nullptr;
}

// What else the server serves at this path, as a phrase for error messages; empty: nothing.
std::string other_use(const ServerOptions& options, std::string_view path) {
  if (path == "/healthz") return "the health check";
  if (path == "/readyz") return "the check of readiness";
  if (const Endpoint* endpoint = find_endpoint(options, path)) return "the endpoint " + endpoint->path;
  for (const Endpoint& endpoint : options.endpoints) {
    if (traits_of(endpoint.protocol).owns_paths_below && is_inside(path, endpoint.path)) {
      return "the endpoint " + endpoint.path + ", which owns all paths below its own";
    }
  }
  return {};
}

}  // namespace

std::string relative_reference(std::string_view page_path, std::string_view path) {
  const std::string base = page_path.ends_with('/') ? std::string(page_path) : std::string(page_path) + "/";
  // The common prefix, up to a slash.
  std::size_t shared = 0;
  for (std::size_t i = 0; i < base.size() && i < path.size() && base[i] == path[i]; ++i) {
    if (base[i] == '/') shared = i + 1;
  }
  std::string reference;
  for (const char c : std::string_view(base).substr(shared)) {
    if (c == '/') reference += "../";
  }
  // "./" keeps a colon in the first segment from marking a scheme.
  if (reference.empty()) reference = "./";
  return reference + percent_encoded(path.substr(shared), "/:@!$&'()*+,;=");
}

Result<std::string> fill_in_page(std::string_view html, std::string_view endpoint, std::string_view room) {
  std::string filled(html);
  Status status = fill_in(filled, "chat-endpoint", endpoint);
  if (status.ok()) status = fill_in(filled, "chat-room", room);
  if (!status.ok()) return status;
  return filled;
}

Result<CompiledIn> CompiledIn::open(const ServerOptions& options) {
  CompiledIn compiled_in;
  if (!options.page_path.empty()) {
    Status status = compiled_in.add_page(options);
    if (!status.ok()) return status;
  }
  const auto check = [&](const char* option, const std::string& path) -> Status {
    std::string use = other_use(options, path);
    if (use.empty() && path == compiled_in.script_path_) use = "the script";
    if (use.empty() && (compiled_in.files_.contains(path) || path == compiled_in.redirect_from_)) use = "the chat page";
    return use.empty() ? Status() : invalid(std::string(option) + ": " + path + " is already used by " + use);
  };
  if (!options.script_path.empty()) {
    const std::string& path = options.script_path;
    // The page's files include the same script, at "/chat.js" when the page is at "/".
    const bool of_page = path.ends_with("/chat.js") && compiled_in.files_.contains(path);
    Status status = of_page ? Status() : check("chat_script_path", path);
    if (!status.ok()) return status;
    const auto files = embedded_files();
    const auto script =
        std::find_if(files.begin(), files.end(), [](const EmbeddedFile& file) { return file.name == kScriptName; });
    if (!of_page) compiled_in.add(path, kScriptName, script->bytes);
    compiled_in.script_path_ = path;
  }
  if (!options.metrics_path.empty()) {
    Status status = check("metrics_path", options.metrics_path);
    if (!status.ok()) return status;
  }
  return compiled_in;
}

Status CompiledIn::add_page(const ServerOptions& options) {
  const Endpoint* endpoint = find_chat_v1(options);
  if (endpoint == nullptr) return invalid("chat_page_path: the page needs an endpoint that speaks chat.v1");
  const std::string& path = options.page_path;
  if (std::string use = other_use(options, path); !use.empty()) {
    return invalid("chat_page_path: " + path + " is already used by " + use);
  }
  const std::string folder = path == "/" ? path : path + "/";
  if (path != "/") redirect_from_ = path;
  for (const EmbeddedFile& file : embedded_files()) {
    if (file.name == kPageName) {
      Result<std::string> html =
          fill_in_page(file.bytes, relative_reference(path, endpoint->path), options.default_room);
      if (!html.ok()) return html.status();
      File page;
      page.content_type = content_type_of(kPageName);
      page.tag = wire::content_tag(*html);
      page.own_bytes = std::move(*html);
      page.is_page = true;
      files_.emplace(folder, std::move(page));
    } else {
      add(folder + std::string(file.name), file.name, file.bytes);
    }
  }
  for (const auto& [taken, file] : files_) {
    const std::string use = other_use(options, taken);
    if (use.empty()) continue;
    std::string detail = "chat_page_path: " + path;
    detail.append(" puts a file at ").append(taken).append(", which is already used by ").append(use);
    return invalid(std::move(detail));
  }
  return {};
}

void CompiledIn::add(std::string path, std::string_view name, std::string_view bytes) {
  File file;
  file.content_type = content_type_of(name);
  file.tag = wire::content_tag(bytes);
  file.bytes = bytes;
  files_.emplace(std::move(path), std::move(file));
}

std::vector<std::string> CompiledIn::paths() const {
  std::vector<std::string> paths;
  for (const auto& [path, file] : files_) paths.push_back(path);
  if (!redirect_from_.empty()) paths.push_back(redirect_from_);
  return paths;
}

std::optional<HttpResponse> CompiledIn::serve(const HttpRequest& request) const {
  const bool redirected = !redirect_from_.empty() && request.path == redirect_from_;
  const auto found = files_.find(request.path);
  if (!redirected && found == files_.end()) return std::nullopt;
  if (request.method != "GET" && request.method != "HEAD") return only_get_response();
  if (redirected) {
    // Relative, like the page's links: "talk/" relative to "/prefix/talk" is "/prefix/talk/".
    HttpResponse response = HttpResponse::text(301, "moved\n");
    const std::string name = redirect_from_.substr(redirect_from_.rfind('/') + 1);
    response.headers.push_back({"Location", "./" + percent_encoded(name, "") + "/" + query_of(request)});
    response.headers.push_back({"Cache-Control", "no-cache"});
    return response;
  }
  const File& file = found->second;
  HttpResponse response;
  response.headers = {{"Content-Type", std::string(file.content_type)},
                      {"ETag", file.tag},
                      {"Cache-Control", "no-cache"},
                      {"X-Content-Type-Options", "nosniff"},
                      {"Referrer-Policy", "no-referrer"}};
  if (file.is_page) response.headers.push_back({"Content-Security-Policy", std::string(kPagePolicy)});
  if (has_entity_tag(request, file.tag)) {
    response.status = 304;
    return response;
  }
  response.constant_body = file.own_bytes.empty() ? file.bytes : std::string_view(file.own_bytes);
  return response;
}

}  // namespace chat::net
