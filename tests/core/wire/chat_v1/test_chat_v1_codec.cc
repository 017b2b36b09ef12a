// The chat.v1 codec with tests/vectors/chat_v1.json, which docs/protocol.md describes, and with invalid bytes.
#include <cjson/cJSON.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <string>

#include "wire/chat_v1/chat_v1_binary.h"
#include "wire/chat_v1/chat_v1_codec.h"
#include "wire/json/json.h"

// Last, because it defines a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

#ifndef CHAT_SOURCE_DIR
#error "CHAT_SOURCE_DIR: the top of the source tree, as a string"
#endif

using namespace chat;
using namespace chat::wire;

namespace {

using JsonTree = std::unique_ptr<cJSON, decltype(&cJSON_Delete)>;

std::string read_file(const std::string& name) {
  std::ifstream file(std::string(CHAT_SOURCE_DIR) + "/" + name, std::ios::binary);
  if (!file) fail_msg("cannot read %s", name.c_str());
  return {std::istreambuf_iterator<char>(file), {}};
}

JsonTree read_vectors() {
  const std::string text = read_file("tests/vectors/chat_v1.json");
  assert_true(json::check(text).ok());
  JsonTree tree(cJSON_ParseWithLength(text.data(), text.size()), &cJSON_Delete);
  assert_non_null(tree.get());
  return tree;
}

// Every field that a test reads must exist in the vector: a misspelled field would test nothing.
const cJSON* field(const cJSON* object, const char* name) {
  const cJSON* item = cJSON_GetObjectItemCaseSensitive(object, name);
  if (item == nullptr) fail_msg("no field %s in a vector", name);
  return item;
}
bool has(const cJSON* object, const char* name) { return cJSON_GetObjectItemCaseSensitive(object, name) != nullptr; }
std::string text_of(const cJSON* item) {
  assert_true(cJSON_IsString(item));
  return item->valuestring;
}
std::string text(const cJSON* object, const char* name) { return text_of(field(object, name)); }
std::uint64_t number(const cJSON* object, const char* name) {
  const cJSON* item = field(object, name);
  assert_true(cJSON_IsNumber(item));
  return static_cast<std::uint64_t>(item->valuedouble);
}
bool boolean(const cJSON* object, const char* name) {
  const cJSON* item = field(object, name);
  assert_true(cJSON_IsBool(item));
  return cJSON_IsTrue(item) != 0;
}

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

std::vector<std::string> attachments_of(const cJSON* object) {
  std::vector<std::string> attachments;
  const cJSON* item = nullptr;
  cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(object, "attachments_hex"))
      attachments.push_back(from_hex(text_of(item)));
  return attachments;
}

Pairs attributes_of(const cJSON* object) {
  Pairs attributes;
  const cJSON* item = nullptr;
  cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(object, "attributes"))
      attributes.push_back({item->string, text_of(item)});
  return attributes;
}

void read_payload(const cJSON* object, MessageDraft& draft) {
  draft.kind = has(object, "args_raw") ? PayloadKind::args : PayloadKind::text;
  if (draft.kind == PayloadKind::args) {
    draft.payload = text(object, "args_raw");
  } else {
    draft.payload = has(object, "text_hex") ? from_hex(text(object, "text_hex")) : text(object, "text");
  }
  draft.attachments = attachments_of(object);
  draft.attributes = attributes_of(object);
}

// An edit, a deletion or a reaction, whose text is the payload.
void read_change(const cJSON* object, MessageDraft& draft) {
  const std::string change = text(object, "change");
  draft.event_kind = change == "edit"     ? RoomEventKind::edit
                     : change == "delete" ? RoomEventKind::redaction
                                          : RoomEventKind::reaction;
  draft.target_seq = number(object, "target");
  if (draft.event_kind != RoomEventKind::reaction) return;
  draft.extra.make().added = boolean(object, "added");
  if (has(object, "count")) draft.extra.make().count = number(object, "count");
}

std::vector<Person> people_of(const cJSON* object, const char* name) {
  std::vector<Person> people;
  const cJSON* item = nullptr;
  cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(object, name)) {
    const bool guest = has(item, "id");
    people.push_back({guest ? "" : text(item, "user"), guest ? std::stoull(text(item, "id")) : ClientId{0},
                      text(item, "name"),
                      has(item, "state") ? std::make_shared<const std::string>(text(item, "state")) : nullptr});
  }
  return people;
}

PresenceNoticePtr notice_of(const cJSON* object) {
  PresenceNotice notice;
  notice.count = number(object, "count");
  notice.listed = has(object, "people");
  notice.people = people_of(object, "people");
  notice.joined = people_of(object, "joined");
  notice.left = people_of(object, "left");
  notice.changed = people_of(object, "changed");
  return std::make_shared<const PresenceNotice>(std::move(notice));
}

std::shared_ptr<Message> presence_of(const cJSON* object) {
  auto message = std::make_shared<Message>();
  message->event_kind = RoomEventKind::presence;
  message->ephemeral = true;
  message->room = text(object, "room");
  message->time_ms = static_cast<std::int64_t>(number(object, "time"));
  message->presence = notice_of(object);
  return message;
}

std::shared_ptr<Message> message_of(const cJSON* object) {
  if (has(object, "count") && !has(object, "change")) return presence_of(object);
  if (has(object, "moderation_raw")) {
    auto message = std::make_shared<Message>();
    message->event_kind = RoomEventKind::moderation;
    message->event = kModerationEvent;
    message->kind = PayloadKind::args;
    message->ephemeral = true;
    message->room = text(object, "room");
    message->time_ms = static_cast<std::int64_t>(number(object, "time_ms"));
    message->payload = text(object, "moderation_raw");
    return message;
  }
  if (has(object, "seen_raw")) {
    auto message = std::make_shared<Message>();
    message->event_kind = RoomEventKind::seen;
    message->payload = text(object, "seen_raw");
    return message;
  }
  auto message = std::make_shared<Message>();
  message->room = text(object, "room");
  message->seq = number(object, "seq");
  message->epoch = text(object, "epoch");
  message->time_ms = static_cast<std::int64_t>(number(object, "time"));
  const cJSON* from = field(object, "from");
  message->sender = {std::stoull(text(from, "id")), text(from, "name"), "user"};
  message->event = text(object, "event");
  message->ephemeral = has(object, "ephemeral");
  read_payload(object, *message);
  if (has(object, "change")) read_change(object, *message);
  return message;
}

// Describes a command or an error in one line, for comparison and output.
class Description {
 public:
  Description& add(const char* name, const std::string& value) {
    line_ += name;
    line_ += '=';
    json::append_quoted(line_, value);
    line_ += ' ';
    return *this;
  }
  Description& add(const char* name, std::uint64_t value) { return add(name, std::to_string(value)); }
  Description& add_draft(const MessageDraft& draft) {
    add("room", draft.room).add("event", draft.event);
    add(draft.kind == PayloadKind::text ? "text" : "args", draft.payload);
    for (const std::string& attachment : draft.attachments) add("attachment", attachment);
    for (const Pair& attribute : draft.attributes) add(attribute.name.c_str(), attribute.value);
    if (draft.changes_message()) {
      add("kind", std::to_string(static_cast<int>(draft.event_kind))).add("target", draft.target_seq);
    }
    return add("added", draft.extra->added).add("reply_to", draft.extra->reply_to).add("ephemeral", draft.ephemeral);
  }
  const std::string& line() const { return line_; }

 private:
  std::string line_;
};

struct Describe {
  std::string operator()(const SendCommand& c) const {
    return Description()
        .add_draft(c.draft())
        .add("except_self", c.except_self)
        .add("ref", c.ref)
        .add("id", c.draft().id)
        .line();
  }
  std::string operator()(const JoinCommand& c) const {
    Description description;
    description.add("join", c.room).add("ref", c.ref);
    if (c.since) description.add("epoch", c.since->epoch).add("seq", c.since->seq);
    return description.line();
  }
  std::string operator()(const LeaveCommand& c) const {
    return Description().add("leave", c.room).add("ref", c.ref).line();
  }
  std::string operator()(const RenameCommand& c) const {
    return Description().add("name", c.name).add("ref", c.ref).line();
  }
  std::string operator()(const HistoryCommand& c) const {
    return Description()
        .add("history", c.room)
        .add("after", c.after_seq)
        .add("before", c.before_seq)
        .add("around", c.around_seq)
        .add("limit", c.limit)
        .add("search", c.search.made() ? *c.search : "no search")
        .add("ref", c.ref)
        .line();
  }
  std::string operator()(const MembersCommand& c) const {
    return Description().add("members", c.room).add("ref", c.ref).line();
  }
  std::string operator()(const PresenceCommand& c) const {
    return Description().add("presence", c.room).add("ref", c.ref).line();
  }
  std::string operator()(const StateCommand& c) const {
    return Description().add("state", c.state).add("ref", c.ref).line();
  }
  std::string operator()(const SeenCommand& c) const {
    return Description().add("seen", c.room).add("seq", c.seq).add("ref", c.ref).line();
  }
  std::string operator()(const ModerateCommand& c) const {
    const Moderation& what = c.what();
    std::string line =
        Description().add("moderate", what.room).add("action", std::string(action_name(what.action))).line();
    line += Description().add(" user", what.user_id).add("client", std::to_string(what.client)).line();
    line += Description()
                .add(" duration", std::to_string(what.duration_ms))
                .add("value", std::to_string(what.value))
                .line();
    return line + Description().add(" reason", what.reason).add("ref", c.ref).line();
  }
  std::string operator()(const ReportCommand& c) const {
    std::string line = Description().add("report", c.room).add("target", c.target_seq).line();
    return line + Description().add(" reason", c.reason).add("ref", c.ref).line();
  }
  std::string operator()(const RoomsCommand& c) const { return Description().add("rooms ref", c.ref).line(); }
  std::string operator()(const PingCommand& c) const { return Description().add("ping ref", c.ref).line(); }
  std::string operator()(const DisconnectCommand& c) const { return Description().add("disconnect ref", c.ref).line(); }
};

Command command_of(const cJSON* object) {
  const std::string type = text(object, "type");
  const std::string ref = text(object, "ref_raw");
  if (type == "send") {
    SendCommand command;
    command.draft().room = text(object, "room");
    command.draft().event = text(object, "event");
    read_payload(object, command.draft());
    command.draft().ephemeral = boolean(object, "ephemeral");
    command.except_self = boolean(object, "except_self");
    if (has(object, "id")) command.draft().id = text(object, "id");
    if (has(object, "reply_to")) command.draft().extra.make().reply_to = number(object, "reply_to");
    command.ref = ref;
    return command;
  }
  if (type == "change") {
    SendCommand command;
    command.draft().room = text(object, "room");
    command.draft().payload = text(object, "text");
    read_change(object, command.draft());
    command.ref = ref;
    return command;
  }
  if (type == "join") {
    JoinCommand command{text(object, "room"), {}, ref};
    if (has(object, "epoch")) command.since = Position{text(object, "epoch"), number(object, "seq")};
    return command;
  }
  if (type == "leave") return LeaveCommand{text(object, "room"), ref};
  if (type == "name") return RenameCommand{text(object, "name"), ref};
  if (type == "history")
    return HistoryCommand{text(object, "room"),
                          number(object, "after"),
                          number(object, "limit"),
                          ref,
                          has(object, "before") ? number(object, "before") : 0,
                          {},
                          has(object, "around") ? number(object, "around") : 0};
  if (type == "search") {
    HistoryCommand command{text(object, "room"), 0, number(object, "limit"), ref, number(object, "before")};
    command.search.make() = text(object, "text");
    return command;
  }
  if (type == "presence") return PresenceCommand{text(object, "room"), ref};
  if (type == "state") return StateCommand{text(object, "state"), ref};
  if (type == "report")
    return ReportCommand{text(object, "room"), number(object, "target"), text(object, "reason"), ref};
  if (type == "seen") return SeenCommand{text(object, "room"), number(object, "seq"), ref};
  if (type == "moderate") {
    ModerateCommand command;
    command.what().room = text(object, "room");
    command.what().action = moderation_named(text(object, "action")).value();
    command.what().user_id = text(object, "user");
    command.what().client = number(object, "client");
    command.what().duration_ms = static_cast<std::int64_t>(number(object, "duration_ms"));
    command.what().value = static_cast<std::int64_t>(number(object, "value"));
    command.what().reason = text(object, "reason");
    command.ref = ref;
    return command;
  }
  if (type == "members") return MembersCommand{text(object, "room"), ref};
  if (type == "rooms") return RoomsCommand{ref};
  assert_string_equal(type.c_str(), "ping");
  return PingCommand{ref};
}

// The code in the error frame of an error.
std::string code_of(const ErrorReply& error) {
  const Packets packets = ChatV1Codec().encode(Reply(error));
  assert_int_equal(packets.size(), 1);
  const JsonTree frame(cJSON_Parse(packets[0].bytes.c_str()), &cJSON_Delete);
  return text(frame.get(), "code");
}

void expect_error(const std::string& name, const cJSON* expected, const Decoded& decoded) {
  if (std::holds_alternative<Command>(decoded)) fail_msg("%s: no error", name.c_str());
  const ErrorReply& error = std::get<DecodeError>(decoded).reply;
  const std::string code = code_of(error);
  if (code != text(expected, "code")) fail_msg("%s: code %s (%s)", name.c_str(), code.c_str(), error.reason.c_str());
  if (error.reason.find(text(expected, "reason_contains")) == std::string::npos)
    fail_msg("%s: reason %s", name.c_str(), error.reason.c_str());
  if (error.ref != text(expected, "ref_raw")) fail_msg("%s: ref %s", name.c_str(), error.ref.c_str());
}

// The codec of a vector's subprotocol.
ChatV1Codec codec_of(const cJSON* vector) {
  if (!has(vector, "subprotocol")) return {};
  assert_string_equal(text(vector, "subprotocol").c_str(), "chat.v1.binary");
  return ChatV1Codec({true, has(vector, "max_message_bytes") ? number(vector, "max_message_bytes") : 0});
}

std::string frame_of(const cJSON* vector) {
  return has(vector, "frame_hex") ? from_hex(text(vector, "frame_hex")) : text(vector, "frame");
}

void expect_frame(const cJSON* vector, const Packets& packets) {
  const std::string name = text(vector, "name");
  if (has(vector, "frame_hex")) {
    assert_int_equal(packets.size(), 1);
    assert_true(packets[0].binary);
    if (packets[0].bytes != frame_of(vector)) fail_msg("%s: %s", name.c_str(), packets[0].bytes.c_str() + 4);
    return;
  }
  const cJSON* expected = field(vector, "frame");
  if (cJSON_IsNull(expected)) {
    if (!packets.empty()) fail_msg("%s: says %s", name.c_str(), packets[0].bytes.c_str());
    return;
  }
  assert_int_equal(packets.size(), 1);
  assert_false(packets[0].binary);
  if (packets[0].bytes != text_of(expected))
    fail_msg("%s:\n%s, expected\n%s", name.c_str(), packets[0].bytes.c_str(), expected->valuestring);
  assert_true(json::check(packets[0].bytes).ok());
}

void decodes_as_the_vectors_say(void**) {
  const JsonTree vectors = read_vectors();
  const cJSON* vector = nullptr;
  cJSON_ArrayForEach(vector, field(vectors.get(), "decode")) {
    const std::string name = text(vector, "name");
    const bool binary = has(vector, "binary") && boolean(vector, "binary");
    const Decoded decoded = codec_of(vector).decode(binary, frame_of(vector));
    if (has(vector, "error")) {
      expect_error(name, field(vector, "error"), decoded);
      continue;
    }
    if (const auto* error = std::get_if<DecodeError>(&decoded))
      fail_msg("%s: %s", name.c_str(), error->reply.reason.c_str());
    const Command& command = std::get<Command>(decoded);
    const Command expected = command_of(field(vector, "command"));
    const std::string got = std::visit(Describe(), command);
    const std::string wanted = std::visit(Describe(), expected);
    if (command.index() != expected.index() || got != wanted)
      fail_msg("%s:\n%s, expected\n%s", name.c_str(), got.c_str(), wanted.c_str());
  }
}

void sequences_end_as_the_vectors_say(void**) {
  const JsonTree vectors = read_vectors();
  const cJSON* vector = nullptr;
  cJSON_ArrayForEach(vector, field(vectors.get(), "sequences")) {
    const std::string name = text(vector, "name");
    ChatV1Codec codec = codec_of(vector);
    const cJSON* step = nullptr;
    int index = 0;
    cJSON_ArrayForEach(step, field(vector, "frames")) {
      ++index;
      const Decoded decoded = codec.decode(has(step, "binary"), frame_of(step));
      const auto* error = std::get_if<DecodeError>(&decoded);
      const cJSON* code = field(step, "code");
      if ((error != nullptr) != !cJSON_IsNull(code)) fail_msg("%s: frame %d", name.c_str(), index);
      if (error == nullptr) continue;
      assert_string_equal(code_of(error->reply).c_str(), code->valuestring);
      if (error->close_code != number(step, "close")) fail_msg("%s: frame %d closes", name.c_str(), index);
    }
  }
}

void encodes_messages_as_the_vectors_say(void**) {
  const JsonTree vectors = read_vectors();
  const cJSON* vector = nullptr;
  cJSON_ArrayForEach(vector, field(vectors.get(), "encode")) {
    const auto message = message_of(field(vector, "message"));
    expect_frame(vector, codec_of(vector).encode(*message));
  }
}

Role role_of(const cJSON* r) { return has(r, "role") ? role_named(text(r, "role")).value() : Role::guest; }

std::int64_t slow_mode_of(const cJSON* r) {
  return has(r, "slow_mode_ms") ? static_cast<std::int64_t>(number(r, "slow_mode_ms")) : 0;
}
std::uint64_t seen_of(const cJSON* r) { return has(r, "seen") ? number(r, "seen") : 0; }

Reply reply_of(const cJSON* r) {
  const std::string kind = text(r, "kind");
  const std::string ref = has(r, "ref_raw") ? text(r, "ref_raw") : "";
  if (kind == "welcome")
    return Welcome{std::stoull(text(r, "id")),
                   text(r, "name"),
                   text(r, "room"),
                   text(r, "epoch"),
                   number(r, "seq"),
                   boolean(r, "resumed"),
                   boolean(r, "complete"),
                   has(r, "user") ? text(r, "user") : "",
                   role_of(r),
                   slow_mode_of(r),
                   seen_of(r)};
  if (kind == "ack")
    return AckReply{ref, number(r, "seq"), text(r, "epoch"), has(r, "repeated") && boolean(r, "repeated")};
  if (kind == "answer") return AnswerReply{ref, text(r, "args_raw"), attachments_of(r)};
  if (kind == "joined")
    return JoinedReply{
        ref,        text(r, "room"), text(r, "epoch"), number(r, "seq"), boolean(r, "resumed"), boolean(r, "complete"),
        role_of(r), slow_mode_of(r), seen_of(r)};
  if (kind == "left") return LeftReply{ref, text(r, "room"), text(r, "reason")};
  if (kind == "named") return RenamedReply{ref, text(r, "name")};
  const cJSON* item = nullptr;
  if (kind == "history" || kind == "search") {
    HistoryReply reply{ref, text(r, "room"), text(r, "epoch"), number(r, "seq"), boolean(r, "complete"), {}};
    cJSON_ArrayForEach(item, field(r, "messages")) reply.messages.push_back(message_of(item));
    reply.searched = kind == "search";
    if (has(r, "before")) reply.before_seq = number(r, "before");
    return reply;
  }
  if (kind == "members") {
    auto list = std::make_shared<MemberList>();
    cJSON_ArrayForEach(item, field(r, "members"))
        list->items.push_back({std::stoull(text(item, "id")), text(item, "name")});
    return MembersReply{ref, text(r, "room"), std::move(list)};
  }
  if (kind == "presence") return PresenceReply{ref, text(r, "room"), notice_of(r)};
  if (kind == "rooms") {
    auto list = std::make_shared<RoomList>();
    cJSON_ArrayForEach(item, field(r, "rooms"))
        list->items.push_back({text(item, "name"), text(item, "epoch"), number(item, "seq"), number(item, "members"),
                               number(item, "history")});
    return RoomsReply{ref, std::move(list)};
  }
  if (kind == "gap")
    return GapReply{text(r, "room"), text(r, "epoch"), number(r, "from"), number(r, "to"), number(r, "dropped")};
  if (kind == "moderated") return ModeratedReply{ref, text(r, "room"), moderation_named(text(r, "action")).value()};
  if (kind == "pong") return PongReply{ref};
  assert_string_equal(kind.c_str(), "error");
  return ErrorReply{ref, static_cast<Error>(number(r, "error")),
                    has(r, "reason_hex") ? from_hex(text(r, "reason_hex")) : text(r, "reason"), false};
}

void encodes_replies_as_the_vectors_say(void**) {
  const JsonTree vectors = read_vectors();
  const cJSON* vector = nullptr;
  cJSON_ArrayForEach(vector, field(vectors.get(), "replies")) {
    const Reply reply = reply_of(field(vector, "reply"));
    expect_frame(vector, codec_of(vector).encode(reply));
  }
}

void examples_of_the_document_are_among_the_vectors(void**) {
  const JsonTree vectors = read_vectors();
  std::set<std::string> frames;
  for (const char* section : {"decode", "encode", "replies"}) {
    const cJSON* vector = nullptr;
    cJSON_ArrayForEach(vector, field(vectors.get(), section)) {
      const cJSON* frame = cJSON_GetObjectItemCaseSensitive(vector, "frame");
      if (cJSON_IsString(frame)) frames.insert(frame->valuestring);
      if (!has(vector, "subprotocol") || !has(vector, "frame_hex")) continue;
      const std::string bytes = frame_of(vector);
      if (const auto parts = split_chat_v1_binary(bytes)) frames.emplace(parts->json);
    }
  }
  const std::string document = read_file("docs/protocol.md");
  int count = 0;
  for (std::size_t at = document.find("\n{\"type\""); at != std::string::npos;
       at = document.find("\n{\"type\"", at + 1)) {
    const std::string line = document.substr(at + 1, document.find('\n', at + 1) - at - 1);
    if (!frames.contains(line)) fail_msg("in docs/protocol.md, but not in the vectors: %s", line.c_str());
    ++count;
  }
  assert_true(count >= 20);
}

void relays_what_it_decodes(void**) {
  const std::string args = R"([ 98765432109876543210, "\u0000", {"z":1,"a":[ ]} ])";
  const Decoded decoded = ChatV1Codec().decode(false, R"({"type":"send","event":"e","args":)" + args + "}");
  Message message;
  static_cast<MessageDraft&>(message) = std::get<SendCommand>(std::get<Command>(decoded)).draft();
  message.seq = 1;
  const Packets packets = ChatV1Codec().encode(message);
  assert_true(packets[0].bytes.find("\"args\":" + args + "}") != std::string::npos);
}

void the_first_of_attributes_with_one_name_counts(void**) {
  Message message;
  message.attributes = {{"a", "1"}, {"b", "2"}, {"a", "3"}};
  const Packets packets = ChatV1Codec().encode(message);
  assert_true(packets[0].bytes.find(R"("attributes":{"a":"1","b":"2"})") != std::string::npos);
}

void a_refused_send_is_marked_as_one(void**) {
  for (const char* frame : {R"({"type":"send"})", R"({"type":"send","text":"x","ref":1.5})",
                            R"({"type":"s\u0065nd","room":1})", R"({"type":"send","text":"x","text":"x"})"}) {
    const Decoded decoded = ChatV1Codec().decode(false, frame);
    assert_true(std::get<DecodeError>(decoded).reply.of_send);
  }
  const Decoded decoded = ChatV1Codec().decode(false, R"({"type":"join"})");
  assert_false(std::get<DecodeError>(decoded).reply.of_send);
}

const char kRichFrame[] =
    R"({"type":"send","room":"dev","event":"e\u00e9","args":["a\n",{"_placeholder":true,"num":0},-1.5e3,[null,true]],)"
    R"("attachments":["AAEC"],"attributes":{"k":"v"},"ephemeral":true,"except_self":false,"ref":"r"})";

// Every prefix is malformed. It is read from memory of exactly its size, so a sanitizer detects reads past the end.
void truncated_at_every_byte(void**) {
  const std::string frame = kRichFrame;
  assert_true(std::holds_alternative<Command>(ChatV1Codec().decode(false, frame)));
  for (std::size_t size = 0; size < frame.size(); ++size) {
    const std::unique_ptr<char[]> bytes(new char[size]);
    frame.copy(bytes.get(), size);
    const Decoded decoded = ChatV1Codec().decode(false, {bytes.get(), size});
    assert_true(std::holds_alternative<DecodeError>(decoded));
    assert_int_equal(std::get<DecodeError>(decoded).reply.code, Error::invalid_json);
  }
}

void every_byte_changed_to_every_other(void**) {
  const std::string original = kRichFrame;
  std::size_t accepted = 0;
  for (std::size_t i = 0; i < original.size(); ++i) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string frame = original;
      frame[i] = static_cast<char>(byte);
      const Decoded decoded = ChatV1Codec().decode(false, frame);
      const auto* command = std::get_if<Command>(&decoded);
      if (command == nullptr) continue;
      ++accepted;
      const auto* send = std::get_if<SendCommand>(command);
      if (send == nullptr) continue;
      Message message;
      static_cast<MessageDraft&>(message) = send->draft();
      message.seq = 1;
      assert_true(json::check(ChatV1Codec().encode(message)[0].bytes, json::kMaxDepth + 1).ok());
    }
  }
  assert_true(accepted > original.size());
}

void form_names_the_protocol(void**) {
  assert_true(ChatV1Codec().form() >> 56 == static_cast<WireForm>(Protocol::chat_v1));
  assert_true(ChatV1Codec({true, 0}).form() >> 56 == static_cast<WireForm>(Protocol::chat_v1));
  assert_true(ChatV1Codec({true, 1}).form() == ChatV1Codec({true, 2}).form());
  assert_true(ChatV1Codec({true, 0}).form() != ChatV1Codec().form());
}

std::string binary_frame(const std::string& json, const std::string& attachments) {
  std::string frame(4, '\0');
  frame[2] = static_cast<char>(json.size() >> 8);
  frame[3] = static_cast<char>(json.size());
  return frame + json + attachments;
}

const std::string kBinaryFrame = binary_frame(
    R"({"type":"send","args":[{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}],"attachments":[2,3],"ref":1})",
    "abcde");

// Every prefix is refused. A frame with its length of JSON intact is only an error; without it, the frame is malformed.
void binary_frames_truncated_at_every_byte(void**) {
  const std::string frame = kBinaryFrame;
  ChatV1Codec codec({true, 0});
  assert_true(std::holds_alternative<Command>(codec.decode(true, frame)));
  for (std::size_t size = 0; size < frame.size(); ++size) {
    const std::unique_ptr<char[]> bytes(new char[size]);
    frame.copy(bytes.get(), size);
    const Decoded decoded = ChatV1Codec({true, 0}).decode(true, {bytes.get(), size});
    assert_true(std::holds_alternative<DecodeError>(decoded));
    const bool has_json = size >= frame.size() - 5;
    assert_int_equal(std::get<DecodeError>(decoded).reply.code, has_json ? Error::invalid_argument : Error::encoding);
  }
}

void binary_frames_with_every_byte_changed(void**) {
  std::size_t accepted = 0;
  for (std::size_t i = 0; i < kBinaryFrame.size(); ++i) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string frame = kBinaryFrame;
      frame[i] = static_cast<char>(byte);
      const Decoded decoded = ChatV1Codec({true, 0}).decode(true, frame);
      const auto* command = std::get_if<Command>(&decoded);
      if (command == nullptr) continue;
      ++accepted;
      const auto* send = std::get_if<SendCommand>(command);
      if (send == nullptr) continue;
      std::size_t bytes = 0;
      for (const std::string& attachment : send->draft().attachments) bytes += attachment.size();
      assert_int_equal(bytes, 5);
    }
  }
  assert_true(accepted > kBinaryFrame.size());
}

// A client of chat.v1 receives base64 for what a client of chat.v1.binary sent, and the other way round.
void both_forms_carry_the_same_message(void**) {
  const Decoded decoded = ChatV1Codec({true, 0}).decode(true, kBinaryFrame);
  Message message;
  static_cast<MessageDraft&>(message) = std::get<SendCommand>(std::get<Command>(decoded)).draft();
  message.seq = 1;
  const Packets as_text = ChatV1Codec().encode(message);
  const Packets as_bytes = ChatV1Codec({true, 0}).encode(message);
  assert_true(as_text[0].bytes.find(R"("attachments":["YWI=","Y2Rl"])") != std::string::npos);
  assert_true(as_bytes[0].binary);
  assert_true(as_bytes[0].bytes.find(R"("attachments":[2,3])") != std::string::npos);
  assert_true(as_bytes[0].bytes.ends_with("abcde"));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(decodes_as_the_vectors_say),
      cmocka_unit_test(sequences_end_as_the_vectors_say),
      cmocka_unit_test(encodes_messages_as_the_vectors_say),
      cmocka_unit_test(encodes_replies_as_the_vectors_say),
      cmocka_unit_test(examples_of_the_document_are_among_the_vectors),
      cmocka_unit_test(relays_what_it_decodes),
      cmocka_unit_test(the_first_of_attributes_with_one_name_counts),
      cmocka_unit_test(a_refused_send_is_marked_as_one),
      cmocka_unit_test(truncated_at_every_byte),
      cmocka_unit_test(every_byte_changed_to_every_other),
      cmocka_unit_test(form_names_the_protocol),
      cmocka_unit_test(binary_frames_truncated_at_every_byte),
      cmocka_unit_test(binary_frames_with_every_byte_changed),
      cmocka_unit_test(both_forms_carry_the_same_message),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
