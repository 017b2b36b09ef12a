// The files that are compiled in: everything that makes up the chat page (the folder page/) and the client script for
// browsers (bindings/js/chat.js). The source of these is made by cmake/embed_files.cmake while building.
#pragma once

#include <span>
#include <string_view>

namespace chat::net {

struct EmbeddedFile {
  std::string_view name;  // "index.html"
  std::string_view bytes;
};

// With index.html and chat.js among them.
std::span<const EmbeddedFile> embedded_files();

}  // namespace chat::net
