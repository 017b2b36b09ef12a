// MessagePack of a Socket.IO cluster: values of the official packages (tests/vectors/socket_io_cluster.json), every way to be
// malformed, and the limits.
#include <memory>
#include <string>
#include <vector>

#include "core/wire/socket_io_cluster/cluster_vectors.h"
#include "model/message.h"
#include "wire/json/json.h"
#include "wire/socket_io_cluster/json_to_msgpack.h"
#include "wire/socket_io_cluster/msgpack_to_json.h"

// Last, because it defines a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

using namespace chat;
using namespace chat::test;
using namespace chat::wire;

namespace {

void expect(const std::string& got, const std::string& wanted) { assert_string_equal(got.c_str(), wanted.c_str()); }

// Read from memory of exactly its size, so a sanitizer detects reads past the end.
Result<PlacedJson> read(const std::string& bytes, const ClusterLimits& limits = {}) {
  const std::unique_ptr<char[]> exact(new char[bytes.size()]);
  bytes.copy(exact.get(), bytes.size());
  return msgpack_to_json({exact.get(), bytes.size()}, limits);
}

std::string json_of(const std::string& hex) {
  Result<PlacedJson> read_value = read(from_hex(hex));
  return read_value.ok() ? read_value->json : "refused: " + read_value.status().detail;
}

void expect_refused(const std::string& bytes, Error code, const ClusterLimits& limits = {}) {
  const Result<PlacedJson> value = read(bytes, limits);
  if (value.ok()) fail_msg("accepted: %s", to_hex(bytes).c_str());
  if (value.status().code != code) fail_msg("%s: %s", to_hex(bytes).c_str(), value.status().detail.c_str());
  assert_false(value.status().detail.empty());
}

std::string written(const std::string& json, const std::vector<std::string>& attachments = {}) {
  std::string bytes;
  assert_true(append_msgpack(bytes, json, attachments).ok());
  return bytes;
}

std::string number_text(double number) {
  std::string text;
  append_js_number(text, number);
  return text;
}

void reads_what_the_official_packages_write(void**) {
  const JsonTree vectors = read_vectors("socket_io_cluster.json");
  const cJSON* vector = nullptr;
  cJSON_ArrayForEach(vector, field(vectors.get(), "values")) {
    const std::string name = text(vector, "name");
    Result<PlacedJson> value = read(from_hex(text(vector, "hex")));
    if (!value.ok()) fail_msg("%s: %s", name.c_str(), value.status().detail.c_str());
    // The vector is the argument of an event.
    expect(name + ": [" + value->json + "]", name + ": " + text(vector, "args"));
    assert_true(value->attachments == attachments_of(vector));
    assert_true(check_args("[" + value->json + "]", value->attachments.size()).ok());
  }
}

void writes_what_notepack_writes(void**) {
  const JsonTree vectors = read_vectors("socket_io_cluster.json");
  const cJSON* vector = nullptr;
  cJSON_ArrayForEach(vector, field(vectors.get(), "written")) {
    const std::string name = text(vector, "name");
    expect(name + ": " + to_hex(written(text(vector, "json"), attachments_of(vector))),
           name + ": " + text(vector, "hex"));
  }
}

void keeps_all_digits_of_64_bits(void**) {
  expect(json_of("cfffffffffffffffff"), "18446744073709551615");
  expect(json_of("d38000000000000000"), "-9223372036854775808");
  expect(json_of("d37fffffffffffffff"), "9223372036854775807");
  expect(to_hex(written("18446744073709551615")), "cfffffffffffffffff");
  expect(to_hex(written("-9223372036854775808")), "d38000000000000000");
  // Beyond, the nearest double.
  expect(to_hex(written("18446744073709551616")), "cb43f0000000000000");
  expect(to_hex(written("-9223372036854775809")), "cbc3e0000000000000");
}

void prints_numbers_as_javascript_does(void**) {
  expect(number_text(0.1), "0.1");
  expect(number_text(-0.0), "0");
  expect(number_text(100), "100");
  expect(number_text(123456789012345680000.0), "123456789012345680000");
  expect(number_text(1e21), "1e+21");
  expect(number_text(-1.25e-7), "-1.25e-7");
  expect(number_text(1e-6), "0.000001");
  expect(number_text(5e-324), "5e-324");
}

void reads_and_writes_large_containers(void**) {
  for (const std::size_t size : {std::size_t{65'535}, std::size_t{65'536}, std::size_t{70'000}}) {
    std::string array = "[";
    std::string map = "{";
    for (std::size_t i = 0; i < size; ++i) {
      array += i == 0 ? "1" : ",1";
      map += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":2";
    }
    array += ']';
    map += '}';
    const std::string string = '"' + std::string(size, 'x') + '"';
    for (const std::string& json : {array, map, string}) {
      Result<PlacedJson> again = read(written(json));
      assert_true(again.ok() && again->json == json);
    }
    const std::vector<std::string> attachments{std::string(size, '\7')};
    Result<PlacedJson> again = read(written(R"({"_placeholder":true,"num":0})", attachments));
    assert_true(again.ok() && again->attachments == attachments);
  }
  assert_true(written(std::string("[") + std::string(65'535 * 2, ' ') + "]").size() == 1);
}

void refuses_what_ends_too_early(void**) {
  const JsonTree vectors = read_vectors("socket_io_cluster.json");
  const cJSON* vector = nullptr;
  cJSON_ArrayForEach(vector, field(vectors.get(), "values")) {
    const std::string bytes = from_hex(text(vector, "hex"));
    for (std::size_t size = 0; size < bytes.size() && size < 400; ++size) {
      expect_refused(bytes.substr(0, size), Error::encoding);
    }
    expect_refused(bytes + '\xC0', Error::encoding);
  }
}

void refuses_what_is_malformed(void**) {
  const char* const malformed[] = {
      "c1",                                                          // not defined
      "ddffffffff",   "dfffffffff",   "dc0002c0",       "de0001c0",  // counts beyond the end
      "c6ffffffff00", "dbffffffff00", "c9ffffffff0000",              // lengths beyond the end
      "81c001",       "81c301",       "819001",         "818001",   "81ca0000000001", "81c40001", "81d4000001",  // keys
  };
  for (const char* const hex : malformed) expect_refused(from_hex(hex), Error::encoding);
  for (const char* const hex : {"a180", "a2c328", "a3eda080", "81a1ff01", "d901ff"}) {
    expect_refused(from_hex(hex), Error::invalid_utf8);
  }
  for (const char* const hex :
       {"d40100", "d50000ff", "d6ff", "d4ff00", "c70101ff", "c703ff010203", "d80000000000000000000000000000000000"}) {
    const Result<PlacedJson> value = read(from_hex(hex));
    assert_false(value.ok());
  }
  expect_refused(from_hex("d40500"), Error::unsupported);
  expect_refused(from_hex("c70205aabb"), Error::unsupported);
}

void does_not_mistake_objects_for_placeholders(void**) {
  // {_placeholder: true, num: 0}, alone and beside binary data.
  const std::string fake = "82ac5f706c616365686f6c646572c3a36e756d00";
  expect_refused(from_hex(fake), Error::invalid_argument);
  expect_refused(from_hex("92c40101" + fake), Error::invalid_argument);
  expect(json_of("81ac5f706c616365686f6c646572c2"), R"({"_placeholder":false})");
  expect(json_of("81ac5f706c616365686f6c6465729101"), R"({"_placeholder":[1]})");
  // Without the attachment it stays an object, which the arguments of a message cannot contain.
  expect(to_hex(written(R"({"_placeholder":true,"num":0})")), fake);
}

void keeps_duplicate_keys(void**) {
  expect(json_of("82a16101a16102"), R"({"a":1,"a":2})");
  expect(to_hex(written(R"({"a":1,"a":2})")), "82a16101a16102");
}

void replaces_unpaired_surrogates(void**) {
  expect(to_hex(written(R"("\ud800")")), "a3efbfbd");
  expect(to_hex(written(R"("a\udc00b\ud800\ud83d\ude00")")), "ac61efbfbd62efbfbdf09f9880");
  expect(to_hex(written(R"({"\ud800":1})")), "81a3efbfbd01");
}

void limits_depth(void**) {
  constexpr std::size_t kDepth = json::TokenReader::kDepthCeiling;
  const auto nested = [](std::size_t depth) { return std::string(depth - 1, '\x91') + '\x90'; };
  assert_true(read(nested(kDepth)).ok());
  expect_refused(nested(kDepth + 1), Error::invalid_json);
  expect_refused(std::string(1'000'000, '\x91'), Error::invalid_json);
  std::string bytes;
  const std::string json = std::string(kDepth + 1, '[') + std::string(kDepth + 1, ']');
  assert_int_equal(append_msgpack(bytes, json, {}).code, Error::invalid_json);
}

void limits_size(void**) {
  ClusterLimits limits;
  limits.max_bytes = 20;
  expect_refused(written('"' + std::string(20, 'x') + '"'), Error::too_large, limits);
  // What is small as MessagePack and large as JSON.
  expect_refused(from_hex("94c2c2c2c2"), Error::too_large, limits);
  std::string bytes;
  assert_int_equal(append_msgpack(bytes, '"' + std::string(20, 'x') + '"', {}, limits).code, Error::too_large);
  // Many placeholders of one attachment.
  limits.max_bytes = 1'000;
  std::string json = "[";
  for (int i = 0; i < 20; ++i) json += R"({"_placeholder":true,"num":0},)";
  json += "0]";
  bytes.clear();
  assert_int_equal(append_msgpack(bytes, json, std::vector{std::string(100, 'x')}, limits).code, Error::too_large);
  assert_true(bytes.size() <= 1'000);
}

void limits_attachments(void**) {
  const auto many = [](std::size_t count) {
    std::string bytes(1, static_cast<char>(0x90 + count));
    for (std::size_t i = 0; i < count; ++i) bytes += from_hex("c401aa");
    return bytes;
  };
  assert_true(read(many(kMaxAttachments)).ok());
  expect_refused(many(kMaxAttachments + 1), Error::too_many);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(reads_what_the_official_packages_write),
      cmocka_unit_test(writes_what_notepack_writes),
      cmocka_unit_test(keeps_all_digits_of_64_bits),
      cmocka_unit_test(prints_numbers_as_javascript_does),
      cmocka_unit_test(reads_and_writes_large_containers),
      cmocka_unit_test(refuses_what_ends_too_early),
      cmocka_unit_test(refuses_what_is_malformed),
      cmocka_unit_test(does_not_mistake_objects_for_placeholders),
      cmocka_unit_test(keeps_duplicate_keys),
      cmocka_unit_test(replaces_unpaired_surrogates),
      cmocka_unit_test(limits_depth),
      cmocka_unit_test(limits_size),
      cmocka_unit_test(limits_attachments),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
