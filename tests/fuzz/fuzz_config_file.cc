// Any bytes as chatd's configuration file. They are options, or are refused with a sentence; the same file says the same again.
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "fuzz.h"
#include "options.h"

using chat::fuzz::require;

// For the text of --version: all that these sources want of the library, which is not linked.
const char* chat_version(void) CHAT_NOEXCEPT { return CHATD_VERSION; }
const char* chat_library_versions(void) CHAT_NOEXCEPT { return ""; }

namespace {

// What becomes of the file, for comparison.
std::string outcome(const std::string& path) {
  std::string program = "chatd";
  std::string option = "--config=" + path;
  std::array<char*, 3> arguments = {program.data(), option.data(), nullptr};
  chatd::Options options;
  const chatd::Parsed parsed = chatd::parse_options(2, arguments.data(), options);
  // The file cannot ask for --help or --version, which print.
  require(parsed.next != chatd::Parsed::Next::print);
  if (parsed.next == chatd::Parsed::Next::refuse) {
    require(!parsed.text.empty());
    return "refused: " + parsed.text;
  }
  require(parsed.text.empty());
  const chat_server_options& server = options.server;
  require(server.struct_size == sizeof server && server.port >= 0 && server.port <= 65'535);
  require((server.tls_certificate_file == nullptr) == (server.tls_private_key_file == nullptr));
  require(server.endpoint_count == options.endpoints.size());
  for (std::size_t i = 0; i < server.endpoint_count; ++i) {
    require(server.endpoints[i].path != nullptr && server.endpoints[i].path[0] == '/');
  }
  for (std::size_t i = 0; i < server.allowed_origin_count; ++i) require(server.allowed_origins[i] != nullptr);
  for (const auto& [name, place] : options.places) require(place.starts_with(path + ":") && !name.empty());
  return "options: " + std::to_string(server.port) + " " + options.page + " " + options.www + " " +
         std::to_string(server.max_clients) + " " + std::to_string(options.endpoints.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const int file = memfd_create("config", MFD_CLOEXEC);
  require(file >= 0 && write(file, data, size) == static_cast<ssize_t>(size));
  const std::string path = "/proc/self/fd/" + std::to_string(file);
  const std::string first = outcome(path);
  require(outcome(path) == first);
  close(file);
  return 0;
}
