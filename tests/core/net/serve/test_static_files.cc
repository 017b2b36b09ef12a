// Static files in a temporary directory: which are served, their headers, and files that are never opened.
#include "net/serve/static_files.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
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

fs::path base;  // a temporary directory; most mounts serve "www" in it

void write(const fs::path& path, std::string_view bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

int make_directory(void**) {
  std::string name = (fs::temp_directory_path() / "chat-static-XXXXXX").string();
  if (!mkdtemp(name.data())) return -1;
  base = name;
  write(base / "secret.txt", "secret");
  write(base / "www-evil/secret.txt", "secret");
  write(base / "www/index.html", "<h1>home</h1>");
  write(base / "www/sub/index.html", "<h1>sub</h1>");
  write(base / "www/sub/page.html", "page");
  fs::create_directories(base / "www/empty");
  write(base / "other/file.txt", "other");
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
  int file() const { return response_->file; }

  std::string header(std::string_view name) const {
    for (const Pair& header : response_->headers) {
      if (header.name == name) return header.value;
    }
    return "";
  }

  std::string content() const {
    std::string bytes(response_->file_bytes, '\0');
    const ssize_t size = pread(response_->file, bytes.data(), bytes.size(), 0);
    assert_int_equal(size, bytes.size());
    return bytes;
  }

 private:
  std::optional<HttpResponse> response_;
};

StaticFiles open_mounts(const std::vector<StaticMount>& mounts) {
  Result<StaticFiles> files = StaticFiles::open(mounts);
  if (!files.ok()) fail_msg("%s", files.status().detail.c_str());
  return std::move(*files);
}

StaticFiles www() { return open_mounts({{"/", (base / "www").string()}}); }

Served get(const StaticFiles& files, std::string path, Pairs headers = {}, std::string method = "GET") {
  HttpRequest request;
  request.method = std::move(method);
  request.path = std::move(path);
  request.headers = std::move(headers);
  return Served(files.serve(request));
}

void expect_content(const StaticFiles& files, const std::string& path, const std::string& content) {
  assert_true(files.has(path));
  const Served served = get(files, path);
  if (served.status() != 200) fail_msg("%s: %d", path.c_str(), served.status());
  assert_string_equal(served.content().c_str(), content.c_str());
}

void expect_not_found(const StaticFiles& files, const std::string& path) {
  const int before = open_descriptors();
  const Served served = get(files, path);
  if (served.covered()) fail_msg("%s: %d", path.c_str(), served.status());
  assert_false(files.has(path));
  assert_int_equal(open_descriptors(), before);
}

// Served files

void files_with_their_headers(void**) {
  const Served served = get(www(), "/sub/page.html");
  assert_int_equal(served.status(), 200);
  assert_string_equal(served.content().c_str(), "page");
  assert_string_equal(served.header("Content-Type").c_str(), "text/html; charset=utf-8");
  assert_string_equal(served.header("X-Content-Type-Options").c_str(), "nosniff");
  assert_string_equal(served.header("Cache-Control").c_str(), "no-cache");
  assert_false(served.header("ETag").empty());
  // Programs that the host starts do not inherit the descriptor.
  assert_true((fcntl(served.file(), F_GETFD) & FD_CLOEXEC) != 0);
}

void types_by_extension(void**) {
  const struct {
    const char* name;
    const char* type;
  } cases[] = {
      {"a.html", "text/html; charset=utf-8"},
      {"a.HTML", "text/html; charset=utf-8"},
      {"a.css", "text/css; charset=utf-8"},
      {"a.js", "text/javascript; charset=utf-8"},
      {"a.mjs", "text/javascript; charset=utf-8"},
      {"a.min.js", "text/javascript; charset=utf-8"},
      {"a.json", "application/json"},
      {"a.js.map", "application/json"},
      {"a.txt", "text/plain; charset=utf-8"},
      {"a.svg", "image/svg+xml"},
      {"a.png", "image/png"},
      {"a.JPG", "image/jpeg"},
      {"a.webp", "image/webp"},
      {"a.ico", "image/x-icon"},
      {"a.woff2", "font/woff2"},
      {"a.wasm", "application/wasm"},
      {"a.webmanifest", "application/manifest+json"},
      {"a.exe", "application/octet-stream"},
      {"a", "application/octet-stream"},
      {"a.", "application/octet-stream"},
      {"html", "application/octet-stream"},
      {"a.html.bak", "application/octet-stream"},
  };
  const StaticFiles files = open_mounts({{"/types.html", (base / "www").string()}});
  for (const auto& c : cases) {
    write(base / "www" / "t" / c.name, "x");
    const Served served = get(files, std::string("/types.html/t/") + c.name);
    assert_int_equal(served.status(), 200);
    if (served.header("Content-Type") != c.type) fail_msg("%s: %s", c.name, served.header("Content-Type").c_str());
  }
}

void empty_and_binary_files(void**) {
  write(base / "www/empty.bin", "");
  write(base / "www/nul.bin", std::string_view("\0\xFF\0", 3));
  const StaticFiles files = www();
  assert_int_equal(get(files, "/empty.bin").content().size(), 0);
  assert_true(get(files, "/nul.bin").content() == std::string_view("\0\xFF\0", 3));
}

void names_with_odd_characters(void**) {
  const StaticFiles files = www();
  for (const char* name : {"with space.txt", "%2e%2e", "a..", "a.b.", "a?b", "a#b", "\xC3\xA4.txt", "-rf", "a\nb"}) {
    write(base / "www/odd" / name, name);
    expect_content(files, std::string("/odd/") + name, name);
  }
}

void an_index_stands_for_its_directory(void**) {
  const StaticFiles files = www();
  expect_content(files, "/", "<h1>home</h1>");
  expect_content(files, "/sub/", "<h1>sub</h1>");
  expect_content(files, "/sub/index.html", "<h1>sub</h1>");
  assert_string_equal(get(files, "/").header("Content-Type").c_str(), "text/html; charset=utf-8");
  expect_not_found(files, "/empty/");
  expect_not_found(files, "/empty");
  // A file is not a directory.
  expect_not_found(files, "/sub/page.html/");
}

void an_index_that_is_a_directory_is_none(void**) {
  fs::create_directories(base / "www/strange/index.html");
  expect_not_found(www(), "/strange/");
}

void etags(void**) {
  const StaticFiles files = www();
  write(base / "www/tagged.txt", "one");
  const std::string tag = get(files, "/tagged.txt").header("ETag");
  assert_true(tag.size() > 2 && tag.front() == '"' && tag.back() == '"');
  assert_string_equal(get(files, "/tagged.txt").header("ETag").c_str(), tag.c_str());

  const int before = open_descriptors();
  for (const std::string& value : {tag, "W/" + tag, "\"other\", " + tag, tag + ",\"other\"", std::string("*")}) {
    const Served served = get(files, "/tagged.txt", {{"if-none-match", value}});
    assert_int_equal(served.status(), 304);
    assert_false(served.has_file());
    assert_string_equal(served.header("ETag").c_str(), tag.c_str());
  }
  assert_int_equal(open_descriptors(), before);
  for (const std::string& value :
       {std::string("\"other\""), std::string(), "w/" + tag, tag.substr(1), std::string("W/")})
    assert_int_equal(get(files, "/tagged.txt", {{"if-none-match", value}}).status(), 200);

  // Different content has a different tag, even with the same size.
  write(base / "www/tagged.txt", "two");
  fs::last_write_time(base / "www/tagged.txt", fs::file_time_type::clock::now() + std::chrono::seconds(3));
  assert_int_equal(get(files, "/tagged.txt", {{"if-none-match", tag}}).status(), 200);
}

void methods(void**) {
  const StaticFiles files = www();
  const Served head = get(files, "/sub/page.html", {}, "HEAD");
  assert_int_equal(head.status(), 200);
  assert_string_equal(head.header("Content-Type").c_str(), "text/html; charset=utf-8");
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "get", ""}) {
    const Served served = get(files, "/sub/page.html", {}, method);
    assert_int_equal(served.status(), 405);
    assert_string_equal(served.header("Allow").c_str(), "GET, HEAD");
    assert_false(served.has_file());
  }
}

// Directories without a trailing slash

void a_directory_is_redirected_to_its_slash(void**) {
  const Served served = get(www(), "/sub");
  assert_int_equal(served.status(), 301);
  assert_string_equal(served.header("Location").c_str(), "/sub/");
  assert_false(served.has_file());
  const StaticFiles mounted = open_mounts({{"/static", (base / "www").string()}});
  assert_string_equal(get(mounted, "/static").header("Location").c_str(), "/static/");
  assert_string_equal(get(mounted, "/static/sub").header("Location").c_str(), "/static/sub/");
  expect_content(mounted, "/static/", "<h1>home</h1>");
}

void no_redirect_leads_to_another_site(void**) {
  for (const char* folder : {"evil.example", "back\\slash", "line\r\nSet-Cookie: a=b", "\\evil.example"}) {
    write(base / "www" / folder / "index.html", "x");
  }
  const StaticFiles files = www();
  for (const char* path :
       {"/evil.example", "//evil.example", "///evil.example", "//evil.example/.", "/\\evil.example",
        "//sub/..//evil.example", "/back\\slash", "/line\r\nSet-Cookie: a=b", "//evil.example/../evil.example"}) {
    const Served served = get(files, path);
    const std::string location = served.status() == 301 ? served.header("Location") : "/";
    assert_true(location.front() == '/');
    if (location.size() > 1 && (location[1] == '/' || location[1] == '\\')) fail_msg("%s: %s", path, location.c_str());
    for (const char c : location) assert_true(c > ' ' && c != '\\');
  }
}

// Files that are never opened

void nothing_above_the_directory(void**) {
  const StaticFiles files = www();
  for (const char* path : {"/../secret.txt", "/sub/../../secret.txt", "/..", "/../", "/sub/../..", "/sub/../../",
                           "/./../secret.txt", "/empty/../../secret.txt", "/../www-evil/secret.txt",
                           "/../../../../../../../../etc/passwd", "/../../../../../../../../etc/",
                           "/sub/page.html/../../../secret.txt", "//../secret.txt", "/nowhere/../index.html"}) {
    expect_not_found(files, path);
  }
  // ".." is allowed when the path stays inside.
  expect_content(files, "/sub/../sub/page.html", "page");
}

void nothing_above_a_mount(void**) {
  const StaticFiles files = open_mounts({{"/", (base / "www").string()}, {"/o", (base / "other").string()}});
  expect_not_found(files, "/o/../index.html");
  expect_not_found(files, "/o/../secret.txt");
  expect_not_found(files, "/o/../www/index.html");
  expect_not_found(files, "/o..");
  expect_not_found(files, "/o../secret.txt");
}

void names_that_begin_with_a_dot_are_not_served(void**) {
  for (const char* name : {".env", ".git/config", ".git/index.html", "sub/.htpasswd", "sub/.git/index.html", ".../a",
                           "..hidden", ".well-known/.secret", ".well-known-not/a", "sub/.well-known/a"}) {
    write(base / "www" / name, "secret");
  }
  write(base / "www/.well-known/acme-challenge/token", "token");
  write(base / "www/.well-known/index.html", "well known");
  const StaticFiles files = www();
  for (const char* path :
       {"/.env", "//.env", "/sub/../.env", "/./.env", "/.git", "/.git/", "/.git/config", "/.git/index.html",
        "/sub/.htpasswd", "/sub/.git", "/sub/.git/", "/.../a", "/..hidden", "/.well-known/.secret",
        "/.well-known/../.env", "/.well-known-not/a", "/sub/.well-known/a"}) {
    expect_not_found(files, path);
    // The response does not reveal that the file exists.
    assert_false(get(files, path, {}, "POST").covered());
  }
  expect_content(files, "/.well-known/acme-challenge/token", "token");
  expect_content(files, "/.well-known/", "well known");
  assert_int_equal(get(files, "/.well-known").status(), 301);

  // The application chooses the name and the target of a mount.
  const StaticFiles mounted =
      open_mounts({{"/.files", (base / "www/.git").string()}, {"/.well-known", (base / "www/.well-known").string()}});
  expect_content(mounted, "/.files/config", "secret");
  expect_content(mounted, "/.well-known/acme-challenge/token", "token");
  expect_not_found(mounted, "/.well-known/.secret");
}

void links_into_a_hidden_directory_are_followed(void**) {
  write(base / "www/..data/mounted.txt", "mounted");
  fs::create_symlink("..data/mounted.txt", base / "www/mounted.txt");
  const StaticFiles files = www();
  expect_content(files, "/mounted.txt", "mounted");
  expect_not_found(files, "/..data/mounted.txt");
}

void links_that_lead_outside_are_refused(void**) {
  fs::create_directories(base / "www/links");
  fs::create_symlink(base / "secret.txt", base / "www/links/absolute");
  fs::create_symlink("../../secret.txt", base / "www/links/relative");
  fs::create_directory_symlink(base / "other", base / "www/links/directory");
  fs::create_directory_symlink("..", base / "www/links/parent");
  fs::create_directory_symlink("../..", base / "www/links/above");
  fs::create_directory_symlink(base / "www-evil", base / "www/links/same-beginning");
  fs::create_symlink("relative", base / "www/links/twice");
  fs::create_symlink("nowhere", base / "www/links/dangling");
  fs::create_symlink("loop", base / "www/links/loop");
  fs::create_directories(base / "www/linked-index");
  fs::create_symlink(base / "secret.txt", base / "www/linked-index/index.html");
  const StaticFiles files = www();
  for (const char* path :
       {"/links/absolute", "/links/relative", "/links/directory", "/links/directory/", "/links/directory/file.txt",
        "/links/above/secret.txt", "/links/above", "/links/above/", "/links/same-beginning/secret.txt", "/links/twice",
        "/links/dangling", "/links/loop", "/linked-index/", "/linked-index/index.html"}) {
    expect_not_found(files, path);
  }
  // A link that stays inside is an ordinary file.
  expect_content(files, "/links/parent/sub/page.html", "page");
}

void links_that_stay_inside_are_followed(void**) {
  fs::create_directories(base / "www/inside");
  fs::create_symlink(base / "www/sub/page.html", base / "www/inside/absolute.html");
  fs::create_symlink("../sub/page.html", base / "www/inside/relative.html");
  fs::create_directory_symlink("../sub", base / "www/inside/directory");
  const StaticFiles files = www();
  expect_content(files, "/inside/absolute.html", "page");
  expect_content(files, "/inside/relative.html", "page");
  expect_content(files, "/inside/directory/page.html", "page");
  expect_content(files, "/inside/directory/", "<h1>sub</h1>");
  assert_int_equal(get(files, "/inside/directory").status(), 301);
}

void a_mount_may_itself_be_a_link(void**) {
  fs::create_directory_symlink("www", base / "current");
  const StaticFiles files = open_mounts({{"/", (base / "current").string()}});
  expect_content(files, "/sub/page.html", "page");
  expect_not_found(files, "/../secret.txt");
}

void a_nul_ends_no_path(void**) {
  using namespace std::string_literals;
  const StaticFiles files = www();
  for (const std::string& path :
       {"/index.html\0"s, "/index.html\0.png"s, "/\0"s, "\0/index.html"s, "/sub\0/page.html"s}) {
    const Served served = get(files, path);
    assert_true(!served.covered() || served.status() == 404);
    assert_false(served.has_file());
  }
}

void what_is_no_file_is_not_found(void**) {
  assert_int_equal(mkfifo((base / "www/fifo").c_str(), 0600), 0);
  const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = (base / "www/socket").string();
  assert_true(path.size() < sizeof address.sun_path);
  path.copy(address.sun_path, path.size());
  assert_int_equal(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const StaticFiles files = www();
  // Opening a FIFO without a writer would block.
  expect_not_found(files, "/fifo");
  expect_not_found(files, "/fifo/");
  expect_not_found(files, "/socket");
  close(listener);
}

void what_cannot_be_read_is_not_found(void**) {
  if (geteuid() == 0) {
    print_message("SKIPPED: root may read every file\n");
    skip();
  }
  write(base / "www/closed.txt", "closed");
  fs::permissions(base / "www/closed.txt", fs::perms::none);
  // The file exists, so no other resource replaces it.
  const StaticFiles files = www();
  assert_true(files.has("/closed.txt"));
  assert_int_equal(get(files, "/closed.txt").status(), 404);
}

void what_is_covered_without_a_file(void**) {
  const StaticFiles files = open_mounts({{"/static", (base / "www").string()}});
  for (const char* path : {"/static", "/static/", "/static/nothing", "/static/sub/page.html"}) {
    assert_true(files.covers(path));
  }
  for (const char* path : {"/", "/statics", "/nothing", ""}) assert_false(files.covers(path));
  for (const char* method : {"GET", "POST"}) assert_false(get(files, "/static/nothing", {}, method).covered());
}

void paths_that_are_too_long_are_not_found(void**) {
  const StaticFiles files = www();
  expect_not_found(files, "/" + std::string(300, 'a'));
  expect_not_found(files, "/" + std::string(10'000, 'a'));
  std::string deep;
  for (int i = 0; i < 3000; ++i) deep += "/a";
  expect_not_found(files, deep);
}

// Mounts

void the_longest_mount_decides(void**) {
  const std::string dir = base.string();
  write(base / "www/a/file.txt", "www");
  write(base / "m1/file.txt", "m1");
  write(base / "m2/file.txt", "m2");
  // Independent of the order of the mounts.
  for (const std::vector<StaticMount>& mounts :
       std::vector<std::vector<StaticMount>>{{{"/", dir + "/www"}, {"/a", dir + "/m1"}, {"/a/b", dir + "/m2"}},
                                             {{"/a/b", dir + "/m2"}, {"/a", dir + "/m1"}, {"/", dir + "/www"}},
                                             {{"/a", dir + "/m1"}, {"/", dir + "/www"}, {"/a/b/", dir + "/m2"}}}) {
    const StaticFiles files = open_mounts(mounts);
    expect_content(files, "/a/file.txt", "m1");
    expect_content(files, "/a/b/file.txt", "m2");
    expect_content(files, "/index.html", "<h1>home</h1>");
    // A mount matches whole path segments.
    expect_not_found(files, "/ab/file.txt");
    expect_not_found(files, "/a/bc/file.txt");
    // A file that a mount lacks is not searched in shorter mounts.
    expect_not_found(files, "/a/index.html");
  }
}

void what_no_mount_covers_is_somebody_elses(void**) {
  const StaticFiles files = open_mounts({{"/static", (base / "www").string()}});
  for (const char* path : {"/", "/index.html", "/statics", "/stati", "/chat", "static", "", "*"}) {
    assert_false(get(files, path).covered());
    // All methods are left to other resources.
    assert_false(get(files, path, {}, "POST").covered());
  }
  assert_false(get(StaticFiles(), "/").covered());
  assert_false(get(open_mounts({}), "/").covered());
}

void a_mount_needs_a_directory(void**) {
  for (const std::string& directory :
       {(base / "nowhere").string(), (base / "secret.txt").string(), std::string(), (base / "secret.txt/x").string()}) {
    const Result<StaticFiles> files = StaticFiles::open({{"/", (base / "www").string()}, {"/x", directory}});
    assert_false(files.ok());
    assert_int_equal(files.status().code, Error::invalid_argument);
    assert_non_null(strstr(files.status().detail.c_str(), "static_mounts"));
    assert_non_null(strstr(files.status().detail.c_str(), directory.c_str()));
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(files_with_their_headers),
      cmocka_unit_test(types_by_extension),
      cmocka_unit_test(empty_and_binary_files),
      cmocka_unit_test(names_with_odd_characters),
      cmocka_unit_test(an_index_stands_for_its_directory),
      cmocka_unit_test(an_index_that_is_a_directory_is_none),
      cmocka_unit_test(etags),
      cmocka_unit_test(methods),
      cmocka_unit_test(a_directory_is_redirected_to_its_slash),
      cmocka_unit_test(no_redirect_leads_to_another_site),
      cmocka_unit_test(nothing_above_the_directory),
      cmocka_unit_test(nothing_above_a_mount),
      cmocka_unit_test(names_that_begin_with_a_dot_are_not_served),
      cmocka_unit_test(links_into_a_hidden_directory_are_followed),
      cmocka_unit_test(links_that_lead_outside_are_refused),
      cmocka_unit_test(links_that_stay_inside_are_followed),
      cmocka_unit_test(a_mount_may_itself_be_a_link),
      cmocka_unit_test(a_nul_ends_no_path),
      cmocka_unit_test(what_is_no_file_is_not_found),
      cmocka_unit_test(what_cannot_be_read_is_not_found),
      cmocka_unit_test(what_is_covered_without_a_file),
      cmocka_unit_test(paths_that_are_too_long_are_not_found),
      cmocka_unit_test(the_longest_mount_decides),
      cmocka_unit_test(what_no_mount_covers_is_somebody_elses),
      cmocka_unit_test(a_mount_needs_a_directory),
  };
  return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
