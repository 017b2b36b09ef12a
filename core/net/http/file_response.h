// Serves one file of a directory. No file outside the directory is opened, whatever the path or a symbolic link
// contains. StaticFiles and SocketIoClientFiles map URL paths to files; CompiledIn shares some of these functions.
#pragma once

#include <string>
#include <string_view>

#include "net/http/http.h"

namespace chat::net {

// Returns the path with symbolic links and ".." resolved; empty when the directory does not exist.
std::string resolve_directory(const std::string& path);

// Resolves `name`, which may be arbitrary text, below a resolved `directory`. Returns an empty path when there is no
// such file or directory, or when it is outside `directory`.
std::string resolve_inside(const std::string& directory, std::string_view name);

// True when `path` is `directory` or below it. Both must be resolved paths, or URL paths without a trailing slash.
bool is_inside(std::string_view path, std::string_view directory);

// The headers that depend on the caller.
struct FileHeaders {
  std::string_view content_type;
  std::string_view cache_control;
};

// The response to GET and HEAD: 200 with a descriptor that the response's writer closes; 304 when If-None-Match has the
// file's ETag; 404 unless `resolved_path` is a readable regular file. Range is ignored: the response is always the
// whole file.
HttpResponse file_response(const HttpRequest& request, const std::string& resolved_path, const FileHeaders& headers);

// True when If-None-Match contains this tag (RFC 9110 section 13.1.2, weak comparison).
bool has_entity_tag(const HttpRequest& request, std::string_view tag);

// A plain text response with status 404.
HttpResponse not_found_response();
HttpResponse only_get_response();  // 405

}  // namespace chat::net
