// The Socket.IO client's bundles, from a temporary directory: which names are served, their headers, and files that are
// never opened.
#include "net/serve/socket_io_client_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

// Last, because it defines a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

using namespace chat;
using namespace chat::net;
namespace fs = std::filesystem;

namespace {

constexpr const char* kNames[] = {
    "socket.io.js",         "socket.io.js.map",         "socket.io.min.js",         "socket.io.min.js.map",
    "socket.io.esm.min.js", "socket.io.esm.min.js.map", "socket.io.msgpack.min.js", "socket.io.msgpack.min.js.map"};

fs::path base;  // a temporary directory; "dist" in it is served

void write(const fs::path& path, std::string_view bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

int make_directory(void**) {
  std::string name = (fs::temp_directory_path() / "chat-client-XXXXXX").string();
  if (!mkdtemp(name.data())) return -1;
  base = name;
  for (const char* file : kNames) write(base / "dist" / file, file);
  return 0;
}

int remove_directory(void**) {
  std::error_code error;
  fs::remove_all(base, error);
  return error ? -1 : 0;
}

int open_descriptors() {
  int count = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

SocketIoClientFiles open_files(const fs::path& directory, const std::vector<std::string>& paths = {"/socket.io"},
                               std::span<const EmbeddedFile> compiled_in = {}) {
  ServerOptions options;
  options.socket_io_client_directory = directory.string();
  options.endpoints = {{"/chat", Protocol::plain}, {"/chat.v1", Protocol::chat_v1}};
  for (const std::string& path : paths) options.endpoints.push_back({path, Protocol::socket_io, 3});
  Result<SocketIoClientFiles> files = SocketIoClientFiles::open(options, compiled_in);
  if (!files.ok()) fail_msg("%s", files.status().detail.c_str());
  return std::move(*files);
}

// A response with its descriptor, which is closed on destruction.
class Served {
 public:
  explicit Served(std::optional<HttpResponse> response) : response_(std::move(response)) {}
  ~Served() {
    if (response_ && response_->file >= 0) close(response_->file);
  }
  Served(const Served&) = delete;
  Served& operator=(const Served&) = delete;

  bool covered() const { return response_.has_value(); }
  int status() const { return response_ ? response_->status : -1; }
  bool has_file() const { return response_ && response_->file >= 0; }
  std::string header(std::string_view name) const {
    for (const Pair& header : response_->headers) {
      if (header.name == name) return header.value;
    }
    return "";
  }
  std::string text() const { return response_->body; }
  std::string_view constant() const { return response_->constant_body; }
  std::string content() const {
    std::string bytes(response_->file_bytes, '\0');
    assert_int_equal(pread(response_->file, bytes.data(), bytes.size(), 0), bytes.size());
    return bytes;
  }

 private:
  std::optional<HttpResponse> response_;
};

Served get(const SocketIoClientFiles& files, std::string path, Pairs headers = {}, std::string method = "GET") {
  HttpRequest request;
  request.method = std::move(method);
  request.path = std::move(path);
  request.headers = std::move(headers);
  return Served(files.serve(request));
}

void the_bundles_are_served(void**) {
  const SocketIoClientFiles files = open_files(base / "dist");
  for (const std::string name : kNames) {
    const Served served = get(files, "/socket.io/" + name);
    assert_int_equal(served.status(), 200);
    assert_string_equal(served.content().c_str(), name.c_str());
    assert_string_equal(served.header("Content-Type").c_str(), name.ends_with(".map")
                                                                   ? "application/json; charset=utf-8"
                                                                   : "application/javascript; charset=utf-8");
    assert_string_equal(served.header("Cache-Control").c_str(), "public, max-age=0");
    assert_string_equal(served.header("X-Content-Type-Options").c_str(), "nosniff");
  }
  const Served head = get(files, "/socket.io/socket.io.js", {}, "HEAD");
  assert_int_equal(head.status(), 200);
  // Always the whole file, whatever range is requested.
  const Served range = get(files, "/socket.io/socket.io.js", {{"range", "bytes=0-1"}});
  assert_int_equal(range.status(), 200);
  assert_string_equal(range.content().c_str(), "socket.io.js");
}

void an_etag_saves_the_second_time(void**) {
  const SocketIoClientFiles files = open_files(base / "dist");
  const std::string tag = get(files, "/socket.io/socket.io.js").header("ETag");
  assert_true(tag.size() > 2);
  const int before = open_descriptors();
  const Served served = get(files, "/socket.io/socket.io.js", {{"if-none-match", "W/" + tag}});
  assert_int_equal(served.status(), 304);
  assert_false(served.has_file());
  assert_string_equal(served.header("ETag").c_str(), tag.c_str());
  assert_string_equal(served.header("Cache-Control").c_str(), "public, max-age=0");
  assert_int_equal(open_descriptors(), before);
}

void every_endpoint_has_them(void**) {
  const SocketIoClientFiles files = open_files(base / "dist", {"/socket.io", "/a/b", "/"});
  for (const char* path : {"/socket.io/socket.io.js", "/a/b/socket.io.js", "/socket.io.js"})
    assert_int_equal(get(files, path).status(), 200);
  assert_false(get(files, "/a/socket.io.js").covered());
  // Endpoints of other protocols have no bundles.
  assert_false(get(files, "/chat/socket.io.js").covered());
  assert_false(get(files, "/chat.v1/socket.io.js").covered());
}

void nothing_else_is_served(void**) {
  using namespace std::string_literals;
  write(base / "dist/other.js", "other");
  write(base / "dist/socket.io.slim.js", "other");
  write(base / "dist/socket.io.js.map.map", "other");
  write(base / "dist/sub/socket.io.js", "other");
  write(base / "secret.txt", "secret");
  const SocketIoClientFiles files = open_files(base / "dist");
  for (const std::string& path : {"/socket.io"s,
                                  "/socket.io/"s,
                                  "/socket.io/other.js"s,
                                  "/socket.io/socket.io.slim.js"s,
                                  "/socket.io/socket.io.js.map.map"s,
                                  "/socket.io/socket.io.js/"s,
                                  "/socket.io//socket.io.js"s,
                                  "/socket.io/sub/socket.io.js"s,
                                  "/socket.io/../secret.txt"s,
                                  "/socket.io/socket.io.js/../../../secret.txt"s,
                                  "/socket.io/SOCKET.IO.JS"s,
                                  "/socket.io/socket_io.js"s,
                                  "/socket.io/socketXio.js"s,
                                  "/socket.io/.js"s,
                                  "/socket.io/socket.io.js\0"s,
                                  "/socket.io/socket.io.js\0.map"s,
                                  "/socket.io\0/socket.io.js"s,
                                  "/socket.io/ socket.io.js"s,
                                  "/Socket.io/socket.io.js"s,
                                  "//socket.io/socket.io.js"s,
                                  "/socket.io.js"s,
                                  "socket.io/socket.io.js"s,
                                  "socket.io.js"s,
                                  ""s,
                                  "/"s}) {
    for (const char* method : {"GET", "POST"}) assert_false(get(files, path, {}, method).covered());
  }
}

void other_methods_are_refused(void**) {
  const SocketIoClientFiles files = open_files(base / "dist");
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "get", ""}) {
    const Served served = get(files, "/socket.io/socket.io.js", {}, method);
    assert_int_equal(served.status(), 405);
    assert_string_equal(served.header("Allow").c_str(), "GET, HEAD");
    assert_false(served.has_file());
  }
}

void links_stay_inside(void**) {
  const fs::path dist = base / "linked";
  write(base / "secret.txt", "secret");
  write(dist / "real.js", "real");
  fs::create_symlink("../secret.txt", dist / "socket.io.js");
  fs::create_symlink("real.js", dist / "socket.io.min.js");
  fs::create_directories(dist / "socket.io.js.map");
  assert_int_equal(mkfifo((dist / "socket.io.min.js.map").c_str(), 0600), 0);
  const SocketIoClientFiles files = open_files(dist);
  const int before = open_descriptors();
  // A missing file, a link to outside, a directory, a FIFO.
  for (const char* name : {"socket.io.esm.min.js", "socket.io.js", "socket.io.js.map", "socket.io.min.js.map"})
    assert_int_equal(get(files, std::string("/socket.io/") + name).status(), 404);
  assert_int_equal(open_descriptors(), before);
  assert_string_equal(get(files, "/socket.io/socket.io.min.js").content().c_str(), "real");
  // The directory itself may be a link.
  fs::create_directory_symlink("dist", base / "current");
  assert_int_equal(get(open_files(base / "current"), "/socket.io/socket.io.js").status(), 200);
}

void what_is_compiled_in_is_served_without_a_folder(void**) {
  const EmbeddedFile bundles[] = {{"socket.io.js", "script"}, {"socket.io.js.map", "map"}};
  const SocketIoClientFiles files = open_files("", {"/socket.io", "/a/b"}, bundles);
  assert_true(files.available());
  for (const std::string prefix : {"/socket.io/", "/a/b/"}) {
    const Served script = get(files, prefix + "socket.io.js");
    assert_int_equal(script.status(), 200);
    assert_true(script.constant() == "script");
    assert_ptr_equal(script.constant().data(), bundles[0].bytes.data());
    assert_string_equal(script.header("Content-Type").c_str(), "application/javascript; charset=utf-8");
    assert_string_equal(script.header("Cache-Control").c_str(), "public, max-age=0");
    assert_string_equal(script.header("X-Content-Type-Options").c_str(), "nosniff");
    const Served map = get(files, prefix + "socket.io.js.map");
    assert_true(map.constant() == "map");
    assert_string_equal(map.header("Content-Type").c_str(), "application/json; charset=utf-8");
    assert_string_not_equal(map.header("ETag").c_str(), script.header("ETag").c_str());
    const Served same = get(files, prefix + "socket.io.js", {{"if-none-match", "W/" + script.header("ETag")}});
    assert_int_equal(same.status(), 304);
    assert_true(same.constant().empty());
    assert_int_equal(get(files, prefix + "socket.io.min.js").status(), 404);
    assert_int_equal(get(files, prefix + "socket.io.js", {}, "POST").status(), 405);
    assert_false(get(files, prefix + "other.js").covered());
  }
  // A directory replaces all compiled-in bundles.
  const SocketIoClientFiles of_folder = open_files(base / "dist", {"/socket.io"}, bundles);
  assert_string_equal(get(of_folder, "/socket.io/socket.io.js").content().c_str(), "socket.io.js");
  fs::create_directories(base / "empty");
  assert_int_equal(get(open_files(base / "empty", {"/socket.io"}, bundles), "/socket.io/socket.io.js").status(), 404);
}

void all_names_or_none_are_compiled_in(void**) {
  const std::span<const EmbeddedFile> bundles = socket_io_client_bundles();
  if (bundles.empty()) skip();  // this build has no bundles
  assert_int_equal(bundles.size(), std::size(kNames));
  for (const char* name : kNames) {
    const Served served = get(open_files("", {"/socket.io"}, bundles), std::string("/socket.io/") + name);
    assert_int_equal(served.status(), 200);
    assert_true(served.constant().size() > 10'000);
  }
}

void without_anything_the_answer_says_what_to_do(void**) {
  const SocketIoClientFiles files = open_files("");
  assert_false(files.available());
  assert_true(files.script_paths() == std::vector<std::string>{"/socket.io/socket.io.js"});
  const Served served = get(files, "/socket.io/socket.io.js");
  assert_int_equal(served.status(), 404);
  assert_non_null(strstr(served.text().c_str(), "socket_io_client_directory"));
  assert_false(get(files, "/socket.io/other.js").covered());
  assert_false(get(SocketIoClientFiles(), "/socket.io/socket.io.js").covered());
}

void a_folder_must_exist(void**) {
  for (const fs::path& directory : {base / "nowhere", base / "dist/socket.io.js", fs::path("\n")}) {
    ServerOptions options;
    options.socket_io_client_directory = directory.string();
    const Result<SocketIoClientFiles> files = SocketIoClientFiles::open(options);
    assert_false(files.ok());
    assert_true(files.status().code == Error::invalid_argument);
    assert_int_equal(files.status().detail.rfind("socket_io_client_directory: ", 0), 0);
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(the_bundles_are_served),
      cmocka_unit_test(an_etag_saves_the_second_time),
      cmocka_unit_test(every_endpoint_has_them),
      cmocka_unit_test(nothing_else_is_served),
      cmocka_unit_test(other_methods_are_refused),
      cmocka_unit_test(links_stay_inside),
      cmocka_unit_test(what_is_compiled_in_is_served_without_a_folder),
      cmocka_unit_test(all_names_or_none_are_compiled_in),
      cmocka_unit_test(without_anything_the_answer_says_what_to_do),
      cmocka_unit_test(a_folder_must_exist),
  };
  return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
