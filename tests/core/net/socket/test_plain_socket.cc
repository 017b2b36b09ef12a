// Plain sockets over real descriptors: reading in turns, writing, pausing, and every way to end.
#include "net/socket/plain_socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "support/limit.h"

// Last, because it defines a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

namespace chat::net {
namespace {

constexpr std::size_t kReadBytes = 65'536;  // the loop's read buffer

// Records what happens to a stream, and destroys the stream when it is released.
class User final : public ByteStreamUser {
 public:
  void on_input(std::span<char> bytes) override {
    events.push_back("input " + std::to_string(bytes.size()));
    input.append(bytes.data(), bytes.size());
    if (std::exchange(fails, false)) throw std::bad_alloc();
  }
  void on_writable() override {
    events.emplace_back("writable");
    if (when_writable) when_writable();
  }
  void on_stream_closed() override { events.emplace_back("closed"); }
  void on_released() override {
    events.emplace_back("released");
    stream.reset();
  }

  std::unique_ptr<PlainSocket> stream;
  std::vector<std::string> events;
  std::string input;
  bool fails = false;
  std::function<void()> when_writable;
};

class Sockets {
 public:
  Sockets() : loop_fd_(eventfd(0, EFD_CLOEXEC)) { assert_true(ready.open(loop_fd_, false)); }
  ~Sockets() { ::close(loop_fd_); }

  // Serves what is ready. Waits until something is.
  void turn() {
    ready.wait(test_limit_ms());
    TimeBudget unlimited;
    assert_true(ready.serve(unlimited));
  }
  // Nothing is ready.
  bool quiet() {
    pollfd descriptor{ready.fd(), POLLIN, 0};
    return poll(&descriptor, 1, 0) == 0;
  }

  ReadySockets ready;

 private:
  const int loop_fd_;
};

// A stream of the server and the descriptor of its client.
struct Pair {
  explicit Pair(Sockets& sockets, bool tcp = false) {
    std::array<int, 2> ends{};
    if (tcp) {
      connect_over_tcp(ends);
    } else {
      assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    }
    client = ends[0];
    server = ends[1];
    assert_int_equal(fcntl(server, F_SETFL, O_NONBLOCK), 0);
    user.stream = std::make_unique<PlainSocket>(user);
    assert_true(user.stream->open(sockets.ready, server));
  }
  ~Pair() { hang_up(); }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  static void connect_over_tcp(std::array<int, 2>& ends) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, any, size), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, any, &size), 0);
    ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(ends[0], any, size), 0);
    ends[1] = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    assert_true(ends[1] >= 0);
    ::close(listener);
  }

  void send(std::string_view bytes) const {
    assert_int_equal(::send(client, bytes.data(), bytes.size(), MSG_NOSIGNAL), bytes.size());
  }
  // What the client has received; "end" or "error" when there is nothing more.
  std::string receive() const {
    std::array<char, kReadBytes> buffer;
    const ssize_t count = recv(client, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count < 0) return errno == EAGAIN ? std::string() : std::string("error");
    return count == 0 ? std::string("end") : std::string(buffer.data(), static_cast<std::size_t>(count));
  }
  // Writes until the system takes no more.
  std::size_t fill() {
    const std::string block(kReadBytes, 'x');
    std::size_t written = 0;
    for (;;) {
      const std::optional<std::size_t> now = user.stream->write(block);
      assert_true(now.has_value());
      if (*now == 0) return written;
      written += *now;
    }
  }
  std::size_t empty() const {
    std::size_t bytes = 0;
    for (std::string part; !(part = receive()).empty();) bytes += part.size();
    return bytes;
  }
  void hang_up() {
    if (client >= 0) ::close(std::exchange(client, -1));
  }
  bool descriptor_open() const { return fcntl(server, F_GETFD) >= 0; }

  int client = -1;
  int server = -1;
  User user;
};

void expect(const User& user, const std::vector<std::string>& events) {
  for (std::size_t i = 0; i < events.size() && i < user.events.size(); ++i) {
    assert_string_equal(user.events[i].c_str(), events[i].c_str());
  }
  assert_int_equal(user.events.size(), events.size());
}

void input_arrives_once_for_each_turn(void**) {
  Sockets sockets;
  Pair pair(sockets);
  pair.send("hello");
  sockets.turn();
  assert_string_equal(pair.user.input.c_str(), "hello");
  expect(pair.user, {"input 5"});
  assert_true(sockets.quiet());
}

void a_busy_client_leaves_others_their_turn(void**) {
  Sockets sockets;
  Pair busy(sockets);
  Pair other(sockets);
  const int large = 1 << 20;
  setsockopt(busy.client, SOL_SOCKET, SO_SNDBUF, &large, sizeof large);
  busy.send(std::string(3 * kReadBytes, 'x'));
  other.send("hello");
  sockets.turn();
  assert_int_equal(busy.user.events.size(), 1);
  assert_true(busy.user.input.size() >= 16'384 && busy.user.input.size() <= kReadBytes);
  expect(other.user, {"input 5"});
  while (busy.user.input.size() < 3 * kReadBytes) sockets.turn();
  expect(other.user, {"input 5"});
}

// The rest is served first the next time, without another wait.
void a_budget_divides_a_turn(void**) {
  static std::int64_t now_ns;
  now_ns = 0;
  Sockets sockets;
  Pair first(sockets);
  Pair second(sockets);
  first.send("1");
  second.send("2");
  sockets.ready.wait(test_limit_ms());
  TimeBudget budget([] { return now_ns; });
  budget.begin(1);
  now_ns = 2'000'000;
  assert_false(sockets.ready.serve(budget));
  assert_int_equal(first.user.events.size() + second.user.events.size(), 1);
  assert_true(sockets.ready.pending());
  budget.lift();
  assert_true(sockets.ready.serve(budget));
  expect(first.user, {"input 1"});
  expect(second.user, {"input 1"});
}

// libwebsockets closes few sockets in one turn; plain sockets have no such limit.
void a_budget_closes_as_many_as_there_is_time_for(void**) {
  constexpr std::size_t kCount = 100;
  Sockets sockets;
  std::vector<std::unique_ptr<Pair>> pairs;
  for (std::size_t i = 0; i < kCount; ++i) {
    pairs.push_back(std::make_unique<Pair>(sockets));
    pairs.back()->hang_up();
  }
  sockets.ready.wait(test_limit_ms());
  TimeBudget budget([]() -> std::int64_t { return 0; });
  budget.begin(1);
  assert_true(sockets.ready.serve(budget));
  for (const auto& pair : pairs) expect(pair->user, {"closed", "released"});
  assert_false(sockets.ready.closing_enough(budget));
}

void writing_stops_when_the_system_takes_no_more(void**) {
  Sockets sockets;
  Pair pair(sockets);
  const std::size_t written = pair.fill();
  assert_true(written != 0);
  pair.user.stream->want_writable();
  assert_true(sockets.quiet());
  assert_int_equal(pair.empty(), written);
  sockets.turn();
  expect(pair.user, {"writable"});
  assert_true(sockets.quiet());  // once
  assert_true(pair.user.stream->write("more") == 4);
  assert_string_equal(pair.receive().c_str(), "more");
}

void writability_can_be_asked_for_again_inside_the_callback(void**) {
  Sockets sockets;
  Pair pair(sockets);
  pair.user.stream->want_writable();
  pair.user.when_writable = [&] {
    if (pair.user.events.size() < 3) pair.user.stream->want_writable();
  };
  sockets.turn();
  sockets.turn();
  sockets.turn();
  expect(pair.user, {"writable", "writable", "writable"});
  assert_true(sockets.quiet());
}

void input_comes_while_writing_waits(void**) {
  Sockets sockets;
  Pair pair(sockets);
  pair.fill();
  pair.user.stream->want_writable();
  pair.send("hello");
  sockets.turn();
  expect(pair.user, {"input 5"});
}

void a_paused_stream_reads_nothing(void**) {
  Sockets sockets;
  Pair pair(sockets);
  pair.user.stream->set_reading(false);
  pair.send("hello");
  pair.hang_up();
  assert_true(sockets.quiet());  // the end is not noticed either, and wakes nobody
  pair.user.stream->set_reading(true);
  sockets.turn();
  expect(pair.user, {"input 5"});
  sockets.turn();
  expect(pair.user, {"input 5", "closed", "released"});
}

void a_paused_stream_writes(void**) {
  Sockets sockets;
  Pair pair(sockets);
  pair.user.stream->set_reading(false);
  pair.user.stream->want_writable();
  pair.send("hello");
  sockets.turn();
  expect(pair.user, {"writable"});
  assert_true(sockets.quiet());
}

void the_client_s_end_releases_the_stream(void**) {
  Sockets sockets;
  Pair pair(sockets);
  pair.hang_up();
  sockets.turn();
  expect(pair.user, {"closed", "released"});
  assert_null(pair.user.stream.get());
  assert_false(pair.descriptor_open());
  assert_true(sockets.quiet());
}

void input_before_the_end_is_not_lost(void**) {
  Sockets sockets;
  Pair pair(sockets);
  pair.send("last words");
  pair.hang_up();
  sockets.turn();
  sockets.turn();
  assert_string_equal(pair.user.input.c_str(), "last words");
  expect(pair.user, {"input 10", "closed", "released"});
}

void a_reset_releases_the_stream(void**) {
  Sockets sockets;
  Pair pair(sockets, true);
  const linger at_once{1, 0};
  setsockopt(pair.client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  pair.hang_up();
  sockets.turn();
  expect(pair.user, {"closed", "released"});
}

void close_releases_the_stream_at_once(void**) {
  Sockets sockets;
  Pair pair(sockets);
  pair.user.stream->close();
  expect(pair.user, {"closed", "released"});
  assert_false(pair.descriptor_open());
  assert_string_equal(pair.receive().c_str(), "end");
}

// A ready socket that another one has closed in the same turn.
void a_stream_that_was_closed_gets_no_more_turns(void**) {
  Sockets sockets;
  Pair first(sockets);
  Pair second(sockets);
  first.send("1");
  second.send("2");
  sockets.ready.wait(test_limit_ms());
  second.user.stream->close();
  Pair third(sockets);  // in the same place
  TimeBudget unlimited;
  assert_true(sockets.ready.serve(unlimited));
  expect(first.user, {"input 1"});
  expect(second.user, {"closed", "released"});
  expect(third.user, {});
}

void finishing_ends_one_direction(void**) {
  Sockets sockets;
  Pair pair(sockets);
  assert_true(pair.user.stream->write("bye") == 3);
  pair.user.stream->finish_writing();
  pair.user.stream->finish_writing();
  assert_string_equal(pair.receive().c_str(), "bye");
  assert_string_equal(pair.receive().c_str(), "end");
  assert_false(pair.user.stream->write("more").has_value());
  pair.send("still here");
  sockets.turn();
  expect(pair.user, {"input 10"});
}

// A response is complete when all of it is written. That the client has gone since then does not matter to it.
void nothing_can_be_written_to_a_client_that_has_gone(void**) {
  Sockets sockets;
  Pair pair(sockets, true);
  const linger at_once{1, 0};
  assert_int_equal(setsockopt(pair.client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
  assert_true(pair.user.stream->write("all of it") == std::optional<std::size_t>(9));
  pair.hang_up();
  pollfd gone{pair.server, POLLIN, 0};
  assert_int_equal(poll(&gone, 1, test_limit_ms()), 1);
  assert_true(pair.user.stream->write({}) == std::optional<std::size_t>(0));
  assert_true(pair.user.stream->write("more") == std::nullopt);
}

void a_reset_discards_what_was_not_read(void**) {
  Sockets sockets;
  Pair pair(sockets, true);
  assert_true(pair.user.stream->write("never read") == 10);
  pair.user.stream->reset_on_close();
  pair.user.stream->close();
  std::string received = pair.receive();
  if (received == "never read") received = pair.receive();
  assert_string_equal(received.c_str(), "error");
}

void a_broken_stream_cannot_be_written(void**) {
  Sockets sockets;
  Pair pair(sockets);
  pair.hang_up();
  assert_false(pair.user.stream->write("hello").has_value());
  expect(pair.user, {});  // no callback inside write()
}

void the_descriptor_may_be_written_directly(void**) {
  Sockets sockets;
  Pair pair(sockets);
  assert_int_equal(pair.user.stream->direct_fd(), pair.server);
  assert_int_equal(send(pair.user.stream->direct_fd(), "direct", 6, MSG_NOSIGNAL | MSG_DONTWAIT), 6);
  assert_string_equal(pair.receive().c_str(), "direct");
  pair.user.stream->finish_writing();
  assert_int_equal(pair.user.stream->direct_fd(), -1);
}

void a_stream_that_was_never_closed_leaves_no_descriptor(void**) {
  Sockets sockets;
  Pair pair(sockets);
  pair.user.stream.reset();
  expect(pair.user, {});
  assert_false(pair.descriptor_open());
  pair.hang_up();
  assert_true(sockets.quiet());
}

// Its bytes are lost, so what follows would be misread.
void input_that_found_no_memory_ends_the_stream(void**) {
  Sockets sockets;
  Pair pair(sockets);
  pair.user.fails = true;
  pair.send("half of a message");
  sockets.ready.wait(test_limit_ms());
  TimeBudget unlimited;
  bool thrown = false;
  try {
    (void)sockets.ready.serve(unlimited);
  } catch (const std::bad_alloc&) {
    thrown = true;
  }
  assert_true(thrown);
  sockets.turn();
  expect(pair.user, {"input 17", "closed", "released"});
}

}  // namespace
}  // namespace chat::net

int main() {
  using namespace chat::net;
  const CMUnitTest tests[] = {
      cmocka_unit_test(input_arrives_once_for_each_turn),
      cmocka_unit_test(a_busy_client_leaves_others_their_turn),
      cmocka_unit_test(a_budget_divides_a_turn),
      cmocka_unit_test(a_budget_closes_as_many_as_there_is_time_for),
      cmocka_unit_test(writing_stops_when_the_system_takes_no_more),
      cmocka_unit_test(writability_can_be_asked_for_again_inside_the_callback),
      cmocka_unit_test(input_comes_while_writing_waits),
      cmocka_unit_test(a_paused_stream_reads_nothing),
      cmocka_unit_test(a_paused_stream_writes),
      cmocka_unit_test(the_client_s_end_releases_the_stream),
      cmocka_unit_test(input_before_the_end_is_not_lost),
      cmocka_unit_test(a_reset_releases_the_stream),
      cmocka_unit_test(close_releases_the_stream_at_once),
      cmocka_unit_test(a_stream_that_was_closed_gets_no_more_turns),
      cmocka_unit_test(finishing_ends_one_direction),
      cmocka_unit_test(nothing_can_be_written_to_a_client_that_has_gone),
      cmocka_unit_test(a_reset_discards_what_was_not_read),
      cmocka_unit_test(a_broken_stream_cannot_be_written),
      cmocka_unit_test(the_descriptor_may_be_written_directly),
      cmocka_unit_test(a_stream_that_was_never_closed_leaves_no_descriptor),
      cmocka_unit_test(input_that_found_no_memory_ends_the_stream),
  };
  return cmocka_run_group_tests_name("core/net/socket/plain_socket", tests, nullptr, nullptr);
}
