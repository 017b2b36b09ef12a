#include "crowd.h"

#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <utility>

#include "../loopback.h"
#include "../websocket.h"
#include "tls.h"

namespace bench {

namespace {

constexpr std::size_t kMaxOpening = 64;  // concurrent handshakes, below any server's backlog
constexpr double kSetUpSeconds = 300;
constexpr std::size_t kOpenLoopDepth = 1 << 16;  // messages of a publisher that can be in flight at a fixed rate

std::uint64_t parse_digits(std::string_view digits) {
  std::uint64_t number = 0;
  for (const char digit : digits) number = number * 10 + static_cast<std::uint64_t>(digit - '0');
  return number;
}

void append_masked(std::string& out, std::string_view payload) {
  append_frame_head(out, kFinal | kText, payload.size(), kMasked);
  out.append(kMaskKey.begin(), kMaskKey.end());
  for (std::size_t i = 0; i < payload.size(); ++i) {
    out += static_cast<char>(static_cast<unsigned char>(payload[i]) ^ kMaskKey[i % 4]);
  }
}

}  // namespace

double now_s() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

Crowd::Crowd(const Options& options)
    : options_(options),
      form_(make_form(options.form)),
      publisher_form_(make_form(options.publisher_form)),
      clients_(options.members),
      room_messages_(options.members / options.group) {
  if (!form_ || !publisher_form_) fail("unknown form");
  // A room's members are spread over all connections, as they are after a while in any server. So are its publishers, because
  // the position in the server's order determines how early a client receives.
  const std::size_t rooms = std::max<std::size_t>(1, room_messages_.size());
  for (std::size_t number = 0; number < clients_.size(); ++number) {
    clients_[number].number = options_.first_member + number;
    clients_[number].room = number % rooms;
    clients_[number].room_name = options_.first_room + clients_[number].room;
  }
  for (std::size_t room = 0; room < room_messages_.size(); ++room) {
    for (std::size_t number = 0; number < options_.publishers; ++number) {
      const std::size_t at = (2 * number + 1) * options_.group / (2 * options_.publishers);
      make_publisher(clients_[at * rooms + room], number);
      publishers_.push_back(&clients_[at * rooms + room]);
    }
  }
}

void Crowd::make_publisher(Client& client, std::size_t number) {
  client.publisher = std::make_unique<Publisher>();
  Publisher& publisher = *client.publisher;
  publisher.number = number;
  publisher.index = publishers_.size();
  publisher.last_seqs.resize(options_.publishers);
  std::string text(options_.message_bytes, 'x');
  char label[kLabelBytes + 1];
  std::snprintf(label, sizeof label, "@%05u 0000000000 ", static_cast<unsigned>(number % 100'000));
  text.replace(0, kLabelBytes, label);
  const std::string payload = publisher_form_->message(client, text);
  payload_bytes_ = payload.size();
  append_masked(publisher.frame, payload);
  publisher.mask_at = payload.find('@');
  publisher.label_at = publisher.frame.size() - payload.size() + publisher.mask_at;
  text[0] = '!';
  const std::size_t at_once = options_.spread ? 1 : options_.inbound;
  for (std::size_t i = 0; i < at_once; ++i) append_masked(publisher.prefix, publisher_form_->message(client, text));
}

void Crowd::open_all() {
  const double end_s = now_s() + kSetUpSeconds;
  for (Client& client : clients_) {
    while (opening_ >= kMaxOpening && now_s() < end_s) wait(end_s);
    open(client);
  }
  while (opening_ != 0 && now_s() < end_s) wait(end_s);
  if (opening_ != 0) fail("%zu connections were not answered", opening_);
  open_stalled();
}

void Crowd::open(Client& client) {
  if (options_.tls) {
    client.fd = open_over_tls(options_.port, client, form_of(client));
    return;
  }
  client.fd = connect_to_loopback(options_.port);
  const std::uint32_t writable = client.publisher ? std::uint32_t{EPOLLOUT} : 0;
  epoll_event event{.events = EPOLLIN | EPOLLET | writable, .data = {.ptr = &client}};
  epoll_ctl(epoll_, EPOLL_CTL_ADD, client.fd, &event);
  ++opening_;
  write(client, form_of(client).hello(client));
}

// They complete the handshake and read nothing after it.
void Crowd::open_stalled() {
  Client client;
  const int small = 4096;
  while (stalled_.size() < options_.stalled) {
    const int fd = connect_to_loopback(options_.port);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    const std::string hello = form_->hello(client);
    char head[4096];
    if (send(fd, hello.data(), hello.size(), MSG_NOSIGNAL) < 0 || recv(fd, head, sizeof head, 0) <= 0) {
      fail("a client that stalls was not accepted");
    }
    stalled_.push_back(fd);
  }
}

bool Crowd::wait(double end_s, int commands) {
  const double left_ms = (end_s - now_s()) * 1000;
  const int timeout_ms = left_ms <= 0 ? 0 : static_cast<int>(std::min(left_ms, 1e6)) + 1;
  if (commands >= 0) {
    epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
    epoll_ctl(epoll_, EPOLL_CTL_ADD, commands, &event);
  }
  const int count = epoll_wait(epoll_, events_.data(), static_cast<int>(events_.size()), timeout_ms);
  if (commands >= 0) epoll_ctl(epoll_, EPOLL_CTL_DEL, commands, nullptr);
  return handle(count);
}

void Crowd::wait_precisely(double end_s) {
  const double left_s = std::max(0.0, end_s - now_s());
  const timespec timeout{.tv_sec = static_cast<time_t>(left_s),
                         .tv_nsec = static_cast<long>((left_s - std::floor(left_s)) * 1e9)};
  handle(epoll_pwait2(epoll_, events_.data(), static_cast<int>(events_.size()), &timeout, nullptr));
}

// Sends what the publishers owe, one message of each in turn, and then the message that comes back.
void Crowd::spread() {
  while (!spreading_.empty()) {
    std::erase_if(spreading_, [this](Client* client) {
      Publisher& publisher = *client->publisher;
      write(*client, publisher.owed == 0 ? publisher.frame : publisher.prefix);
      return publisher.owed-- == 0;
    });
  }
}

// Returns true when the descriptor of the commands is readable.
bool Crowd::handle(int count) {
  bool commanded = false;
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events_[static_cast<std::size_t>(i)];
    auto* client = static_cast<Client*>(event.data.ptr);
    if (!client) {
      commanded = true;
      continue;
    }
    if ((event.events & EPOLLOUT) && client->publisher) write_unsent(*client);
    if (event.events & ~static_cast<std::uint32_t>(EPOLLOUT)) read_from(*client);
  }
  spread();
  return commanded;
}

// Edge-triggered: a read that does not fill the buffer has taken all data.
void Crowd::read_from(Client& client) {
  ssize_t count = 0;
  std::size_t room = 0;
  do {
    const std::size_t carried = client.carry.size();
    if (buffer_.size() < 2 * carried) buffer_.resize(4 * carried);
    std::memcpy(buffer_.data(), client.carry.data(), carried);
    room = buffer_.size() - carried;
    count = recv(client.fd, buffer_.data() + carried, room, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0) fail("the server closed a connection: %s", count < 0 ? std::strerror(errno) : "end of stream");
    const std::string_view bytes(buffer_.data(), carried + static_cast<std::size_t>(count));
    const std::size_t used = take(client, bytes);
    client.carry.assign(bytes.substr(used));
  } while (static_cast<std::size_t>(count) == room);
}

std::size_t Crowd::take(Client& client, std::string_view bytes) {
  out_.clear();
  std::size_t used = 0;
  if (!client.member) {
    used = form_of(client).set_up(client, bytes, out_);
    if (client.member) --opening_;
  }
  const std::uint64_t before = client.messages;
  if (client.member && used < bytes.size()) {
    if (client.publisher) read_at_s_ = now_s();
    const std::size_t taken = form_of(client).take(client, bytes.substr(used), *this, out_);
    const std::uint64_t messages = client.messages - before;
    if (messages != 0) {
      counts_.deliveries += messages;
      ++counts_.reads;
      if (!client.publisher) {
        counts_.receiver_deliveries += messages;
        counts_.bytes += taken;
      }
    }
    used += taken;
  }
  if (!out_.empty()) write(client, out_);
  if (client.publisher && client.messages != before) publish(client);
  return used;
}

void Crowd::hear(Client& listener, std::string_view label) {
  Publisher& publisher = *listener.publisher;
  if (label.size() < kLabelBytes) fail("a message without a label");
  const std::size_t from = parse_digits(label.substr(1, kPublisherDigits));
  const std::uint64_t seq = parse_digits(label.substr(kSeqAt, kSeqDigits));
  if (from == kServerPublisher) return;
  if (from >= options_.publishers || seq != ++publisher.last_seqs[from]) {
    fail("a message is lost or out of order: \"%s\"", std::string(label.substr(0, kLabelBytes)).c_str());
  }
  if (from == publisher.number) publisher.heard = seq;
  if (from != publisher.number && !open_loop_) return;
  const Publisher& sender = *publishers_[listener.room * options_.publishers + from]->publisher;
  latencies_us_.add((read_at_s_ - sender.sent_at[seq % sender.sent_at.size()]) * 1e6);
}

void Crowd::publish_closed(std::size_t in_flight) {
  in_flight_ = in_flight;
  open_loop_ = false;
  size_sent_at(in_flight);
  for (Client* client : publishers_) publish(*client);
}

void Crowd::size_sent_at(std::size_t size) {
  for (Client* client : publishers_) client->publisher->sent_at.assign(size, 0);
}

// Sends messages up to the number in flight in one write.
void Crowd::publish(Client& client) {
  Publisher& publisher = *client.publisher;
  if (publisher.sent - publisher.heard >= in_flight_) return;
  const double time_s = now_s();
  out_.clear();
  const std::uint64_t before = publisher.sent;
  while (publisher.sent - publisher.heard < in_flight_) append_message(publisher, time_s);
  const std::uint64_t sent = publisher.sent - before;
  counts_.published += sent;
  room_messages_[client.room] += sent;
  expected_ += sent * options_.group;
  if (!out_.empty()) write(client, out_);
}

void Crowd::publish_one(double due_s) {
  if (!open_loop_) size_sent_at(kOpenLoopDepth);
  open_loop_ = true;
  Client& client = *publishers_[next_publisher_];
  next_publisher_ = (next_publisher_ + 1) % publishers_.size();
  Publisher& publisher = *client.publisher;
  if (publisher.sent - publisher.heard >= kOpenLoopDepth) fail("the server does not keep up with the rate");
  out_.clear();
  append_message(publisher, due_s);
  ++counts_.published;
  ++room_messages_[client.room];
  expected_ += options_.group;
  write(client, out_);
}

void Crowd::append_message(Publisher& publisher, double time_s) {
  std::uint64_t seq = ++publisher.sent;
  publisher.sent_at[seq % publisher.sent_at.size()] = time_s;
  for (std::size_t i = kSeqAt + kSeqDigits; i-- > kSeqAt; seq /= 10) {
    publisher.frame[publisher.label_at + i] =
        static_cast<char>(static_cast<unsigned char>('0' + seq % 10) ^ kMaskKey[(publisher.mask_at + i) % 4]);
  }
  if (options_.spread) {
    publisher.owed = options_.inbound;
    spreading_.push_back(publishers_[publisher.index]);
    return;
  }
  out_ += publisher.prefix;
  out_ += publisher.frame;
}

void Crowd::write(Client& client, std::string_view bytes) {
  if (client.publisher && !client.publisher->unsent.empty()) {
    client.publisher->unsent += bytes;
    return;
  }
  const ssize_t count = send(client.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (count < 0 && errno != EAGAIN) fail("the server closed a connection: %s", std::strerror(errno));
  const std::size_t taken = count < 0 ? 0 : static_cast<std::size_t>(count);
  if (taken == bytes.size()) return;
  if (!client.publisher) fail("the server does not read");
  client.publisher->unsent.assign(bytes.substr(taken));
}

void Crowd::write_unsent(Client& client) {
  std::string& unsent = client.publisher->unsent;
  if (unsent.empty()) return;
  const ssize_t count = send(client.fd, unsent.data(), unsent.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (count > 0) unsent.erase(0, static_cast<std::size_t>(count));
}

void Crowd::expect(std::uint64_t messages) {
  room_messages_[0] += messages;
  expected_ += messages * options_.group;
}

std::uint64_t Crowd::faults() const {
  std::uint64_t faults = 0;
  for (const Client& client : clients_) {
    const std::uint64_t expected = room_messages_[client.room];
    faults += client.messages > expected ? client.messages - expected : expected - client.messages;
  }
  return faults;
}

void Crowd::reset(Client& client) {
  close(std::exchange(client.fd, -1));
  client.step = 0;
  client.member = false;
  client.carry.clear();
}

void Crowd::reconnect_all() {
  for (Client& client : clients_) reset(client);
  open_all();
}

void Crowd::close_all() {
  for (Client& client : clients_) reset(client);
}

}  // namespace bench
