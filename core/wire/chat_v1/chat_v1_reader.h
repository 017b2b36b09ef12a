// Reads one frame of a chat.v1 client, of text or of bytes (chat_v1_binary.h): locates the known fields and converts them into a command, or into an error that
// names the field. The hub validates names of rooms, events and people. One instance reads one frame.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "wire/codec.h"

namespace chat::wire {

class ChatV1Reader {
 public:
  // Keeps views only: `frame` must outlive the reader. accepts_binary: the client chose chat.v1.binary.
  ChatV1Reader(bool binary, std::string_view frame, bool accepts_binary = false);

  // True when the frame is not a single JSON object.
  bool malformed() const { return malformed_; }

  // Returns the command or the error. Call it once, and only when malformed() is false.
  Decoded read();
  // The same for an object that is the message of a `send` without its type: the body of a POST.
  Decoded read_message() { return status_.ok() ? read_send() : Decoded(DecodeError{error()}); }

  // The error reply for a malformed frame.
  ErrorReply error() const;

 private:
  enum class Field : std::uint8_t {
    type,
    room,
    text,
    args,
    event,
    attachments,
    attributes,
    ephemeral,
    except_self,
    ref,
    epoch,
    seq,
    name,
    after,
    limit,
    before,
    id,
    around,
    state,
    reply_to,
    target,
    reaction,
    remove,
    action,
    user,
    client,
    address,
    duration_ms,
    value,
    reason
  };
  static constexpr std::size_t kFieldCount = 30;
  static const std::array<std::string_view, kFieldCount> kNames;

  void read_json(std::string_view text);
  void find_fields(std::string_view frame);
  void read_ref();
  Decoded read_send();
  Decoded read_edit();
  Decoded read_delete();
  Decoded read_react();
  Decoded read_join();
  Decoded read_leave();
  Decoded read_rename();
  Decoded read_history();
  Decoded read_search();
  Decoded read_members();
  Decoded read_presence();
  Decoded read_state();
  Decoded read_moderation();
  Decoded read_report();
  Decoded read_seen();

  // These leave `out` unchanged when the field is absent or an error was found before.
  void read_string(Field field, std::string& out);
  void read_boolean(Field field, bool& out);
  void read_id(std::string& out);
  // What the commands that change a message have in common.
  SendCommand read_change(RoomEventKind kind);
  void read_unsigned(Field field, std::uint64_t& out);
  void read_signed(Field field, std::int64_t& out);
  void read_action(ModerationAction& out);
  // A number, true, false, or the name of a role.
  void read_value(std::int64_t& out);
  // The id of a client, which is a string of digits.
  void read_client(ClientId& out);
  void read_payload(MessageDraft& draft);
  void read_attachments(std::vector<std::string>& out);
  void read_base64(std::string_view element, std::vector<std::string>& out);
  void take_bytes(std::string_view element, std::vector<std::string>& out);
  void read_attributes(Pairs& out);

  std::string_view raw(Field field) const { return fields_[static_cast<std::size_t>(field)]; }
  bool has(Field field) const { return !raw(field).empty(); }
  void require(Field field);
  void fail(Field field, std::string_view fault, Error code = Error::invalid_argument);
  void fail(Status status);
  Decoded finish(Command command);

  std::array<std::string_view, kFieldCount> fields_;  // raw values; empty: absent or null
  Status status_;                                     // the first error
  std::string ref_;
  bool binary_ = false;
  std::string_view bytes_;  // attachments of a binary frame that are not read yet
  bool malformed_ = false;
  bool of_send_ = false;
};

}  // namespace chat::wire
