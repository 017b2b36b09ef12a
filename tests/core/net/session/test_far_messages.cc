// The texts by which servers of a cluster forward requests: what one writes another reads, and what is not well-formed is refused.
#include "net/session/far_messages.h"

#include <random>
#include <string>

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

namespace {

FarRequest request() {
  FarRequest message;
  message.name = {"entry-1_", 3, 700};
  message.request.method = "POST";
  message.request.path = "/socket.io/";
  message.request.raw_query = "EIO=4&sid=x";
  message.request.query = {{"EIO", "4"}, {"sid", "x"}};
  message.request.headers = {{"content-type", "text/plain"}, {"origin", "https://a.example"}};
  message.request.minor_version = 0;
  message.request.keep_alive = false;
  message.request.has_body = true;
  message.context = {"10.1.2.3", "a.example", true, true};
  message.body = std::string("4\0\xFF", 3);
  message.within_ms = 55'000;
  return message;
}

template <class Message>
Message read(const std::string& text, FarKind kind, std::size_t loop) {
  assert_int_equal(text.front(), static_cast<char>(kind));
  const std::optional<std::size_t> found = far_loop(kind, std::string_view(text).substr(1), 4);
  assert_true(found.has_value());
  assert_int_equal(*found, loop);
  Message message;
  assert_true(unpack(std::string_view(text).substr(1), message));
  return message;
}

void a_request_arrives_whole(void**) {
  const FarRequest sent = request();
  const auto got = read<FarRequest>(pack(sent), FarKind::request, 700 % 4);
  assert_true(got.name == sent.name);
  assert_string_equal(got.request.method.c_str(), "POST");
  assert_string_equal(got.request.path.c_str(), "/socket.io/");
  assert_string_equal(got.request.raw_query.c_str(), "EIO=4&sid=x");
  assert_true(got.request.query == sent.request.query);
  assert_true(got.request.headers == sent.request.headers);
  assert_int_equal(got.request.minor_version, 0);
  assert_false(got.request.keep_alive);
  assert_true(got.request.has_body);
  assert_string_equal(got.context.address.c_str(), "10.1.2.3");
  assert_string_equal(got.context.host.c_str(), "a.example");
  assert_true(got.context.secure && got.context.origin_allowed);
  assert_false(sent.context.forwarded);
  assert_true(got.context.forwarded);  // and so it is not forwarded again
  assert_true(got.body == sent.body);
  assert_int_equal(got.within_ms, 55'000);
}

void an_answer_arrives_whole(void**) {
  FarAnswer sent{2, 9, true, {}, "home"};
  sent.response.status = 404;
  sent.response.headers = {{"Content-Type", "text/plain"}};
  sent.response.body = "gone";
  sent.response.close = true;
  const auto got = read<FarAnswer>(pack(sent), FarKind::answer, 2);
  assert_int_equal(got.number, 9);
  assert_string_equal(got.home.c_str(), "home");
  assert_true(got.essential && got.response.close);
  assert_false(got.response.streams);
  assert_int_equal(got.response.status, 404);
  assert_true(got.response.headers == sent.response.headers);
  assert_string_equal(got.response.body.c_str(), "gone");
  sent.response.constant_body = "constant";
  assert_string_equal(read<FarAnswer>(pack(sent), FarKind::answer, 2).response.body.c_str(), "constant");
  sent.response.status = 101;
  FarAnswer refused;
  assert_false(unpack(pack(sent).substr(1), refused));
}

void the_small_ones(void**) {
  const FarRequestName name{"entry", 1, 6};
  assert_true(read<FarLost>(pack(FarLost{name}), FarKind::lost, 2).name == name);
  assert_true(read<FarDrained>(pack(FarDrained{name}), FarKind::drained, 2).name == name);
  assert_true(read<FarKnown>(pack(FarKnown{name}), FarKind::known, 2).name == name);
  assert_true(read<FarSlow>(pack(FarSlow{name}), FarKind::slow, 2).name == name);
  const auto write = read<FarWrite>(pack(FarWrite{1, 6, true, "h\n", 3, "home"}), FarKind::write, 1);
  assert_int_equal(write.number, 6);
  assert_true(write.last);
  assert_int_equal(write.order, 3);
  assert_string_equal(write.home.c_str(), "home");
  assert_int_equal(read<FarOver>(pack(FarOver{2, 7}), FarKind::over, 2).number, 7);
  assert_string_equal(write.bytes.c_str(), "h\n");
  assert_false(far_loop(FarKind::presence, std::string_view(pack_presence()).substr(1), 4).has_value());
  assert_false(far_loop(static_cast<FarKind>('?'), "\x01", 4).has_value());
  assert_false(far_loop(FarKind::write, "", 4).has_value());
}

template <class Message>
void assert_bounded(const std::string& text) {
  for (std::size_t size = 1; size < text.size(); ++size) {
    const std::string part = text.substr(1, size - 1);
    Message message;
    assert_false(unpack(part, message));
  }
  std::mt19937 random(3);
  for (int round = 0; round < 5'000; ++round) {
    std::string changed = text.substr(1);
    for (int change = 0; change < 3; ++change) changed[random() % changed.size()] = static_cast<char>(random());
    Message message;
    (void)unpack(changed, message);
  }
}

void what_is_not_well_formed_is_refused(void**) {
  assert_bounded<FarRequest>(pack(request()));
  assert_bounded<FarAnswer>(pack(FarAnswer{1, 2, false, HttpResponse::text(200, "ok"), "home"}));
  assert_bounded<FarWrite>(pack(FarWrite{1, 2, false, "bytes", 1, "home"}));
  assert_bounded<FarOver>(pack(FarOver{1, 2}));
  assert_bounded<FarLost>(pack(FarLost{{"entry", 1, 2}}));
  assert_bounded<FarKnown>(pack(FarKnown{{"entry", 1, 2}}));
  assert_bounded<FarSlow>(pack(FarSlow{{"entry", 1, 2}}));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_request_arrives_whole),
      cmocka_unit_test(an_answer_arrives_whole),
      cmocka_unit_test(the_small_ones),
      cmocka_unit_test(what_is_not_well_formed_is_refused),
  };
  return cmocka_run_group_tests_name("net/session/far_messages", tests, nullptr, nullptr);
}
