// See request_capture.h.
#include "net/request_capture.h"

namespace chat::net {
namespace {

constexpr const char* kMethods[] = {"GET", "POST", "OPTIONS", "PUT", "PATCH", "DELETE", "CONNECT", "HEAD", "PATH"};

// libwebsockets cannot list the headers that it does not know; these can be asked for.
constexpr const char* kOtherHeaders[] = {"x-forwarded-for:",
                                         "x-forwarded-proto:",
                                         "x-forwarded-host:",
                                         "x-real-ip:",
                                         "transfer-encoding:",
                                         "access-control-request-method:",
                                         "access-control-request-headers:",
                                         "sec-fetch-site:",
                                         "x-request-id:",
                                         "x-auth-token:"};

std::string custom_value(lws* wsi, const char* name_with_colon) {
  const int name_size = static_cast<int>(std::char_traits<char>::length(name_with_colon));
  const int size = lws_hdr_custom_length(wsi, name_with_colon, name_size);
  if (size <= 0) return {};
  std::string value(static_cast<std::size_t>(size) + 1, '\0');
  const int copied = lws_hdr_custom_copy(wsi, value.data(), size + 1, name_with_colon, name_size);
  value.resize(copied < 0 ? 0 : static_cast<std::size_t>(copied));
  return value;
}

Pairs query_arguments(lws* wsi) {
  Pairs query;
  for (int i = 0;; ++i) {
    const int size = lws_hdr_fragment_length(wsi, WSI_TOKEN_HTTP_URI_ARGS, i);
    if (size <= 0) return query;
    std::string argument(static_cast<std::size_t>(size) + 1, '\0');
    const int copied = lws_hdr_copy_fragment(wsi, argument.data(), size + 1, WSI_TOKEN_HTTP_URI_ARGS, i);
    if (copied < 0) return query;
    argument.resize(static_cast<std::size_t>(copied));
    const std::size_t equals = argument.find('=');
    query.push_back({argument.substr(0, equals), equals == std::string::npos ? "" : argument.substr(equals + 1)});
  }
}

}  // namespace

std::string header_value(lws* wsi, lws_token_indexes token) {
  const int size = lws_hdr_total_length(wsi, token);
  if (size <= 0) return {};
  std::string value(static_cast<std::size_t>(size) + 1, '\0');
  const int copied = lws_hdr_copy(wsi, value.data(), size + 1, token);
  value.resize(copied < 0 ? 0 : static_cast<std::size_t>(copied));
  return value;
}

bool well_formed_request_line(lws* wsi) { return header_value(wsi, WSI_TOKEN_HTTP).starts_with("HTTP/1."); }

HttpRequest capture_request(lws* wsi) {
  HttpRequest request;
  char* path = nullptr;
  int path_size = 0;
  const int method = lws_http_get_uri_and_method(wsi, &path, &path_size);
  if (method >= 0 && method < static_cast<int>(std::size(kMethods))) request.method = kMethods[method];
  if (path) request.path.assign(path, static_cast<std::size_t>(path_size));
  request.query = query_arguments(wsi);
  for (int index = 0; index < WSI_TOKEN_COUNT; ++index) {
    const auto token = static_cast<lws_token_indexes>(index);
    const auto* name = reinterpret_cast<const char*>(lws_token_to_string(token));
    if (!name || name[0] == ':' || lws_hdr_total_length(wsi, token) <= 0) continue;
    std::string_view text(name);
    if (!text.ends_with(':')) continue;  // methods and the version are tokens too
    text.remove_suffix(1);
    request.headers.push_back({std::string(text), header_value(wsi, token)});
  }
  for (const char* name : kOtherHeaders) {
    std::string value = custom_value(wsi, name);
    std::string_view text(name);
    text.remove_suffix(1);
    if (!value.empty() && request.header(text).empty())
      request.headers.push_back({std::string(text), std::move(value)});
  }
  const std::string version = header_value(wsi, WSI_TOKEN_HTTP);
  const std::string_view connection = request.header("connection");
  request.keep_alive = version.find("1.1") != std::string::npos ? !contains_token(connection, "close")
                                                                : contains_token(connection, "keep-alive");
  const std::string_view length = request.header("content-length");
  request.has_body =
      !request.header("transfer-encoding").empty() || (!length.empty() && length != "0") ||
      (length.empty() && (request.method == "POST" || request.method == "PUT" || request.method == "PATCH"));
  return request;
}

}  // namespace chat::net
