// The files that are compiled in: everything that makes up the chat page (the folder page/), the client script for browsers
// (bindings/js/chat.js), and the Socket.IO client's bundles. Their sources are made by cmake/embed_files.cmake while building.
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

// "socket.io.js" and the other bundles of npm's package socket.io-client. Empty if the build had none
// (CHAT_SOCKET_IO_CLIENT).
std::span<const EmbeddedFile> socket_io_client_bundles();

}  // namespace chat::net
