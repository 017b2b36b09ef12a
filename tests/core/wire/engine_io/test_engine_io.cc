// Engine.IO packets and payloads: encoding, decoding, and rejected input.
#include "wire/engine_io/engine_io.h"

#include <memory>
#include <string>
#include <vector>

// Last, because it defines a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

using namespace chat;
using namespace chat::wire;

namespace {

// The packets of a payload in one line: type digit, b for binary, data, with | between packets and ! for an error. Read
// from memory of exactly its size, so a sanitizer detects reads past the end.
std::string read(const std::string& payload, std::size_t max_packets = EngineIoPayloadReader::kMaxPackets) {
  const std::unique_ptr<char[]> bytes(new char[payload.size()]);
  payload.copy(bytes.get(), payload.size());
  EngineIoPayloadReader reader({bytes.get(), payload.size()}, max_packets);
  std::string line;
  for (EngineIoPacket packet; reader.next(packet);) {
    if (!line.empty()) line += '|';
    line += static_cast<char>('0' + static_cast<int>(packet.type));
    if (packet.binary) line += 'b';
    line += packet.data;
  }
  EngineIoPacket after;
  assert_false(reader.next(after));
  return reader.ok() ? line : line + "!";
}

void expect(const std::string& got, const std::string& wanted) { assert_string_equal(got.c_str(), wanted.c_str()); }

void reads_payloads(void**) {
  expect(read("4hello"), "4hello");
  expect(read("4hello\x1e"
              "2\x1e"
              "4world"),
         "4hello|2|4world");
  expect(read("4hello\x1e"
              "bAQID"),
         "4hello|4b\x01\x02\x03");
  expect(read("0\x1e"
              "1\x1e"
              "2\x1e"
              "3\x1e"
              "4\x1e"
              "5\x1e"
              "6"),
         "0|1|2|3|4|5|6");
  expect(read("b"), "4b");
  expect(read("4\xE2\x82\xAC"), "4\xE2\x82\xAC");
}

void refuses_payloads(void**) {
  for (const char* payload : {"", "abc", "7", "8", "/", " 4", "\x1e",
                              "\x1e"
                              "4a"})
    expect(read(payload), "!");
  for (const char* payload : {"4a\x1e",
                              "4a\x1e\x1e"
                              "4b",
                              "4a\x1e"
                              "9"})
    expect(read(payload), "4a!");
}

// Decodes like the reference server.
void base64_is_lenient(void**) {
  for (const char* payload : {"bAQI=", "bAQI", "bAQI\n", "b AQ\r\nI=", "bAQI=AQ==", "b!AQJ."})
    assert_string_equal(read(payload).c_str(), read("bAQI=").c_str());
  for (const char* payload : {"b", "bA", "b=", "b!!!!"}) assert_string_equal(read(payload).c_str(), read("b").c_str());
  assert_string_equal(read("b-_8").c_str(), read("b+/8=").c_str());
}

void what_is_not_utf8_is_refused(void**) {
  expect(read("4a\x1e"
              "4\xFF"),
         "!");
  expect(read("4\xED\xA0\x80"), "!");
}

void packets_are_counted(void**) {
  expect(read("2\x1e"
              "2",
              2),
         "2|2");
  expect(read("2\x1e"
              "2\x1e"
              "2",
              2),
         "2|2!");
  expect(read("2", 0), "!");
}

void reads_frames(void**) {
  std::string storage;
  auto packet = decode_engine_io(false, "4hi", storage);
  assert_true(packet && packet->type == EngineIoType::message && !packet->binary);
  expect(std::string(packet->data), "hi");
  packet = decode_engine_io(true, "4hi", storage);
  assert_true(packet && packet->type == EngineIoType::message && packet->binary);
  expect(std::string(packet->data), "4hi");
  packet = decode_engine_io(true, "", storage);
  assert_true(packet && packet->binary && packet->data.empty());
  packet = decode_engine_io(false, "bAQI=", storage);
  assert_true(packet && packet->binary && packet->data == "\x01\x02");
  packet = decode_engine_io(false, "2probe", storage);
  assert_true(packet && packet->type == EngineIoType::ping && packet->data == "probe");
  packet = decode_engine_io(false,
                            "4a\x1e"
                            "4b",
                            storage);  // one frame is one packet
  assert_true(packet && packet->data ==
                            "a\x1e"
                            "4b");
  for (const char* text : {"", "7", "x"}) assert_false(decode_engine_io(false, text, storage).has_value());
}

void writes_packets(void**) {
  expect(encode_engine_io(EngineIoType::pong, "probe"), "3probe");
  expect(encode_engine_io(EngineIoType::noop), "6");
  std::string payload;
  append_engine_io(payload, EngineIoType::message, "a");
  payload += kEngineIoSeparator;
  append_engine_io_message(payload, true, "\x01\x02\x03\x04");
  append_engine_io(payload, EngineIoType::ping);
  expect(payload,
         "4a\x1e"
         "bAQIDBA==\x1e"
         "2");
  expect(read(payload), "4a|4b\x01\x02\x03\x04|2");
}

void appends_a_message_without_a_separator(void**) {
  std::string out = "before ";
  append_engine_io_message(out, false, "text");
  append_engine_io_message(out, true, "\x01\x02");
  append_engine_io_message(out, false, "");
  expect(out, "before 4textbAQI=4");
}

void cuts_packets_off(void**) {
  const std::string payload =
      "4a\x1e"
      "bAQI=\x1e"
      "4\x1e"
      "6";
  std::string_view rest = payload;
  std::string again;
  std::size_t count = 0;
  for (; !rest.empty(); ++count) {
    const std::string_view packet = cut_engine_io_packet(rest);
    assert_true(packet.data() >= payload.data() && packet.data() + packet.size() <= payload.data() + payload.size());
    if (!again.empty()) again += kEngineIoSeparator;
    again += packet;
  }
  assert_int_equal(count, 4);
  expect(again, payload);

  rest = "4only";
  assert_true(cut_engine_io_packet(rest) == "4only");
  assert_true(rest.empty());
  assert_true(cut_engine_io_packet(rest).empty());
}

void writes_the_handshake(void**) {
  expect(handshake_json({"lv_VI97HAXpY6yYWAAAC", true, 25'000, 20'000, 1'000'000}),
         R"({"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"pingInterval":25000,)"
         R"("pingTimeout":20000,"maxPayload":1000000})");
  expect(handshake_json({"s", false, 1, 2, 3}),
         R"({"sid":"s","upgrades":[],"pingInterval":1,"pingTimeout":2,"maxPayload":3})");
}

void writes_errors(void**) {
  expect(error_json(EngineIoError::unknown_transport), R"({"code":0,"message":"Transport unknown"})");
  expect(error_json(EngineIoError::unknown_sid), R"({"code":1,"message":"Session ID unknown"})");
  expect(error_json(EngineIoError::bad_handshake_method), R"({"code":2,"message":"Bad handshake method"})");
  expect(error_json(EngineIoError::bad_request), R"({"code":3,"message":"Bad request"})");
  expect(error_json(EngineIoError::forbidden), R"({"code":4,"message":"Forbidden"})");
  expect(error_json(EngineIoError::forbidden, "no \"guests\""), R"({"code":4,"message":"no \"guests\""})");
  expect(error_json(EngineIoError::unsupported_version), R"({"code":5,"message":"Unsupported protocol version"})");
  assert_int_equal(http_status(EngineIoError::unknown_sid), 400);
  assert_int_equal(http_status(EngineIoError::forbidden), 403);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(reads_payloads),      cmocka_unit_test(refuses_payloads),
      cmocka_unit_test(base64_is_lenient),   cmocka_unit_test(what_is_not_utf8_is_refused),
      cmocka_unit_test(packets_are_counted), cmocka_unit_test(reads_frames),
      cmocka_unit_test(writes_packets),      cmocka_unit_test(appends_a_message_without_a_separator),
      cmocka_unit_test(cuts_packets_off),    cmocka_unit_test(writes_the_handshake),
      cmocka_unit_test(writes_errors),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
