// The compiled-in files: the chat page (page/), the client script for browsers (bindings/js/chat.js), and the Socket.IO
// client's bundles. cmake/embed_files.cmake generates their sources at build time.
#pragma once

#include <span>
#include <string_view>

namespace chat::net {

struct EmbeddedFile {
  std::string_view name;  // "index.html"
  std::string_view bytes;
};

// The files of the page, including index.html and chat.js.
std::span<const EmbeddedFile> embedded_files();

// "socket.io.js" and the other bundles of the npm package socket.io-client. Empty when the build has none
// (CHAT_SOCKET_IO_CLIENT).
std::span<const EmbeddedFile> socket_io_client_bundles();

}  // namespace chat::net
