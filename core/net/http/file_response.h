// One file of a directory as an HTTP response. Nothing outside the directory is ever opened, whatever the path or a symbolic
// link says. What a path of a URL means is for the callers: StaticFiles, SocketIoClientFiles. The parts that
// CompiledIn shares are here too.
#pragma once

#include <string>
#include <string_view>

#include "net/http/http.h"

namespace chat::net {

// Every symbolic link and ".." resolved; empty when there is no such directory.
std::string resolve_directory(const std::string& path);

// The same of a file or directory inside `directory`, which is resolved; empty when there is none, or when it is elsewhere.
// `name` may hold anything.
std::string resolve_inside(const std::string& directory, std::string_view name);

// Whether `path` is `directory` or below it; both are resolved, or both are URL paths without a trailing slash.
bool is_inside(std::string_view path, std::string_view directory);

struct FileHeaders {
  std::string_view content_type;
  std::string_view cache_control;
};

// For GET and HEAD: 200 with a descriptor that is the caller's, 304 when If-None-Match has the file's ETag, 404 unless
// `resolved_path` is a regular file that may be read. Never a part of a file: Range is ignored.
HttpResponse file_response(const HttpRequest& request, const std::string& resolved_path, const FileHeaders& headers);

// Whether If-None-Match says that the client has what bears this tag (RFC 9110 section 13.1.2, compared weakly).
bool has_entity_tag(const HttpRequest& request, std::string_view tag);

// A strong ETag of these bytes: a part of their SHA-256.
std::string content_tag(std::string_view bytes);

HttpResponse not_found_response();
HttpResponse only_get_response();  // 405

}  // namespace chat::net
