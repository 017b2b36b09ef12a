// How a client is admitted: the order of the authenticators and on_connect, and what each of their answers does.
#include "net/peer/admission.h"

#include "core/net/peer/peer_fixture.h"
#include "hub/authenticator.h"

using namespace chat;
using namespace chat::net;
using namespace chat::test;

namespace {

// Answers with what the test has set.
class TestAuthenticator final : public Authenticator {
 public:
  using Answer = std::function<Authentication(const ClientPtr&, const ConnectRequest&)>;

  Authentication authenticate(const ClientPtr& client, const ConnectRequest& request) override {
    ++asked;
    return answer ? answer(client, request) : Authentication::pass();
  }

  Answer answer;
  int asked = 0;
};

struct Fixture {
  Fixture() : f(options()) {
    f.application.connecting = [this](const ConnectRequest&) {
      ++connects;
      return verdict;
    };
  }
  ServerOptions options() {
    ServerOptions result;
    result.authenticators = {first, second};
    return result;
  }

  const std::shared_ptr<TestAuthenticator> first = std::make_shared<TestAuthenticator>();
  const std::shared_ptr<TestAuthenticator> second = std::make_shared<TestAuthenticator>();
  PeerFixture f;
  Decision verdict;
  int connects = 0;
};

void after_all_have_passed_the_application_is_asked(void**) {
  Fixture t;
  t.f.open("ann");
  assert_int_equal(t.first->asked, 1);
  assert_int_equal(t.second->asked, 1);
  assert_int_equal(t.connects, 1);
  t.verdict = PeerFixture::refused("no");
  Seat& bob = t.f.come("bob");
  assert_true(bob.client->state() == ClientState::refused);
  assert_string_equal(bob.client->refusal_reason().c_str(), "no");
}

void an_authenticator_sees_the_request(void**) {
  Fixture t;
  bool seen = false;
  t.first->answer = [&](const ClientPtr& client, const ConnectRequest& request) {
    seen = request.headers.at(0).value == "Bearer t" && request.query.at(0).value == "q" && request.auth == "{}" &&
           request.token == "t" && request.address == "192.0.2.1" && request.client == client->id() &&
           client->state() == ClientState::connecting;
    return Authentication::pass();
  };
  Coming how;
  how.request.headers = {{"authorization", "Bearer t"}};
  how.request.query = {{"token", "q"}};
  how.request.auth = "{}";
  how.request.token = "t";
  t.f.open("ann", how);
  assert_true(seen);
}

void an_identity_is_accepted_without_asking_further(void**) {
  Fixture t;
  t.verdict = PeerFixture::refused("never asked");
  t.first->answer = [](const ClientPtr&, const ConnectRequest&) {
    return Authentication::accept({"u1", "Ann", {{"role", "admin"}}});
  };
  Seat& ann = t.f.come("ann");
  t.f.run();
  assert_told(t.f.story, "ann: welcome Ann lobby#0", "on_open Ann lobby", "on_join Ann lobby");
  assert_string_equal(ann.client->identity()->user_id.c_str(), "u1");
  assert_string_equal(ann.client->identity()->attributes.at(0).value.c_str(), "admin");
  assert_int_equal(t.second->asked, 0);
  assert_int_equal(t.connects, 0);
}

void an_identity_may_be_given_and_the_question_passed_on(void**) {
  Fixture t;
  t.first->answer = [](const ClientPtr&, const ConnectRequest&) {
    return Authentication::pass(Identity{"u1", "Ann", {}});
  };
  std::string seen;
  t.f.application.connecting = [&](const ConnectRequest& request) {
    seen = t.f.hub().find_client(request.client)->identity()->user_id;
    return Decision{};
  };
  t.f.come("ann");
  t.f.run();
  assert_told(t.f.story, "ann: welcome Ann lobby#0", "on_open Ann lobby", "on_join Ann lobby");
  assert_string_equal(seen.c_str(), "u1");
  assert_int_equal(t.second->asked, 1);
}

void a_refusal_has_a_code_and_a_reason(void**) {
  Fixture t;
  t.second->answer = [](const ClientPtr&, const ConnectRequest&) {
    return Authentication::refuse("token_\"expired", "log in again");
  };
  Seat& ann = t.f.come("ann");
  assert_true(ann.client->state() == ClientState::refused);
  assert_string_equal(ann.client->refusal_reason().c_str(), "log in again");
  assert_string_equal(ann.client->refusal_data().c_str(), R"({"code":"token_\"expired"})");
  assert_int_equal(t.first->asked, 1);
  assert_int_equal(t.connects, 0);
  t.f.run();
  assert_told(t.f.story, "ann: closes 1008 log in again");

  t.second->answer = [](const ClientPtr&, const ConnectRequest&) { return Authentication::refuse("", "no"); };
  assert_string_equal(t.f.come("bob").client->refusal_data().c_str(), "");
}

void an_invalid_identity_is_refused(void**) {
  for (const bool accepts : {false, true}) {
    Fixture t;
    t.first->answer = [&](const ClientPtr&, const ConnectRequest&) {
      const Identity identity{"u\n1", "Ann", {}};
      return accepts ? Authentication::accept(identity) : Authentication::pass(identity);
    };
    Seat& ann = t.f.come("ann");
    assert_true(ann.client->state() == ClientState::refused);
    assert_string_equal(ann.client->refusal_data().c_str(), R"({"code":"invalid_identity"})");
    assert_int_equal(t.second->asked, 0);
    assert_int_equal(t.connects, 0);
  }
}

void a_deferred_verdict_comes_as_one_of_on_connect(void**) {
  Fixture t;
  t.first->answer = [](const ClientPtr&, const ConnectRequest&) { return Authentication::defer(); };
  Seat& ann = t.f.come("ann");
  Seat& bob = t.f.come("bob");
  t.f.run();
  assert_told(t.f.story);
  assert_true(ann.client->state() == ClientState::connecting);
  assert_ok(t.f.hub().accept(ann.client, Identity{"u1", "Ann", {}}));
  assert_ok(t.f.hub().refuse(bob.client, "unknown", R"({"code":"unknown"})"));
  t.f.run();
  assert_told(t.f.story, "bob: closes 1008 unknown", "ann: welcome Ann lobby#0", "on_open Ann lobby",
              "on_join Ann lobby");
  assert_int_equal(t.second->asked, 0);
  assert_int_equal(t.connects, 0);
}

void a_deferred_verdict_has_a_deadline(void**) {
  Fixture t;
  t.first->answer = [](const ClientPtr&, const ConnectRequest&) { return Authentication::defer(); };
  t.f.come("ann");
  t.f.pass(10'000);  // the default of verdict_timeout_ms
  t.f.run();
  assert_told(t.f.story, "owner of ann: on_verdict_timeout", "ann: closes 1008 no verdict in time",
              "on_abandon ann 1008 no verdict in time");
}

void a_verdict_given_inside_the_call_takes_precedence(void**) {
  Fixture t;
  t.first->answer = [&](const ClientPtr& client, const ConnectRequest&) {
    assert_ok(t.f.hub().accept(client, std::nullopt));
    return Authentication::refuse("late", "too late");
  };
  Seat& ann = t.f.come("ann");
  assert_true(ann.client->state() == ClientState::open);
  assert_int_equal(t.second->asked, 0);
  assert_int_equal(t.connects, 0);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(after_all_have_passed_the_application_is_asked),
      cmocka_unit_test(an_authenticator_sees_the_request),
      cmocka_unit_test(an_identity_is_accepted_without_asking_further),
      cmocka_unit_test(an_identity_may_be_given_and_the_question_passed_on),
      cmocka_unit_test(a_refusal_has_a_code_and_a_reason),
      cmocka_unit_test(an_invalid_identity_is_refused),
      cmocka_unit_test(a_deferred_verdict_comes_as_one_of_on_connect),
      cmocka_unit_test(a_deferred_verdict_has_a_deadline),
      cmocka_unit_test(a_verdict_given_inside_the_call_takes_precedence),
  };
  return cmocka_run_group_tests_name("core/net/peer/admission", tests, nullptr, nullptr);
}
