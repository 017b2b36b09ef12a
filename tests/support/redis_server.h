// A real redis-server of a test: a process of its own on a free port of the loopback and on a UNIX socket, with a temporary
// folder that is removed at the end. It dies with the thread that started it, whatever happens to the test. A replica and a
// sentinel are such servers too.
//
// A test without redis-server is skipped: RedisServer::installed() says whether there is one.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/certificate.h"
#include "support/limit.h"

namespace chat::test {

// A port of the loopback that was free a moment ago.
inline std::uint16_t free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool bound = bind(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0 &&
                     getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  close(fd);
  if (!bound) {
    std::perror("no free port");
    std::abort();
  }
  return ntohs(address.sin_port);
}

struct RedisOptions {
  bool tls = false;          // instead of plain TCP, with the certificate of certificate.h
  bool append_only = false;  // keeps the data in a file
  std::string password;      // of the default user; empty: none
  bool sentinel = false;
  std::vector<std::string> arguments;     // more of redis-server's
  std::vector<std::string> config_lines;  // of its configuration file
};

class RedisServer {
 public:
  using Options = RedisOptions;

  static bool installed() { return !program().empty(); }

  // Waits until it answers. Ends the program when it does not.
  explicit RedisServer(Options options = {}) : options_(std::move(options)) {
    std::string pattern = (std::filesystem::temp_directory_path() / "libchat-redis-XXXXXX").string();
    if (!mkdtemp(pattern.data())) fail("no temporary folder");
    folder_ = pattern;
    start(true);
  }
  ~RedisServer() {
    kill();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  std::uint16_t port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string path() const { return folder_ + "/redis.sock"; }  // of the UNIX socket
  std::string certificate_file() const { return folder_ + "/certificate.pem"; }
  std::string url() const {
    return (options_.tls ? "rediss://" : "redis://") +
           (options_.password.empty() ? "" : ":" + options_.password + "@") + address() +
           (options_.tls ? "?ca=" + certificate_file() : "");
  }
  std::string unix_url() const { return "unix://" + path(); }

  void kill() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  // Freezes it: the kernel still accepts connections and bytes.
  void stop() {
    ::kill(pid_, SIGSTOP);
    int status = 0;
    waitpid(pid_, &status, WUNTRACED);
  }
  void cont() { ::kill(pid_, SIGCONT); }
  // Ends it, and starts it on the same port. Keeping the data needs append_only.
  void restart(bool keep_data) {
    if (pid_ >= 0 && keep_data) {
      ::kill(pid_, SIGTERM);
      wait_for("it does not end", [this] { return has_ended(); });
    }
    kill();
    if (!keep_data) std::filesystem::remove_all(folder_ + "/data");
    start(false);
  }

  // Sends a command over the UNIX socket, as its words without blanks, and returns the first bytes of the answer.
  std::string command(const std::string& words) const {
    const std::string answer = ask(words);
    if (answer.empty()) fail("no answer to " + words);
    return answer;
  }
  // Of the default user, from now on.
  void set_password(const std::string& password) {
    command("CONFIG SET requirepass " + password);
    options_.password = password;
  }
  // The value of a field of INFO; empty: there is none.
  std::string info(const std::string& section, const std::string& field) const {
    const std::string text = command("INFO " + section);
    const std::size_t begin = text.find("\n" + field + ":");
    if (begin == std::string::npos) return "";
    const std::size_t value = begin + field.size() + 2;
    return text.substr(value, text.find('\r', value) - value);
  }
  std::string run() const { return info("replication", "master_replid"); }  // see LinkListener::on_up()

  // Waits for a condition about other processes.
  template <class Condition>
  static void wait_for(const char* what, Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(test_limit_s());
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) {
        std::fprintf(stderr, "redis-server: %s\n", what);
        std::abort();
      }
      usleep(5'000);  // On purpose: the condition is about another process.
    }
  }

 private:
  static std::string program() {
    const char* const path = getenv("PATH");
    std::istringstream folders(path ? path : "");
    for (std::string folder; std::getline(folders, folder, ':');) {
      const std::string file = folder + "/redis-server";
      if (access(file.c_str(), X_OK) == 0) return file;
    }
    return "";
  }

  [[noreturn]] void fail(const std::string& what) const {
    std::fprintf(stderr, "redis-server in %s: %s\n%s\n", folder_.c_str(), what.c_str(), read_file("/log").c_str());
    std::abort();
  }
  std::string read_file(const char* name) const {
    std::ifstream file(folder_ + name);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }

  // With a new port until it is free; a server that is started again must get its old one.
  void start(bool new_port) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(test_limit_s());
    for (;;) {
      if (new_port) port_ = free_port();
      std::filesystem::create_directories(folder_ + "/data");
      std::filesystem::remove(folder_ + "/log");
      std::filesystem::remove(path());
      write_files();
      pid_ = spawn();
      wait_for("it does not start", [this] { return has_ended() || is_ready(); });
      if (pid_ >= 0) return;
      const bool taken = read_file("/log").find("Address already in use") != std::string::npos;
      if (!taken || std::chrono::steady_clock::now() > deadline) fail("it has ended");
    }
  }

  void write_files() const {
    std::ofstream(certificate_file()) << TEST_CERTIFICATE;
    std::ofstream(folder_ + "/key.pem") << TEST_PRIVATE_KEY;
    std::ofstream config(folder_ + "/redis.conf");
    const std::string port = std::to_string(port_);
    config << "bind 127.0.0.1 127.0.0.2\n"
           << "port " << (options_.tls ? "0" : port) << "\n"
           << "dir " << folder_ << "/data\n"
           << "logfile " << folder_ << "/log\n"
           << "unixsocket " << path() << "\n"
           << "daemonize no\n";
    if (options_.tls) {
      config << "tls-port " << port << "\ntls-cert-file " << certificate_file() << "\ntls-key-file " << folder_
             << "/key.pem\ntls-ca-cert-file " << certificate_file() << "\ntls-auth-clients no\n";
    }
    if (!options_.sentinel) config << "save \"\"\nappendonly " << (options_.append_only ? "yes" : "no") << "\n";
    if (!options_.password.empty()) config << "requirepass " << options_.password << "\n";
    for (const std::string& line : options_.config_lines) config << line << "\n";
  }

  pid_t spawn() const {
    std::vector<std::string> words{program(), folder_ + "/redis.conf"};
    if (options_.sentinel) words.emplace_back("--sentinel");
    words.insert(words.end(), options_.arguments.begin(), options_.arguments.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid != 0) return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    const int null = open("/dev/null", O_RDWR);
    dup2(null, 0);
    dup2(null, 1);
    dup2(null, 2);
    execv(argv[0], argv.data());
    _exit(127);
  }

  bool has_ended() {
    if (waitpid(pid_, nullptr, WNOHANG) != pid_) return false;
    pid_ = -1;
    return true;
  }
  bool is_ready() const {
    const std::string answer = ask("PING");
    return answer.starts_with("+PONG");
  }

  std::string ask(const std::string& words) const {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().copy(address.sun_path, sizeof address.sun_path - 1);
    std::string answer;
    if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
      const std::string login = options_.password.empty() ? "" : "AUTH " + options_.password + "\r\n";
      if (!login.empty()) exchange(fd, login);
      answer = exchange(fd, words + "\r\n");
    }
    close(fd);
    return answer;
  }
  static std::string exchange(int fd, const std::string& request) {
    if (send(fd, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) return "";
    pollfd readable{fd, POLLIN, 0};
    if (poll(&readable, 1, test_limit_ms()) != 1) return "";
    char bytes[16'384];
    const ssize_t count = recv(fd, bytes, sizeof bytes, 0);
    return {bytes, static_cast<std::size_t>(count < 0 ? 0 : count)};
  }

  Options options_;
  std::string folder_;
  std::uint16_t port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace chat::test
