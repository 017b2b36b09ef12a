// Messages of a cluster: what is written is read again, later versions are understood, and hostile bytes are refused.
#include "cluster/message_format.h"

#include "../hub/hub_fixture.h"

using namespace chat;
using namespace chat::test;

namespace {

Message full_message() {
  Message message;
  message.room = "dev";
  message.event = "drawn";
  message.kind = PayloadKind::args;
  message.payload = R"([{"_placeholder":true,"num":0},"한글"])";
  message.attachments = {std::string("\0\1\xFF", 3), std::string()};
  message.attributes = {{"unit", "cm"}, {"empty", ""}};
  message.except = make_client_id(3, 7);
  message.sender = {make_client_id(1'023, 12'345'678'901), "Ann", "ann"};
  message.id = "id-1";
  message.extra.make().reply_to = 41;
  return message;
}

std::string written(const Message& message) {
  std::string batch;
  cluster::write_message(message, batch);
  return batch;
}

void assert_same(const Message& read, const Message& message) {
  assert_text(read.event, message.event);
  assert_true(read.kind == message.kind && read.event_kind == message.event_kind);
  assert_text(read.payload, message.payload);
  assert_true(read.attachments == message.attachments && read.attributes == message.attributes);
  assert_int_equal(read.except, message.except);
  assert_int_equal(read.target_seq, message.target_seq);
  assert_true(read.sender.id == message.sender.id && read.sender.name == message.sender.name);
  assert_text(read.sender.user_id, message.sender.user_id);
  assert_text(read.id, message.id);
  assert_int_equal(read.extra->reply_to, message.extra->reply_to);
  assert_int_equal(read.extra->edited_ms, message.extra->edited_ms);
  assert_true(read.extra->redacted == message.extra->redacted && read.extra->added == message.extra->added);
}

void what_is_written_is_read(void**) {
  const Message message = full_message();
  Message edit;
  edit.event_kind = RoomEventKind::edit;
  edit.target_seq = UINT64_C(1) << 52;
  edit.extra.make().edited_ms = 1'700'000'000'000;
  Message reaction;
  reaction.event_kind = RoomEventKind::reaction;
  reaction.payload = "+1";
  reaction.extra.make().added = true;
  const Result<std::vector<std::shared_ptr<Message>>> read =
      cluster::read_messages(written(message) + written(edit) + written(reaction) + written(Message()));
  assert_true(read.ok());
  assert_int_equal(read->size(), 4);
  assert_same(*(*read)[0], message);
  assert_same(*(*read)[1], edit);
  assert_same(*(*read)[2], reaction);
  assert_same(*(*read)[3], Message());
}

// Tag 100, which this version does not know, before the first field.
void unknown_fields_are_skipped(void**) {
  const std::string batch = written(full_message());
  const bool is_long = (static_cast<unsigned char>(batch[0]) & 0x80) != 0;  // then its length takes two bytes
  const std::string later = std::string("\x64\x03new", 5) + batch.substr(is_long ? 2 : 1);
  std::string head;
  head += static_cast<char>(later.size() | 0x80);
  head += static_cast<char>(later.size() >> 7);
  const Result<std::vector<std::shared_ptr<Message>>> read = cluster::read_messages(head + later);
  assert_true(read.ok());
  assert_same(*read->front(), full_message());
}

void what_is_cut_off_is_refused(void**) {
  const std::string batch = written(full_message());
  for (std::size_t size = 1; size < batch.size(); ++size) {
    assert_status(cluster::read_messages(batch.substr(0, size)).status(), Error::invalid_argument);
  }
}

void hostile_bytes_are_refused(void**) {
  const std::string endless(20, '\xFF');
  for (const std::string& fields :
       {std::string("\x03\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 11),  // a length of 2^64 - 1
        std::string("\x02\x01\x09", 3), std::string("\x09\x01\x63", 3),   // values that a field does not have
        std::string("\x06\x01x", 3), std::string("\x08\x00", 2), endless}) {
    std::string batch(1, static_cast<char>(fields.size()));
    assert_status(cluster::read_messages(batch + fields).status(), Error::invalid_argument);
  }
  assert_status(cluster::read_messages(endless).status(), Error::invalid_argument);
  std::string many;
  for (std::size_t i = 0; i <= kMaxAttachments; ++i) many += std::string("\x04\x00", 2);
  assert_status(cluster::read_messages(std::string(1, static_cast<char>(many.size())) + many).status(),
                Error::invalid_argument);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(what_is_written_is_read),
      cmocka_unit_test(unknown_fields_are_skipped),
      cmocka_unit_test(what_is_cut_off_is_refused),
      cmocka_unit_test(hostile_bytes_are_refused),
  };
  return cmocka_run_group_tests_name("cluster/message_format", tests, nullptr, nullptr);
}
