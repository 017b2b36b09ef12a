// What the carriers of SockJS make of packets, of heads before a shared body, and of closes.
#include "net/endpoint/sockjs/sockjs_carrier.h"

#include <zlib.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/net/frame_bytes.h"
#include "net/deliver/outbox.h"
#include "net/deliver/websocket_carrier.h"

// After all others: it has a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

#define ASSERT_TEXT(got, wanted) assert_string_equal(std::string(got).c_str(), std::string(wanted).c_str())

using namespace chat;
using namespace chat::net;

namespace {

using test::bytes_of;

const Carrier& kHttp = sockjs_http_carrier();
const Carrier& kWebSocket = sockjs_websocket_carrier();
const Carrier& kDeflate = sockjs_websocket_carrier(15);

struct Unpacked {
  std::string text;
  bool compressed;
};

// The payload of one whole text frame of at most 64 KiB.
Unpacked unpack(std::string_view frame) {
  const auto byte = [&](std::size_t at) { return static_cast<std::size_t>(static_cast<unsigned char>(frame[at])); };
  assert_int_equal(byte(0) & 0xBF, 0x81);
  const bool compressed = (byte(0) & 0x40) != 0;
  const bool large = byte(1) == 126;
  const std::size_t size = large ? byte(2) << 8 | byte(3) : byte(1);
  frame.remove_prefix(large ? 4 : 2);
  assert_int_equal(frame.size(), size);
  if (!compressed) return {std::string(frame), false};
  std::string input = std::string(frame) + std::string("\0\0\xff\xff", 4);
  std::string text(1 << 20, '\0');
  z_stream stream{};
  assert_int_equal(inflateInit2(&stream, -15), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  assert_int_equal(inflate(&stream, Z_SYNC_FLUSH), Z_OK);
  text.resize(text.size() - stream.avail_out);
  inflateEnd(&stream);
  return {text, true};
}

void a_packet_is_a_string(void**) {
  ASSERT_TEXT(bytes_of(make_frame({{false, "a\"b\xE2\x80\xA8"}}, kHttp, nullptr)), "\"a\\\"b\\u2028\"");
  ASSERT_TEXT(unpack(bytes_of(make_frame({{false, "a\"b"}}, kWebSocket, nullptr))).text, "a[\"a\\\"b\"]");
  // Several packets of one frame are elements of one array.
  ASSERT_TEXT(bytes_of(make_frame({{false, "a"}, {false, ""}}, kHttp, nullptr)), "\"a\",\"\"");
}

void bytes_are_base64(void**) {
  const std::string bytes("\0\xff\x10", 3);
  ASSERT_TEXT(bytes_of(make_frame({{true, bytes}}, kHttp, nullptr)), "\"AP8Q\"");
  ASSERT_TEXT(unpack(bytes_of(make_frame({{true, bytes}}, kWebSocket, nullptr))).text, "a[\"AP8Q\"]");
  for (const Carrier* carrier : {&kHttp, &kWebSocket}) {
    const SharedBody shared = carrier->share({true, bytes});
    assert_null(shared.bytes.get());
    assert_string_equal(bytes_of(make_frame(std::string("\0", 1), shared, *carrier, nullptr)).c_str(),
                        bytes_of(make_frame({{true, std::string("\0", 1) + bytes}}, *carrier, nullptr)).c_str());
  }
}

const std::string kTexts[] = {
    "", "hello", "\"\\\n\r\t\x01\x7f", "\xE2\x80\xA8\xEF\xBF\xBF\xF0\x9F\x92\xAC", std::string("a\0b", 3), "</script>",
};

void a_head_and_a_shared_body_are_one_string(void**) {
  for (const std::string& head : kTexts) {
    for (const std::string& text : kTexts) {
      for (const std::size_t times : {1, 200}) {
        std::string body;
        for (std::size_t i = 0; i < times; ++i) body += text;
        for (const Carrier* carrier : {&kHttp, &kWebSocket}) {
          const FramePtr frame = make_frame(head, carrier->share({false, body}), *carrier, nullptr);
          assert_int_equal(frame->segments(), 2);
          assert_true(bytes_of(frame) == bytes_of(make_frame({{false, head + body}}, *carrier, nullptr)));
        }
        const Unpacked whole = unpack(bytes_of(make_frame(head, kDeflate.share({false, body}), kDeflate, nullptr)));
        assert_int_equal(whole.compressed, body.size() >= 256);
        assert_true(whole.text == unpack(bytes_of(make_frame({{false, head + body}}, kWebSocket, nullptr))).text);
      }
    }
  }
}

void a_shared_body_is_quoted_once(void**) {
  for (const Carrier* carrier : {&kHttp, &kWebSocket}) {
    const SharedBody shared = carrier->share({false, "body"});
    const FramePtr one = make_frame("1 ", shared, *carrier, nullptr);
    const FramePtr two = make_frame("2 ", shared, *carrier, nullptr);
    assert_ptr_equal(one->segment(1).data(), two->segment(1).data());
  }
}

void a_close_is_a_frame_before_a_normal_close(void**) {
  const Carrier::Closing kicked = kWebSocket.closing(4000, "out \"now\"");
  ASSERT_TEXT(kicked.text, "c[4000,\"out \\\"now\\\"\"]");
  assert_int_equal(kicked.code, 1000);
  ASSERT_TEXT(kicked.reason, "");
  ASSERT_TEXT(kWebSocket.closing(1008, "").text, "c[1008,\"\"]");
  // The protocol has a code of its own for a server that stops.
  ASSERT_TEXT(kWebSocket.closing(1001, "the server is stopping").text, "c[3000,\"Go away!\"]");
  ASSERT_TEXT(kDeflate.closing(1013, "slow").text, "c[1013,\"slow\"]");
}

void each_compression_has_one_carrier(void**) {
  assert_ptr_equal(&kWebSocket.with_deflate(15), &kDeflate);
  assert_ptr_equal(&kDeflate.with_deflate(0), &kWebSocket);
  assert_ptr_equal(&kWebSocket.with_deflate(8), &kWebSocket);  // below what zlib can do
  assert_ptr_equal(&sockjs_websocket_carrier(99), &kDeflate);
  assert_ptr_not_equal(&kWebSocket.with_deflate(9), &kDeflate);
  assert_ptr_equal(&kHttp.with_deflate(15), &kHttp);
}

// An outbox gives a session's response some of its frames at a time.
void an_outbox_gives_some_elements(void**) {
  Outbox outbox;
  const SharedBody shared = kHttp.share({false, "body"});
  outbox.push_last(make_frame({{false, "one"}, {false, "two"}}, kHttp, nullptr));
  outbox.push_last(make_frame("head ", shared, kHttp, nullptr));
  outbox.push_last(make_frame({{false, "last"}}, kHttp, nullptr));
  std::string elements;
  outbox.take_some(kHttp, elements, 1);
  ASSERT_TEXT(elements, R"("one","two")");
  outbox.take_some(kHttp, elements, elements.size() + 1);
  ASSERT_TEXT(elements, R"("one","two","head body")");
  elements.clear();
  outbox.take_some(kHttp, elements, 1'000);
  ASSERT_TEXT(elements, R"("last")");
  assert_true(outbox.empty());
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_packet_is_a_string),
      cmocka_unit_test(bytes_are_base64),
      cmocka_unit_test(a_head_and_a_shared_body_are_one_string),
      cmocka_unit_test(a_shared_body_is_quoted_once),
      cmocka_unit_test(a_close_is_a_frame_before_a_normal_close),
      cmocka_unit_test(each_compression_has_one_carrier),
      cmocka_unit_test(an_outbox_gives_some_elements),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
