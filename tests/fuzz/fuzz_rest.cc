// Any bytes as a path, a query, a body and an id of the HTTP interface, and as what happens to its memory of keys. An event must stay
// one event, whatever its message is, and a request must be carried out once for a key.
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "fuzz.h"
#include "model/utf8.h"
#include "session/event_positions.h"
#include "session/idempotency_memory.h"
#include "wire/http/syntax.h"
#include "wire/rest/rest_answer.h"
#include "wire/rest/rest_body.h"
#include "wire/rest/rest_codec.h"
#include "wire/rest/rest_path.h"
#include "wire/rest/rest_query.h"

using namespace chat;
using namespace chat::fuzz;

namespace {

void read_body(std::string_view bytes) {
  const Exact body(bytes);
  for (const auto format : {wire::RestBody::json, wire::RestBody::form, wire::RestBody::text}) {
    const Result<SendCommand> command = wire::read_rest_message(format, body.view(), "dev");
    if (!command.ok()) {
      require(!command.status().detail.empty() && wire::rest_status(command.status().code) >= 400);
      continue;
    }
    require(command->draft().room.empty() && is_utf8(command->draft().payload) && is_utf8(command->draft().event));
    std::string event;
    wire::append_event(event, {}, command->draft().payload);
    require(event.starts_with("data: ") && event.find_first_of("\r\n") == event.size() - 2);
  }
  (void)wire::rest_body_of(body.view());
}

Pairs arguments_of(std::string_view text) {
  Pairs query;
  while (!text.empty() && query.size() < 64) {
    const std::size_t end = text.find('&');
    const std::string_view part = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    const std::size_t equals = part.find('=');
    Pair pair;
    pair.name = wire::form_decoded(part.substr(0, equals));
    if (equals != std::string_view::npos) pair.value = wire::form_decoded(part.substr(equals + 1));
    query.push_back(std::move(pair));
  }
  return query;
}

void read_request(std::string_view bytes) {
  const Exact text(bytes);
  const wire::RestTarget target = wire::rest_target(text.view(), "/rooms");
  require(target.room.find('/') == std::string_view::npos);
  const Pairs query = arguments_of(text.view());
  if (const auto history = wire::read_history_query(query); history.ok()) {
    require(history->after_seq <= wire::kMaxRestSeq && history->limit <= wire::kMaxRestLimit);
    require(history->wait_ms >= 0 && history->wait_ms <= static_cast<std::int64_t>(wire::kMaxRestWaitSeconds) * 1'000);
  }
  if (const auto events = wire::read_events_query("dev", query, {}, 5); events.ok()) {
    require(!events->rooms.empty() && events->rooms.size() <= 5);
    require(events->padding_bytes <= wire::kMaxRestPaddingBytes);
  }
}

// An id that is read is written as it was, up to leading zeros, and read again.
void read_id(std::string_view bytes) {
  const Exact text(bytes);
  for (const std::size_t rooms : {1, 3}) {
    std::vector<std::string> names;
    for (std::size_t room = 0; room < rooms; ++room) names.push_back(std::to_string(room));
    session::EventPositions positions(names, text.view());
    std::string id;
    positions.append_id(id);
    require(id.find_first_of("\r\n") == std::string::npos && id.find('\0') == std::string::npos);
    std::string again;
    session::EventPositions(names, id).append_id(again);
    require(again == id);
    positions.passed("0", "e", 7);
    std::string later;
    positions.append_id(later);
    require(later.starts_with("e:7"));
  }
}

void read_packed(std::string_view bytes) {
  const Exact text(bytes);
  (void)wire::unpack_rest_answer(text.view());
  wire::RestAnswer answer = wire::rest_problem(409, "code", text.view(), 3);
  require(is_utf8(answer.body));
  const auto unpacked = wire::unpack_rest_answer(wire::pack_rest_answer("17", answer));
  require(unpacked && unpacked->ref == "17" && unpacked->answer.body == answer.body);
  require(unpacked->answer.status == 409 && unpacked->answer.retry_after_s == 3);
}

// Each byte is a step: two bits for the key, two for the request, the rest says what happens.
void remember(std::string_view steps) {
  session::IdempotencyMemory memory({.window_ms = 10, .entries = 4, .entries_per_source = 3});
  std::map<std::string, std::size_t> carried_out;  // keys of requests that are being carried out
  std::int64_t now_ms = 0;
  for (const char step : steps) {
    const auto bits = static_cast<unsigned char>(step);
    const std::string key(1, static_cast<char>('a' + (bits & 3)));
    const std::size_t request = bits >> 2 & 3;
    session::IdempotencyMemory::Answer answer;
    switch (bits >> 4 & 3) {
      case 0:
      case 1: {
        const auto begun = memory.begin(key, (bits & 1) != 0 ? "x" : "y", request, now_ms, answer);
        const auto pending = carried_out.find(key);
        using Begun = session::IdempotencyMemory::Begun;
        if (pending != carried_out.end()) {
          require(begun == (pending->second == request ? Begun::pending : Begun::differs));
        }
        if (begun == Begun::fresh) carried_out.emplace(key, request);
        if (begun == Begun::answered) require(answer.status == 201 && answer.body == std::to_string(request));
        break;
      }
      case 2:
        if (const auto pending = carried_out.find(key); pending != carried_out.end()) {
          memory.finish(key, {201, std::to_string(pending->second)}, now_ms);
          carried_out.erase(pending);
        }
        break;
      default:
        if ((bits & 0x40) != 0) {
          now_ms += bits & 15;
        } else if (carried_out.erase(key) != 0) {
          memory.forget(key);
        }
    }
    require(memory.size() <= 4 && memory.size() >= carried_out.size());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read_body(text);
  read_request(text);
  read_id(text);
  read_packed(text);
  remember(text);
  return 0;
}
