// Request bodies: their framing according to the headers, and chunked bodies, cut anywhere.
#include "net/http/http_body.h"

#include <string>
#include <string_view>
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
using namespace chat::net;
using namespace std::string_literals;
using Kind = BodyPlan::Kind;
using Outcome = ChunkedDecoder::Outcome;

namespace {

BodyPlan plan(const char* method, Pairs headers) {
  HttpRequest request;
  request.method = method;
  request.headers = std::move(headers);
  return plan_body(request);
}

void expect_plan(const char* method, Pairs headers, Kind kind, std::uint64_t length_bytes = 0) {
  const BodyPlan result = plan(method, std::move(headers));
  assert_int_equal(result.kind, kind);
  assert_int_equal(result.length_bytes, length_bytes);
}

void expect_refused(const char* method, Pairs headers, int status) {
  const BodyPlan result = plan(method, std::move(headers));
  assert_int_equal(result.kind, Kind::refused);
  assert_int_equal(result.refusal.status, status);
  assert_true(result.refusal.close);
  assert_false(status_text(status).empty());
}

// Plans

void a_length_says_where_the_body_ends(void**) {
  expect_plan("POST", {{"content-length", "5"}}, Kind::length, 5);
  expect_plan("PUT", {{"content-length", "18446744073709551615"}}, Kind::length, UINT64_MAX);
  expect_plan("GET", {{"host", "a"}, {"content-length", "7"}}, Kind::length, 7);
  expect_plan("POST", {{"content-length", "0"}}, Kind::none);
  expect_plan("POST", {{"content-length", "000"}}, Kind::none);
}

void most_methods_need_no_body(void**) {
  for (const char* method : {"GET", "HEAD", "OPTIONS", "DELETE", ""}) expect_plan(method, {}, Kind::none);
  for (const char* method : {"POST", "PUT", "PATCH"}) expect_refused(method, {}, 411);
}

void ill_formed_lengths_are_refused(void**) {
  for (const char* value : {"", " ", "-1", "+1", "1 ", "1, 1", "1,2", "0x5", "5;", "18446744073709551616"}) {
    expect_refused("POST", {{"content-length", value}}, 400);
    expect_refused("GET", {{"content-length", value}}, 400);
  }
  expect_refused("POST", {{"content-length", "5"}, {"content-length", "5"}}, 400);
}

void chunked_alone_is_understood(void**) {
  for (const char* value : {"chunked", "Chunked", "CHUNKED"})
    expect_plan("POST", {{"transfer-encoding", value}}, Kind::chunked);
  for (const char* value : {"", "gzip", "gzip, chunked", "chunked, gzip", "chunked, chunked", "identity", "chunked,",
                            " chunked", "chunked ", "xchunked",
                            "\x0b"
                            "chunked",
                            "chunked;q=1"}) {
    expect_refused("POST", {{"transfer-encoding", value}}, 501);
  }
}

void what_could_be_read_in_two_ways_is_refused(void**) {
  expect_refused("POST", {{"transfer-encoding", "chunked"}, {"content-length", "5"}}, 400);
  expect_refused("POST", {{"content-length", "0"}, {"transfer-encoding", "chunked"}}, 400);
  expect_refused("POST", {{"content-length", "5"}, {"transfer-encoding", ""}}, 400);
  expect_refused("POST", {{"transfer-encoding", "chunked"}, {"transfer-encoding", "chunked"}}, 400);
  for (const char* method : {"GET", "HEAD", "OPTIONS", "DELETE"})
    expect_refused(method, {{"transfer-encoding", "chunked"}}, 400);
}

// Chunks

struct Decoded {
  Outcome outcome;
  std::string body;
  bool operator==(const Decoded&) const = default;
};

Decoded decode(const std::vector<std::string_view>& pieces, std::size_t max_bytes = 1000) {
  ChunkedDecoder decoder;
  Decoded decoded{Outcome::more, {}};
  for (const std::string_view piece : pieces) decoded.outcome = decoder.feed(piece, decoded.body, max_bytes);
  return decoded;
}

// The result is the same for every cut into two pieces, and for single bytes.
void expect_decoded(std::string_view bytes, Outcome outcome, const std::string& body, std::size_t max_bytes = 1000) {
  const Decoded expected{outcome, body};
  if (!(decode({bytes}, max_bytes) == expected)) fail_msg("other outcome: %s", std::string(bytes).c_str());
  std::vector<std::string_view> single;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    single.push_back(bytes.substr(i, 1));
    if (!(decode({bytes.substr(0, i), bytes.substr(i)}, max_bytes) == expected))
      fail_msg("cut at %zu: %s", i, std::string(bytes).c_str());
  }
  assert_true(decode(single, max_bytes) == expected);
}

void expect_malformed(const std::string& bytes, const std::string& body = "") {
  expect_decoded(bytes, Outcome::malformed, body);
}

void chunks_are_put_together(void**) {
  expect_decoded("0\r\n\r\n", Outcome::done, "");
  expect_decoded("3\r\nabc\r\n0\r\n\r\n", Outcome::done, "abc");
  expect_decoded("1\r\na\r\n2\r\nbc\r\n0A\r\n0123456789\r\n0\r\n\r\n", Outcome::done, "abc0123456789");
  expect_decoded("9\r\n\r\n0\r\n\r\n\r\n\r\n000\r\n\r\n", Outcome::done, "\r\n0\r\n\r\n\r\n");
  expect_decoded("1f\r\n" + std::string(31, '\0') + "\r\n0\r\n\r\n", Outcome::done, std::string(31, '\0'));
  expect_decoded("0000000000000003\r\nabc\r\n0000000000000000\r\n\r\n", Outcome::done, "abc");
}

void a_beginning_asks_for_more(void**) {
  const std::string whole = "3;x=y\r\nabc\r\n0\r\nTrailer: x\r\n\r\n";
  for (std::size_t size = 0; size < whole.size(); ++size)
    assert_int_equal(decode({std::string_view(whole).substr(0, size)}).outcome, Outcome::more);
  expect_decoded(whole, Outcome::done, "abc");
}

void what_comes_behind_the_end_is_ignored(void**) {
  expect_decoded("1\r\na\r\n0\r\n\r\n5\r\nabcde\r\n", Outcome::done, "a");
  expect_decoded("1\r\na\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n", Outcome::done, "a");
}

void sizes_are_hexadecimal_digits_alone(void**) {
  for (const char* size : {"", " ", " 3", "-3", "+3", "0x3", "g", "3g", "3.0", "\t3", "_3", "3_", "\"3\"", "x", ";"})
    expect_malformed(size + "\r\nabc\r\n0\r\n\r\n"s);
  expect_malformed("3\0\r\nabc\r\n0\r\n\r\n"s);
  expect_malformed("00000000000000003\r\nabc\r\n0\r\n\r\n");  // 17 digits
  // Also after the first chunk.
  expect_malformed("1\r\na\r\n\r\n", "a");
  expect_malformed("1\r\na\r\n-1\r\n", "a");
}

void lines_end_with_both_characters(void**) {
  expect_malformed("3\nabc\r\n0\r\n\r\n");
  expect_malformed("3\rabc\r\n0\r\n\r\n");
  expect_malformed("3\r\r\nabc\r\n0\r\n\r\n");
  expect_malformed("\r\n3\r\nabc\r\n0\r\n\r\n");
  expect_malformed("3\r\nabc\n0\r\n\r\n", "abc");
  expect_malformed("3\r\nabc0\r\n\r\n", "abc");
  expect_malformed("3\r\nabcd\r\n0\r\n\r\n", "abc");
  expect_malformed("3\r\nabc\rx0\r\n\r\n", "abc");
  expect_malformed("0\n\n");
  expect_malformed("0\r\n\n");
  expect_malformed("0\r\n\rx");
  expect_malformed("0\r\nA: b\n\r\n");
  expect_malformed("0\r\nA: b\rx\n\r\n");
}

void too_much_is_known_before_it_comes(void**) {
  expect_decoded("5\r\nabcde\r\n0\r\n\r\n", Outcome::done, "abcde", 5);
  expect_decoded("6\r\nabcdef\r\n0\r\n\r\n", Outcome::too_large, "", 5);
  expect_decoded("3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n", Outcome::too_large, "abc", 5);
  expect_decoded("0\r\n\r\n", Outcome::done, "", 0);
  expect_decoded("1\r\na\r\n", Outcome::too_large, "", 0);
  for (const char* size : {"10000", "7fffffff", "80000000", "ffffffff", "100000000", "7fffffffffffffff",
                           "8000000000000000", "ffffffffffffffff", "fffffffffffffffff", "10000000000000003"}) {
    expect_decoded(size + "\r\nabc\r\n0\r\n\r\n"s, Outcome::too_large, "");
  }
  // Sizes do not overflow without a limit.
  expect_decoded("ffffffffffffffff\r\nabc", Outcome::more, "abc", SIZE_MAX);
  expect_decoded("1\r\na\r\nffffffffffffffff\r\nabc", Outcome::too_large, "a", SIZE_MAX);
  expect_decoded("fffffffffffffffff\r\nabc", Outcome::malformed, "", SIZE_MAX);
}

void a_body_that_is_above_the_limit_already_takes_no_more(void**) {
  ChunkedDecoder decoder;
  std::string body = "abcdef";
  assert_int_equal(decoder.feed("1\r\na\r\n", body, 5), Outcome::too_large);
  assert_string_equal(body.c_str(), "abcdef");
}

void extensions_are_skipped(void**) {
  for (const char* extension : {";", ";a", ";a=b", ";a=\"b;c\"", " ;a", "\t; a = b", ";a;b;c", ";\xC3\xA4", " \t ;"})
    expect_decoded("3"s + extension + "\r\nabc\r\n0" + extension + "\r\n\r\n", Outcome::done, "abc");
  // Blanks are allowed only before an extension.
  for (const char* extension : {" ", "\t", " a", " 3", " \n", ";a\n", ";\x7F", ";\x01", ";a\rb", " ;\r\r"})
    expect_malformed("3"s + extension + "\r\nabc\r\n0\r\n\r\n");
  expect_malformed("3;\0\r\nabc\r\n0\r\n\r\n"s);
}

void extensions_are_bounded(void**) {
  const std::string most = ";" + std::string(ChunkedDecoder::kMaxExtensionBytes - 1, 'x');
  assert_int_equal(decode({"1" + most + "\r\na\r\n0\r\n\r\n"}).outcome, Outcome::done);
  assert_int_equal(decode({"1" + most + "x\r\na\r\n0\r\n\r\n"}).outcome, Outcome::malformed);
  assert_int_equal(decode({"1" + most}).outcome, Outcome::more);
  assert_int_equal(decode({"1" + most + "x"}).outcome, Outcome::malformed);
  assert_int_equal(decode({"1" + std::string(ChunkedDecoder::kMaxExtensionBytes + 1, ' ')}).outcome,
                   Outcome::malformed);
  // The limit applies to all extensions together.
  assert_int_equal(decode({"1" + most + "\r\na\r\n0;\r\n\r\n"}).outcome, Outcome::malformed);
  std::string many;
  for (std::size_t i = 0; i <= ChunkedDecoder::kMaxExtensionBytes; ++i) many += "1;\r\na\r\n";
  assert_int_equal(decode({many}, 1'000'000).outcome, Outcome::malformed);
}

void trailers_are_skipped(void**) {
  expect_decoded("1\r\na\r\n0\r\nA: b\r\n\r\n", Outcome::done, "a");
  expect_decoded("1\r\na\r\n0\r\nContent-Length: 5\r\nExpires:\tnever\r\n folded\r\n\r\n", Outcome::done, "a");
  expect_malformed("1\r\na\r\n0\r\nA: \x01\r\n\r\n", "a");
  expect_malformed("1\r\na\r\n0\r\nA: \0\r\n\r\n"s, "a");
}

void trailers_are_bounded(void**) {
  const std::string most(ChunkedDecoder::kMaxTrailerBytes, 'x');
  assert_int_equal(decode({"0\r\n" + most + "\r\n\r\n"}).outcome, Outcome::done);
  assert_int_equal(decode({"0\r\n" + most + "x"}).outcome, Outcome::malformed);
  assert_int_equal(decode({"0\r\n" + most + "\r\nx"}).outcome, Outcome::malformed);
  std::string many = "0\r\n";
  for (std::size_t i = 0; i <= ChunkedDecoder::kMaxTrailerBytes; ++i) many += "x\r\n";
  assert_int_equal(decode({many}).outcome, Outcome::malformed);
}

void an_end_is_final(void**) {
  ChunkedDecoder decoder;
  std::string body;
  assert_int_equal(decoder.feed("x", body, 100), Outcome::malformed);
  assert_int_equal(decoder.feed("3\r\nabc\r\n0\r\n\r\n", body, 100), Outcome::malformed);
  assert_int_equal(decoder.feed("", body, 100), Outcome::malformed);
  ChunkedDecoder other;
  assert_int_equal(other.feed("ff\r\n", body, 100), Outcome::too_large);
  assert_int_equal(other.feed("0\r\n\r\n", body, 100), Outcome::too_large);
  assert_true(body.empty());
}

void what_is_behind_the_end_is_counted(void**) {
  ChunkedDecoder decoder;
  std::string body;
  assert_int_equal(decoder.feed("3\r\nabc\r\n", body, 100), Outcome::more);
  assert_int_equal(decoder.unused_bytes(), 0);
  assert_int_equal(decoder.feed("0\r\n\r\nGET /", body, 100), Outcome::done);
  assert_int_equal(decoder.unused_bytes(), 5);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(what_is_behind_the_end_is_counted),
      cmocka_unit_test(a_length_says_where_the_body_ends),
      cmocka_unit_test(most_methods_need_no_body),
      cmocka_unit_test(ill_formed_lengths_are_refused),
      cmocka_unit_test(chunked_alone_is_understood),
      cmocka_unit_test(what_could_be_read_in_two_ways_is_refused),
      cmocka_unit_test(chunks_are_put_together),
      cmocka_unit_test(a_beginning_asks_for_more),
      cmocka_unit_test(what_comes_behind_the_end_is_ignored),
      cmocka_unit_test(sizes_are_hexadecimal_digits_alone),
      cmocka_unit_test(lines_end_with_both_characters),
      cmocka_unit_test(too_much_is_known_before_it_comes),
      cmocka_unit_test(a_body_that_is_above_the_limit_already_takes_no_more),
      cmocka_unit_test(extensions_are_skipped),
      cmocka_unit_test(extensions_are_bounded),
      cmocka_unit_test(trailers_are_skipped),
      cmocka_unit_test(trailers_are_bounded),
      cmocka_unit_test(an_end_is_final),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
