// Any path of a request, against folders with files, links and a secret beside them. Whatever the path says, what is opened lies
// inside of the mount that covers the path, and the answer adds no header and no other site.
//
// The first byte chooses the mounts, the second the method. Each further byte is itself, or a piece of a path.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "fuzz.h"
#include "net/serve/socket_io_client_files.h"
#include "net/serve/static_files.h"

using namespace chat;
using namespace chat::fuzz;
using namespace chat::net;
namespace fs = std::filesystem;

namespace {

constexpr std::array<std::string_view, 30> kPieces = {
    "/",          "..",      ".",          "/../",         "/./",  "sub",
    "index.html", "a.txt",   "secret.txt", "out",          "up",   "above",
    "loop",       "%2e%2e",  "%2f",        "%00",          "\\",   "..\\",
    "//",         "/static", "/socket.io", "socket.io.js", ".map", "deep",
    "www",        "outside", "outside/",   "fifo",         "...",  std::string_view("\0", 1)};

// Removed when the program ends.
class Folders {
 public:
  Folders() {
    std::string name = (fs::temp_directory_path() / "chat-fuzz-XXXXXX").string();
    require(mkdtemp(name.data()) != nullptr);
    base_ = fs::canonical(name);
    for (const char* path :
         {"www/index.html", "www/a.txt", "www/sub/index.html", "www/sub/deep/a.txt", "www/%2e%2e/a.txt", "www/...",
          "www/socket.io.js", "www/socket.io/socket.io.js", "other/index.html", "other/a.txt", "other/sub/a.txt"}) {
      write(path, "inside");
    }
    for (const char* path :
         {"secret.txt", "index.html", "a.txt", "outside/index.html", "outside/socket.io.js", "www-sibling/a.txt"}) {
      write(path, "secret");
    }
    fs::create_symlink("../secret.txt", base_ / "www/out");
    fs::create_directory_symlink("..", base_ / "www/above");
    fs::create_directory_symlink("..", base_ / "www/sub/up");
    fs::create_directory_symlink("../outside", base_ / "www/outside");
    fs::create_symlink("loop", base_ / "www/loop");
    require(mkfifo((base_ / "www/fifo").c_str(), 0600) == 0);
  }
  ~Folders() {
    std::error_code ignored;
    fs::remove_all(base_, ignored);
  }
  std::string path(const char* name) const { return (base_ / name).string(); }

 private:
  void write(const char* path, std::string_view content) {
    fs::create_directories((base_ / path).parent_path());
    std::ofstream(base_ / path, std::ios::binary) << content;
  }

  fs::path base_;
};

const Folders& folders() {
  static const Folders all;
  return all;
}

const StaticFiles& mounted(std::uint8_t choice) {
  static const auto open = [](const std::vector<StaticMount>& mounts) {
    Result<StaticFiles> files = StaticFiles::open(mounts);
    require(files.ok());
    return std::move(*files);
  };
  static const std::array<StaticFiles, 3> all = {
      open({{"/", folders().path("www")}}), open({{"/static", folders().path("www")}}),
      open({{"/", folders().path("other")}, {"/static", folders().path("www")}})};
  return all[choice % all.size()];
}

const SocketIoClientFiles& client_files() {
  static const SocketIoClientFiles files = [] {
    ServerOptions options;
    options.socket_io_client_directory = folders().path("www");
    Result<SocketIoClientFiles> opened = SocketIoClientFiles::open(options);
    require(opened.ok());
    return std::move(*opened);
  }();
  return files;
}

bool is_below(const std::string& file, const std::string& directory) { return file.starts_with(directory + "/"); }

void check(const HttpResponse& response, bool other_too) {
  for (const Pair& header : response.headers) {
    require(
        std::all_of(header.value.begin(), header.value.end(), [](unsigned char c) { return c >= 0x20 && c < 0x7F; }));
    if (header.name != "Location") continue;
    require(response.status == 301 && header.value.starts_with('/') && header.value.ends_with('/'));
    require(header.value.size() == 1 || (header.value[1] != '/' && header.value[1] != '\\'));
  }
  if (response.file < 0) return;
  require(response.status == 200);
  std::array<char, 4096> name;
  const std::string link = "/proc/self/fd/" + std::to_string(response.file);
  const ssize_t size = readlink(link.c_str(), name.data(), name.size());
  require(size > 0);
  const std::string file(name.data(), static_cast<std::size_t>(size));
  require(is_below(file, folders().path("www")) || (other_too && is_below(file, folders().path("other"))));
  std::array<char, 16> content;
  require(response.file_bytes == 6 && pread(response.file, content.data(), content.size(), 0) == 6);
  require(std::string_view(content.data(), 6) == "inside");
  close(response.file);
}

std::string path_of(std::string_view input) {
  std::string path = "/";
  for (const char c : input) {
    const auto byte = static_cast<unsigned char>(c);
    // Above ASCII, so that a path in a seed reads as itself.
    if (byte >= 0x80 && byte < 0x80 + kPieces.size()) {
      path += kPieces[byte - 0x80];
    } else {
      path += c;
    }
  }
  return path;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const std::uint8_t mounts = input.choice();
  constexpr std::array kMethods = {"GET", "HEAD", "POST"};
  HttpRequest request;
  request.method = kMethods[input.choice() % kMethods.size()];
  request.path = path_of(input.rest());

  const StaticFiles& files = mounted(mounts);
  const std::optional<HttpResponse> served = files.serve(request);
  require(served.has_value() == files.has(request.path));
  if (served) {
    require(files.covers(request.path));
    require((served->status == 405) == (request.method == "POST"));
    check(*served, mounts % 3 == 2);
  }
  if (const std::optional<HttpResponse> bundle = client_files().serve(request)) check(*bundle, false);
  return 0;
}
