// See daemon.h.
#include "daemon.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "listener_url.h"
#include "log.h"
#include "service_manager.h"
#include "users.h"

namespace chatd {
namespace {

using std::chrono::milliseconds;

constexpr int kExitStartFailed = 1;

// Clients cause these lines, so they must not fill the log. Any thread.
class LineLimit {
 public:
  // Whether a line may be written. left_out: the lines since the last one that were not.
  bool allow(std::uint64_t& left_out) {
    const auto now = std::chrono::steady_clock::now();
    const std::lock_guard lock(mutex_);
    if (now - since_ >= std::chrono::minutes(1)) {
      since_ = now;
      lines_ = 0;
    }
    if (lines_ == kPerMinute) {
      ++left_out_;
      return false;
    }
    ++lines_;
    left_out = std::exchange(left_out_, 0);
    return true;
  }

 private:
  static constexpr int kPerMinute = 60;

  std::mutex mutex_;
  std::chrono::steady_clock::time_point since_;
  int lines_ = 0;
  std::uint64_t left_out_ = 0;
};

// The data of the callbacks.
struct Context {
  const Options& options;
  Log& log;
  const Users users = {};
  LineLimit reports = {};
};

void on_log(chat_server*, chat_log_level level, const char* text, void* user) {
  static_cast<Context*>(user)->log.line(level, text);
}

// Names and reasons come from people.
std::string quoted(const char* text) {
  std::string result = "\"";
  for (const char* c = text; *c != '\0'; ++c) result += *c == '"' ? '\'' : *c;
  return result + '"';
}

// A user, or the name of a guest.
std::string person(const char* user_id, const char* name) {
  return *user_id != '\0' ? "user " + quoted(user_id) : "guest " + quoted(name);
}

// One line for everything that was moderated.
void on_audit(chat_server*, const chat_audit_event* event, void* user) {
  std::string text = std::string("moderation: ") + event->action_name;
  if (*event->room != '\0') text += " in " + quoted(event->room);
  if (*event->user_id != '\0') text += ", user " + quoted(event->user_id);
  if (*event->name != '\0') text += ", name " + quoted(event->name);
  if (*event->address != '\0') text += std::string(", address ") + event->address;
  if (event->duration_ms != 0) text += ", " + std::to_string(event->duration_ms) + " ms";
  if (event->value != 0) text += ", value " + std::to_string(event->value);
  text += event->actor == 0 ? std::string(", by the server") : ", by " + quoted(event->actor_user_id);
  if (*event->reason != '\0') text += ", reason " + quoted(event->reason);
  static_cast<Context*>(user)->log.line(CHAT_LOG_INFO, text);
}

// One line for each message that a member has reported.
void on_report(chat_server*, const chat_report_event* event, void* user) {
  Context& context = *static_cast<Context*>(user);
  std::uint64_t left_out = 0;
  if (!context.reports.allow(left_out)) return;
  const chat_message& message = *event->message;
  std::string text = "report: message " + std::to_string(message.seq) + " in " + quoted(message.room) + " of " +
                     person(message.from_user_id, message.from_name) + ", by " + person(event->user_id, event->name);
  if (*event->reason != '\0') text += ", reason " + quoted(event->reason);
  if (left_out != 0) text += " (and " + std::to_string(left_out) + " more since the last line)";
  context.log.line(CHAT_LOG_INFO, text);
}

// --users: who has a token of the file is that user. Others are guests.
chat_verdict on_connect(chat_server* server, chat_connect_event* event, void* user) {
  if (*event->token == '\0') return CHAT_PASS;
  const User* const found = static_cast<const Context*>(user)->users.find(event->token);
  if (found == nullptr) return chat_connect_event_refuse(event, "unknown token");
  std::vector<chat_pair> attributes;
  for (const auto& [name, role] : found->roles) attributes.push_back({name.c_str(), role.c_str(), role.size()});
  chat_identity identity = CHAT_IDENTITY_INIT;
  identity.user_id = found->id.c_str();
  identity.name = found->id.c_str();
  identity.attributes = attributes.data();
  identity.attribute_count = attributes.size();
  if (chat_set_identity(server, event->client, &identity) == CHAT_OK) return CHAT_PASS;
  return chat_connect_event_refuse(event, chat_error_message());
}

bool has_joined(chat_server* server, chat_client_id client, const char* room) {
  struct Search {
    std::string_view room;
    bool found = false;
  } search{room};
  const auto look = [](const chat_client* seen, void* user) {
    auto* wanted = static_cast<Search*>(user);
    for (std::size_t i = 0; i < seen->room_count; ++i) wanted->found |= wanted->room == seen->rooms[i];
    return 0;
  };
  return chat_client_info(server, client, look, &search) == CHAT_OK && search.found;
}

// By default the library forbids clients to list rooms and members. --lists allows both. With the chat page, clients
// may list the members of rooms that they are in.
chat_verdict on_authorize(chat_server* server, chat_authorize_event* event, void* user) {
  if (static_cast<const Context*>(user)->options.lists) return CHAT_PASS;
  const bool refused = event->action == CHAT_ACTION_ROOMS ||
                       (event->action == CHAT_ACTION_MEMBERS && !has_joined(server, event->client, event->room));
  if (refused) std::snprintf(event->reason, sizeof event->reason, "not allowed on this server");
  return refused ? CHAT_REFUSE : CHAT_PASS;
}

struct ServerDeleter {
  void operator()(chat_server* server) const { chat_server_free(server); }
};
using Server = std::unique_ptr<chat_server, ServerDeleter>;

sigset_t service_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, number);
  return set;
}

void exit_at_once(int number) { _exit(128 + number); }

// Called when the drain begins: a second signal ends the process immediately.
void let_second_signal_exit() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM}) {
    signal(number, exit_at_once);
    sigaddset(&set, number);
  }
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

// True when the terminal from which chatd was started still exists.
bool has_terminal() {
  const int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

// Without a terminal, chatd is a daemon. With nohup(1), which ignores SIGHUP, it must outlive its terminal.
bool ends_with_terminal() {
  struct sigaction action {};
  return sigaction(SIGHUP, nullptr, &action) == 0 && action.sa_handler != SIG_IGN && has_terminal();
}

void reload_tls(chat_server* server, const Options& options, Log& log) {
  if (options.tls_certificate.empty()) {
    log.line(CHAT_LOG_INFO, "SIGHUP: without TLS there is nothing to reload");
  } else if (chat_server_reload_tls(server) == CHAT_OK) {
    log.line(CHAT_LOG_INFO, "SIGHUP: certificate and key reloaded");
  } else {
    log.line(CHAT_LOG_ERROR,
             std::string("SIGHUP: reloading failed, the old certificate stays in use: ") + chat_error_message());
  }
}

void announce(const chat_server* server, const Options& options, const ServiceManager& manager, Log& log) {
  const std::string port = std::to_string(chat_server_port(server));
  const std::string url = listener_url(server, options);
  log.line(CHAT_LOG_INFO, "listening on " + url, {{"url", url}, {"port", port}});
  manager.ready("Listening on " + url);
  if (options.print_port) write_briefly(STDOUT_FILENO, port + "\n");
}

// Sends keep-alive messages to the service manager while all loops run, from the thread that waits for signals.
class Watchdog {
 public:
  Watchdog(chat_server* server, const ServiceManager& manager, Log& log)
      : server_(server), manager_(manager), log_(log) {}

  // The time to wait for a signal before look(); negative: no limit. Two waits and two looks fit into the watchdog's
  // time limit.
  milliseconds wait() const {
    return manager_.watchdog() > milliseconds(0) ? std::max(manager_.watchdog() / 4, milliseconds(1))
                                                 : milliseconds(-1);
  }

  void look() {
    const bool runs = chat_server_check_loops(server_, static_cast<int>(wait().count())) == CHAT_OK;
    if (runs) manager_.alive();
    if (!runs && runs_) log_.line(CHAT_LOG_ERROR, std::string("watchdog: ") + chat_error_message());
    if (runs && !runs_) log_.line(CHAT_LOG_INFO, "watchdog: all loops run again");
    runs_ = runs;
  }

 private:
  chat_server* server_;
  const ServiceManager& manager_;
  Log& log_;
  bool runs_ = true;
};

// Waits for the next signal and returns its number.
int next_signal(const sigset_t& signals, Watchdog& watchdog) {
  const milliseconds wait = watchdog.wait();
  timespec limit{};
  limit.tv_sec = wait.count() / 1000;
  limit.tv_nsec = wait.count() % 1000 * 1'000'000;
  for (;;) {
    const int number = wait.count() < 0 ? sigwaitinfo(&signals, nullptr) : sigtimedwait(&signals, nullptr, &limit);
    if (number > 0) return number;
    if (errno == EAGAIN) watchdog.look();
  }
}

}  // namespace

int run(Options& options) {
  // This runs before the first thread is created. All threads inherit the mask, so only the waits below receive
  // signals.
  const sigset_t signals = service_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  const bool ends_with_its_terminal = ends_with_terminal();

  const LogStyle style = style_of_standard_error(options.log_format);
  Log log(style, options.server.log_level);
  Users users;
  if (!options.users.empty()) {
    if (const std::string wrong = users.load(options.users); !wrong.empty()) {
      report(style, CHAT_LOG_ERROR, options.fault_of("users", wrong).text);
      return kExitStartFailed;
    }
    options.server.callbacks.on_connect = on_connect;
  }
  Context context{options, log, std::move(users)};
  const ServiceManager manager;
  options.server.callbacks.on_log = on_log;
  options.server.callbacks.on_audit = on_audit;
  options.server.callbacks.on_report = on_report;
  options.server.user = &context;
  if (options.lists || options.server.chat_page_path != nullptr) options.server.callbacks.on_authorize = on_authorize;
  chat_server* started = nullptr;
  if (chat_server_start(&options.server, &started) != CHAT_OK) {
    report(style, CHAT_LOG_ERROR, options.explain(chat_error_message()).text);
    return kExitStartFailed;
  }
  const Server server(started);  // drained and freed when this function returns
  announce(server.get(), options, manager, log);

  Watchdog watchdog(server.get(), manager, log);
  for (;;) {
    const int number = next_signal(signals, watchdog);
    if (number == SIGHUP && !(ends_with_its_terminal && !has_terminal())) {
      reload_tls(server.get(), options, log);
      continue;
    }
    manager.stopping();
    log.line(CHAT_LOG_INFO, "stopping");
    let_second_signal_exit();
    return 0;
  }
}

}  // namespace chatd
