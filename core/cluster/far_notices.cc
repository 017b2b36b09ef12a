// See far_notices.h.
#include "cluster/far_notices.h"

#include <utility>
#include <vector>

#include "cluster/message_format.h"
#include "cluster/words.h"
#include "model/moderation.h"
#include "model/names.h"
#include "model/utf8.h"

namespace chat::cluster {
namespace {

// What a close frame takes: RFC 6455 section 5.5.
constexpr std::size_t kMaxCloseReasonBytes = 123;

bool kicks(const FarNotice& notice) { return notice.kind == FarNotice::Kind::kick; }

bool is_to_user(const FarNotice& notice) { return !kicks(notice) && !notice.user_id.empty(); }

char kind_of(const FarNotice& notice) {
  if (kicks(notice)) return 'k';
  if (notice.kind == FarNotice::Kind::close) return 'e';
  return notice.client != 0 ? 'd' : is_to_user(notice) ? 'u' : 'x';
}

// "" is a label that the receiver chooses.
bool is_label(const std::string& room) { return room.empty() || check_room_name(room).ok(); }

}  // namespace

std::string write_far_notice(const FarNotice& notice, const std::string& id) {
  std::string text(1, kind_of(notice));
  text += id;
  text += ' ';
  if (kicks(notice)) {
    text += text_of(notice.client) + " " + std::to_string(notice.rank) + " ";
    add_sized(notice.user_id, text);
    text += notice.reason;
    return text;
  }
  if (notice.kind == FarNotice::Kind::close) {
    text += text_of(notice.client) + (notice.whole_connection ? " 1 " : " 0 ") + notice.reason;
    return text;
  }
  if (notice.client != 0) {
    text += text_of(notice.client) + " ";
    add_sized(notice.message->room, text);
  } else if (is_to_user(notice)) {
    add_sized(notice.user_id, text);
    add_sized(notice.message->room, text);
  }
  write_message(*notice.message, text);
  return text;
}

std::optional<HeardNotice> read_far_notice(char kind, std::string_view text, const std::string& room) {
  HeardNotice heard;
  FarNotice& notice = heard.notice;
  if (kind == 'k') {
    if (room.empty()) return std::nullopt;
    notice.kind = FarNotice::Kind::kick;
    notice.room = room;
    notice.client = number_in<ClientId>(take_word(text)).value_or(0);
    notice.rank = number_in<int>(take_word(text)).value_or(0);
    if (!take_sized(text, notice.user_id)) return std::nullopt;
    if (!check_moderation_reason(text).ok()) return std::nullopt;
    notice.reason = text;
    return heard;
  }
  if (kind == 'd' || kind == 'e') {
    notice.client = number_in<ClientId>(take_word(text)).value_or(0);
    if (!room.empty() || notice.client == 0) return std::nullopt;
  }
  if (kind == 'e') {
    notice.kind = FarNotice::Kind::close;
    notice.whole_connection = take_word(text) == "1";
    if (text.size() > kMaxCloseReasonBytes || !is_utf8(text)) return std::nullopt;
    notice.reason = text;
    return heard;
  }
  if (kind == 'u' && !take_sized(text, notice.user_id)) return std::nullopt;
  if (kind != 'x' && (!take_sized(text, notice.room) || !is_label(notice.room))) return std::nullopt;
  Result<std::vector<std::shared_ptr<Message>>> messages = read_messages(text);
  if (!messages.ok() || messages->size() != 1) return std::nullopt;
  heard.message = std::move(messages->front());
  heard.message->ephemeral = true;
  heard.message->room = room.empty() ? notice.room : room;
  return heard;
}

const std::string& channel_room(const FarNotice& notice) {
  static const std::string everyone;
  if (kicks(notice)) return notice.room;
  return is_to_user(notice) ? everyone : notice.message->room;
}

}  // namespace chat::cluster
