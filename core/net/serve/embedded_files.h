// The compiled-in files: those of the chat page (page/), the client script for browsers (bindings/js/chat.js), and the
// Socket.IO client's bundles. cmake/embed_files.cmake generates their sources during the build.
#pragma once

#include <span>
#include <string_view>

namespace chat::net {

struct EmbeddedFile {
  std::string_view name;  // "index.html"
  std::string_view bytes;
};

// Includes index.html and chat.js.
std::span<const EmbeddedFile> embedded_files();

// "socket.io.js" and the other bundles of npm's package socket.io-client. Empty if the build had none
// (CHAT_SOCKET_IO_CLIENT).
std::span<const EmbeddedFile> socket_io_client_bundles();

}  // namespace chat::net
