// The clients of the load and their sockets: one thread and one epoll. It opens all clients, lets the publishers publish, and
// counts what is received.
#pragma once

#include <sys/epoll.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client.h"
#include "form.h"
#include "options.h"
#include "samples.h"

namespace bench {

double now_s();

struct Counts {
  std::uint64_t published = 0;
  std::uint64_t deliveries = 0;  // all members, publishers included
  std::uint64_t reads = 0;       // reads that contained them
  std::uint64_t bytes = 0;       // of receivers that are not publishers
  std::uint64_t receiver_deliveries = 0;
};

class Crowd final : private LabelSink {
 public:
  explicit Crowd(const Options& options);

  // Opens all clients, several at a time.
  void open_all();
  // Handles events until `end_s`, or until at least one has been handled. `commands` is another descriptor to watch, or -1.
  // Returns true when it has become readable.
  bool wait(double end_s, int commands = -1);
  // The same, to the microsecond.
  void wait_precisely(double end_s);

  // Each publisher keeps this many messages in flight, and sends the next one when its own comes back.
  void publish_closed(std::size_t in_flight);
  // Whether the publishers have sent what they keep in flight so many times, on average, since `before` were published.
  bool has_published_each(std::uint64_t times, std::uint64_t before) const {
    return counts_.published - before >= times * in_flight_ * publishers_.size();
  }
  // No new messages. Those in flight are still received.
  void stop_publishing() { in_flight_ = 0; }
  // Sends one message of the publisher whose turn it is. Its latency counts from `due_s`.
  void publish_one(double due_s);
  // Whether all members have received all messages.
  bool idle() const { return counts_.deliveries == expected_; }
  // Returns how many messages are missing, or were received twice.
  std::uint64_t faults() const;
  // Others publish this many messages to the first room: the server itself, or another load.
  void expect(std::uint64_t messages);

  // Closes and opens all clients again.
  void reconnect_all();
  void close_all();

  const Counts& counts() const { return counts_; }
  Samples& latencies_us() { return latencies_us_; }
  std::size_t size() const { return clients_.size(); }
  // The bytes of a published message in its form, without the frame's head.
  std::size_t payload_bytes() const { return payload_bytes_; }

 private:
  const Form& form_of(const Client& client) const { return client.publisher ? *publisher_form_ : *form_; }
  void make_publisher(Client& client, std::size_t number);
  void reset(Client& client);
  bool handle(int count);
  void open(Client& client);
  void open_stalled();
  void read_from(Client& client);
  std::size_t take(Client& client, std::string_view bytes);
  void hear(Client& listener, std::string_view label) override;
  void publish(Client& client);
  void spread();
  void append_message(Publisher& publisher, double time_s);
  void write(Client& client, std::string_view bytes);
  void write_unsent(Client& client);
  void size_sent_at(std::size_t size);

  const Options options_;
  const std::unique_ptr<Form> form_;
  const std::unique_ptr<Form> publisher_form_;
  const int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  std::vector<Client> clients_;
  std::vector<Client*> publishers_;
  std::vector<Client*> spreading_;  // publishers that owe messages
  std::vector<std::uint64_t> room_messages_;
  std::vector<int> stalled_;
  std::vector<epoll_event> events_ = std::vector<epoll_event>(1024);
  std::vector<char> buffer_ = std::vector<char>(1 << 20);
  std::size_t opening_ = 0;
  std::size_t in_flight_ = 0;
  std::size_t next_publisher_ = 0;
  bool open_loop_ = false;
  std::uint64_t expected_ = 0;  // deliveries
  std::size_t payload_bytes_ = 0;
  double read_at_s_ = 0;  // when the bytes that are being counted were read
  Counts counts_;
  Samples latencies_us_;
  std::string out_;
};

}  // namespace bench
