// The formats of the HTTP interface: paths, arguments, bodies, answers and events.
#include <optional>
#include <string>
#include <string_view>

#include "wire/rest/rest_answer.h"
#include "wire/rest/rest_body.h"
#include "wire/rest/rest_codec.h"
#include "wire/rest/rest_path.h"
#include "wire/rest/rest_query.h"

// After all others: it has a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

using namespace chat;
using namespace chat::wire;
using Resource = RestTarget::Resource;

namespace {

#define ASSERT_TEXT(got, wanted) assert_string_equal(std::string(got).c_str(), wanted)

void a_path_names_a_resource(void**) {
  const auto is = [](std::string_view path, Resource resource, std::string_view room) {
    const RestTarget target = rest_target(path, "/rooms");
    return target.resource == resource && target.room == room;
  };
  assert_true(is("/rooms", Resource::rooms, ""));
  assert_true(is("/rooms/", Resource::rooms, ""));
  assert_true(is("/rooms/a b/messages", Resource::messages, "a b"));
  assert_true(is("/rooms/a/messages/", Resource::messages, "a"));
  assert_true(is("/rooms/events/events", Resource::events, "events"));
  assert_true(is("/rooms/a/members", Resource::members, "a"));
  assert_true(is("/rooms/a/presence", Resource::presence, "a"));
  for (const char* path : {"/rooms/a", "/rooms/a/", "/rooms//messages", "/rooms/a/b/messages", "/roomsa/messages",
                           "/rooms/a/messages//", "/other", ""}) {
    assert_true(is(path, Resource::none, ""));
  }
}

void arguments_of_history(void**) {
  const Result<RestHistoryQuery> query = read_history_query(
      {{"after", "5"}, {"before", "9"}, {"limit", "2"}, {"wait", "60"}, {"epoch", "abc"}, {"_", "x"}});
  assert_true(query.ok());
  assert_int_equal(query->after_seq, 5);
  assert_int_equal(query->before_seq, 9);
  assert_int_equal(query->around_seq, 0);
  assert_int_equal(read_history_query({{"around", "7"}})->around_seq, 7);
  assert_int_equal(query->limit, 2);
  assert_int_equal(query->wait_ms, 60'000);
  ASSERT_TEXT(query->epoch, "abc");
  assert_false(query->search.has_value());
  ASSERT_TEXT(*read_history_query({{"search", "a b"}, {"before", "9"}})->search, "a b");
  assert_int_equal(read_history_query({{"search", "\xFF"}}).status().code, Error::invalid_argument);
  for (const Pairs& wrong :
       {Pairs{{"search", ""}}, Pairs{{"search", std::string(257, 'x')}}, Pairs{{"search", "a"}, {"after", "1"}},
        Pairs{{"search", "a"}, {"wait", "1"}}, Pairs{{"search", "a"}, {"around", "1"}}, Pairs{{"after", "-1"}},
        Pairs{{"after", ""}}, Pairs{{"after", "9007199254740992"}}, Pairs{{"before", "0"}}, Pairs{{"around", "0"}},
        Pairs{{"limit", "0"}}, Pairs{{"limit", "1001"}}, Pairs{{"wait", "61"}}, Pairs{{"wait", "1.5"}},
        Pairs{{"epoch", "a-b"}}, Pairs{{"after", "1"}, {"after", "1"}}}) {
    assert_int_equal(read_history_query(wrong).status().code, Error::invalid_argument);
  }
}

void arguments_of_events(void**) {
  const Result<RestEventsQuery> query =
      read_events_query("a", {{"room", "b"}, {"room", "a"}, {"last_event_id", "e:1"}, {"padding", "9"}}, {}, 2);
  assert_true(query.ok());
  assert_int_equal(query->rooms.size(), 2);
  ASSERT_TEXT(query->rooms[1], "b");
  ASSERT_TEXT(query->last_event_id, "e:1");
  assert_int_equal(query->padding_bytes, 9);
  ASSERT_TEXT(read_events_query("a", {{"last_event_id", "e:1"}}, "e:2", 2)->last_event_id, "e:2");
  assert_int_equal(read_events_query("a", {{"room", "b"}, {"room", "c"}}, {}, 2).status().code, Error::too_many);
  assert_int_equal(read_events_query("a", {{"room", "b/c"}}, {}, 2).status().code, Error::invalid_room);
  assert_int_equal(read_events_query("a", {{"padding", "65537"}}, {}, 2).status().code, Error::invalid_argument);
  assert_false(read_events_query("a", {}, std::string(kMaxLastEventIdBytes + 1, 'e'), 2).ok());
}

void media_types(void**) {
  assert_true(rest_body_of("application/json") == RestBody::json);
  assert_true(rest_body_of("Application/JSON ; charset=UTF-8") == RestBody::json);
  assert_true(rest_body_of("application/x-www-form-urlencoded") == RestBody::form);
  assert_true(rest_body_of("text/plain;charset=\"utf-8\"") == RestBody::text);
  for (const char* other : {"", "text/html", "text/plain; charset=latin1", "multipart/form-data; boundary=x"}) {
    assert_false(rest_body_of(other).has_value());
  }
}

void a_json_body_is_the_message_of_a_send(void**) {
  const Result<SendCommand> command =
      read_rest_message(RestBody::json, R"({"event":"e","args":[1,"a"],"attributes":{"k":"v"},"ephemeral":true})", "r");
  assert_true(command.ok());
  ASSERT_TEXT(command->draft().event, "e");
  ASSERT_TEXT(command->draft().payload, R"([1,"a"])");
  assert_true(command->draft().ephemeral);
  ASSERT_TEXT(command->draft().room, "");
  assert_true(read_rest_message(RestBody::json, R"({"text":"a","room":"r"})", "r").ok());
  const auto fails = [](std::string_view body, Error error) {
    return read_rest_message(RestBody::json, body, "r").status().code == error;
  };
  assert_true(fails(R"({"text":"a","room":"other"})", Error::invalid_argument));
  assert_true(fails("{}", Error::invalid_argument));
  assert_true(fails("", Error::invalid_json));
  assert_true(fails("[1]", Error::encoding));
  assert_true(fails(R"({"text":1})", Error::invalid_argument));
  assert_true(fails(R"({"text":"a","text":"b"})", Error::invalid_argument));
  assert_true(fails("{\"text\":\"\xff\"}", Error::invalid_json));
}

void forms_and_texts(void**) {
  const Result<SendCommand> form = read_rest_message(RestBody::form, "text=a+b%26&event=e&other=1", "r");
  assert_true(form.ok());
  ASSERT_TEXT(form->draft().payload, "a b&");
  ASSERT_TEXT(form->draft().event, "e");
  assert_int_equal(read_rest_message(RestBody::form, "event=e", "r").status().code, Error::invalid_argument);
  assert_int_equal(read_rest_message(RestBody::form, "text=a&text=b", "r").status().code, Error::invalid_argument);
  assert_int_equal(read_rest_message(RestBody::form, "text=%ff", "r").status().code, Error::invalid_utf8);
  ASSERT_TEXT(read_rest_message(RestBody::text, "a\nb", "r")->draft().payload, "a\nb");
  assert_int_equal(read_rest_message(RestBody::text, "\xff", "r").status().code, Error::invalid_utf8);
}

void a_problem_is_json(void**) {
  const RestAnswer answer = rest_problem({Error::rate_limited, "say \"less\""});
  assert_int_equal(answer.status, 429);
  assert_int_equal(answer.retry_after_s, 1);
  ASSERT_TEXT(answer.type, "application/problem+json");
  ASSERT_TEXT(answer.body, R"({"type":"about:blank","title":"Too Many Requests","status":429,"code":"rate_limited",)"
                           R"("detail":"say \"less\""})");
}

void answers_pass_through_packets(void**) {
  const RestCodec codec;
  const auto packed = [&](const Reply& reply) { return unpack_rest_answer(codec.encode(reply).at(0).bytes); };
  const auto published = packed(AckReply{"7", 3, "abc"});
  assert_true(published.has_value());
  ASSERT_TEXT(published->ref, "7");
  assert_int_equal(published->answer.status, 201);
  ASSERT_TEXT(published->answer.body, R"({"seq":3,"epoch":"abc"})");
  assert_int_equal(packed(AckReply{"7", 0, {}})->answer.status, 200);
  ASSERT_TEXT(packed(AnswerReply{"7", "[1]", {}})->answer.body, R"({"type":"ack","args":[1]})");
  const auto history = packed(HistoryReply{"7", "r", "abc", 3, true, {}});
  assert_true(history->answer.nothing_new);
  ASSERT_TEXT(history->answer.body,
              R"({"type":"history","room":"r","epoch":"abc","seq":3,"complete":true,"messages":[]})");
  assert_false(packed(HistoryReply{"7", "r", "abc", 3, false, {}})->answer.nothing_new);
  assert_int_equal(packed(ErrorReply{"7", Error::banned, "why", true})->answer.status, 403);
  ASSERT_TEXT(packed(Welcome{})->ref, "open");
  assert_true(codec.encode(Reply(GapReply{})).empty());
  assert_true(codec.encode(Message()).empty());
  assert_false(unpack_rest_answer("7 200").has_value());
}

void an_event_is_one_line(void**) {
  std::string event;
  append_event(event, "name", "[1,\r\n2]");
  ASSERT_TEXT(event, "event: name\ndata: [1,  2]\n\n");
  Message message;
  message.room = "r";
  message.payload = "a\nb";
  message.seq = 2;
  message.epoch = "abc";
  ASSERT_TEXT(
      EventStreamCodec().encode(message).at(0).bytes,
      "data: {\"type\":\"message\",\"room\":\"r\",\"seq\":2,\"epoch\":\"abc\",\"time\":0,\"from\":{\"name\":\"\"},"
      "\"event\":\"chat message\",\"text\":\"a\\nb\"}\n\n");
  const EventStreamCodec with_ids("r");
  assert_int_equal(with_ids.form_in("other"), EventStreamCodec().form_in("r"));
  assert_int_not_equal(with_ids.form_in("r"), with_ids.form_in("other"));
  const std::string plain = EventStreamCodec().encode(message).at(0).bytes;
  assert_true(with_ids.encode_in_form(message, with_ids.form_in("r")).at(0).bytes == "id: abc:2\n" + plain);
  assert_true(with_ids.encode_in_form(message, with_ids.form_in("other")).at(0).bytes == plain);
  message.seq = 0;
  assert_true(with_ids.encode_in_form(message, with_ids.form_in("r")).at(0).bytes.starts_with("data: "));
  assert_true(EventStreamCodec().encode(Reply(ErrorReply{})).at(0).bytes.starts_with("event: problem\n"));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_path_names_a_resource),
      cmocka_unit_test(arguments_of_history),
      cmocka_unit_test(arguments_of_events),
      cmocka_unit_test(media_types),
      cmocka_unit_test(a_json_body_is_the_message_of_a_send),
      cmocka_unit_test(forms_and_texts),
      cmocka_unit_test(a_problem_is_json),
      cmocka_unit_test(answers_pass_through_packets),
      cmocka_unit_test(an_event_is_one_line),
  };
  return cmocka_run_group_tests_name("core/wire/rest", tests, nullptr, nullptr);
}
