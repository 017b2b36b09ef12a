// Base64: the vectors of RFC 4648, every length, the output of common encoders, and what the two decoders reject or
// skip.
#include "wire/base64.h"

#include <string>

// Last, because it defines a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

using namespace chat::wire;

namespace {

std::string encode(std::string_view bytes) {
  std::string text;
  append_base64(text, bytes);
  return text;
}

void vectors_of_the_rfc(void**) {
  const char* const vectors[][2] = {{"", ""},
                                    {"f", "Zg=="},
                                    {"fo", "Zm8="},
                                    {"foo", "Zm9v"},
                                    {"foob", "Zm9vYg=="},
                                    {"fooba", "Zm9vYmE="},
                                    {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    assert_string_equal(encode(bytes).c_str(), text);
    assert_true(base64_decode(text) == std::string(bytes));
  }
}

void round_trip_at_every_length(void**) {
  std::string bytes;
  for (int i = 0; i < 600; ++i) {
    const std::string text = encode(bytes);
    assert_int_equal(text.size(), base64_size(bytes.size()));
    assert_true(base64_decode(text) == bytes);
    bytes += static_cast<char>(i * 37 + i / 256);
  }
}

void appends(void**) {
  std::string text = "x:";
  append_base64(text, "foo");
  assert_string_equal(text.c_str(), "x:Zm9v");
}

void takes_what_encoders_produce(void**) {
  for (const char* text : {"Zm8=", "Zm8", "Zm8=\n", "Zm8\r\n", " Zm8", "Zm 8=", "Z\nm\n8\n=\n", "Zm8 ="})
    assert_true(base64_decode(text) == std::string("fo"));
  for (const char* text : {"-_8=", "-_8", "+/8=", "+_8"}) assert_true(base64_decode(text) == std::string("\xFB\xFF"));
  std::string bytes;
  for (int i = 0; i < 200; ++i) bytes += static_cast<char>(i);
  std::string wrapped = encode(bytes);
  for (std::size_t at = 76; at < wrapped.size(); at += 78) wrapped.insert(at, "\r\n");
  wrapped += "\r\n";
  assert_true(base64_decode(wrapped) == bytes);
  assert_true(base64_decode_lenient(wrapped) == bytes);
}

void refuses(void**) {
  for (const char* text : {"Z",        "Zg=",     "Zg===", "=",     "==",      "===",    "====",        "Z===",
                           "Zg==Zg==", "Zg=g",    "=Zg=",  "Zh==",  "Zm9=",    "Zh",     "Zm9v====",    "\xC3\xA9==",
                           "Zm9v=",    "Zm\xFF=", "A=A=",  "Zm9v.", "Zg=\n=a", "Zm9v\v", "\xC2\xA0Zm9v"})
    assert_false(base64_decode(text).has_value());
  assert_false(base64_decode(std::string_view("Zm9\0", 4)).has_value());
}

// The expected results are Node's.
void the_lenient_one_decodes_as_node_does(void**) {
  const char* const answers[][2] = {{"AQID\n", "AQID"},
                                    {"CQ", "CQ=="},
                                    {"-_8=", "+/8="},
                                    {"AQ ID", "AQID"},
                                    {"AQ==AQID", "AQ=="},
                                    {"AQ=ID", "AQ=="},
                                    {"A", ""},
                                    {"AQI", "AQI="},
                                    {"AQ===", "AQ=="},
                                    {"=", ""},
                                    {"==AQID", ""},
                                    {"A=QID", ""},
                                    {"AR==", "AQ=="},
                                    {"AQI=D", "AQI="},
                                    {"AQ*ID", "AQID"},
                                    {"+/-_", "+/+/"},
                                    {"AQID==", "AQID"},
                                    {"AQIDBA==\nAQID", "AQIDBA=="},
                                    {"!!!!", ""},
                                    {"", ""},
                                    {"AQ\xC3\xA9ID", "AQID"},
                                    {"AQ==\xC3\xA9", "AQ=="}};
  for (const auto& [text, bytes] : answers) assert_string_equal(encode(base64_decode_lenient(text)).c_str(), bytes);
  assert_true(base64_decode_lenient(std::string_view("AQ\0ID", 5)) == "\x01\x02\x03");
}

void only_what_encodes_back_is_accepted(void**) {
  std::string text = "Zm8=";
  int accepted = 0;
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) {
      text[2] = static_cast<char>(a);
      text[3] = static_cast<char>(b);
      const auto bytes = base64_decode(text);
      if (!bytes) continue;
      ++accepted;
      std::string plain;
      for (const char c : text) {
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n') continue;
        plain += c == '-' ? '+' : c == '_' ? '/' : c;
      }
      while (plain.size() % 4 != 0) plain += '=';
      assert_true(encode(*bytes) == plain);
    }
  }
  // Two digits, from 66 characters that stand for 64 values. One digit whose last two bits are zero (16 of them,
  // without 62 and 63) with padding, or with one of four spaces on either side. Nothing else: the last four bits of m
  // are not zero.
  assert_int_equal(accepted, 66 * 66 + 16 + 2 * 4 * 16);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(vectors_of_the_rfc),
      cmocka_unit_test(round_trip_at_every_length),
      cmocka_unit_test(appends),
      cmocka_unit_test(takes_what_encoders_produce),
      cmocka_unit_test(refuses),
      cmocka_unit_test(the_lenient_one_decodes_as_node_does),
      cmocka_unit_test(only_what_encodes_back_is_accepted),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
