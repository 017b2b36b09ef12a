// The bytes of responses, in pieces.
#include "net/http/response_output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

// Last, because it defines a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

using chat::net::HttpResponse;
using chat::net::ResponseOutput;

namespace {

std::string all(ResponseOutput& output, std::size_t max_bytes) {
  std::string bytes;
  for (;;) {
    const std::optional<std::string_view> piece = output.next(max_bytes);
    assert_true(piece.has_value());
    if (piece->empty()) return bytes;
    assert_true(piece->size() <= max_bytes);
    assert_true(output.next(max_bytes) == piece);  // the same piece until it is consumed
    bytes += *piece;
    output.consume(piece->size());
  }
}

// Returns the descriptor of an unnamed file of this size. The caller closes it.
int file_of(std::size_t size) {
  char path[] = "/tmp/chat-response-XXXXXX";
  const int file = mkstemp(path);
  assert_true(file >= 0);
  unlink(path);
  const std::string content(size, 'f');
  assert_int_equal(write(file, content.data(), content.size()), size);
  assert_int_equal(lseek(file, 0, SEEK_SET), 0);
  return file;
}

HttpResponse with_file(std::size_t size, std::uint64_t announced) {
  HttpResponse response;
  response.file = file_of(size);
  response.file_bytes = announced;
  return response;
}

bool is_open(int file) { return fcntl(file, F_GETFD) >= 0; }

void a_body_in_pieces_of_any_size(void**) {
  const std::string expected =
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n"
      "Connection: keep-alive\r\n\r\nhello";
  for (const std::size_t size : {std::size_t{1}, std::size_t{7}, std::size_t{4'096}}) {
    ResponseOutput output;
    output.begin(HttpResponse::text(200, "hello"), {true, 0}, false);
    assert_true(all(output, size) == expected);
  }
}

void one_after_the_other(void**) {
  ResponseOutput output;
  output.begin(HttpResponse::text(200, "first"), {true, 0}, false);
  assert_true(all(output, 100).ends_with("\r\n\r\nfirst"));
  output.end();
  assert_true(output.next(100)->empty());
  output.begin(HttpResponse::text(404, "second"), {}, false);
  const std::string bytes = all(output, 100);
  assert_true(bytes.starts_with("HTTP/1.1 404 "));
  assert_true(bytes.ends_with("Connection: close\r\n\r\nsecond"));
}

void head_has_the_length_and_no_body(void**) {
  ResponseOutput output;
  output.begin(HttpResponse::text(200, "hello"), {true, 0}, true);
  std::string bytes = all(output, 100);
  assert_true(bytes.find("Content-Length: 5\r\n") != std::string::npos);
  assert_true(bytes.ends_with("\r\n\r\n"));
  output.end();
  output.begin(with_file(10, 10), {true, 0}, true);
  bytes = all(output, 100);
  assert_true(bytes.find("Content-Length: 10\r\n") != std::string::npos);
  assert_true(bytes.ends_with("\r\n\r\n"));
}

void a_file_follows_the_head(void**) {
  const HttpResponse response = with_file(10'000, 10'000);
  ResponseOutput output;
  output.begin(response, {true, 0}, false);
  const std::string bytes = all(output, 4'096);
  assert_true(bytes.ends_with("\r\n\r\n" + std::string(10'000, 'f')));
  output.end();
  assert_false(is_open(response.file));
}

void a_constant_body_is_sent_from_where_it_stands(void**) {
  const std::string constant(10'000, 'c');
  HttpResponse response;
  response.constant_body = constant;
  for (const std::size_t size : {1, 7, 4'096, 20'000}) {
    ResponseOutput output;
    output.begin(response, {true, 0}, false);
    const std::string bytes = all(output, size);
    assert_true(bytes.find("Content-Length: 10000\r\n") != std::string::npos);
    assert_true(bytes.ends_with("\r\n\r\n" + constant));
    output.end();
    assert_true(output.next(size)->empty());
  }
  ResponseOutput output;
  output.begin(response, {true, 0}, false);
  output.consume(output.next(4'096)->size());
  assert_ptr_equal(output.next(100)->data(), constant.data());
  output.begin(response, {true, 0}, true);
  assert_true(all(output, 100).ends_with("\r\n\r\n"));
}

void no_more_of_a_file_than_was_promised(void**) {
  ResponseOutput output;
  output.begin(with_file(100, 60), {true, 0}, false);
  assert_true(all(output, 4'096).ends_with("\r\n\r\n" + std::string(60, 'f')));
}

void a_file_that_has_shrunk_is_told(void**) {
  ResponseOutput output;
  output.begin(with_file(10, 20), {true, 0}, false);
  output.consume(output.next(4'096)->size());
  const std::optional<std::string_view> rest = output.next(4'096);
  assert_true(rest == std::string(10, 'f'));
  output.consume(rest->size());
  assert_false(output.next(4'096).has_value());
}

void the_file_is_closed_with_it(void**) {
  const HttpResponse response = with_file(10, 10);
  {
    ResponseOutput output;
    output.begin(response, {true, 0}, false);
    assert_true(is_open(response.file));
  }
  assert_false(is_open(response.file));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_body_in_pieces_of_any_size),
      cmocka_unit_test(one_after_the_other),
      cmocka_unit_test(head_has_the_length_and_no_body),
      cmocka_unit_test(a_file_follows_the_head),
      cmocka_unit_test(no_more_of_a_file_than_was_promised),
      cmocka_unit_test(a_file_that_has_shrunk_is_told),
      cmocka_unit_test(the_file_is_closed_with_it),
      cmocka_unit_test(a_constant_body_is_sent_from_where_it_stands),
  };
  return cmocka_run_group_tests_name("core/net/http/response_output", tests, nullptr, nullptr);
}
