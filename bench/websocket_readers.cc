// Reads masked frames of a WebSocket client with libchat's reader and with libwslay, alternately, and prints how many
// messages each reads per second of CPU time. No socket: received data is copied from memory for both.
//
//   bench_websocket_readers [ROUNDS]
#include <malloc.h>
#include <time.h>
#include <wslay/wslay.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wire/websocket/message_reader.h"

namespace {

constexpr std::size_t kReadBytes = 16'384;  // the maximum size of a socket read
constexpr std::size_t kMaxMessageBytes = 65'536;
constexpr std::size_t kRoundBytes = 64'000'000;

struct Load {
  const char* name;
  std::size_t message_bytes;
  bool binary;
  bool ascii;
};

constexpr std::array kLoads = {
    Load{"text, 96 bytes", 96, false, true},
    Load{"text, 16 KB", 16'384, false, true},
    Load{"text not ASCII, 16 KB", 16'384, false, false},
    Load{"binary, 16 KB", 16'384, true, true},
};

// About a megabyte of frames, which is read repeatedly.
struct Stream {
  std::string bytes;
  std::size_t messages = 0;
};

Stream make_stream(const Load& load) {
  std::string payload;
  while (payload.size() + 3 <= load.message_bytes) payload += load.ascii ? "chat" : "\xEC\xB1\x84 ";
  payload.resize(load.message_bytes, '.');
  Stream stream;
  std::uint32_t mask = 0x12345678;
  while (stream.bytes.size() < 1'000'000) {
    stream.bytes += static_cast<char>(load.binary ? 0x82 : 0x81);
    if (payload.size() < 126) {
      stream.bytes += static_cast<char>(0x80 | payload.size());
    } else {
      stream.bytes += static_cast<char>(0x80 | 126);
      stream.bytes += static_cast<char>(payload.size() >> 8);
      stream.bytes += static_cast<char>(payload.size());
    }
    mask = mask * 1'664'525 + 1'013'904'223;
    std::array<char, 4> key;
    std::memcpy(key.data(), &mask, key.size());
    stream.bytes.append(key.data(), key.size());
    for (std::size_t i = 0; i < payload.size(); ++i) stream.bytes += static_cast<char>(payload[i] ^ key[i % 4]);
    ++stream.messages;
  }
  return stream;
}

// Totals of the delivered messages, so that neither reader can omit work.
struct Delivered {
  std::size_t messages = 0;
  std::size_t bytes = 0;
  unsigned check = 0;

  void add(std::string_view message) {
    ++messages;
    bytes += message.size();
    check += static_cast<unsigned char>(message.back());
  }
  bool operator==(const Delivered&) const = default;
};

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

class OwnReader {
 public:
  void read(std::string_view stream, Delivered& delivered) {
    static std::array<char, kReadBytes> received;
    while (!stream.empty()) {
      const std::size_t size = std::min(stream.size(), received.size());
      std::memcpy(received.data(), stream.data(), size);
      stream.remove_prefix(size);
      std::span<char> input(received.data(), size);
      for (;;) {
        const auto event = reader_.next(input);
        if (event.kind == chat::wire::MessageReader::Event::Kind::more) break;
        delivered.add(event.bytes);
      }
    }
  }

 private:
  chat::wire::MessageReader reader_{kMaxMessageBytes};
};

class WslayReader {
 public:
  WslayReader() {
    wslay_event_callbacks callbacks{};
    callbacks.recv_callback = [](wslay_event_context_ptr context, std::uint8_t* buffer, std::size_t size, int,
                                 void* user) -> ssize_t {
      auto& stream = static_cast<WslayReader*>(user)->stream_;
      if (stream.empty()) {
        wslay_event_set_error(context, WSLAY_ERR_WOULDBLOCK);
        return -1;
      }
      size = std::min(size, stream.size());
      std::memcpy(buffer, stream.data(), size);
      stream.remove_prefix(size);
      return static_cast<ssize_t>(size);
    };
    callbacks.on_msg_recv_callback = [](wslay_event_context_ptr, const wslay_event_on_msg_recv_arg* message,
                                        void* user) {
      static_cast<WslayReader*>(user)->delivered_->add(
          {reinterpret_cast<const char*>(message->msg), message->msg_length});
    };
    if (wslay_event_context_server_init(&context_, &callbacks, this) != 0) std::abort();
    wslay_event_config_set_max_recv_msg_length(context_, kMaxMessageBytes);
  }
  ~WslayReader() { wslay_event_context_free(context_); }
  WslayReader(const WslayReader&) = delete;
  WslayReader& operator=(const WslayReader&) = delete;

  void read(std::string_view stream, Delivered& delivered) {
    stream_ = stream;
    delivered_ = &delivered;
    if (wslay_event_recv(context_) != 0) std::abort();
  }

 private:
  wslay_event_context_ptr context_ = nullptr;
  std::string_view stream_;
  Delivered* delivered_ = nullptr;
};

// Returns messages per second of CPU time.
template <typename Reader>
double measure(const Stream& stream, Delivered& delivered) {
  Reader reader;
  const double start = cpu_seconds();
  for (std::size_t read = 0; read < kRoundBytes; read += stream.bytes.size()) reader.read(stream.bytes, delivered);
  return static_cast<double>(delivered.messages) / (cpu_seconds() - start);
}

// Returns the memory of an idle connection.
template <typename Reader>
std::size_t idle_bytes() {
  constexpr std::size_t kReaders = 1'000;
  std::vector<std::unique_ptr<Reader>> readers(kReaders);
  const std::size_t before = mallinfo2().uordblks;
  for (auto& reader : readers) reader = std::make_unique<Reader>();
  return (mallinfo2().uordblks - before) / kReaders;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 15;
  std::printf("%-24s %16s %16s %8s\n", "thousands per CPU-second", "libchat", "libwslay", "ratio");
  for (const Load& load : kLoads) {
    const Stream stream = make_stream(load);
    std::vector<double> own;
    std::vector<double> wslay;
    std::vector<double> ratios;
    for (int round = 0; round < rounds; ++round) {
      Delivered of_own;
      Delivered of_wslay;
      // The order alternates between rounds.
      if (round % 2 == 0) own.push_back(measure<OwnReader>(stream, of_own));
      wslay.push_back(measure<WslayReader>(stream, of_wslay));
      if (round % 2 != 0) own.push_back(measure<OwnReader>(stream, of_own));
      if (of_own != of_wslay) {
        std::fprintf(stderr, "websocket_readers: the readers delivered different messages\n");
        return 1;
      }
      ratios.push_back(own.back() / wslay.back());
    }
    std::printf("%-24s %16.0f %16.0f %8.2f\n", load.name, median(own) / 1e3, median(wslay) / 1e3, median(ratios));
  }
  std::printf("%-24s %16zu %16zu\n", "bytes when idle", idle_bytes<OwnReader>(), idle_bytes<WslayReader>());
  return 0;
}
