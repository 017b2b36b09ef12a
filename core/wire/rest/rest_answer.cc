// See rest_answer.h.
#include "wire/rest/rest_answer.h"

#include <utility>
#include <variant>

#include "wire/chat_v1/chat_v1_writer.h"
#include "wire/error_text.h"
#include "wire/json/json.h"

namespace chat::wire {
namespace {

// The reason phrase, which is the title of a problem of the type about:blank (RFC 9457 section 4.2.1).
std::string_view title_of(int status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 429:
      return "Too Many Requests";
    case 503:
      return "Service Unavailable";
    default:
      return "Internal Server Error";
  }
}

// After a refusal for the rate and when the server is full. Short, because both pass quickly.
constexpr std::int64_t kRetryAfterS = 1;

// The reply without its ref, which means nothing to the client.
template <class Specific>
RestAnswer json_answer(const Specific& specific) {
  Specific copy = specific;
  copy.ref.clear();
  RestAnswer answer;
  append_chat_v1(answer.body, Reply(std::move(copy)));
  return answer;
}

struct ReplyReader {
  using Answer = std::optional<RestAnswer>;

  Answer operator()(const AckReply& reply) const { return rest_published(reply.seq, reply.epoch); }
  Answer operator()(const AnswerReply& reply) const {
    AnswerReply copy = reply;
    copy.ref = "0";  // without a ref there would be no text
    RestAnswer answer;
    std::string text;
    append_chat_v1(text, Reply(std::move(copy)));
    // {"type":"ack","ref":0,"args":...
    constexpr std::string_view kRef = "\"ref\":0,";
    if (const std::size_t at = text.find(kRef); at != std::string::npos) text.erase(at, kRef.size());
    answer.body = std::move(text);
    return answer;
  }
  Answer operator()(const HistoryReply& reply) const {
    RestAnswer answer = json_answer(reply);
    answer.nothing_new = reply.complete && reply.messages.empty();
    return answer;
  }
  Answer operator()(const MembersReply& reply) const { return json_answer(reply); }
  Answer operator()(const RoomsReply& reply) const { return json_answer(reply); }
  Answer operator()(const PresenceReply& reply) const { return json_answer(reply); }
  Answer operator()(const ErrorReply& reply) const {
    return rest_problem({reply.code, reply.reason, reply.retry_after_ms});
  }
  template <class Other>
  Answer operator()(const Other&) const {
    return std::nullopt;
  }
};

// Cuts the text before the first `end`, and that.
std::optional<std::string_view> cut(std::string_view& text, char end) {
  const std::size_t at = text.find(end);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view first = text.substr(0, at);
  text.remove_prefix(at + 1);
  return first;
}

}  // namespace

int rest_status(Error error) {
  switch (error) {
    case Error::ok:
      return 200;
    case Error::invalid_argument:
    case Error::invalid_room:
    case Error::invalid_event:
    case Error::invalid_json:
    case Error::invalid_utf8:
    case Error::unsupported:
    case Error::encoding:
      return 400;
    case Error::no_such_client:
    case Error::no_such_room:
    case Error::no_such_message:
      return 404;
    case Error::too_large:
      return 413;
    case Error::forbidden:
    case Error::banned:
    case Error::not_joined:
    case Error::muted:
    case Error::read_only:
    case Error::no_links:
      return 403;
    case Error::wrong_state:
    case Error::name_taken:
      return 409;
    case Error::rate_limited:
    case Error::slow_mode:
    case Error::repeated:
      return 429;
    case Error::too_many:
    case Error::no_memory:
    case Error::stopped:
    case Error::timed_out:
    case Error::unavailable:
      return 503;
    default:
      return 500;
  }
}

RestAnswer rest_problem(int status, std::string_view code, std::string_view detail, std::int64_t retry_after_s) {
  RestAnswer answer;
  answer.status = status;
  answer.type = kProblemType;
  answer.retry_after_s = retry_after_s;
  std::string& body = answer.body;
  body = R"({"type":"about:blank","title":)";
  json::append_quoted(body, title_of(status));
  body += ",\"status\":";
  json::append_number(body, std::uint64_t{static_cast<unsigned>(status)});
  body += ",\"code\":";
  json::append_quoted(body, code);
  if (!detail.empty()) {
    body += ",\"detail\":";
    json::append_quoted(body, valid_reason(std::string(detail)));
  }
  body += '}';
  return answer;
}

RestAnswer rest_problem(const Status& error) {
  const int status = rest_status(error.code);
  const bool passes = status == 429 || status == 503;
  std::int64_t retry_after_s = passes ? kRetryAfterS : 0;
  if (error.retry_after_ms > 0)
    retry_after_s = error.retry_after_ms / 1'000 + (error.retry_after_ms % 1'000 != 0 ? 1 : 0);
  return rest_problem(status, error_name(error.code), error.detail, retry_after_s);
}

RestAnswer rest_published(std::uint64_t seq, std::string_view epoch) {
  RestAnswer answer;
  if (seq == 0) {
    answer.body = "{}";
    return answer;
  }
  answer.status = 201;
  answer.body = "{\"seq\":";
  json::append_number(answer.body, seq);
  answer.body += ",\"epoch\":";
  json::append_quoted(answer.body, epoch);
  answer.body += '}';
  return answer;
}

std::optional<RestAnswer> rest_answer(const Reply& reply) { return std::visit(ReplyReader(), reply); }

// "REF STATUS RETRY NOTHING_NEW PROBLEM\nBODY"
std::string pack_rest_answer(std::string_view ref, const RestAnswer& answer) {
  std::string packed;
  packed.reserve(ref.size() + answer.body.size() + 40);
  packed += ref;
  packed += ' ';
  json::append_number(packed, std::uint64_t{static_cast<unsigned>(answer.status)});
  packed += ' ';
  json::append_number(packed, answer.retry_after_s);
  packed += answer.nothing_new ? " 1" : " 0";
  packed += answer.type == kProblemType ? " 1\n" : " 0\n";
  packed += answer.body;
  return packed;
}

std::optional<PackedRestAnswer> unpack_rest_answer(std::string_view packed) {
  PackedRestAnswer result;
  const auto ref = cut(packed, ' ');
  const auto status = cut(packed, ' ');
  const auto retry_after = cut(packed, ' ');
  const auto nothing_new = cut(packed, ' ');
  const auto problem = cut(packed, '\n');
  if (!ref || !status || !retry_after || !nothing_new || !problem) return std::nullopt;
  result.ref = *ref;
  result.answer.status = static_cast<int>(json::parse_unsigned(*status).value_or(500));
  result.answer.retry_after_s = static_cast<std::int64_t>(json::parse_unsigned(*retry_after).value_or(0));
  result.answer.nothing_new = *nothing_new == "1";
  result.answer.type = *problem == "1" ? kProblemType : kJsonType;
  result.answer.body = packed;
  return result;
}

}  // namespace chat::wire
