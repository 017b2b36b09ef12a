// What carriers make of packets: WebSocket frames, which the test parses itself, and payloads of polling.
#include "net/deliver/carrier.h"

#include <zlib.h>

#include <optional>
#include <random>
#include <string>
#include <vector>

#include "core/net/frame_bytes.h"
#include "model/utf8.h"
#include "net/deliver/polling_carrier.h"
#include "net/deliver/websocket_carrier.h"

// After all others: it has a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

using namespace chat;
using namespace chat::net;
using wire::Packet;

namespace {

using test::bytes_of;

const Carrier& kPlain = websocket_carrier();
const Carrier& kDeflate = websocket_carrier(WebSocketCarrier::Packets::plain, 15);

struct Parsed {
  bool final = false;
  bool compressed = false;
  int opcode = 0;
  std::string payload;
  std::size_t header_bytes = 0;
};

// RFC 6455 section 5.2, with every rule that a client may enforce.
std::vector<Parsed> parse(std::string_view bytes) {
  std::vector<Parsed> frames;
  auto byte = [&](std::size_t at) -> std::uint64_t {
    assert_true(at < bytes.size());
    return static_cast<unsigned char>(bytes[at]);
  };
  while (!bytes.empty()) {
    Parsed frame;
    frame.final = (byte(0) & 0x80) != 0;
    frame.compressed = (byte(0) & 0x40) != 0;
    assert_int_equal(byte(0) & 0x30, 0);
    frame.opcode = static_cast<int>(byte(0) & 0xF);
    assert_int_equal(byte(1) & 0x80, 0);  // a server does not mask
    std::uint64_t size = byte(1);
    frame.header_bytes = 2;
    if (size == 126) {
      size = byte(2) << 8 | byte(3);
      frame.header_bytes = 4;
      assert_true(size >= 126);  // the shortest form
    } else if (size == 127) {
      size = 0;
      for (std::size_t i = 2; i < 10; ++i) size = size << 8 | byte(i);
      frame.header_bytes = 10;
      assert_true(size > 65'535);
    }
    bytes.remove_prefix(frame.header_bytes);
    assert_true(size <= bytes.size());
    frame.payload = bytes.substr(0, size);
    bytes.remove_prefix(size);
    frames.push_back(std::move(frame));
  }
  return frames;
}

// RFC 7692 section 7.2.2, by a receiver that keeps no context.
std::string inflate_message(std::string_view compressed, int window_bits = 15) {
  std::string in(compressed);
  in.append("\x00\x00\xff\xff", 4);
  z_stream stream{};
  assert_int_equal(inflateInit2(&stream, -window_bits), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  std::string out;
  char buffer[4096];
  int result = Z_OK;
  do {
    stream.next_out = reinterpret_cast<Bytef*>(buffer);
    stream.avail_out = sizeof buffer;
    result = inflate(&stream, Z_SYNC_FLUSH);
    out.append(buffer, sizeof buffer - stream.avail_out);
  } while (result == Z_OK && stream.avail_out == 0);
  assert_true(result == Z_OK || result == Z_BUF_ERROR);
  assert_int_equal(stream.avail_in, 0);
  inflateEnd(&stream);
  return out;
}

Parsed only_frame(const FramePtr& frame) {
  std::vector<Parsed> frames = parse(bytes_of(frame));
  assert_int_equal(frames.size(), 1);
  assert_true(frames[0].final);
  return frames[0];
}

std::string random_bytes(std::size_t size) {
  std::mt19937 random(static_cast<unsigned>(size));
  std::string bytes;
  while (bytes.size() < size) bytes += static_cast<char>(random());
  return bytes;
}

std::string chatter(std::size_t size) {
  std::string text;
  while (text.size() < size) text += "message " + std::to_string(text.size() * 7919 % 1000) + ", ";
  text.resize(size);
  return text;
}

// Plain frames ----------------------------------------------------------------------------------

void lengths(void**) {
  const struct {
    std::size_t size;
    std::size_t header_bytes;
  } cases[] = {{0, 2},   {1, 2},      {125, 2},     {126, 4},     {127, 4},     {255, 4},
               {256, 4}, {65'535, 4}, {65'536, 10}, {65'537, 10}, {1 << 20, 10}};
  for (const auto& c : cases) {
    const std::string payload = random_bytes(c.size);
    const Parsed frame = only_frame(make_frame({{true, payload}}, kPlain, nullptr));
    assert_int_equal(frame.header_bytes, c.header_bytes);
    assert_int_equal(frame.opcode, 2);
    assert_false(frame.compressed);
    assert_true(frame.payload == payload);
  }
}

void bytes_on_the_wire(void**) {
  // The examples of RFC 6455 section 5.7 that a server sends.
  assert_true(bytes_of(make_frame({{false, "Hello"}}, kPlain, nullptr)) == "\x81\x05Hello");
  assert_true(bytes_of(make_ping_frame("Hello")) == "\x89\x05Hello");
  const std::string bytes(256, 'x');
  assert_true(bytes_of(make_frame({{true, bytes}}, kPlain, nullptr)) == std::string("\x82\x7E\x01\x00", 4) + bytes);
  const std::string more(65'536, 'x');
  assert_true(bytes_of(make_frame({{true, more}}, kPlain, nullptr)) ==
              std::string("\x82\x7F\x00\x00\x00\x00\x00\x01\x00\x00", 10) + more);
}

void several_packets_are_one_frame_each(void**) {
  const wire::Packets packets = {
      {false, "text"}, {true, std::string("\x00\xFF", 2)}, {false, ""}, {true, random_bytes(70'000)}};
  for (const Carrier* carrier : {&kPlain, &kDeflate}) {
    const std::vector<Parsed> frames = parse(bytes_of(make_frame(packets, *carrier, nullptr)));
    assert_int_equal(frames.size(), packets.size());
    for (std::size_t i = 0; i < packets.size(); ++i) {
      assert_int_equal(frames[i].opcode, packets[i].binary ? 2 : 1);
      assert_true(frames[i].payload == packets[i].bytes);  // compression makes none of them smaller
    }
  }
}

void no_packets_are_no_frame(void**) {
  assert_null(make_frame({}, kPlain, nullptr).get());
  assert_null(make_frame({}, kDeflate, std::make_shared<Message>()).get());
}

void a_frame_knows_its_message(void**) {
  const MessagePtr message = std::make_shared<Message>();
  const FramePtr frame = make_frame({{false, "x"}}, kPlain, message);
  assert_ptr_equal(frame->messages()[0].get(), message.get());
  assert_false(make_frame({{false, "x"}}, kPlain, nullptr)->has_messages());
  assert_false(make_ping_frame("")->has_messages());
  assert_false(make_close_frame(1000, "")->has_messages());
}

// Compressed frames -----------------------------------------------------------------------------

void compressed_frames_inflate_again(void**) {
  for (const std::size_t size : {256U, 257U, 1000U, 65'535U, 65'536U, 300'000U, 1U << 20}) {
    for (const bool binary : {false, true}) {
      const std::string payload = chatter(size);
      const Parsed frame = only_frame(make_frame({{binary, payload}}, kDeflate, nullptr));
      assert_true(frame.compressed);
      assert_int_equal(frame.opcode, binary ? 2 : 1);
      assert_true(frame.payload.size() < size);
      assert_true(inflate_message(frame.payload) == payload);
    }
  }
}

// A receiver that requested a smaller window has no larger buffer.
void every_window_is_kept_to(void**) {
  for (int window_bits = 9; window_bits <= 15; ++window_bits) {
    const Carrier& carrier = kPlain.with_deflate(window_bits);
    for (const std::size_t size : {256U, 5000U, 300'000U}) {
      // Repetitions at a distance that only larger windows reach.
      std::string payload = chatter(size / 2);
      payload += payload;
      const Parsed frame = only_frame(make_frame({{false, payload}}, carrier, nullptr));
      assert_true(frame.compressed);
      assert_true(inflate_message(frame.payload, window_bits) == payload);
    }
  }
}

void what_compresses_best_inflates_again(void**) {
  for (const std::size_t size : {256U, 70'000U, 1U << 22}) {
    const std::string payload(size, 'a');
    const Parsed frame = only_frame(make_frame({{false, payload}}, kDeflate, nullptr));
    assert_true(frame.compressed);
    assert_true(inflate_message(frame.payload) == payload);
  }
}

void the_tail_is_left_out(void**) {
  const Parsed frame = only_frame(make_frame({{false, chatter(5000)}}, kDeflate, nullptr));
  assert_false(std::string_view(frame.payload).ends_with(std::string_view("\x00\x00\xff\xff", 4)));
}

void small_messages_are_not_compressed(void**) {
  for (const std::size_t size : {0U, 1U, 100U, 255U}) {
    const std::string payload(size, 'a');
    const Parsed frame = only_frame(make_frame({{false, payload}}, kDeflate, nullptr));
    assert_false(frame.compressed);
    assert_true(frame.payload == payload);
  }
}

void incompressible_messages_are_sent_unchanged(void**) {
  for (const std::size_t size : {256U, 4096U, 100'000U}) {
    const std::string payload = random_bytes(size);
    const Parsed frame = only_frame(make_frame({{true, payload}}, kDeflate, nullptr));
    assert_false(frame.compressed);
    assert_true(frame.payload == payload);
  }
}

void each_message_is_compressed_independently(void**) {
  // Receivers that have seen different messages share one result: it refers to no earlier message.
  const std::string payload = chatter(2000);
  const wire::Packets packets = {{false, payload}, {false, payload}, {false, "short"}, {false, payload}};
  const std::vector<Parsed> frames = parse(bytes_of(make_frame(packets, kDeflate, nullptr)));
  assert_int_equal(frames.size(), 4);
  for (const std::size_t i : {0U, 1U, 3U}) {
    assert_true(frames[i].compressed);
    assert_true(frames[i].payload == frames[0].payload);
    assert_true(inflate_message(frames[i].payload) == payload);
  }
  assert_false(frames[2].compressed);
}

void without_deflate_nothing_is_compressed(void**) {
  const Parsed frame = only_frame(make_frame({{false, chatter(5000)}}, kPlain, nullptr));
  assert_false(frame.compressed);
  assert_int_equal(frame.payload.size(), 5000);
}

// Shared bodies ----------------------------------------------------------------------------------

void a_head_goes_before_a_shared_body(void**) {
  for (const std::size_t head_size : {0U, 1U, 100U, 125U, 126U, 65'535U, 65'536U, 140'000U}) {
    for (const std::size_t body_size : {0U, 30U, 255U, 256U, 70'000U}) {
      for (const Carrier* carrier : {&kPlain, &kDeflate, &kPlain.with_deflate(9)}) {
        for (const bool binary : {false, true}) {
          const std::string head = random_bytes(head_size);
          const std::string body = chatter(body_size);
          const SharedBody shared = carrier->share({binary, body});
          const FramePtr frame = make_frame(head, shared, *carrier, nullptr);
          assert_int_equal(frame->segments(), 2);
          assert_ptr_equal(frame->segment(1).data(), shared.bytes->bytes().data());
          const Parsed parsed = only_frame(frame);
          assert_int_equal(parsed.opcode, binary ? 2 : 1);
          assert_int_equal(parsed.compressed, carrier != &kPlain && body_size >= 256);
          assert_true((parsed.compressed ? inflate_message(parsed.payload, carrier == &kDeflate ? 15 : 9)
                                         : parsed.payload) == head + body);
        }
      }
    }
  }
}

void carriers_that_cannot_share_copy_the_body(void**) {
  const Carrier& base64 = websocket_carrier(WebSocketCarrier::Packets::engine_io_base64);
  const FramePtr text = make_frame("head", base64.share({false, "body"}), base64, nullptr);
  assert_int_equal(text->segments(), 1);
  assert_string_equal(only_frame(text).payload.c_str(), "4headbody");
  const Carrier& polling = polling_carrier();
  assert_string_equal(bytes_of(make_frame("ab", polling.share({true, "c"}), polling, nullptr)).c_str(), "bYWJj");
}

void a_batch_may_mix_heads_bodies_and_packets(void**) {
  const MessagePtr message = std::make_shared<Message>();
  const SharedBody one = kPlain.share({false, "one"});
  const SharedBody two = kPlain.share({false, "two"});
  FrameBuilder builder(kPlain);
  builder.add("a", one);
  builder.add({false, "packet"});
  builder.add("b", two);
  builder.add({false, "last"});
  const FramePtr frame = builder.finish(std::vector<MessagePtr>(4, message));
  assert_int_equal(frame->count(), 4);
  assert_int_equal(frame->segments(), 5);
  assert_string_equal(bytes_of(frame).c_str(),
                      "\x81\x04"
                      "aone"
                      "\x81\x06"
                      "packet"
                      "\x81\x04"
                      "btwo"
                      "\x81\x04"
                      "last");
  FrameBuilder nothing(kPlain);
  assert_false(static_cast<bool>(nothing.finish(message)));
}

// Engine.IO -------------------------------------------------------------------------------------

const Carrier& kEngineIo = websocket_carrier(WebSocketCarrier::Packets::engine_io);
const Carrier& kEngineIoBase64 = websocket_carrier(WebSocketCarrier::Packets::engine_io_base64);

void texts_are_messages_of_engine_io(void**) {
  for (const Carrier* carrier : {&kEngineIo, &kEngineIoBase64}) {
    const Parsed frame = only_frame(make_frame({{false, "2[\"e\"]"}}, *carrier, nullptr));
    assert_int_equal(frame.opcode, 1);
    assert_string_equal(frame.payload.c_str(), "42[\"e\"]");
    assert_string_equal(only_frame(make_frame({{false, ""}}, *carrier, nullptr)).payload.c_str(), "4");
  }
}

void bytes_go_as_they_are_or_in_base64(void**) {
  const wire::Packets packets = {{false, "51-[0]"}, {true, std::string("4\x00\xFF", 3)}, {true, ""}};
  const std::vector<Parsed> frames = parse(bytes_of(make_frame(packets, kEngineIo, nullptr)));
  assert_int_equal(frames.size(), 3);
  assert_string_equal(frames[0].payload.c_str(), "451-[0]");
  assert_int_equal(frames[1].opcode, 2);
  assert_true(frames[1].payload == packets[1].bytes);
  assert_int_equal(frames[2].opcode, 2);
  assert_true(frames[2].payload.empty());

  const std::vector<Parsed> texts = parse(bytes_of(make_frame(packets, kEngineIoBase64, nullptr)));
  assert_int_equal(texts.size(), 3);
  for (const Parsed& text : texts) assert_int_equal(text.opcode, 1);
  assert_string_equal(texts[1].payload.c_str(), "bNAD/");
  assert_string_equal(texts[2].payload.c_str(), "b");
}

void engine_io_messages_are_compressed_with_their_mark(void**) {
  const std::string payload = chatter(5000);
  const Carrier& carrier = kEngineIoBase64.with_deflate(15);
  const std::vector<Parsed> frames =
      parse(bytes_of(make_frame({{false, payload}, {true, std::string(3000, 'a')}}, carrier, nullptr)));
  assert_int_equal(frames.size(), 2);
  assert_true(frames[0].compressed && frames[1].compressed);
  assert_true(inflate_message(frames[0].payload) == "4" + payload);
  std::string base64 = "b";
  for (int i = 0; i < 1000; ++i) base64 += "YWFh";
  assert_true(inflate_message(frames[1].payload) == base64);
}

void polling_joins_packets(void**) {
  const auto bytes = [](const wire::Packets& packets) {
    return bytes_of(make_frame(packets, polling_carrier(), nullptr));
  };
  assert_string_equal(bytes({{false, "2[\"e\"]"}}).c_str(), "42[\"e\"]");
  assert_string_equal(bytes({{false, "51-[0]"}, {true, "\x01\x02"}, {false, ""}, {true, ""}}).c_str(),
                      "451-[0]\x1e"
                      "bAQI=\x1e"
                      "4\x1e"
                      "b");
  // Polling payloads are not compressed here.
  const Carrier& carrier = polling_carrier().with_deflate(15);
  const std::string payload = chatter(5000);
  assert_true(bytes_of(make_frame({{false, payload}}, carrier, nullptr)) == "4" + payload);
  const MessagePtr message = std::make_shared<Message>();
  assert_ptr_equal(make_frame({{false, "x"}}, polling_carrier(), message)->messages()[0].get(), message.get());
  assert_null(make_frame({}, polling_carrier(), message).get());
}

void a_text_of_the_session_gets_no_type(void**) {
  for (const Carrier* carrier : {&kPlain, &kEngineIo, &kEngineIoBase64}) {
    const FramePtr frame = make_text_frame("3probe", *carrier);
    const Parsed parsed = only_frame(frame);
    assert_int_equal(parsed.opcode, 1);
    assert_string_equal(parsed.payload.c_str(), "3probe");
    assert_false(frame->has_messages());
  }
  const std::string handshake = "0" + chatter(1000);
  const Parsed parsed = only_frame(make_text_frame(handshake, kEngineIo.with_deflate(15)));
  assert_true(parsed.compressed);
  assert_true(inflate_message(parsed.payload) == handshake);
}

void packets_for_a_poll_are_moved_to_the_websocket(void**) {
  const wire::Packets packets = {{false, "2[\"a\"]"}, {false, "51-[0]"}, {true, "\x01\x02"}, {false, ""}, {true, ""}};
  std::string payload = bytes_of(make_frame(packets, polling_carrier(), nullptr));
  payload += "\x1e" + chatter(1000) +
             "\x1e"
             "2";
  const FramePtr frame = make_upgraded_frame(payload);
  assert_false(frame->has_messages());
  const std::vector<Parsed> frames = parse(bytes_of(frame));
  const std::string expected[] = {"42[\"a\"]", "451-[0]", "bAQI=", "4", "b", chatter(1000), "2"};
  assert_int_equal(frames.size(), std::size(expected));
  for (std::size_t i = 0; i < frames.size(); ++i) {
    assert_int_equal(frames[i].opcode, 1);
    assert_false(frames[i].compressed);
    assert_string_equal(frames[i].payload.c_str(), expected[i].c_str());
  }
  assert_null(make_upgraded_frame("").get());
}

// Control frames --------------------------------------------------------------------------------

void expect_close(std::uint16_t code, std::string_view reason, std::string_view expected_reason) {
  const Parsed frame = only_frame(make_close_frame(code, reason));
  assert_int_equal(frame.opcode, 8);
  assert_true(frame.payload.size() <= 125);
  assert_true(frame.payload.size() >= 2);
  assert_int_equal(static_cast<unsigned char>(frame.payload[0]) << 8 | static_cast<unsigned char>(frame.payload[1]),
                   code);
  assert_true(frame.payload.substr(2) == expected_reason);
  assert_true(is_utf8(std::string_view(frame.payload).substr(2)));
}

void close_frames(void**) {
  expect_close(1000, "", "");
  expect_close(1001, "going away", "going away");
  expect_close(4999, "mine", "mine");
  const std::string fits(123, 'r');
  expect_close(1008, fits, fits);
  expect_close(1008, fits + "x", fits);
  expect_close(1008, std::string(5000, 'r'), fits);
}

void most_carriers_close_without_a_text(void**) {
  for (const Carrier* carrier : {&kPlain, &kDeflate, &kEngineIo, static_cast<const Carrier*>(&polling_carrier())}) {
    const Carrier::Closing closing = carrier->closing(1008, "not here");
    assert_string_equal(closing.text.c_str(), "");
    assert_int_equal(closing.code, 1008);
    assert_string_equal(closing.reason.c_str(), "not here");
  }
}

void without_a_code_a_close_frame_is_empty(void**) {
  assert_true(bytes_of(make_close_frame(0, "")) == std::string("\x88\x00", 2));
  assert_true(bytes_of(make_close_frame(0, "a reason needs a code")) == std::string("\x88\x00", 2));
}

void a_reason_is_cut_at_the_end_of_a_character(void**) {
  // Characters of two, three and four bytes at every position around the limit.
  for (const char* character : {"\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"}) {
    const std::string_view whole(character);
    for (std::size_t before = 110; before <= 125; ++before) {
      std::string reason(before, 'a');
      for (int i = 0; i < 5; ++i) reason += whole;
      std::string expected(std::min<std::size_t>(before, 123), 'a');
      while (before <= 123 && expected.size() + whole.size() <= 123) {
        if (expected.size() - before == 5 * whole.size()) break;
        expected += whole;
      }
      expect_close(1008, reason, expected);
    }
  }
}

void pings(void**) {
  for (const std::size_t size : {0U, 4U, 125U}) {
    const std::string payload(size, 'p');
    const Parsed frame = only_frame(make_ping_frame(payload));
    assert_int_equal(frame.opcode, 9);
    assert_int_equal(frame.header_bytes, 2);
    assert_true(frame.payload == payload);
  }
}

// Sharing ---------------------------------------------------------------------------------------

void a_frame_lives_as_long_as_somebody_holds_it(void**) {
  const auto message = std::make_shared<Message>();
  FramePtr first = FramePtr::make("bytes", message);
  assert_int_equal(message.use_count(), 2);
  FramePtr second = first;
  assert_ptr_equal(first.get(), second.get());
  FramePtr third = std::move(first);
  assert_null(first.get());  // NOLINT(bugprone-use-after-move): the test is about what is left
  first = third;
  first = *&first;  // itself
  std::vector<FramePtr> many(100, first);
  first = FramePtr();
  second = FramePtr();
  many.clear();
  assert_int_equal(message.use_count(), 2);
  assert_true(bytes_of(third) == "bytes");
  third = FramePtr::make("other");
  assert_int_equal(message.use_count(), 1);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(lengths),
      cmocka_unit_test(bytes_on_the_wire),
      cmocka_unit_test(several_packets_are_one_frame_each),
      cmocka_unit_test(no_packets_are_no_frame),
      cmocka_unit_test(a_frame_knows_its_message),
      cmocka_unit_test(compressed_frames_inflate_again),
      cmocka_unit_test(every_window_is_kept_to),
      cmocka_unit_test(what_compresses_best_inflates_again),
      cmocka_unit_test(the_tail_is_left_out),
      cmocka_unit_test(small_messages_are_not_compressed),
      cmocka_unit_test(incompressible_messages_are_sent_unchanged),
      cmocka_unit_test(each_message_is_compressed_independently),
      cmocka_unit_test(without_deflate_nothing_is_compressed),
      cmocka_unit_test(a_head_goes_before_a_shared_body),
      cmocka_unit_test(carriers_that_cannot_share_copy_the_body),
      cmocka_unit_test(a_batch_may_mix_heads_bodies_and_packets),
      cmocka_unit_test(texts_are_messages_of_engine_io),
      cmocka_unit_test(bytes_go_as_they_are_or_in_base64),
      cmocka_unit_test(engine_io_messages_are_compressed_with_their_mark),
      cmocka_unit_test(polling_joins_packets),
      cmocka_unit_test(a_text_of_the_session_gets_no_type),
      cmocka_unit_test(packets_for_a_poll_are_moved_to_the_websocket),
      cmocka_unit_test(close_frames),
      cmocka_unit_test(most_carriers_close_without_a_text),
      cmocka_unit_test(without_a_code_a_close_frame_is_empty),
      cmocka_unit_test(a_reason_is_cut_at_the_end_of_a_character),
      cmocka_unit_test(pings),
      cmocka_unit_test(a_frame_lives_as_long_as_somebody_holds_it),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
