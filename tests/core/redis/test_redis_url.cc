// URLs of Redis: what each form means, and that no error repeats the password.
#include "redis/redis_url.h"
#include "redis_fixture.h"

using namespace chat;
using namespace chat::redis;
using namespace chat::test;
using Kind = RedisTarget::Kind;

namespace {

RedisTarget parse(std::string_view url) {
  Result<RedisTarget> target = parse_redis_url(url);
  assert_ok(target.status());
  return *target;
}

// All that it found, in one line.
std::string read(std::string_view url) {
  const RedisTarget t = parse(url);
  std::string text = t.kind == Kind::single ? "single" : t.kind == Kind::sentinel ? "sentinel" : "cluster";
  for (const RedisAddress& address : t.addresses) text += " " + redis::describe(address);
  const std::pair<const char*, std::string> parts[] = {
      {"primary", t.primary_name}, {"user", t.user},
      {"password", t.password},    {"sentinel_password", t.sentinel_password},
      {"ca", t.ca_file},           {"cert", t.cert_file},
      {"key", t.key_file}};
  for (const auto& [name, value] : parts) {
    if (!value.empty()) text += std::string(" ") + name + "=" + value;
  }
  if (t.db != 0) text += " db=" + std::to_string(t.db);
  if (t.tls) text += t.verify ? " tls" : " tls-unverified";
  return text;
}

std::string fault(std::string_view url) {
  const Result<RedisTarget> target = parse_redis_url(url);
  if (target.ok()) fail_msg("%s was accepted", std::string(url).c_str());
  assert_int_equal(target.status().code, Error::invalid_argument);
  assert_lacks(target.status().detail, "secret");
  return target.status().detail;
}

void each_form_is_read(void**) {
  const std::pair<const char*, const char*> cases[] = {
      {"redis://localhost", "single localhost:6379"},
      {"redis://localhost/", "single localhost:6379"},
      {"redis://10.0.0.1:7000/3", "single 10.0.0.1:7000 db=3"},
      {"redis://:secret@host", "single host:6379 password=secret"},
      {"redis://me:secret@host/1", "single host:6379 user=me password=secret db=1"},
      {"redis://me:a:b@c@host", "single host:6379 user=me password=a:b@c"},
      {"redis://m%65:%2F%3f%40%25@host", "single host:6379 user=me password=/?@%"},
      {"redis://[::1]", "single [::1]:6379"},
      {"redis://u:p@[fe80::1%25eth0]:7/2", "single [fe80::1%eth0]:7 user=u password=p db=2"},
      {"rediss://host", "single host:6379 tls"},
      {"rediss://host?verify=no", "single host:6379 tls-unverified"},
      {"rediss://host:1/2?ca=/a%20b.pem&cert=c&key=k&verify=yes", "single host:1 ca=/a b.pem cert=c key=k db=2 tls"},
      {"redis://a:1,b,[::2]:3", "cluster a:1 b:6379 [::2]:3"},
      {"rediss://:p@a,b/0", "cluster a:6379 b:6379 password=p tls"},
      {"unix:///run/redis.sock", "single /run/redis.sock"},
      {"unix:///run/a%20b.sock?db=4", "single /run/a b.sock db=4"},
      {"unix://me:secret@/run/redis.sock", "single /run/redis.sock user=me password=secret"},
      {"unix://:secret@/run/x@y.sock", "single /run/x@y.sock password=secret"},
      {"redis+sentinel://a/main", "sentinel a:26379 primary=main"},
      {"redis+sentinel://me:secret@a:1,b,[::3]/main/5?sentinel_password=s%26",
       "sentinel a:1 b:26379 [::3]:26379 primary=main user=me password=secret sentinel_password=s& db=5"},
      {"rediss+sentinel://a/my%2Dmain?ca=f", "sentinel a:26379 primary=my-main ca=f tls"},
  };
  for (const auto& [url, wanted] : cases) assert_text(read(url), wanted);
}

void what_is_wrong_is_said(void**) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "must begin with"},
      {"http://host", "must begin with"},
      {"REDIS://host", "must begin with"},
      {"redis:host", "must begin with"},
      {"redis://", "a host is missing"},
      {"redis://:secret@", "a host is missing"},
      {"redis://a,,b", "a host is missing"},
      {"redis://:6379", "a host is missing"},
      {"redis://ho st", "a space"},
      {"redis://host%00", "control character"},
      {"redis://host:", "a port must be a number"},
      {"redis://host:0", "a port must be a number"},
      {"redis://host:65536", "a port must be a number"},
      {"redis://host:+1", "a port must be a number"},
      {"redis://:sec/ret@host", "a host is missing"},
      {"redis://u:sec/ret@host", "a port must be a number"},
      {"redis://host:sec?ret", "a port must be a number"},
      {"redis://::1", "must be in brackets"},
      {"redis://[::1", "closing bracket"},
      {"redis://[::1]x", "only a port may follow"},
      {"redis://[host]", "no IPv6 address"},
      {"redis://host/x", "the database must be a number"},
      {"redis://host/-1", "the database must be a number"},
      {"redis://host/1/2", "the database must be a number"},
      {"redis://host/99999999999", "the database must be a number"},
      {"redis://a,b/1", "only database 0"},
      {"redis://secret@host", "a user but no password"},
      {"redis://u:%zzsecret@host", "percent sign"},
      {"redis://u:secret%4@host", "percent sign"},
      {"redis://host?ca=x", "only for rediss://"},
      {"redis://host?verify=no", "only for rediss://"},
      {"redis://host?secret=secret", "unknown key"},
      {"redis://host?secret", "has no value"},
      {"redis://host?sentinel_password=secret", "only for redis+sentinel://"},
      {"redis://host?db=1", "only for unix://"},
      {"rediss://host?verify=maybe", "verify must be yes or no"},
      {"rediss://host?ca=", "is empty"},
      {"rediss://host?ca=a&ca=b", "twice"},
      {"rediss://host?ca=a%00b", "zero byte"},
      {"rediss://host?cert=a", "belong together"},
      {"unix://host/path", "must begin with a slash"},
      {"unix://", "the path of the socket is missing"},
      {"unix:///", "the path of the socket is missing"},
      {"unix:///a?db=x", "the database must be a number"},
      {"redis+sentinel://a", "the name of the primary"},
      {"redis+sentinel://a/", "the name of the primary"},
      {"redis+sentinel://a/x%20y", "the name of the primary"},
      {"redis+sentinel://a/main/x", "the database must be a number"},
  };
  for (const auto& [url, wanted] : cases) assert_contains(fault(url), wanted);
  assert_contains(fault("unix:///" + std::string(200, 'x')), "too long");
  std::string many = "redis://a";
  for (int i = 0; i < 64; ++i) many += ",a";
  assert_contains(fault(many), "more than 64");
}

void a_description_has_no_secrets(void**) {
  const std::pair<const char*, const char*> cases[] = {
      {"redis://me:secret@host/1", "redis://host:6379/1"},
      {"rediss://:secret@[::1]?ca=secret", "rediss://[::1]:6379"},
      {"unix://:secret@/a.sock?db=2", "unix:///a.sock?db=2"},
      {"redis+sentinel://:secret@a,b/main/3?sentinel_password=secret", "redis+sentinel://a:26379,b:26379/main/3"},
  };
  for (const auto& [url, wanted] : cases) assert_text(parse(url).describe(), wanted);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(each_form_is_read),
      cmocka_unit_test(what_is_wrong_is_said),
      cmocka_unit_test(a_description_has_no_secrets),
  };
  return cmocka_run_group_tests_name("URLs of Redis", tests, nullptr, nullptr);
}
