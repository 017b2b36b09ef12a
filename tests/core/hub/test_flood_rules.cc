// The rules against floods: repeated texts, links of newcomers, first messages; and how much they remember.
#include "hub/flood_rules.h"

#include "hub_fixture.h"

using namespace chat;
using namespace chat::test;

namespace {

MessageDraft args(std::string json) {
  MessageDraft message = draft("dev", std::move(json));
  message.kind = PayloadKind::args;
  return message;
}

MessageDraft edit(std::string text) {
  MessageDraft message = draft("dev", std::move(text));
  message.event_kind = RoomEventKind::edit;
  return message;
}

void a_person_does_not_repeat_a_text(void**) {
  FloodRules rules;
  const MessageDraft spam = draft("dev", "Buy now");
  rules.note("ann", spam, 0);  // no rule yet
  rules.set_no_repeats(10'000);
  assert_ok(rules.check("ann", spam, 0));
  rules.note("ann", spam, 1'000);
  const Status refused = rules.check("ann", spam, 5'000);
  assert_status(refused, Error::repeated);
  assert_int_equal(refused.retry_after_ms, 6'000);
  assert_text(refused.detail, "the same text again: wait 6 s");
  assert_status(rules.check("ann", draft("dev", "  BUY\tnow "), 5'000), Error::repeated);
  assert_ok(rules.check("ann", draft("dev", "Buy later"), 5'000));
  assert_ok(rules.check("bob", spam, 5'000));
  for (int i = 0; i < 50; ++i) rules.note("ann", draft("dev", std::to_string(i)), 6'000);
  assert_status(rules.check("ann", spam, 10'999), Error::repeated);  // whatever came in between
  assert_ok(rules.check("ann", spam, 11'000));
  MessageDraft other = spam;
  other.event = "offer";
  assert_ok(rules.check("ann", other, 5'000));
  assert_ok(rules.check("ann", edit("Buy now"), 5'000));
  MessageDraft picture = args(R"([{"_placeholder":true,"num":0}])");
  picture.attachments = {"one"};
  rules.note("ann", picture, 20'000);
  assert_status(rules.check("ann", picture, 20'001), Error::repeated);
  picture.attachments = {"two"};
  assert_ok(rules.check("ann", picture, 20'001));
}

void links_are_found(void**) {
  for (const char* text :
       {"see https://example.org/x", "HTTP://EXAMPLE", "ftp://x", "www.example", "WWW.example.org",
        "go to example.com now", "EXAMPLE.COM.", "x.example.net/y?z", "t.me/join", "a-b.xyz", "bit.ly/2"}) {
    if (!has_link(draft("dev", text))) fail_msg("no link in %s", text);
  }
  for (const char* text :
       {"", "hello", "one.two three", "wait...what", "1.5 and 2.com5", "a://", "://x", "www.", "awww.", "e.g. this",
        "file.txt", "and/or", "http:/x", "company.community", ".com", "a .com b"}) {
    if (has_link(draft("dev", text))) fail_msg("a link in %s", text);
  }
  for (const char* json :
       {R"(["http:\/\/example"])", R"(["\u0068ttp\u003a\u002f\u002fx"])", R"([1,{"a":["www\u002eexample"]}])"}) {
    if (!has_link(args(json))) fail_msg("no link in %s", json);
  }
  assert_false(has_link(args(R"(["one\ntwo","\ud83d\ude00","\\"])")));
  assert_false(has_link(draft("dev", R"(\u0068ttp\u003a\u002f\u002fx)")));  // a text has no escapes
}

void newcomers_send_no_links(void**) {
  FloodRules rules;
  rules.set_no_links(60'000);
  const MessageDraft link = draft("dev", "https://example.org");
  const Status refused = rules.check("ann", link, 0);
  assert_status(refused, Error::no_links);
  assert_int_equal(refused.retry_after_ms, 0);  // there is no first message yet
  assert_ok(rules.check("ann", draft("dev", "hi"), 0));
  rules.note("ann", draft("dev", "hi"), 1'000);
  assert_int_equal(rules.check("ann", link, 2'000).retry_after_ms, 59'000);
  assert_status(rules.check("ann", edit("www.example"), 2'000), Error::no_links);
  assert_ok(rules.check("ann", edit("hello"), 2'000));
  rules.note("ann", draft("dev", "again"), 50'000);
  assert_ok(rules.check("ann", link, 61'000));
  assert_status(rules.check("bob", link, 61'000), Error::no_links);
  MessageDraft reaction = draft("dev", "www.x");
  reaction.event_kind = RoomEventKind::reaction;
  assert_ok(rules.check("bob", reaction, 0));
  rules.set_no_links(0);
  assert_ok(rules.check("bob", link, 0));
  assert_true(rules.empty());
}

void only_a_first_message_waits(void**) {
  FloodRules rules;
  const MessageDraft hi = draft("dev", "hi");
  assert_false(rules.must_wait("ann", hi));
  rules.set_hold_first(1'000);
  assert_true(rules.must_wait("ann", hi));
  assert_false(rules.must_wait("ann", edit("x")));
  rules.note("ann", hi, 0);
  assert_false(rules.must_wait("ann", hi));
  assert_true(rules.must_wait("bob", hi));
  rules.set_no_links(1'000);
  rules.set_hold_first(0);
  rules.set_hold_first(1'000);
  assert_false(rules.must_wait("ann", hi));  // the other rule remembers her
}

void the_oldest_are_forgotten(void**) {
  FloodRules rules;
  rules.set_no_repeats(INT64_MAX / 2);
  rules.set_hold_first(1'000);
  const MessageDraft hi = draft("dev", "hi");
  for (std::size_t i = 0; i <= FloodRules::kMaxPeople; ++i)
    rules.note(std::to_string(i), hi, static_cast<std::int64_t>(i));
  assert_true(rules.must_wait("0", hi));
  assert_false(rules.must_wait("1", hi));
  assert_ok(rules.check("0", hi, 20'000));
  assert_status(rules.check("1", hi, 20'000), Error::repeated);
  assert_status(rules.check(std::to_string(FloodRules::kMaxPeople), hi, 20'000), Error::repeated);
}

void a_text_that_is_forgotten_may_come_again(void**) {
  FloodRules rules;
  rules.set_no_repeats(1'000);
  const MessageDraft hi = draft("dev", "hi");
  rules.note("ann", hi, 0);
  rules.forget_text("ann", hi, 1);  // another one
  assert_status(rules.check("ann", hi, 2), Error::repeated);
  rules.forget_text("ann", hi, 0);
  assert_ok(rules.check("ann", hi, 500));
  rules.note("ann", hi, 500);
  rules.note("bob", hi, 1'200);  // forgets what is older than a second
  assert_status(rules.check("ann", hi, 1'200), Error::repeated);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_person_does_not_repeat_a_text), cmocka_unit_test(links_are_found),
      cmocka_unit_test(newcomers_send_no_links),         cmocka_unit_test(only_a_first_message_waits),
      cmocka_unit_test(the_oldest_are_forgotten),        cmocka_unit_test(a_text_that_is_forgotten_may_come_again),
  };
  return cmocka_run_group_tests_name("hub/flood_rules", tests, nullptr, nullptr);
}
