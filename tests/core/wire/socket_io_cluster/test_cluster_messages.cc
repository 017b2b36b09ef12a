// The messages of a Socket.IO cluster: what the official adapters publish (tests/vectors/socket_io_cluster.json and
// socket_io_cluster_python.json) is read as what it means and written again as the same bytes; hostile messages are refused.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/wire/socket_io_cluster/cluster_vectors.h"
#include "wire/socket_io_cluster/adapter_messages.h"
#include "wire/socket_io_cluster/json_to_msgpack.h"
#include "wire/socket_io_cluster/python_messages.h"
#include "wire/socket_io_cluster/redis_channels.h"
#include "wire/socket_io_cluster/redis_messages.h"
#include "wire/socket_io_cluster/stream_entry.h"

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

Pairs fields_of(const cJSON* vector) {
  Pairs fields;
  const cJSON* item = nullptr;
  cJSON_ArrayForEach(item, field(vector, "fields")) fields.push_back({item->string, item->valuestring});
  return fields;
}

Result<ClusterMessage> decode(const std::string& form, const std::string& bytes, const std::string& nsp,
                              const ClusterLimits& limits = {}) {
  // Memory of exactly its size, so a sanitizer detects reads past the end.
  const std::unique_ptr<char[]> exact(new char[bytes.size()]);
  bytes.copy(exact.get(), bytes.size());
  const std::string_view view(exact.get(), bytes.size());
  if (form == "redis-broadcast") return decode_redis_broadcast(view, limits);
  if (form == "redis-request") return decode_redis_request(view, nsp, limits);
  if (form == "redis-response") return decode_redis_response(view, nsp, limits);
  if (form == "python") return decode_python_message(view, limits);
  if (form != "sharded" && form != "streams") fail_msg("an unknown form: %s", form.c_str());
  return decode_adapter_message(view, limits);
}

// The bytes, and the channel where the encoder chooses it.
ClusterPublication encode(const std::string& form, const ClusterMessage& message, const std::string& prefix) {
  if (form.starts_with("redis-")) {
    Result<ClusterPublication> publication = encode_redis(message, prefix);
    assert_true(publication.ok());
    return *publication;
  }
  const bool sharded = form == "sharded";
  Result<std::string> bytes = encode_adapter_message(message, sharded ? AdapterForm::json : AdapterForm::msgpack);
  assert_true(bytes.ok());
  return {sharded ? sharded_channel(message, prefix, true, "node-2") : std::string(), *bytes};
}

void adapters_are_read_and_written(void**) {
  const JsonTree vectors = read_vectors("socket_io_cluster.json");
  const cJSON* vector = nullptr;
  int count = 0;
  cJSON_ArrayForEach(vector, field(vectors.get(), "messages")) {
    ++count;
    const std::string name = text(vector, "name");
    const std::string form = text(vector, "form");
    const cJSON* const wanted = field(vector, "message");
    const bool entry = form == "stream entry";
    Result<ClusterMessage> message = entry ? decode_stream_entry(fields_of(vector))
                                           : decode(form, from_hex(text(vector, "hex")), text(wanted, "nsp"));
    if (!message.ok()) fail_msg("%s: %s", name.c_str(), message.status().detail.c_str());
    expect(name + ' ' + describe(*message), name + ' ' + print(wanted));

    if (form == "streams") assert_true(bypasses_stream(message->body));
    if (!entry) continue;
    assert_false(bypasses_stream(message->body));
    Result<Pairs> fields = encode_stream_entry(*message);
    assert_true(fields.ok() && *fields == fields_of(vector));
  }
  assert_true(count > 60);
}

void adapters_write_the_same_bytes(void**) {
  const JsonTree vectors = read_vectors("socket_io_cluster.json");
  const cJSON* vector = nullptr;
  cJSON_ArrayForEach(vector, field(vectors.get(), "messages")) {
    const std::string name = text(vector, "name");
    const std::string form = text(vector, "form");
    if (form == "stream entry") continue;
    Result<ClusterMessage> message = decode(form, from_hex(text(vector, "hex")), text(field(vector, "message"), "nsp"));
    assert_true(message.ok());
    const ClusterPublication again = encode(form, *message, text(vector, "prefix"));
    if (form != "streams") expect(name + ' ' + again.channel, name + ' ' + text(vector, "channel"));
    // The emitter has another order of opts.
    if (name.starts_with("redis: emitter: a broadcast") || name.ends_with("namespace and prefix")) {
      Result<ClusterMessage> same = decode(form, again.bytes, message->nsp);
      assert_true(same.ok());
      expect(describe(*same), describe(*message));
      continue;
    }
    expect(name + ' ' + to_hex(again.bytes), name + ' ' + text(vector, "hex"));
  }
}

void python_socketio_is_read_and_written(void**) {
  const JsonTree vectors = read_vectors("socket_io_cluster_python.json");
  const cJSON* vector = nullptr;
  cJSON_ArrayForEach(vector, field(vectors.get(), "messages")) {
    const std::string name = text(vector, "name");
    Result<ClusterMessage> message = decode("python", text(vector, "text"), {});
    if (!message.ok()) fail_msg("%s: %s", name.c_str(), message.status().detail.c_str());
    expect(name + ' ' + describe(*message), name + ' ' + print(field(vector, "message")));
    const cJSON* const wanted = cJSON_GetObjectItemCaseSensitive(vector, "written");
    Result<std::string> again = encode_python_message(*message);
    assert_int_equal(again.ok(), wanted != nullptr);
    if (wanted != nullptr) expect(name + ' ' + *again, name + ' ' + wanted->valuestring);
  }
}

// What the C++ encoders write in another form than the official ones. tests/js/socket_io_cluster.test.mjs passes it to the
// official adapters.
void own_forms_are_those_that_the_official_adapters_read(void**) {
  const JsonTree vectors = read_vectors("socket_io_cluster_own.json");
  const auto hex_of = [&](const char* name) { return text(field(vectors.get(), name), "hex"); };
  const auto written = [](ClusterBody body) {
    Result<ClusterPublication> publication = encode_redis({"node-9", "/", std::move(body)}, "socket.io", "node-1");
    assert_true(publication.ok());
    return to_hex(publication->bytes);
  };
  const std::string bytes("\0\1\2", 3);
  const PlacedJson args{R"([1,{"blob":{"_placeholder":true,"num":0}}])", {bytes}};
  expect(written(ClusterServerEvent{{"ask", args}, "r9"}), hex_of("server event with binary data"));
  expect(written(ClusterServerAnswer{{R"([{"_placeholder":true,"num":0}])", {bytes}}, "HHHHHH"}),
         hex_of("server answer with binary data"));
  expect(written(ClusterSockets{
             {{"socket-9", "{}", {"socket-9", "dev"}, R"({"key":{"_placeholder":true,"num":0}})"}}, {bytes}, "HHHHHH"}),
         hex_of("sockets with binary data"));
  expect(written(ClusterBroadcast{{"hi", {"[18446744073709551615,\"\\ud800\"]", {}}}, {}, {}}),
         hex_of("large integer and unpaired surrogate"));
}

void heartbeats_are_read_and_written(void**) {
  for (const auto& [json, kind] : {std::pair{R"({"type":1,"uid":"a","nsp":"/"})", "first heartbeat"},
                                   std::pair{R"({"type":2,"uid":"a","nsp":"/"})", "heartbeat"},
                                   std::pair{R"({"type":13,"uid":"a","nsp":"/"})", "goodbye"}}) {
    Result<ClusterMessage> message = decode("sharded", json, {});
    assert_true(message.ok());
    expect(describe(*message), R"({"kind":")" + std::string(kind) + R"(","uid":"a","nsp":"/"})");
    expect(encode("sharded", *message, "socket.io").bytes, json);
    const Result<Pairs> fields = encode_stream_entry(*message);
    assert_true(fields.ok() && fields->size() == 3);
    expect(describe(*decode_stream_entry(*fields)), describe(*message));
    assert_int_equal(encode_redis(*message, "socket.io").status().code, Error::unsupported);
  }
}

void requests_of_old_adapters_name_one_socket(void**) {
  const auto read = [](const char* json) {
    Result<ClusterMessage> message = decode("redis-request", json, "/");
    return message.ok() ? describe(*message) : message.status().detail;
  };
  expect(read(R"({"requestId":"r","type":2,"sid":"s","room":"a"})"),
         R"({"kind":"join","uid":"","nsp":"/","rooms":["s"],"except":[],)"
         R"("volatile":false,"timeout_ms":0,"names":["a"],"request_id":"r"})");
  expect(read(R"({"requestId":"r","type":3,"sid":"s","room":"a"})"),
         R"({"kind":"leave","uid":"","nsp":"/","rooms":["s"],"except":[],)"
         R"("volatile":false,"timeout_ms":0,"names":["a"],"request_id":"r"})");
  expect(read(R"({"requestId":"r","type":4,"sid":"s","close":true})"),
         R"({"kind":"disconnect","uid":"","nsp":"/","rooms":["s"],"except":[],)"
         R"("volatile":false,"timeout_ms":0,"close":true,"request_id":"r"})");
  expect(read(R"({"requestId":"r","type":2,"room":"a"})"), "sid is not a string");
  Result<ClusterMessage> done = decode("redis-response", R"({"requestId":"r"})", "/");
  assert_true(done.ok());
  expect(describe(*done), R"({"kind":"done","uid":"","nsp":"/","request_id":"r"})");
  expect(encode_redis(*done, "socket.io")->bytes, R"({"requestId":"r"})");
}

void rooms_may_be_numbers(void**) {
  Result<ClusterMessage> message =
      decode("redis-request", R"({"type":2,"opts":{"rooms":[1,"b"],"except":[2.5]},"rooms":[3]})", "/");
  assert_true(message.ok());
  const auto& join = std::get<ClusterJoin>(message->body);
  assert_true(join.target.rooms == (std::vector<std::string>{"1", "b"}));
  assert_true(join.target.except == std::vector<std::string>{"2.5"});
  assert_true(join.rooms == std::vector<std::string>{"3"});
}

void unknown_members_are_ignored_and_the_last_duplicate_counts(void**) {
  Result<ClusterMessage> message = decode("sharded",
                                          R"({"x":[],"type":1,"type":3,"uid":"a","nsp":"/x","nsp":"/",)"
                                          R"("data":{"y":{},"opts":{},"packet":{"type":5,"z":1,"data":["e"]}}})",
                                          {});
  assert_true(message.ok());
  expect(message->nsp, "/");
  expect(std::get<ClusterBroadcast>(message->body).event.name, "e");
}

struct Refused {
  const char* form;
  std::string bytes;
  Error code;
};

std::string msgpack(const std::string& json) {
  std::string bytes;
  assert_true(append_msgpack(bytes, json, {}).ok());
  return bytes;
}

std::string broadcast(const std::string& packet, const std::string& opts = R"({"rooms":[],"except":[],"flags":{}})") {
  return msgpack(R"(["u",)" + packet + ',' + opts + ']');
}

std::string adapter(int type, const std::string& data) {
  return R"({"type":)" + std::to_string(type) + R"(,"uid":"u","nsp":"/","data":)" + data + '}';
}

void hostile_messages_are_refused(void**) {
  const std::string long_id(kMaxClusterIdBytes + 1, 'x');
  const std::string deep = std::string(65, '[') + std::string(65, ']');
  const Refused refused[] = {
      {"redis-broadcast", "", Error::encoding},
      {"redis-broadcast", "\x90", Error::invalid_argument},
      {"redis-broadcast", msgpack("{}"), Error::invalid_argument},
      {"redis-broadcast", msgpack(R"(["u",{"type":2,"data":["e"]}])"), Error::invalid_argument},
      {"redis-broadcast", msgpack(R"([1,{"type":2,"data":["e"]},{}])"), Error::invalid_argument},
      {"redis-broadcast", msgpack("[\"" + long_id + R"(",{"type":2,"data":["e"]},{}])"), Error::too_large},
      {"redis-broadcast", broadcast("null"), Error::invalid_argument},
      {"redis-broadcast", broadcast(R"({"data":["e"]})"), Error::invalid_argument},
      {"redis-broadcast", broadcast(R"({"type":3,"data":["e"]})"), Error::unsupported},
      {"redis-broadcast", broadcast(R"({"type":2,"data":[]})"), Error::invalid_argument},
      {"redis-broadcast", broadcast(R"({"type":2,"data":{}})"), Error::invalid_argument},
      {"redis-broadcast", broadcast(R"({"type":2,"data":[{}]})"), Error::invalid_argument},
      {"redis-broadcast", broadcast(R"({"type":2,"data":["connect"]})"), Error::invalid_event},
      {"redis-broadcast", broadcast(R"({"type":2,"data":["e",)" + deep + "]}"), Error::invalid_json},
      {"redis-broadcast", broadcast(R"({"type":2,"data":["e"],"nsp":5})"), Error::invalid_argument},
      {"redis-broadcast", broadcast(R"({"type":2,"data":["e"]})", "[]"), Error::invalid_argument},
      {"redis-broadcast", broadcast(R"({"type":2,"data":["e"]})", R"({"rooms":"a"})"), Error::invalid_argument},
      {"redis-broadcast", broadcast(R"({"type":2,"data":["e"]})", R"({"rooms":[{}]})"), Error::invalid_argument},
      {"redis-broadcast", broadcast(R"({"type":2,"data":["e"]})", R"({"rooms":[1,2,3,4,5,6]})"), Error::too_many},
      {"redis-broadcast", broadcast(R"({"type":2,"data":["e"]})", R"({"flags":1})"), Error::invalid_argument},
      // Binary data outside of the arguments.
      {"redis-broadcast",
       from_hex("93a17582a474797065"
                "02"
                "a464617461"
                "91a165"
                "81a178c40101"),
       Error::invalid_argument},
      {"redis-request", "{", Error::invalid_json},
      {"redis-request", "{\"type\":0,\"requestId\":\"\xFF\"}", Error::invalid_utf8},
      {"redis-request", R"({"type":0,"requestId":"\ud800"})", Error::invalid_utf8},
      {"redis-request", R"({"requestId":"r"})", Error::invalid_argument},
      {"redis-request", R"({"type":10,"requestId":"r"})", Error::unsupported},
      {"redis-request", R"({"type":8,"requestId":"r"})", Error::unsupported},
      {"redis-request", R"({"type":18446744073709551615})", Error::unsupported},
      {"redis-request", R"({"type":-1})", Error::invalid_argument},
      {"redis-request", R"({"type":1})", Error::invalid_argument},
      {"redis-request", R"({"type":1,"requestId":""})", Error::invalid_argument},
      {"redis-request", R"({"type":1,"requestId":")" + long_id + "\"}", Error::too_large},
      {"redis-request", R"({"type":5,"requestId":"r"})", Error::invalid_argument},
      {"redis-request", R"({"type":6})", Error::invalid_argument},
      {"redis-request", R"({"type":6,"data":["e",{"_placeholder":true,"num":0}]})", Error::invalid_argument},
      {"redis-request", R"({"type":7,"requestId":"r","opts":{}})", Error::invalid_argument},
      {"redis-response", R"({"sockets":[]})", Error::invalid_argument},
      {"redis-response", R"({"requestId":"r","sockets":5})", Error::invalid_argument},
      {"redis-response", R"({"requestId":"r","sockets":[{}]})", Error::invalid_argument},
      {"redis-response", R"({"requestId":"r","sockets":["a",{}]})", Error::invalid_argument},
      {"redis-response", R"({"requestId":"r","sockets":[{"id":"a"},{"id":"a"},{"id":"a"},{"id":"a"}]})",
       Error::too_many},
      {"redis-response", R"({"requestId":"r","sockets":[{"id":"a","data":{"_placeholder":true,"num":0}}]})",
       Error::invalid_argument},
      {"redis-response", R"({"requestId":"r","sockets":[{"id":"a","handshake":[]}]})", Error::invalid_argument},
      {"redis-response", R"({"requestId":"r","sockets":[{"id":"a","handshake":{"a":)" + deep + "}}]}",
       Error::invalid_json},
      {"redis-response", R"({"requestId":"r","type":8})", Error::invalid_argument},
      {"redis-response", R"({"requestId":"r","type":7})", Error::unsupported},
      {"sharded", "[]", Error::encoding},
      {"sharded", R"({"type":3,"nsp":"/","data":{}})", Error::invalid_argument},
      {"sharded", R"({"type":3,"uid":"u","data":{}})", Error::invalid_argument},
      {"sharded", adapter(0, "{}"), Error::unsupported},
      {"sharded", adapter(14, "{}"), Error::unsupported},
      {"sharded", adapter(3, "[]"), Error::invalid_argument},
      {"sharded", adapter(3, R"({"opts":{},"packet":[]})"), Error::invalid_argument},
      {"sharded", adapter(7, R"({"opts":{}})"), Error::invalid_argument},
      {"sharded", adapter(8, R"({"requestId":"r"})"), Error::invalid_argument},
      {"sharded", adapter(11, R"({"requestId":"r","clientCount":-1})"), Error::invalid_argument},
      {"sharded", adapter(12, R"({"packet":1})"), Error::invalid_argument},
      {"python", "\x80\x04\x95", Error::encoding},
      {"python", "[]", Error::encoding},
      {"python", R"({"method":"emit","event":"e","data":[NaN]})", Error::invalid_json},
      {"python", R"({"event":"e"})", Error::invalid_argument},
      {"python", R"({"method":"run"})", Error::unsupported},
      {"python", R"({"method":"emit","event":5,"data":[]})", Error::invalid_argument},
      {"python", R"({"method":"emit","event":"connect","data":[]})", Error::invalid_event},
      {"python", R"({"method":"emit","event":"e","data":[[],"AA=="],"binary":true})", Error::invalid_argument},
      {"python", R"({"method":"emit","event":"e","data":[[{"_placeholder":true,"num":0}],"?"],"binary":true})",
       Error::encoding},
      {"python", R"({"method":"emit","event":"e","data":[],"room":{}})", Error::invalid_argument},
      {"python", R"({"method":"disconnect"})", Error::invalid_argument},
      {"python", R"({"method":"enter_room","sid":"s"})", Error::invalid_argument},
      {"python", R"({"method":"callback","sid":"s"})", Error::invalid_argument},
  };
  ClusterLimits limits;
  limits.max_names = 5;
  limits.max_sockets = 3;
  for (const Refused& message : refused) {
    const Result<ClusterMessage> read = decode(message.form, message.bytes, "/", limits);
    if (read.ok()) fail_msg("accepted: %s %s", message.form, message.bytes.c_str());
    if (read.status().code != message.code)
      fail_msg("%s %s: %s", message.form, message.bytes.c_str(), read.status().detail.c_str());
    assert_false(read.status().detail.empty());
  }
  const Pairs entries[] = {
      {},
      {{"type", "3"}, {"data", "{}"}},
      {{"nsp", "/"}, {"data", "{}"}},
      {{"nsp", "/"}, {"type", "3"}},
      {{"nsp", "/"}, {"type", "3x"}, {"data", "{}"}},
      {{"nsp", "/"}, {"type", "3"}, {"data", "{"}},
      {{"nsp", "/"}, {"type", "3"}, {"data", "gA=?"}},
      {{"nsp", "/"}, {"type", "3"}, {"data", "gA=="}},
      {{"nsp", "/"}, {"type", "1"}, {"uid", long_id}},
      {{"nsp", "/\xFF"}, {"type", "1"}, {"uid", "u"}},
  };
  for (const Pairs& entry : entries) assert_false(decode_stream_entry(entry).ok());
}

void sizes_are_limited(void**) {
  ClusterLimits limits;
  limits.max_bytes = 200;
  const std::string text(200, 'x');
  const ClusterMessage large{"u", "/", ClusterBroadcast{{"e", {"[\"" + text + "\"]", {}}}, {}, {}}};
  assert_int_equal(encode_redis(large, "socket.io", {}, limits).status().code, Error::too_large);
  assert_int_equal(encode_adapter_message(large, AdapterForm::json, limits).status().code, Error::too_large);
  assert_int_equal(encode_adapter_message(large, AdapterForm::msgpack, limits).status().code, Error::too_large);
  assert_int_equal(encode_stream_entry(large, limits).status().code, Error::too_large);
  assert_int_equal(encode_python_message(large, limits).status().code, Error::too_large);
  for (const auto& [form, bytes] :
       {std::pair<std::string, std::string>{"redis-broadcast", encode_redis(large, "socket.io")->bytes},
        {"sharded", *encode_adapter_message(large, AdapterForm::json)},
        {"sharded", *encode_adapter_message(large, AdapterForm::msgpack)},
        {"python", *encode_python_message(large)}}) {
    assert_int_equal(decode(form, bytes, "/", limits).status().code, Error::too_large);
  }
  assert_int_equal(decode_stream_entry(*encode_stream_entry(large), limits).status().code, Error::too_large);
}

template <class Body>
void expect_head(const std::optional<ClusterMessage>& head, const char* what) {
  if (!head) fail_msg("%s: no head", what);
  expect(head->uid, "u");
  expect(head->nsp, "/");
  const Body* const body = std::get_if<Body>(&head->body);
  if (body == nullptr) fail_msg("%s: another kind", what);
  expect(body->request_id, "r");
}

// The node that asked would wait for the answer.
template <class Body>
void expect_refused_with_a_head(const Body& request) {
  ClusterLimits limits;
  limits.max_names = 5;
  limits.max_bytes = 4'000;
  const ClusterMessage message{"u", "/", request};
  const std::string redis = encode_redis(message, "socket.io")->bytes;
  assert_false(decode_redis_request(redis, "/", limits).ok());
  expect_head<Body>(head_of_redis_request(redis, "/"), "redis");
  for (const AdapterForm form : {AdapterForm::json, AdapterForm::msgpack}) {
    const std::string bytes = *encode_adapter_message(message, form);
    assert_false(decode_adapter_message(bytes, limits).ok());
    expect_head<Body>(head_of_adapter_message(bytes), form == AdapterForm::json ? "sharded" : "streams");
    // Whatever ends too early has no head.
    assert_false(head_of_adapter_message(std::string_view(bytes).substr(0, bytes.size() - 1)).has_value());
  }
  const Pairs fields = *encode_stream_entry(message);
  assert_false(decode_stream_entry(fields, limits).ok());
  expect_head<Body>(head_of_stream_entry(fields), "stream entry");
}

void requests_that_are_refused_have_a_head(void**) {
  PlacedJson many{"[", {}};
  for (int i = 0; i < 20; ++i) {
    many.json += (i == 0 ? "" : ",") + (R"({"_placeholder":true,"num":)" + std::to_string(i)) + "}";
    many.attachments.push_back("\x01");
  }
  many.json += ']';
  const PlacedJson large{"[\"" + std::string(4'000, 'x') + "\"]", {}};
  const std::vector<std::string> rooms(6, "ops");
  expect_refused_with_a_head(ClusterServerEvent{{"e", many}, "r"});
  expect_refused_with_a_head(ClusterServerEvent{{"e", large}, "r"});
  expect_refused_with_a_head(ClusterServerEvent{{"connect", {"[]", {}}}, "r"});
  expect_refused_with_a_head(ClusterBroadcast{{"e", many}, {}, "r"});
  expect_refused_with_a_head(ClusterBroadcast{{"e", large}, {}, "r"});
  expect_refused_with_a_head(ClusterBroadcast{{"connect", {"[]", {}}}, {}, "r"});
  expect_refused_with_a_head(ClusterFetch{{rooms, {}, false, 0}, "r"});
  const auto redis = [](const std::string& bytes) { return head_of_redis_request(bytes, "/"); };
  expect_head<ClusterListIds>(redis(R"({"uid":"u","requestId":"r","type":0,"rooms":{}})"), "list of ids");
  expect_head<ClusterListRooms>(redis(R"({"requestId":"r","uid":"u","type":1})"), "list of rooms");

  for (const char* none : {"", "{", "[]", "\x81", "\x90", "{}", R"({"type":6})", R"({"type":6,"requestId":""})",
                           R"({"type":6,"requestId":5})", R"({"type":2,"requestId":"r"})",
                           R"({"type":8,"requestId":"r"})", R"({"type":"6","requestId":"r"})",
                           R"({"type":6,"requestId":"\ud800"})", "{\"type\":6,\"requestId\":\"\xFF\"}"}) {
    if (redis(none)) fail_msg("a head of %s", none);
  }
  for (const char* none :
       {R"({"type":9,"uid":"u","nsp":"/","requestId":"r","data":{}})",
        R"({"type":9,"uid":"u","nsp":"/","data":{"data":{"requestId":"r"}}})",
        R"({"type":9,"uid":"u","data":{"requestId":"r"}})", R"({"type":9,"nsp":"/","data":{"requestId":"r"}})",
        R"({"type":10,"uid":"u","nsp":"/","data":{"requestId":"r"}})"}) {
    if (head_of_adapter_message(none)) fail_msg("a head of %s", none);
  }
  assert_false(head_of_stream_entry({{"nsp", "/"}, {"type", "9"}, {"data", "?"}}).has_value());
  assert_false(head_of_stream_entry({{"type", "9"}, {"data", R"({"requestId":"r"})"}}).has_value());
}

void channels_are_those_of_the_adapters(void**) {
  const RedisChannels channels("socket.io", "/dev");
  expect(channels.main(), "socket.io#/dev#");
  expect(channels.main("a room"), "socket.io#/dev#a room#");
  expect(channels.request(), "socket.io-request#/dev#");
  expect(channels.response(), "socket.io-response#/dev#");
  expect(channels.response("uid"), "socket.io-response#/dev#uid#");
  expect(channels.main_pattern(), "socket.io#/dev#*");
  expect(RedisChannels("a*b", "/[x]?\\").main_pattern(), R"(a\*b#/\[x\]\?\\#*)");
  assert_true(channels.suffix_of_main("socket.io#/dev#") == "");
  assert_true(channels.suffix_of_main("socket.io#/dev#a#b#") == "a#b");
  assert_false(channels.suffix_of_main("socket.io#/dev#a").has_value());
  assert_false(channels.suffix_of_main("socket.io#/development#").has_value());
  assert_false(channels.suffix_of_main("").has_value());
  assert_true(channels.suffix_of_response("socket.io-response#/dev#uid#") == "uid");

  const ClusterMessage to_socket{"u", "/",
                                 ClusterBroadcast{{"e", {"[]", {}}}, {{std::string(20, 's')}, {}, false, 0}, {}}};
  expect(sharded_channel(to_socket, "socket.io", true), "socket.io#/#");
  const ClusterMessage to_room{"u", "/", ClusterBroadcast{{"e", {"[]", {}}}, {{"dev"}, {}, false, 0}, {}}};
  expect(sharded_channel(to_room, "socket.io", false), "socket.io#/#");
  expect(sharded_channel(to_room, "socket.io", true), "socket.io#/#dev#");
}

// The numbers are those of hashCode() in the adapter.
void namespaces_are_spread_over_streams(void**) {
  expect(stream_of_namespace("socket.io", 1, "/"), "socket.io");
  expect(stream_of_namespace("socket.io", 4, "/"), "socket.io-3");
  expect(stream_of_namespace("socket.io", 4, "/dev"), "socket.io-2");
  expect(stream_of_namespace("s", 7, "/é😀"), "s-1");
  expect(stream_of_namespace("s", 7, "/a long namespace"), "s-3");
  expect(stream_of_namespace("s", 7, "/notifications"), "s--1");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(adapters_are_read_and_written),
      cmocka_unit_test(adapters_write_the_same_bytes),
      cmocka_unit_test(python_socketio_is_read_and_written),
      cmocka_unit_test(own_forms_are_those_that_the_official_adapters_read),
      cmocka_unit_test(heartbeats_are_read_and_written),
      cmocka_unit_test(requests_of_old_adapters_name_one_socket),
      cmocka_unit_test(rooms_may_be_numbers),
      cmocka_unit_test(unknown_members_are_ignored_and_the_last_duplicate_counts),
      cmocka_unit_test(hostile_messages_are_refused),
      cmocka_unit_test(sizes_are_limited),
      cmocka_unit_test(requests_that_are_refused_have_a_head),
      cmocka_unit_test(channels_are_those_of_the_adapters),
      cmocka_unit_test(namespaces_are_spread_over_streams),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
