// Checks at compile time that chat.h and core use the same numbers, so that a cast is a conversion. No code.
#include "chat/chat.h"
#include "hub/application.h"
#include "model/message.h"
#include "model/moderation.h"
#include "model/types.h"
#include "net/base/server_options.h"

namespace chat {
namespace {

template <class Ours, class Theirs>
constexpr bool same(Ours ours, Theirs theirs) {
  return static_cast<int>(ours) == static_cast<int>(theirs);
}

static_assert(same(Error::ok, CHAT_OK));
static_assert(same(Error::invalid_argument, CHAT_ERROR_INVALID_ARGUMENT));
static_assert(same(Error::no_memory, CHAT_ERROR_NO_MEMORY));
static_assert(same(Error::internal, CHAT_ERROR_INTERNAL));
static_assert(same(Error::no_such_client, CHAT_ERROR_NO_SUCH_CLIENT));
static_assert(same(Error::no_such_room, CHAT_ERROR_NO_SUCH_ROOM));
static_assert(same(Error::invalid_room, CHAT_ERROR_INVALID_ROOM));
static_assert(same(Error::invalid_event, CHAT_ERROR_INVALID_EVENT));
static_assert(same(Error::invalid_json, CHAT_ERROR_INVALID_JSON));
static_assert(same(Error::invalid_utf8, CHAT_ERROR_INVALID_UTF8));
static_assert(same(Error::too_large, CHAT_ERROR_TOO_LARGE));
static_assert(same(Error::too_many, CHAT_ERROR_TOO_MANY));
static_assert(same(Error::forbidden, CHAT_ERROR_FORBIDDEN));
static_assert(same(Error::banned, CHAT_ERROR_BANNED));
static_assert(same(Error::not_joined, CHAT_ERROR_NOT_JOINED));
static_assert(same(Error::rate_limited, CHAT_ERROR_RATE_LIMITED));
static_assert(same(Error::stopped, CHAT_ERROR_STOPPED));
static_assert(same(Error::wrong_thread, CHAT_ERROR_WRONG_THREAD));
static_assert(same(Error::wrong_state, CHAT_ERROR_WRONG_STATE));
static_assert(same(Error::address_in_use, CHAT_ERROR_ADDRESS_IN_USE));
static_assert(same(Error::address_invalid, CHAT_ERROR_ADDRESS_INVALID));
static_assert(same(Error::permission, CHAT_ERROR_PERMISSION));
static_assert(same(Error::certificate, CHAT_ERROR_CERTIFICATE));
static_assert(same(Error::event_loop, CHAT_ERROR_EVENT_LOOP));
static_assert(same(Error::system, CHAT_ERROR_SYSTEM));
static_assert(same(Error::unsupported, CHAT_ERROR_UNSUPPORTED));
static_assert(same(Error::encoding, CHAT_ERROR_ENCODING));
static_assert(same(Error::timed_out, CHAT_ERROR_TIMED_OUT));
static_assert(same(Error::unavailable, CHAT_ERROR_UNAVAILABLE));
static_assert(same(Error::muted, CHAT_ERROR_MUTED));
static_assert(same(Error::slow_mode, CHAT_ERROR_SLOW_MODE));
static_assert(same(Error::read_only, CHAT_ERROR_READ_ONLY));
static_assert(same(Error::no_such_message, CHAT_ERROR_NO_SUCH_MESSAGE));
static_assert(same(Error::name_taken, CHAT_ERROR_NAME_TAKEN));
static_assert(same(Error::repeated, CHAT_ERROR_REPEATED));
static_assert(same(Error::no_links, CHAT_ERROR_NO_LINKS));

static_assert(CHAT_ERROR_COUNT == 36, "a new error stands in core/model/types.h and above too");
#define CHAT_COUNT_ERROR(name, number, text) +1
static_assert((CHAT_ERROR_MAP(CHAT_COUNT_ERROR)) == CHAT_ERROR_COUNT, "the numbers of errors have no gap");
#undef CHAT_COUNT_ERROR

static_assert(same(Protocol::plain, CHAT_PROTOCOL_PLAIN));
static_assert(same(Protocol::chat_v1, CHAT_PROTOCOL_CHAT_V1));
static_assert(same(Protocol::socket_io, CHAT_PROTOCOL_SOCKET_IO));
static_assert(same(Protocol::stomp, CHAT_PROTOCOL_STOMP));
static_assert(same(Protocol::http, CHAT_PROTOCOL_HTTP));
static_assert(same(kProtocolCount, CHAT_PROTOCOL_COUNT));

static_assert(1 << static_cast<int>(Transport::websocket) == CHAT_TRANSPORT_WEBSOCKET);
static_assert(1 << static_cast<int>(Transport::polling) == CHAT_TRANSPORT_POLLING);
static_assert(1 << static_cast<int>(Transport::streaming) == CHAT_TRANSPORT_STREAMING);
static_assert(same(kTransportCount, CHAT_TRANSPORT_COUNT));

static_assert(net::sockjs_bit(wire::SockJsTransport::websocket) == CHAT_SOCKJS_WEBSOCKET);
static_assert(net::sockjs_bit(wire::SockJsTransport::xhr) == CHAT_SOCKJS_XHR);
static_assert(net::sockjs_bit(wire::SockJsTransport::xhr_streaming) == CHAT_SOCKJS_XHR_STREAMING);
static_assert(net::sockjs_bit(wire::SockJsTransport::eventsource) == CHAT_SOCKJS_EVENTSOURCE);
static_assert(net::sockjs_bit(wire::SockJsTransport::htmlfile) == CHAT_SOCKJS_HTMLFILE);
static_assert(net::sockjs_bit(wire::SockJsTransport::jsonp) == CHAT_SOCKJS_JSONP);
static_assert(CHAT_SOCKJS_OFF == CHAT_SOCKJS_JSONP << 1);

static_assert(same(Verdict::pass, CHAT_PASS));
static_assert(same(Verdict::refuse, CHAT_REFUSE));
static_assert(same(Verdict::defer, CHAT_DEFER));
static_assert(same(Verdict::consume, CHAT_CONSUME));

static_assert(same(Action::join, CHAT_ACTION_JOIN));
static_assert(same(Action::publish, CHAT_ACTION_PUBLISH));
static_assert(same(Action::history, CHAT_ACTION_HISTORY));
static_assert(same(Action::members, CHAT_ACTION_MEMBERS));
static_assert(same(Action::rooms, CHAT_ACTION_ROOMS));
static_assert(same(Action::rename, CHAT_ACTION_RENAME));
static_assert(same(Action::edit, CHAT_ACTION_EDIT));
static_assert(same(Action::redact, CHAT_ACTION_REDACT));
static_assert(same(Action::react, CHAT_ACTION_REACT));

static_assert(same(RoomEventKind::message, CHAT_EVENT_MESSAGE));
static_assert(same(RoomEventKind::edit, CHAT_EVENT_EDIT));
static_assert(same(RoomEventKind::redaction, CHAT_EVENT_REDACTION));
static_assert(same(RoomEventKind::reaction, CHAT_EVENT_REACTION));

static_assert(same(Action::moderate, CHAT_ACTION_MODERATE));
static_assert(same(Action::report, CHAT_ACTION_REPORT));

static_assert(same(Role::guest, CHAT_ROLE_GUEST));
static_assert(same(Role::member, CHAT_ROLE_MEMBER));
static_assert(same(Role::moderator, CHAT_ROLE_MODERATOR));
static_assert(same(Role::owner, CHAT_ROLE_OWNER));
static_assert(same(kRoleCount, CHAT_ROLE_COUNT));

static_assert(same(ModerationAction::kick, CHAT_MODERATION_KICK));
static_assert(same(ModerationAction::ban, CHAT_MODERATION_BAN));
static_assert(same(ModerationAction::mute, CHAT_MODERATION_MUTE));
static_assert(same(ModerationAction::slow_mode, CHAT_MODERATION_SLOW_MODE));
static_assert(same(ModerationAction::members_only, CHAT_MODERATION_MEMBERS_ONLY));
static_assert(same(ModerationAction::read_only, CHAT_MODERATION_READ_ONLY));
static_assert(same(ModerationAction::close, CHAT_MODERATION_CLOSE));
static_assert(same(ModerationAction::role, CHAT_MODERATION_ROLE));
static_assert(same(ModerationAction::clear, CHAT_MODERATION_CLEAR));
static_assert(same(ModerationAction::approve, CHAT_MODERATION_APPROVE));
static_assert(same(ModerationAction::reject, CHAT_MODERATION_REJECT));
static_assert(same(ModerationAction::no_repeats, CHAT_MODERATION_NO_REPEATS));
static_assert(same(ModerationAction::no_links, CHAT_MODERATION_NO_LINKS));
static_assert(same(ModerationAction::hold_first, CHAT_MODERATION_HOLD_FIRST));
static_assert(same(kModerationActionCount, CHAT_MODERATION_COUNT));

static_assert(same(LogLevel::error, CHAT_LOG_ERROR));
static_assert(same(LogLevel::warning, CHAT_LOG_WARNING));
static_assert(same(LogLevel::info, CHAT_LOG_INFO));
static_assert(same(LogLevel::debug, CHAT_LOG_DEBUG));

static_assert(same(net::OutboxPolicy::disconnect, CHAT_OUTBOX_DISCONNECT));
static_assert(same(net::OutboxPolicy::drop_oldest, CHAT_OUTBOX_DROP_OLDEST));
static_assert(same(net::OutboxPolicy::drop_newest, CHAT_OUTBOX_DROP_NEWEST));

static_assert(kUnlimited == CHAT_UNLIMITED);

}  // namespace
}  // namespace chat
