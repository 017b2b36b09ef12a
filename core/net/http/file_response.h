// One file of a directory as an HTTP response. No file outside the directory is opened, whatever a path or a symbolic link
// says. The callers, StaticFiles and SocketIoClientFiles, map URL paths to files. CompiledIn shares some of these functions.
#pragma once

#include <string>
#include <string_view>

#include "net/http/http.h"

namespace chat::net {

// The path with every symbolic link and ".." resolved; empty if there is no such directory.
std::string resolve_directory(const std::string& path);

// The same for a file or directory inside `directory`, which must be resolved. Empty if there is none, or if it lies elsewhere.
// `name` may contain anything.
std::string resolve_inside(const std::string& directory, std::string_view name);

// Whether `path` is `directory` or below it; both are resolved, or both are URL paths without a trailing slash.
bool is_inside(std::string_view path, std::string_view directory);

struct FileHeaders {
  std::string_view content_type;
  std::string_view cache_control;
};

// For GET and HEAD: 200 with a descriptor that the caller owns, 304 if If-None-Match has the file's ETag, 404 unless
// `resolved_path` is a readable regular file. Range is ignored: the response always has the whole file.
HttpResponse file_response(const HttpRequest& request, const std::string& resolved_path, const FileHeaders& headers);

// Whether If-None-Match has this tag (RFC 9110 section 13.1.2, weak comparison).
bool has_entity_tag(const HttpRequest& request, std::string_view tag);

// A strong ETag for these bytes: a part of their SHA-256.
std::string content_tag(std::string_view bytes);

HttpResponse not_found_response();
HttpResponse only_get_response();  // 405

}  // namespace chat::net
