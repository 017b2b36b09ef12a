/*
 * chat.h: the complete public interface of libchat, an embeddable real-time chat server.
 *
 * Conventions
 *
 *  1. A function that can fail returns chat_error; 0 (CHAT_OK) is success. After a failure chat_error_message() returns
 *     a sentence that describes the cause. Each thread has its own.
 *  2. Handles are opaque. A client is a 64-bit id that is never reused. A stale id is a failed look-up
 *     (CHAT_ERROR_NO_SUCH_CLIENT), never a dangling pointer. A room is identified by its name.
 *  3. Strings are UTF-8. A parameter named ..._size beside a pointer is a length in bytes, and the bytes may contain NUL.
 *     A const char * without a size ends with NUL. The library copies its arguments before it returns.
 *  4. Data passed to a callback or a visitor is valid until that callback returns.
 *  5. Structures that may grow begin with struct_size and have an _INIT macro. For languages without macros a function
 *     chat_..._init() does the same. A newer library reads and writes only the fields within the caller's size and uses
 *     the default for the others. Zero always means the default. CHAT_UNLIMITED (-1) disables a limit or a timer where
 *     its comment allows it.
 *  6. Units are part of names: _ms are milliseconds, _bytes are bytes. Times of day are milliseconds since 1970, UTC.
 *  7. Callbacks run on the server's loop threads; with threads = 0 they run inside chat_server_poll(). The callbacks of
 *     one client never overlap. Their order is on_connect, on_open, on_join, on_message and on_ack ..., on_leave,
 *     on_disconnect. With several threads, callbacks of different clients run in parallel. No lock is held.
 *     A callback that blocks delays every client of its thread: move slow work to a thread of your own. A callback must
 *     return: pthread_exit() in one ends the process, and longjmp() out of one is undefined. Loop threads cannot be
 *     cancelled. They block all signals except a thread's own faults, SIGPWR, SIGXCPU, SIGPROF, SIGURG and the real-time
 *     signals, by which language runtimes control threads.
 *  8. Inside on_authorize and on_message, publishing, sending, joining, leaving and closing take effect after the message
 *     or command for which the callback runs. They do not call on_message again. Such a call reports invalid arguments
 *     at once. A failure that occurs later (the client has disconnected, the room is full) is reported to on_log.
 *     After CHAT_DEFER these calls take effect when the callback has returned.
 *  9. The library installs no signal handler, changes no limit or locale, never exits and never prints. One setting is
 *     process-wide: libwebsockets has one log function for all its users, which the first server with TLS redirects to
 *     on_log.
 *
 *     May be called from                                       any thread      in a callback
 *     chat_server_start                                        yes             yes
 *     chat_server_free                                         yes             no: CHAT_ERROR_WRONG_THREAD
 *     chat_server_poll (threads = 0)                           one at a time   no: CHAT_ERROR_WRONG_THREAD
 *     chat_server_check_loops                                  yes             no: CHAT_ERROR_WRONG_THREAD
 *     chat_server_wait (with threads)                          yes             no: CHAT_ERROR_WRONG_THREAD
 *     chat_message_event_replace                               no              on_message, its own event
 *     chat_connect_event_refuse, chat_authorize_event_refuse,
 *     chat_message_event_refuse                                no              its own event
 *     chat_cluster_members, chat_cluster_rooms                 yes             with a cluster no: CHAT_ERROR_WRONG_THREAD
 *     everything else                                          yes             yes
 *     None of these functions waits for the network, except for other servers of a cluster where its comment says so.
 *     chat_server_free must not run in parallel with any other call on the same server.
 *
 *     After fork() a server belongs to the parent. The child's copies of its sockets are closed, and in the child every
 *     function that takes the server returns CHAT_ERROR_WRONG_STATE, chat_server_free too: its memory stays allocated. The
 *     child can start servers of its own. It must not return from a callback in which it was forked.
 *
 * Not included: rendering, media, end-to-end encryption, user databases, judging content. Applications add them in
 * the callbacks.
 */
#ifndef CHAT_CHAT_H
#define CHAT_CHAT_H

/* Defined by tools that read the declarations only and know these types: docs/ffi.md. */
#ifndef CHAT_NO_INCLUDES
#include <stddef.h>
#include <stdint.h>
#endif

#if defined(CHAT_API)
/* Defined by the includer. */
#elif defined(__GNUC__) || defined(__clang__)
#define CHAT_API __attribute__((visibility("default")))
#else
#define CHAT_API
#endif

#if defined(__cplusplus) && __cplusplus >= 201103L
#define CHAT_NOEXCEPT noexcept
#elif defined(__cplusplus)
#define CHAT_NOEXCEPT throw()
#else
#define CHAT_NOEXCEPT
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---------------------------------------------------------------------------------------------- version and features */

#define CHAT_VERSION_MAJOR 0
#define CHAT_VERSION_MINOR 1
#define CHAT_VERSION_PATCH 0
#define CHAT_VERSION_STRING "0.1.0"

/* The version of the running library, as "0.1.0". */
CHAT_API const char *chat_version(void) CHAT_NOEXCEPT;

/* The same as a number: major * 1000000 + minor * 1000 + patch. */
CHAT_API int chat_version_number(void) CHAT_NOEXCEPT;

/*
 * The loaded versions of the libraries that libchat uses, for a log or a bug report: "libwebsockets 4.1.6, libuv 1.44.2,
 * OpenSSL 3.0.15, cJSON 1.7.15, zlib 1.2.13, SQLite 3.40.1, ICU 72.1". The text is static.
 */
CHAT_API const char *chat_library_versions(void) CHAT_NOEXCEPT;

/*
 * Returns 1 if this build has the named feature, otherwise 0. Names: "tls", "permessage-deflate", "unix-socket", "chat.v1",
 * "socket.io", "threads", "host-driven", "deferral" (CHAT_DEFER), "page" (chat_page_path, chat_script_path), "metrics",
 * "sockjs", "stomp", "http", "history-file" (history_path), "moderation" (chat_moderate), "unique-names" (unique_names), "cluster" (cluster).
 * Returns 0 for an unknown name or NULL.
 */
CHAT_API int chat_has_feature(const char *name) CHAT_NOEXCEPT;

/* ------------------------------------------------------------------------------------------------------------ errors */

#define CHAT_ERROR_MAP(X)                                                             \
  X(OK, 0, "success")                                                                 \
  X(ERROR_INVALID_ARGUMENT, 1, "invalid argument")                                    \
  X(ERROR_NO_MEMORY, 2, "out of memory")                                              \
  X(ERROR_INTERNAL, 3, "internal error")                                              \
  X(ERROR_NO_SUCH_CLIENT, 4, "no such client")                                        \
  X(ERROR_NO_SUCH_ROOM, 5, "no such room")                                            \
  X(ERROR_INVALID_ROOM, 6, "invalid room name")                                       \
  X(ERROR_INVALID_EVENT, 7, "invalid or reserved event name")                         \
  X(ERROR_INVALID_JSON, 8, "invalid JSON")                                            \
  X(ERROR_INVALID_UTF8, 9, "invalid UTF-8")                                           \
  X(ERROR_TOO_LARGE, 10, "too large")                                                 \
  X(ERROR_TOO_MANY, 11, "a limit is reached")                                         \
  X(ERROR_FORBIDDEN, 12, "forbidden")                                                 \
  X(ERROR_BANNED, 13, "banned from the room")                                         \
  X(ERROR_NOT_JOINED, 14, "not a member of the room")                                 \
  X(ERROR_RATE_LIMITED, 15, "too many messages in a short time")                      \
  X(ERROR_STOPPED, 16, "the server has stopped")                                      \
  X(ERROR_WRONG_THREAD, 17, "not allowed from this thread or callback")               \
  X(ERROR_WRONG_STATE, 18, "not allowed in this state")                               \
  X(ERROR_ADDRESS_IN_USE, 19, "address in use")                                       \
  X(ERROR_ADDRESS_INVALID, 20, "address invalid or not local")                        \
  X(ERROR_PERMISSION, 21, "permission denied")                                        \
  X(ERROR_CERTIFICATE, 22, "certificate or private key unusable")                     \
  X(ERROR_EVENT_LOOP, 23, "the event loop or libwebsockets' libuv plugin is missing") \
  X(ERROR_SYSTEM, 24, "a system call failed")                                         \
  X(ERROR_UNSUPPORTED, 25, "not supported by the client's protocol or this build")    \
  X(ERROR_ENCODING, 26, "malformed message")                                          \
  X(ERROR_TIMED_OUT, 27, "no answer in time")                                         \
  X(ERROR_UNAVAILABLE, 28, "the kept history cannot be written or read now")          \
  X(ERROR_MUTED, 29, "muted in the room")                                             \
  X(ERROR_SLOW_MODE, 30, "too soon after the last message in the room")               \
  X(ERROR_READ_ONLY, 31, "the room is read-only")                                     \
  X(ERROR_NO_SUCH_MESSAGE, 32, "no such message")                                     \
  X(ERROR_NAME_TAKEN, 33, "the name is taken in a room")                              \
  X(ERROR_REPEATED, 34, "the same text again in the room")                            \
  X(ERROR_NO_LINKS, 35, "no links yet in the room")

typedef enum chat_error {
#define CHAT_ERROR_ENUM(name, number, text) CHAT_##name = number,
  CHAT_ERROR_MAP(CHAT_ERROR_ENUM) CHAT_ERROR_COUNT /* one above the highest value; later versions add more */
#undef CHAT_ERROR_ENUM
} chat_error;

/* The text of an error, static; "unknown error" for an invalid number. */
CHAT_API const char *chat_strerror(chat_error error) CHAT_NOEXCEPT;

/* The constant's name without CHAT_, for example "ERROR_BANNED"; static, NULL for an invalid number. */
CHAT_API const char *chat_error_name(chat_error error) CHAT_NOEXCEPT;

/*
 * A readable message for the last failed call on this thread, for example "port 3000 on 0.0.0.0: address in use". Valid
 * until the next call on this thread. Never NULL.
 */
CHAT_API const char *chat_error_message(void) CHAT_NOEXCEPT;

/* ----------------------------------------------------------------------------------------------------------- options */

typedef struct chat_server chat_server; /* a server, from chat_server_start() to chat_server_free() */
typedef uint64_t chat_client_id;        /* 0: none. Below 2^53, so that a JavaScript number holds it exactly */

#define CHAT_UNLIMITED (-1) /* for options whose comment allows it: no limit, or never */

/* The protocol of an endpoint's clients. */
typedef enum chat_protocol {
  CHAT_PROTOCOL_PLAIN = 1,     /* every text or binary frame is a message; also accepts the subprotocol chat.v1 */
  CHAT_PROTOCOL_CHAT_V1 = 2,   /* docs/protocol.md, regardless of the offered subprotocol */
  CHAT_PROTOCOL_SOCKET_IO = 3, /* Socket.IO 4, docs/socketio.md: each namespace of a connection is a client */
  CHAT_PROTOCOL_STOMP = 4,     /* STOMP 1.0, 1.1 and 1.2, docs/stomp.md */
  CHAT_PROTOCOL_HTTP = 5,      /* Ajax and Server-Sent Events, docs/http.md: each request or stream is a client */
  CHAT_PROTOCOL_COUNT = 6      /* one above the highest value; later versions add more */
} chat_protocol;

/* The transport of a client. The values are bits, so that an endpoint can allow several. */
typedef enum chat_transport {
  CHAT_TRANSPORT_WEBSOCKET = 1, /* RFC 6455 */
  CHAT_TRANSPORT_POLLING = 2,   /* HTTP requests: long polling of Socket.IO and HTTP, SockJS's xhr and jsonp; Ajax */
  CHAT_TRANSPORT_STREAMING = 4, /* endless responses: Server-Sent Events; SockJS's streams */
  CHAT_TRANSPORT_COUNT = 3      /* the number of bits; later versions add more */
} chat_transport;

/*
 * The transports of SockJS (docs/sockjs.md), by which clients that cannot use a WebSocket reach an endpoint of plain,
 * chat.v1 or STOMP. The values are bits.
 */
typedef enum chat_sockjs {
  CHAT_SOCKJS_WEBSOCKET = 1,     /* also /websocket below the path, without frames of SockJS */
  CHAT_SOCKJS_XHR = 2,           /* a response for each frame */
  CHAT_SOCKJS_XHR_STREAMING = 4, /* a response with many frames */
  CHAT_SOCKJS_EVENTSOURCE = 8,   /* the same as text/event-stream */
  CHAT_SOCKJS_HTMLFILE = 16, /* for old browsers. Pages of every site can use it and jsonp, because browsers send no */
  CHAT_SOCKJS_JSONP = 32,    /* Origin with them; only those that send Sec-Fetch-Site: cross-site are refused */
  CHAT_SOCKJS_OFF = 64       /* alone: the endpoint has no SockJS */
} chat_sockjs;

/*
 * A URL path to which clients connect. The whole path is compared, without the query and a trailing slash. Endpoints of
 * Socket.IO and HTTP also own everything below their paths, so such a path cannot be "/" and no other endpoint can lie below
 * it. The other protocols have SockJS below their paths.
 */
typedef struct chat_endpoint {
  size_t struct_size;
  const char *path; /* begins with '/' */
  chat_protocol protocol;
  uint32_t transports;       /* chat_transport bits; 0: all transports of the protocol */
  int64_t max_message_bytes; /* 0: max_message_bytes of the options */
  uint32_t sockjs;   /* chat_sockjs bits; 0: all but HTMLFILE and JSONP. Those that `transports` excludes are off */
  int sockjs_cookie; /* 1: SockJS sets the cookie JSESSIONID, for load balancers that route by it */
} chat_endpoint;
#define CHAT_ENDPOINT_INIT \
  { sizeof(chat_endpoint), NULL, CHAT_PROTOCOL_PLAIN, 0, 0, 0, 0 }

/* Does what CHAT_ENDPOINT_INIT does; see chat_server_options_init(). */
CHAT_API chat_error chat_endpoint_init(chat_endpoint *endpoint, size_t struct_size) CHAT_NOEXCEPT;

/* A directory whose files are served below a path, by GET and HEAD, with type and ETag; index.html for a folder. */
typedef struct chat_static_mount {
  size_t struct_size;
  const char *path;      /* begins with '/'; "/" covers all paths */
  const char *directory; /* files outside of it are never served, not even through symbolic links. Nor are names that
                            begin with a dot, except below /.well-known/ */
} chat_static_mount;
#define CHAT_STATIC_MOUNT_INIT \
  { sizeof(chat_static_mount), NULL, NULL }

/* Does what CHAT_STATIC_MOUNT_INIT does; see chat_server_options_init(). */
CHAT_API chat_error chat_static_mount_init(chat_static_mount *mount, size_t struct_size) CHAT_NOEXCEPT;

/* The action when a client's outbox is full, because the client reads too slowly. */
typedef enum chat_outbox_policy {
  CHAT_OUTBOX_DISCONNECT = 0,  /* the connection is closed with code 1013; the client can reconnect and resume */
  CHAT_OUTBOX_DROP_OLDEST = 1, /* the oldest messages are dropped and counted; the gap is reported to the client */
  CHAT_OUTBOX_DROP_NEWEST = 2  /* new messages are dropped and counted; the gap is reported to the client */
} chat_outbox_policy;

/* What a kept history survives; see history_path. */
typedef enum chat_history_sync {
  CHAT_HISTORY_SYNC_NORMAL =
      0,                     /* the end of the process, also by SIGKILL. After a power loss or a crash of the system the
                                   last messages may be missing; then every room starts a new epoch */
  CHAT_HISTORY_SYNC_FULL = 1 /* a power loss too: each group of messages waits until the disk has it */
} chat_history_sync;

/* The action when a kept history cannot be written, for example because the disk is full. */
typedef enum chat_history_failure {
  CHAT_HISTORY_FAIL = 0,  /* messages are refused with UNAVAILABLE until it can be written again */
  CHAT_HISTORY_FORGET = 1 /* messages are published without being kept in the file, and counted */
} chat_history_failure;

/*
 * How messages of a kept history are found by their text; see history_search. WORDS: case and accents do not matter. Not for
 * Chinese, Japanese and Thai, which have no spaces between words. PARTS: in every language; accents matter. Its index is
 * several times as large.
 */
typedef enum chat_history_search {
  CHAT_HISTORY_SEARCH_OFF = 0,   /* they are not */
  CHAT_HISTORY_SEARCH_WORDS = 1, /* by whole words */
  CHAT_HISTORY_SEARCH_PARTS = 2  /* by any three or more characters in a row */
} chat_history_search;

/* What a server of a cluster does when Redis is gone for more than 5 s; see cluster_policy. */
typedef enum chat_cluster_policy {
  CHAT_CLUSTER_HOLD = 0,  /* messages fail with UNAVAILABLE, and new rooms cannot be entered */
  CHAT_CLUSTER_ISLAND = 1 /* it numbers messages itself, and adds them to the shared rooms when Redis is back */
} chat_cluster_policy;

/* What the members of a room learn about each other; see presence. */
typedef enum chat_presence_level {
  CHAT_PRESENCE_OFF = 0,    /* nothing */
  CHAT_PRESENCE_COUNTS = 1, /* the number of people */
  CHAT_PRESENCE_FULL = 2    /* their user ids and names too, for clients that may list the members */
} chat_presence_level;

/* The severity of a log line. on_log receives the lines up to the log_level of the options. */
typedef enum chat_log_level {
  CHAT_LOG_ERROR = 1,   /* an operation failed, or a callback violated a rule */
  CHAT_LOG_WARNING = 2, /* the server works, but needs attention: a slow callback, a flood */
  CHAT_LOG_INFO = 3,    /* useful to operators: where the server listens, when it stops */
  CHAT_LOG_DEBUG = 4    /* useful to developers of the library */
} chat_log_level;

/* The return value of a callback that decides. */
typedef enum chat_verdict {
  CHAT_PASS = 0,   /* on_connect: accept; on_authorize: allow; on_message: publish */
  CHAT_REFUSE = 1, /* refuse; the client receives the reason if its protocol can carry one */
  CHAT_DEFER = 2,  /* the verdict follows later, from any thread: on_connect: by chat_accept or chat_refuse;
                      on_authorize and on_message: by chat_decide */
  CHAT_CONSUME = 3 /* on_message only: the application has handled the message; it is not published */
} chat_verdict;

/* The action for which on_authorize runs. */
typedef enum chat_action {
  CHAT_ACTION_JOIN = 1,      /* become a member of a room */
  CHAT_ACTION_PUBLISH = 2,   /* publish a message in a room */
  CHAT_ACTION_HISTORY = 3,   /* read the history of a room */
  CHAT_ACTION_MEMBERS = 4,   /* list the members of a room; without on_authorize: refused */
  CHAT_ACTION_ROOMS = 5,     /* list the rooms; without on_authorize: refused */
  CHAT_ACTION_RENAME = 6,    /* change the display name; without on_authorize: allowed to guests (no user id) only */
  CHAT_ACTION_EDIT = 7,      /* replace the text of a message; asked only about its sender: docs/messages.md */
  CHAT_ACTION_REDACT = 8,    /* delete a message; asked only about its sender and moderators */
  CHAT_ACTION_REACT = 9,     /* give a message a reaction, or take it back */
  CHAT_ACTION_MODERATE = 10, /* moderate a room; asked only about clients whose role allows it */
  CHAT_ACTION_REPORT = 11,   /* report a message of a room that it is in */
  CHAT_ACTION_STATE = 12     /* change its public state: docs/presence.md */
} chat_action;

#define CHAT_REASON_BYTES 124 /* the size of a reason with its NUL; 123 bytes is the limit of a WebSocket close frame */

/* A name and a value: a header, a query argument, an attribute. Both end with NUL; a value may also contain NUL. */
typedef struct chat_pair {
  const char *name;
  const char *value;
  size_t value_size;
} chat_pair;

/* The identity of a client. As input, NULL or empty members take the default given beside each. */
typedef struct chat_identity {
  size_t struct_size;
  const char *user_id;         /* one user can have several clients; "": a guest. At most 128 bytes */
  const char *name;            /* "": a generated guest name. At most 128 bytes, no control characters */
  const chat_pair *attributes; /* for the application; never sent to clients. At most 32, 8 KiB in total. "role" and
                                  "role:ROOM" give the client a role: docs/moderation.md */
  size_t attribute_count;
} chat_identity;
#define CHAT_IDENTITY_INIT \
  { sizeof(chat_identity), NULL, NULL, NULL, 0 }

/* Does what CHAT_IDENTITY_INIT does; see chat_server_options_init(). */
CHAT_API chat_error chat_identity_init(chat_identity *identity, size_t struct_size) CHAT_NOEXCEPT;

/* Information about a client. */
typedef struct chat_client {
  size_t struct_size;
  chat_client_id id;
  const chat_identity *identity;
  const char *address; /* "192.0.2.1", "2001:db8::1"; "" on a UNIX socket. Behind a trusted proxy: the client's */
  chat_protocol protocol;
  chat_transport transport;
  int64_t connected_at_ms; /* time of day */
  const char *const *rooms;
  size_t room_count;
  void *user;            /* see chat_client_set_user() */
  const char *socket_id; /* see chat_find_client() */
} chat_client;

/*
 * A connection request. All data is a copy. `headers` has every header of the request: names in lower case without the
 * colon, in the order in which they were sent. Several Cookie lines are joined into one.
 */
typedef struct chat_connect_event {
  size_t struct_size;
  chat_client_id client;
  const char *path;       /* decoded, without the query. For Socket.IO the request is the Engine.IO handshake */
  const chat_pair *query; /* decoded */
  size_t query_count;
  const chat_pair *headers;
  size_t header_count;
  const chat_pair *cookies;
  size_t cookie_count;
  const char *origin;    /* "" without one; it has passed the Origin check */
  const char *address;   /* as in chat_client */
  int secure;            /* 1: TLS, at this server or at a trusted proxy */
  const char *room;      /* the requested room; for Socket.IO the room of the namespace; "" for a client without one */
  const char *token;     /* "Authorization: Bearer ...", "?token=..." or the "token" of auth; "" without one */
  const char *user_name; /* "Authorization: Basic ..." or the protocol's own log-in; "" without one */
  const char *password;
  chat_protocol protocol;
  chat_transport transport;
  char reason[CHAT_REASON_BYTES]; /* out: the reason of CHAT_REFUSE; may stay empty */
  const char *auth;               /* Socket.IO: the `auth` of the client, a JSON object; "" without one */
  const char *socket_id;          /* see chat_find_client() */
  /* With recovery_asks_on_connect: the client that this one continues. This one has its identity. Otherwise 0. */
  chat_client_id recovered_from;
} chat_connect_event;

/*
 * A client has opened, disconnected, joined or left. Socket.IO has no close codes for a namespace. Here 1000 means that the
 * client left it ("client namespace disconnect"), 1008 that it was kicked, and 1006 that the connection was lost.
 */
typedef struct chat_client_event {
  size_t struct_size;
  chat_client_id client;
  void *user;       /* the client's pointer, see chat_client_set_user() */
  const char *name; /* the current display name */
  const char *user_id;
  const char *room;   /* on_join, on_leave: the room; on_open: the first room, "" without; on_disconnect: "" */
  int close_code;     /* on_disconnect: the WebSocket close code (RFC 6455 section 7.4), 1006 without one */
  const char *reason; /* on_disconnect, on_leave: readable text */
  chat_client_id recovered_from; /* on_open: the client that this one continues (recovery_window_ms), or 0 */
  const char *socket_id;         /* see chat_find_client() */
} chat_client_event;

/* A person in a room: a user, who may have several clients there, or a guest. */
typedef struct chat_person {
  size_t struct_size;
  const char *user_id; /* "" for a guest */
  chat_client_id id;   /* the client of a guest; 0 for a user */
  const char *name;    /* the display name */
  const char *state;   /* the public state, JSON; "" without one */
} chat_person;

/* The people in a room have changed. Each list has pointers, and is NULL when it is empty. */
typedef struct chat_presence_event {
  size_t struct_size;
  const char *room;                 /* its name */
  const char *epoch;                /* of the room */
  int64_t time_ms;                  /* time of day */
  size_t count;                     /* the people in the room, after the change */
  const chat_person *const *joined; /* who has come */
  size_t joined_count;
  const chat_person *const *left; /* who has gone */
  size_t left_count;
  const chat_person *const *changed; /* who has a new name or a new state */
  size_t changed_count;
} chat_presence_event;

/* A request for permission: `client` wants to perform `action` in `room`. */
typedef struct chat_authorize_event {
  size_t struct_size;
  chat_client_id client;
  void *user;
  chat_action action;
  const char *room;               /* "" for CHAT_ACTION_ROOMS, CHAT_ACTION_RENAME and CHAT_ACTION_STATE */
  const char *value;              /* CHAT_ACTION_RENAME: the requested name; CHAT_ACTION_PUBLISH: the event name;
                                     CHAT_ACTION_STATE: the JSON value, "" to remove the state;
                                     CHAT_ACTION_EDIT, _REDACT, _REACT, _REPORT: the seq of the message, in decimal digits;
                                     CHAT_ACTION_MODERATE: "ban", "mute" ..., see chat_moderation_action */
  char reason[CHAT_REASON_BYTES]; /* out: the reason of CHAT_REFUSE; may stay empty */
  uint64_t decision_id;           /* for chat_decide() after CHAT_DEFER; never reused */
} chat_authorize_event;

/* The bytes of an attachment. */
typedef struct chat_blob {
  const void *data;
  size_t size_bytes;
} chat_blob;

/* The format of a message's data. */
typedef enum chat_payload {
  CHAT_PAYLOAD_TEXT = 0,  /* data is text, the single argument of its event */
  CHAT_PAYLOAD_ARGS = 1,  /* data is a JSON array, the event's arguments. {"_placeholder":true,"num":N} in it stands for
                            attachment N; every attachment must be referenced */
  CHAT_PAYLOAD_BINARY = 2 /* data is bytes; equals ARGS [{"_placeholder":true,"num":0}] with one attachment */
} chat_payload;

/* What a chat_message is. Events that change a message have numbers of their own: docs/messages.md. */
typedef enum chat_event_kind {
  CHAT_EVENT_MESSAGE = 0,   /* a message */
  CHAT_EVENT_EDIT = 1,      /* message target_seq has this payload now */
  CHAT_EVENT_REDACTION = 2, /* message target_seq has no payload any more */
  CHAT_EVENT_REACTION = 4   /* a user has given message target_seq a reaction, or taken it back */
} chat_event_kind;

/* A reaction of a message, and how many users have given it. */
typedef struct chat_reaction {
  const char *reaction; /* 1 to 32 bytes of UTF-8 */
  uint64_t users;       /* at most 1,000 */
} chat_reaction;

/*
 * A message, published by the application or passed to it.
 * Limits: event 1 to 128 bytes, not one of connect, connect_error, disconnect, disconnecting, newListener and
 * removeListener; at most 10 attachments; data and attachments together at most the largest max_message_bytes of the
 * options and the endpoints; at most 32 attributes, 8 KiB in total.
 */
typedef struct chat_message {
  size_t struct_size;
  const char *room;  /* NULL in chat_publish: to every client (then it is ephemeral) */
  const char *event; /* NULL: "chat message" */
  chat_payload payload;
  const void *data;
  size_t data_size;
  const chat_blob *attachments;
  size_t attachment_count;
  const chat_pair *attributes; /* sent with the message (STOMP's user headers) */
  size_t attribute_count;
  int ephemeral;            /* 1: neither numbered nor kept (typing notices, cursors) */
  chat_client_id except;    /* 0, or a member that does not receive it */
  chat_client_id from;      /* in chat_publish: 0, or the client shown as the sender */
  const char *from_name;    /* in chat_publish with from = 0: the sender's display name, or NULL */
  uint64_t seq;             /* set by the library: the number in the room, 1, 2, 3...; 0 if unpublished or ephemeral */
  const char *epoch;        /* set by the library: changes when the room's numbering restarts */
  int64_t time_ms;          /* set by the library: the time of day */
  const char *from_user_id; /* in chat_publish with from = 0: the sender's user id, or NULL */
  const char *id;           /* the sender's id of the message, "" or NULL without one. Clients do not see it */
  /*
   * Edits, deletions, reactions and replies. In chat_publish only reply_to counts, in chat_room_restore also edited_ms and
   * redacted. on_message sees an edit with the event of its message; on_published sees edits, deletions and reactions with the
   * events "chat edit", "chat delete" and "chat react", a reaction as the text.
   */
  chat_event_kind event_kind;
  uint64_t target_seq;            /* the message that an edit, a redaction or a reaction refers to, or 0 */
  uint64_t reply_to;              /* the seq of the message that this one answers, or 0 */
  int64_t edited_ms;              /* set by the library: the time of the last edit, or 0 */
  int redacted;                   /* set by the library: 1: the message was deleted, and has no payload */
  int added;                      /* set by the library: of a reaction: 1: given, 0: taken back */
  const chat_reaction *reactions; /* set by the library: of the message; of a reaction: this one, afterwards */
  size_t reaction_count;
  const char *kept_state; /* of a store with keeps_changes: what it keeps with the row, or "" or NULL */
} chat_message;
#define CHAT_MESSAGE_INIT                                                                                            \
  {                                                                                                                  \
    sizeof(chat_message), NULL, NULL, CHAT_PAYLOAD_TEXT, NULL, 0, NULL, 0, NULL, 0, 0, 0, 0, NULL, 0, NULL, 0, NULL, \
        NULL, CHAT_EVENT_MESSAGE, 0, 0, 0, 0, 0, NULL, 0, NULL                                                       \
  }

/* Does what CHAT_MESSAGE_INIT does; see chat_server_options_init(). */
CHAT_API chat_error chat_message_init(chat_message *message, size_t struct_size) CHAT_NOEXCEPT;

/*
 * A store of the application's own for the history of rooms, for example in a database: docs/history.md. Its functions run
 * on two threads of the library: load() in chat_server_start(), and read() too with keeps_ids; then write() on one thread and
 * read() on another, at the same time. read() also runs on threads that call chat_history() and its like, and with
 * keeps_changes on that of write(), before write(); one read() at a time. They may wait, because no loop waits for them. They
 * return NULL, or a text that says what failed, which must be valid until the thread's next call. In the structures strings end
 * with NUL, and nothing outlives the call. They must not call functions that wait for this history (chat_history() and its
 * like), or chat_server_free().
 */

/* A room as the store keeps it: one row, which load() returns as the last write() gave it. */
typedef struct chat_history_room {
  size_t struct_size;
  const char *room;     /* its name */
  const char *epoch;    /* of its numbering, as chat_message.epoch */
  uint64_t seq;         /* of the newest message of this epoch, kept or not */
  uint64_t dropped_seq; /* messages up to here need not be kept */
  int64_t oldest_ms;    /* about when the oldest kept message was published, milliseconds since 1970 */
  int64_t newest_ms;    /* when the newest message was published */
  uint64_t last_client; /* the highest number of a client so far; new clients get higher ones */
} chat_history_room;
#define CHAT_HISTORY_ROOM_INIT \
  { sizeof(chat_history_room), NULL, NULL, 0, 0, 0, 0, 0 }

/* What the server keeps for a room beside its messages. */
typedef struct chat_history_value {
  size_t struct_size;
  const char *key;   /* its name in the room */
  const void *value; /* at most 4 KiB */
  size_t value_size; /* 0 in write(): the value is removed */
  int64_t time_ms;   /* when it was set */
} chat_history_value;
#define CHAT_HISTORY_VALUE_INIT \
  { sizeof(chat_history_value), NULL, NULL, 0, 0 }

/* What write() does with one room, in the order of the fields. */
typedef struct chat_history_change {
  size_t struct_size;
  int clear;                     /* 1: delete all messages and values of the room, also those of other epochs */
  int remove;                    /* 1: delete the room too. Then nothing follows */
  const chat_history_room *room; /* store this as the room's row */
  /* Add these, by rising seq. Each has seq, epoch, time_ms and the sender. With keeps_changes they are rows: each replaces the
     whole row with its seq if there is one, and has kept_state, and some are events (event_kind). */
  const chat_message *const *messages;
  size_t message_count;
  const chat_history_value *const *values; /* set or remove these, one after the other */
  size_t value_count;
  int64_t drop_before_ms; /* 0, or: messages published before may be deleted, like those up to room->dropped_seq */
} chat_history_change;

/* What read() is to find: messages of this room and epoch. */
typedef struct chat_history_query {
  size_t struct_size;
  const char *room;    /* the room of the messages */
  const char *epoch;   /* their epoch */
  uint64_t after_seq;  /* with a higher seq */
  uint64_t before_seq; /* and a lower one; at most 2^63 - 1 */
  size_t limit;        /* at most so many, the newest */
} chat_history_query;

/* What load() and read() fill in; valid during the call. */
typedef struct chat_history_reply chat_history_reply;

/* The functions, and their last argument. All three are needed. */
typedef struct chat_history_store {
  size_t struct_size;
  void *user;
  /* Calls chat_history_reply_room() for each room, each followed by chat_history_reply_value() for its values. */
  const char *(*load)(chat_history_reply *reply, void *user);
  /* Calls chat_history_reply_message() for the messages, newest first. */
  const char *(*read)(const chat_history_query *query, chat_history_reply *reply, void *user);
  /* Makes all changes or, when it returns a text, none: history_on_failure says what happens then. */
  const char *(*write)(const chat_history_change *const *changes, size_t count, void *user);
  /* 1: read() gives messages with their id (chat_message.id), so that repeated messages are recognised after a restart. Then
     chat_server_start() reads the rooms in which something was published within idempotency_ms. */
  int keeps_ids;
  /* 1: messages can be edited, deleted and given reactions. write() replaces rows, and read() gives them all, events too, each
     with the kept_state that write() was given last: text without NUL, at most 8 MiB, of a message without changes "". Then
     read() may leave out event_kind, target_seq, reply_to, edited_ms, redacted, added and reactions, which are in it. */
  int keeps_changes;
} chat_history_store;
#define CHAT_HISTORY_STORE_INIT \
  { sizeof(chat_history_store), NULL, NULL, NULL, NULL, 0, 0 }

/* Does what CHAT_HISTORY_STORE_INIT does; see chat_server_options_init(). */
CHAT_API chat_error chat_history_store_init(chat_history_store *store, size_t struct_size) CHAT_NOEXCEPT;

/*
 * These add to a reply. After an error the whole load() or read() counts as failed, so their result need not be checked.
 * INVALID_ARGUMENT, INVALID_ROOM, WRONG_STATE for a reply of the other function, and for a message as chat_room_restore().
 */
CHAT_API chat_error chat_history_reply_room(chat_history_reply *reply, const chat_history_room *room) CHAT_NOEXCEPT;
CHAT_API chat_error chat_history_reply_value(chat_history_reply *reply, const chat_history_value *value) CHAT_NOEXCEPT;
CHAT_API chat_error chat_history_reply_message(chat_history_reply *reply, const chat_message *message) CHAT_NOEXCEPT;

/*
 * A client has sent a message or an edit, which was authorised. Without a room (NULL) it is an event of STOMP's /app/:
 * docs/stomp.md.
 */
typedef struct chat_message_event {
  size_t struct_size;
  chat_client_id client;
  void *user;
  const chat_message *message;
  uint64_t ack_id;                /* for chat_reply() if the sender waits for an answer, otherwise 0 */
  char reason[CHAT_REASON_BYTES]; /* out: the reason of CHAT_REFUSE; may stay empty */
  uint64_t decision_id;           /* for chat_decide() after CHAT_DEFER; never reused */
  const char *socket_id;          /* of the sender, see chat_find_client() */
} chat_message_event;

/*
 * The result of chat_send_with_ack(). CHAT_OK: the client has answered. TIMED_OUT: no answer in time. NO_SUCH_CLIENT: the
 * client disconnected without an answer. TOO_MANY: not sent, 1,024 answers were pending.
 */
typedef struct chat_ack_event {
  size_t struct_size;
  chat_client_id client;
  void *user;
  uint64_t ack_id; /* from chat_send_with_ack() */
  chat_error error;
  const char *args; /* the answer, a JSON array; "" unless error is CHAT_OK */
  size_t args_size;
  const chat_blob *attachments; /* {"_placeholder":true,"num":N} in args stands for attachment N */
  size_t attachment_count;
} chat_ack_event;

/* What a person may do in a room: docs/moderation.md. Each role may do what the lower ones may. */
typedef enum chat_role {
  CHAT_ROLE_GUEST = 0,     /* has no user id */
  CHAT_ROLE_MEMBER = 1,    /* has a user id */
  CHAT_ROLE_MODERATOR = 2, /* may moderate members and guests */
  CHAT_ROLE_OWNER = 3,     /* may also close the room, and make moderators */
  CHAT_ROLE_COUNT = 4      /* one above the highest value; later versions may add more */
} chat_role;

/* What chat_moderate() does. The comment begins with the action's name in protocols. */
typedef enum chat_moderation_action {
  CHAT_MODERATION_KICK = 1,         /* "kick": removes the target from the room; it may return */
  CHAT_MODERATION_BAN = 2,          /* "ban": also keeps it out, for duration_ms; 0 lifts the ban */
  CHAT_MODERATION_MUTE = 3,         /* "mute": refuses its messages with MUTED, for duration_ms; 0 lifts the mute */
  CHAT_MODERATION_SLOW_MODE = 4,    /* "slow_mode": value ms between two messages of a person, at most a day; 0: off */
  CHAT_MODERATION_MEMBERS_ONLY = 5, /* "members_only": value 1 removes guests and refuses their joins and messages */
  CHAT_MODERATION_READ_ONLY = 6,    /* "read_only": value 1 refuses messages of all but moderators with READ_ONLY */
  CHAT_MODERATION_CLOSE = 7,        /* "close": as chat_close_room(); roles remain */
  CHAT_MODERATION_ROLE = 8,         /* "role": gives the target, a user, the chat_role in value */
  CHAT_MODERATION_CLEAR = 9,        /* "clear": deletes the target's newest kept messages in the room, at most 1,000 */
  CHAT_MODERATION_APPROVE = 10,     /* "approve": publishes the first message of the target, which waits */
  CHAT_MODERATION_REJECT = 11,      /* "reject": refuses it with FORBIDDEN and the reason */
  CHAT_MODERATION_NO_REPEATS = 12,  /* "no_repeats": nobody repeats a text for value ms, at most a day; 0: off */
  CHAT_MODERATION_NO_LINKS = 13,    /* "no_links": no links for value ms after a person's first message; 0: off */
  CHAT_MODERATION_HOLD_FIRST = 14,  /* "hold_first": first messages wait for APPROVE, for value ms at most; 0: off */
  CHAT_MODERATION_COUNT = 15        /* one above the highest value; later versions add more */
} chat_moderation_action;

/*
 * Something to moderate. KICK, BAN, MUTE, ROLE, CLEAR, APPROVE and REJECT have exactly one target: client, user_id or, for BAN
 * only, address. A guest is banned and muted by its address, of which an IPv6 address counts as its /64. CLEAR by the client of a
 * guest concerns the messages of this client, which may have left.
 */
typedef struct chat_moderation {
  size_t struct_size;
  const char *room;              /* it is created if necessary */
  chat_moderation_action action; /* what to do */
  chat_client_id client;         /* the target, or 0 */
  const char *user_id;           /* the target: all clients of the user; or NULL */
  const char *address; /* "192.0.2.1", "192.0.2.0/24", "2001:db8::/32"; an IPv6 address stands for its /64. Bans all but
                          moderators */
  int64_t duration_ms; /* BAN, MUTE; INT64_MAX: without end */
  int64_t value;       /* of a mode, and ROLE */
  const char *reason;  /* for people; NULL: none. At most 123 bytes */
} chat_moderation;
#define CHAT_MODERATION_INIT \
  { sizeof(chat_moderation), NULL, CHAT_MODERATION_KICK, 0, NULL, NULL, 0, 0, NULL }

/* Does what CHAT_MODERATION_INIT does; see chat_server_options_init(). */
CHAT_API chat_error chat_moderation_init(chat_moderation *moderation, size_t struct_size) CHAT_NOEXCEPT;

/* Something was moderated, by a client or by the application. */
typedef struct chat_audit_event {
  size_t struct_size;
  const char *room; /* where; "" for chat_kick() and chat_close_connection(), which are a KICK from the server */
  chat_moderation_action action; /* what */
  chat_client_id actor;          /* 0: the application */
  const char *actor_user_id;     /* "" for the application */
  const char *actor_name;        /* its display name then */
  chat_client_id client;         /* the target, if it was named by its client; otherwise 0 */
  const char *user_id;           /* the target; "" for a guest and without a target */
  const char *name;              /* its name, as far as it was known */
  const char *address;           /* the banned block, "192.0.2.0/24"; "" without one */
  int64_t duration_ms;           /* as in chat_moderation */
  int64_t value;                 /* as in chat_moderation */
  const char *reason;            /* may be "" */
  int64_t time_ms;               /* the time of day */
  const char *action_name;       /* "ban", "mute" ... */
} chat_audit_event;

/* A member of a room has reported a message there to those who moderate. */
typedef struct chat_report_event {
  size_t struct_size;
  const chat_message *message; /* as it was then, with its room, seq, epoch, time_ms and sender */
  chat_client_id client;       /* who reports it; it may have disconnected */
  const char *user_id;         /* "": a guest */
  const char *name;            /* its display name then */
  const char *reason;          /* UTF-8, at most 500 bytes; may be "" */
  int64_t time_ms;             /* the time of day */
} chat_report_event;

/*
 * The application's callbacks; each may be NULL. All run on a loop thread (convention 7) with the `user` of the options.
 */
typedef struct chat_callbacks {
  size_t struct_size;

  /*
   * Accepts, refuses or defers a connection. Set the identity by chat_set_identity(), or by chat_accept() with the verdict,
   * inside the callback or later. If the callback calls chat_accept or chat_refuse, that is the verdict and the return value
   * is ignored. An immediate refusal is answered with HTTP 403. A deferred refusal closes the WebSocket with 1008. For
   * Socket.IO this runs once per namespace, and every refusal is a CONNECT_ERROR whose message is the reason. For HTTP it
   * runs once for each request and stream, and every refusal is a 403, or a 401 for a request without credentials.
   */
  chat_verdict (*on_connect)(chat_server *server, chat_connect_event *event, void *user);

  /* The client is accepted and open. Messages that the application sent to it earlier follow this callback. */
  void (*on_open)(chat_server *server, const chat_client_event *event, void *user);

  /* The client has disconnected and left all its rooms. Runs once for each client that was accepted. */
  void (*on_disconnect)(chat_server *server, const chat_client_event *event, void *user);

  /*
   * Returns CHAT_PASS, CHAT_REFUSE or CHAT_DEFER. Without this callback everything is allowed, except as stated beside
   * chat_action. If the join of a Socket.IO client to its namespace is refused, the client receives the CONNECT_ERROR
   * "Invalid namespace" without the reason.
   */
  chat_verdict (*on_authorize)(chat_server *server, chat_authorize_event *event, void *user);

  /* The client has joined or left a room. */
  void (*on_join)(chat_server *server, const chat_client_event *event, void *user);
  void (*on_leave)(chat_server *server, const chat_client_event *event, void *user);

  /*
   * Returns CHAT_PASS, CHAT_REFUSE, CHAT_CONSUME or CHAT_DEFER. chat_message_event_replace() changes the published message.
   * A deferred message waits for its verdict even if the client closes its connection; on_disconnect runs after that.
   */
  chat_verdict (*on_message)(chat_server *server, chat_message_event *event, void *user);

  /* A log line without its newline. May run on any thread, and inside chat_server_start(). */
  void (*on_log)(chat_server *server, chat_log_level level, const char *text, void *user);

  /*
   * Runs once for each message of chat_send_with_ack(), and never after the client's on_disconnect. For a message that is
   * sent while the client disconnects it may not run.
   */
  void (*on_ack)(chat_server *server, const chat_ack_event *event, void *user);

  /*
   * The client of a deferred on_connect has disconnected, or verdict_timeout_ms have passed. Runs instead of on_disconnect,
   * with the same fields. From now on chat_accept() and chat_refuse() return NO_SUCH_CLIENT.
   */
  void (*on_abandon)(chat_server *server, const chat_client_event *event, void *user);

  /*
   * Run on each loop thread that the library starts (threads >= 1), before and after all other callbacks on that thread. For
   * runtimes that must know their threads (JVM, garbage collectors) and for the thread's signal mask, name, priority or CPU.
   * on_thread_start may run before chat_server_start() has returned.
   */
  void (*on_thread_start)(chat_server *server, void *user);
  void (*on_thread_stop)(chat_server *server, void *user);

  /*
   * A numbered message is published, edited or deleted, or has a reaction, by a client or the application: shows its seq,
   * epoch, time_ms and event_kind. Runs in the order of the
   * numbers, one call at a time for each room, on the same loop thread for a room. Runs after chat_publish() has returned or
   * while it runs on another thread, and possibly after the sender's on_disconnect. Not for restored messages.
   */
  void (*on_published)(chat_server *server, const chat_message *message, void *user);

  /*
   * The people in a room have changed, at the presence levels CHAT_PRESENCE_COUNTS and CHAT_PRESENCE_FULL: shows all changes
   * since the last call for the room, at both levels and however many people there are. At most one call a second for each
   * room, in the room's order, one at a time, on the same loop thread for a room. When presence is switched off, or the room is
   * closed, its people have left without a call. In a cluster: the people of all servers, at each server that has the room.
   */
  void (*on_presence)(chat_server *server, const chat_presence_event *event, void *user);

  /*
   * Something was moderated: for a log. Runs after the fact, in the order of the room, on the same loop thread as
   * on_published; for chat_kick() and chat_close_connection() on the client's loop thread.
   */
  void (*on_audit)(chat_server *server, const chat_audit_event *event, void *user);

  /*
   * A member of a room has reported a message: once for each person and message, and at most ten times a minute for each user
   * and each address. Runs on the same loop thread as on_published, one call at a time for each room. Without this callback
   * reports are refused as UNSUPPORTED. docs/moderation.md
   */
  void (*on_report)(chat_server *server, const chat_report_event *event, void *user);
} chat_callbacks;

/*
 * The options of a server. chat_server_start() copies them. Zero selects the default, which is given in the comment.
 * Numbers marked (*) may be CHAT_UNLIMITED.
 */
typedef struct chat_server_options {
  size_t struct_size;

  /* Where to listen: listen_fd, otherwise unix_path, otherwise address and port. */
  const char *address;   /* NULL: every address, IPv4 and IPv6. Otherwise a literal: "127.0.0.1", "::1" */
  int port;              /* 0: any free port, see chat_server_port() */
  const char *unix_path; /* a UNIX socket; a stale socket file is replaced, a live one is CHAT_ERROR_ADDRESS_IN_USE */
  int listen_fd;         /* > 0: a listening socket. The library takes ownership if the start succeeds */

  int threads; /* 0: the host drives the server with chat_server_poll(). CHAT_SERVER_OPTIONS_INIT has 1 */

  chat_callbacks callbacks;
  void *user;               /* passed to every callback */
  chat_log_level log_level; /* CHAT_LOG_INFO */

  const chat_endpoint *endpoints; /* NULL: /chat (plain), /chat.v1 (chat.v1), /socket.io (Socket.IO), /stomp (STOMP)
                                     and /rooms (HTTP) */
  size_t endpoint_count;
  const chat_static_mount *static_mounts; /* NULL: none. Files precede all but /healthz, /readyz */
  size_t static_mount_count;
  const char *default_room; /* "lobby" */

  /* TLS: set both or neither. PEM files; chat_server_reload_tls() reads them again. */
  const char *tls_certificate_file;
  const char *tls_private_key_file;

  /* Who may connect. */
  const char *const *allowed_origins; /* in addition to the server's own Host: "https://example.org" ("wss://" is
                                         the same), or "*" */
  size_t allowed_origin_count;
  const char *const *trusted_proxies; /* peers whose X-Forwarded-For, -Proto, -Host and Forwarded headers are
                                         trusted: addresses, CIDR blocks, "unix" for all peers on a UNIX socket */
  size_t trusted_proxy_count;
  int64_t max_clients;             /* (*) as max_connections, at least 32,768; above: 503, or CONNECT_ERROR */
  int64_t max_clients_per_address; /* (*) half of max_clients, at most 32,768; above: the same. Also limits the
                                      sessions of Socket.IO and SockJS, which are counted apart from clients */
  int64_t max_connections;         /* (*) sockets of every kind, including idle ones; above: 503, closed with TLS. By
                                      default the soft RLIMIT_NOFILE at the start, at most 65,536, less a sixteenth (at
                                      least 64) for the host's files; with max_clients at most max_clients + 1,000. If set,
                                      it also limits the sessions of Socket.IO and SockJS, of which at most 16,384 can be
                                      on polling or streaming */

  /* Messages. */
  int64_t max_message_bytes; /* 65,536 over all fragments and attachments; above: close code 1009. If 0, Socket.IO
                                endpoints use max_http_body_bytes, or max_outbox_bytes if that is set and smaller */
  int64_t max_header_bytes;  /* 8,192 for a request's head; above, or above 100 header lines: 431 */
  int64_t inbound_rate;      /* (*) 200 messages a second per client; above: refused with an error if the protocol has
                                one, and read more slowly. Also limits Socket.IO CONNECTs; above: closed */
  int64_t inbound_burst;     /* 400 messages in one burst */
  const char *const *ephemeral_events; /* event names that are never numbered or kept, for all senders */
  size_t ephemeral_event_count;

  /* Each client's outbox. */
  int64_t max_outbox_bytes;    /* two of the largest messages, at least 1 MiB; must hold one of them. With
                                  CHAT_OUTBOX_DISCONNECT twice both limits for 5 s, for bursts */
  int64_t max_outbox_messages; /* 4,096 */
  chat_outbox_policy outbox_policy;
  int64_t flush_interval_ms; /* 0: write at the end of every loop round; otherwise collect up to this long when busy */

  /* Rooms. */
  int64_t max_rooms;            /* 100,000 */
  int64_t max_rooms_per_client; /* 100 */
  int64_t history_messages;     /* (*) 100 per room; with CHAT_UNLIMITED only history_bytes applies */
  int64_t history_bytes;        /* 1 MiB per room */
  int64_t history_age_ms;       /* (*) 24 h */
  int64_t history_total_bytes;  /* 256 MiB over all rooms */
  int history_off;              /* 1: keep nothing */

  /* Time. */
  int64_t ping_interval_ms;     /* (*) 25,000 */
  int64_t ping_timeout_ms;      /* 20,000 without an answer to a ping; then closed */
  int64_t handshake_timeout_ms; /* 10,000 for the TLS handshake and the request's headers */
  int64_t http_idle_timeout_ms; /* 5,000 between two requests on one connection. Answers announce it, in seconds, as
                                   Keep-Alive: timeout=N; the server waits one second longer */
  int64_t verdict_timeout_ms;   /* 10,000 for a deferred verdict of any kind; then refused */
  int64_t drain_timeout_ms;     /* 5,000 to write outboxes and close connections after chat_server_stop() */
  int64_t drain_spread_ms;      /* 0; closes are spread evenly over this time, so not all clients reconnect at once */
  int64_t slow_callback_ms;     /* 100; on_log reports callbacks that took longer */

  int permessage_deflate; /* 0: off. 1: RFC 7692 if the client offers it; 32 KiB of memory per compressing client */

  /* Socket.IO. It also uses ping_interval_ms and ping_timeout_ms; its clients need pings, so CHAT_UNLIMITED is a day. */
  int64_t max_http_body_bytes; /* 1,000,000 for the body of a POST; above: 413 */
  int64_t upgrade_timeout_ms;  /* 10,000 from the WebSocket's opening to the end of the upgrade from polling */
  int64_t connect_timeout_ms;  /* 45,000 from the handshake to the first CONNECT to a namespace; then closed */
  int64_t recovery_window_ms;  /* (*) off, also with CHAT_UNLIMITED. If set, clients that reconnect within this time
                                  receive the messages they missed; events then have one more argument */
  int64_t recovery_bytes;      /* 16 MiB of data for recoverable clients; the oldest are discarded first */
  const char *socket_io_client_directory; /* NULL: the compiled-in socket.io.js. Otherwise the folder that has it */

  /*
   * Compiled-in resources. Each path begins with '/' and must not be that of an endpoint. NULL: not served. Files of
   * static_mounts take precedence.
   */
  const char *chat_page_path;   /* the chat page, for example "/"; its files lie below. Needs chat.v1 or plain */
  const char *chat_script_path; /* the client script for your own pages, for example "/chat.js": docs/chat-js.md */
  const char *metrics_path;     /* chat_stats for Prometheus, for example "/metrics"; readable by everyone */

  int recovery_asks_on_connect; /* Socket.IO. 0: on_connect does not run for a recovered client. 1: it runs, with
                                   recovered_from; any verdict except acceptance ends the recovery */

  /*
   * The names of the server. NULL: any. Otherwise a request with another Host (or X-Forwarded-Host of a trusted proxy) is
   * answered 421, whatever it asks for. "example.org" allows every port, "example.org:8443" this one, "*.example.org"
   * every name below it. IP addresses ("192.0.2.1", "[::1]") and "localhost" must be listed too. This prevents DNS
   * rebinding: docs/security.md
   */
  const char *const *allowed_hosts;
  size_t allowed_host_count;

  int64_t poll_budget_ms; /* (*) 4; threads = 0: chat_server_poll() returns after this time, and the rest of the work
                             waits for the next call. With CHAT_UNLIMITED it works until nothing is ready */

  /*
   * Shares. One address can hold at most this much of the server, by default half of the total, so that it cannot lock out
   * all others. An IPv6 address counts as its /64. Behind a proxy that trusted_proxies does not name, all clients have the
   * proxy's address. Peers on a UNIX socket without a forwarded address have no share; for them only the totals apply.
   */
  int64_t max_connections_per_address; /* (*) half of max_connections; above: 503. Of a trusted proxy only WebSockets
                                          count, for the forwarded address */
  int64_t max_rooms_per_address;       /* (*) half of max_rooms, for rooms that its clients created and that exist. The
                                          default room does not count, and can be entered also when max_rooms exist */
  int64_t max_memberships;             /* (*) 1,000,000 rooms that clients have joined, except the first of each client;
                                          above: the error too_many */
  int64_t max_memberships_per_address; /* (*) half of max_memberships */
  int64_t max_queued_bytes; /* (*) 512 MiB in all outboxes, answers and incomplete input, or four full outboxes if that
                               is more. When this is reached, new messages of the application and of clients are
                               refused with TOO_MANY (clients: too_many), and counted in chat_stats.refusals as
                               CHAT_REFUSAL_QUEUED_BYTES; above: the client for which most bytes wait is closed with
                               1013. Messages queued for several clients are divided */
  int64_t max_queued_bytes_per_address; /* (*) half of max_queued_bytes */

  int64_t send_buffer_bytes; /* (*) 262,144; the system's send buffer of a connection (SO_SNDBUF), where data waits
                                that the client has not read. With CHAT_UNLIMITED the system chooses, and may hold
                                megabytes. Linux doubles the number, and limits it by net.core.wmem_max */
  int64_t memory_release_ms; /* (*) 10,000, and never with threads = 0: when a loop has freed much memory, what is
                                unused goes back to the system, at most this often. This is malloc_trim() of glibc,
                                which acts on the whole process */

  /* SockJS. Bodies have the limit max_http_body_bytes, and sessions those of Socket.IO. */
  int64_t sockjs_heartbeat_ms;        /* 25,000 without a frame; then a heartbeat */
  int64_t sockjs_disconnect_delay_ms; /* 5,000 without a request that receives; then the session ends */
  int64_t sockjs_response_bytes;      /* 131,072 in a streaming response; then the client sends a new request */
  const char *sockjs_script_url; /* the address of sockjs-client's script, for the page of a hidden iframe, by which
                                    old browsers reach a server of another site. NULL: no such page. The script has
                                    the rights of this server's origin: name one that you trust */
  /* STOMP. What destinations begin with: of rooms, of events for on_message, of what chat_send() sends to a client. */
  const char *stomp_room_prefix;        /* "/topic/" */
  const char *stomp_application_prefix; /* "/app/" */
  const char *stomp_user_queue_prefix;  /* "/user/queue/" */
  int64_t stomp_heart_beat_ms; /* (*) 10,000; how often the server offers to send a heart-beat, and wants one */
  /* HTTP. Single requests also use inbound_rate and inbound_burst, which count them by address. */
  int64_t http_identity_ms;    /* 0: each request is a client of its own, for which on_connect runs. Otherwise equal
                                  requests (address, path, headers, arguments) within this time have the same client */
  int64_t max_http_identities; /* 1,000 such clients on each thread; above: a request is a client of its own */
  int64_t idempotency_ms;      /* 600,000; a message with the Idempotency-Key of an earlier one is not published again
                                  within this time. At most 16,384 keys are remembered, half of them of one address */
  int http_lists;              /* 1: everyone may list rooms and members by HTTP, unless on_authorize refuses */
  /*
   * A history that survives restarts: docs/history.md. A message is delivered and acknowledged after it is written. The
   * limits of the history apply to the file; history_total_bytes to what of it is in memory. The library starts two more
   * threads, also with threads = 0.
   */
  const char *history_path; /* NULL: in memory only. Otherwise a file of SQLite, which is created if necessary. One
                               server at a time can use it. UNSUPPORTED if the build lacks the feature "history-file" */
  chat_history_sync history_sync;          /* what the file survives */
  chat_history_failure history_on_failure; /* what happens to messages that cannot be written */
  int64_t
      history_file_bytes; /* (*) 4 GiB of messages over all rooms in the file; above: the rooms that have been silent
                                 the longest lose their oldest messages */
  /*
   * Presence: docs/presence.md. Several clients of one user are one person. A room tells at most one change a second. With
   * CHAT_PRESENCE_FULL, on_authorize is asked for CHAT_ACTION_MEMBERS when a client has joined a room; decision_id is 0. Without
   * on_authorize, or if it returns CHAT_PASS, the client receives the people, otherwise the number of people.
   */
  chat_presence_level presence; /* of rooms without a level of their own: chat_room_set_presence() */
  int64_t presence_grace_ms;    /* 15,000, at most 3,600,000; so long a user without a client is still present, so a
                                   reconnect is not a change. Guests leave at once */
  const char *presence_event;   /* NULL: "presence"; the event name in Socket.IO and STOMP. Not "chat message" */
  const chat_history_store
      *history_store;        /* instead of history_path; its functions must exist until the server is freed */
  int socket_io_message_ids; /* 1: an event of Socket.IO that asks for an acknowledgement may end with its message's id,
                                   {"messageId":"..."}; see idempotency_ms and docs/socketio.md */
  /* Edits, deletions and reactions: docs/messages.md. */
  int64_t edit_window_ms;             /* (*) 3,600,000; so long the sender can edit and delete a message */
  int edits_off;                      /* 1: never */
  const char *socket_io_edit_event;   /* NULL: "chat edit"; the name of the event in Socket.IO. "": none */
  const char *socket_io_delete_event; /* NULL: "chat delete" */
  const char *socket_io_react_event;  /* NULL: "chat react" */
  int moderation_events; /* 1: the members of a room are told what is moderated there, by the event "moderation":
                            docs/moderation.md. Clients cannot publish events of this name then */
  const char *socket_io_seen_event; /* NULL: "chat seen"; the event of read markers in Socket.IO. "": none */
  /*
   * Display names: docs/moderation.md. unique_names needs the feature "unique-names", UNSUPPORTED without it. reserved_names are
   * at most 1,000, of at most 128 bytes each; without the feature they are compared in ASCII, without case.
   */
  int unique_names;                  /* 1: a name, and names that look like it, belong to one person of a room */
  const char *const *reserved_names; /* guests cannot take these, nor names that look like them */
  size_t reserved_name_count;
  chat_history_search
      history_search; /* with history_path: messages can be found by their text: chat_search(), docs/history.md */
  /*
   * Servers with the same Redis and prefix share their rooms: docs/cluster.md. "redis://HOST", "rediss://HOST" (TLS),
   * "unix:///PATH", "redis+sentinel://HOST,HOST/NAME", "redis://HOST,HOST" (a Redis Cluster); NULL: alone. Needs the feature
   * "cluster", UNSUPPORTED without it.
   * The server does not start without Redis, or when it does not answer within 5 s (UNAVAILABLE).
   */
  const char *cluster;        /* where the Redis is; NULL: this server is alone */
  const char *cluster_prefix; /* NULL: "chat:"; of all names in Redis, at most 64 bytes of A-Z a-z 0-9 : . _ - */
  /*
   * Makes the server a guest of a Socket.IO cluster of Node.js, which has this Redis: docs/guest.md. The URL is as for cluster, and
   * names the adapter: "redis://HOST?adapter=redis", or sharded, or streams. Needs the feature "cluster", UNSUPPORTED without it.
   * The server starts without Redis, and connects when it can. Excludes cluster: each of its servers would publish each event of
   * Node.js.
   */
  const char *socket_io_cluster; /* where the Redis is; NULL: the server is no guest */
  /*
   * A message is acknowledged, and delivered by this server, when so many replicas of Redis have it, at most 16. It fails with
   * UNAVAILABLE when they do not have it within 1 s, but is published then.
   */
  int cluster_ack_replicas;           /* 0: a message is acknowledged when the primary has it */
  chat_cluster_policy cluster_policy; /* without Redis; docs/cluster.md#islands. The server always starts with Redis */
} chat_server_options;

/* All zero except struct_size, threads = 1, and the size of the callbacks. */
#define CHAT_SERVER_OPTIONS_INIT                                                                                     \
  {                                                                                                                  \
    sizeof(chat_server_options), NULL, 0, NULL, 0, 1, {sizeof(chat_callbacks),                                       \
                                                       NULL,                                                         \
                                                       NULL,                                                         \
                                                       NULL,                                                         \
                                                       NULL,                                                         \
                                                       NULL,                                                         \
                                                       NULL,                                                         \
                                                       NULL,                                                         \
                                                       NULL,                                                         \
                                                       NULL,                                                         \
                                                       NULL,                                                         \
                                                       NULL,                                                         \
                                                       NULL,                                                         \
                                                       NULL,                                                         \
                                                       NULL,                                                         \
                                                       NULL,                                                         \
                                                       NULL},                                                        \
        NULL, (chat_log_level)0, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, 0, NULL, 0, 0, 0, 0, 0, 0, 0, 0, NULL, 0, \
        0, 0, CHAT_OUTBOX_DISCONNECT, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, NULL,  \
        NULL, NULL, 0, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, NULL,     \
        CHAT_HISTORY_SYNC_NORMAL, CHAT_HISTORY_FAIL, 0, CHAT_PRESENCE_OFF, 0, NULL, NULL, 0, 0, 0, NULL, NULL, NULL, \
        0, NULL, 0, NULL, 0, CHAT_HISTORY_SEARCH_OFF, NULL, NULL, NULL, 0, CHAT_CLUSTER_HOLD                         \
  }

/*
 * Does what CHAT_SERVER_OPTIONS_INIT does, for languages that cannot use macros. struct_size is the size in bytes of the
 * structure as the caller declares it. The declaration may lack fields at the end, which then have their defaults; it needs
 * those up to callbacks. Exactly struct_size bytes are written, whether the caller or the library is newer: the defaults of
 * the fields that both know, then 0. INVALID_ARGUMENT if options is NULL, or if struct_size is too small for any version or
 * above 65,536; then nothing is written. The same holds for the init functions of the other structures.
 */
CHAT_API chat_error chat_server_options_init(chat_server_options *options, size_t struct_size) CHAT_NOEXCEPT;

/* ------------------------------------------------------------------------------------------------------------ server */

/*
 * Starts a server and returns its handle, which the caller owns until chat_server_free(). When it returns CHAT_OK, the
 * server is listening. On failure *server is NULL, nothing runs or leaks, and chat_error_message() gives the cause. Errors:
 * INVALID_ARGUMENT, ADDRESS_IN_USE, ADDRESS_INVALID, PERMISSION, CERTIFICATE, EVENT_LOOP, SYSTEM, NO_MEMORY, UNAVAILABLE
 * if another server uses the file of history_path, and UNSUPPORTED for a field that only a newer library supports.
 */
CHAT_API chat_error chat_server_start(const chat_server_options *options, chat_server **server) CHAT_NOEXCEPT;

/*
 * Starts the drain and returns at once. The server accepts no new connection, closes every client in its protocol's way
 * (close code 1001), and writes outboxes for at most drain_timeout_ms. May be called from any thread or callback, any number
 * of times, and with NULL. With threads = 0 the drain runs in the following chat_server_poll() calls or in
 * chat_server_free(). From now on functions that change something return CHAT_ERROR_STOPPED; functions that only read
 * still work.
 */
CHAT_API void chat_server_stop(chat_server *server) CHAT_NOEXCEPT;

/*
 * Servers with threads: waits until the drain has ended, for at most timeout_ms (0: not at all, -1: without limit). No
 * callback runs after that. Does not start the drain: chat_server_stop() does, on any thread, also while this waits.
 * Free the server afterwards. TIMED_OUT while the server runs or drains, WRONG_STATE with threads = 0 (poll instead),
 * WRONG_THREAD in a callback.
 */
CHAT_API chat_error chat_server_wait(chat_server *server, int timeout_ms) CHAT_NOEXCEPT;

/*
 * Stops the server if necessary, waits for the end of the drain, and frees. Call it once; NULL is allowed. Fails with
 * CHAT_ERROR_WRONG_THREAD inside one of the server's own callbacks, and with CHAT_ERROR_WRONG_STATE in a child of fork().
 * Then nothing is freed.
 */
CHAT_API chat_error chat_server_free(chat_server *server) CHAT_NOEXCEPT;

/* The port on which the server listens; 0 on a UNIX socket. */
CHAT_API int chat_server_port(const chat_server *server) CHAT_NOEXCEPT;

/*
 * threads = 0 only: handles events until none is ready, or until poll_budget_ms is over. What is left then comes first in
 * the next call, and chat_server_fd() stays readable. A call exceeds the budget by at most one step that cannot be divided:
 * a callback, a message, a request, a TLS handshake. Waits for the first event for at most timeout_ms (0: not at all,
 * -1: without limit). Returns CHAT_ERROR_STOPPED once the drain of a stopped server has ended; then free the server.
 * WRONG_STATE if the server has threads, WRONG_THREAD in a callback or while another thread polls. The wait is a
 * cancellation point: after pthread_cancel() any thread may go on polling, or free the server. A C++ caller cannot be
 * cancelled there, because the function is noexcept. Callbacks and all other functions are never cancelled.
 */
CHAT_API chat_error chat_server_poll(chat_server *server, int timeout_ms) CHAT_NOEXCEPT;

/*
 * threads = 0 only: a descriptor for the host's own poll, epoll, GLib or asyncio loop. It is readable when
 * chat_server_poll(server, 0) has work, including timers. The library owns it; never read or close it. -1 if the server
 * has threads. In a program with many open files it is above what select() can watch (FD_SETSIZE).
 */
CHAT_API int chat_server_fd(const chat_server *server) CHAT_NOEXCEPT;

/*
 * For a watchdog: waits until every loop has had a turn, for at most timeout_ms. CHAT_OK: all loops run. TIMED_OUT: one
 * does not, for example because a callback blocks; chat_error_message() tells how many. STOPPED after the drain,
 * WRONG_THREAD in a callback. With threads = 0 it waits for the thread that polls.
 */
CHAT_API chat_error chat_server_check_loops(chat_server *server, int timeout_ms) CHAT_NOEXCEPT;

/*
 * Reloads the certificate and key for new connections. Open ones stay. On failure the old pair stays in use. CERTIFICATE,
 * SYSTEM if too few file descriptors are free, WRONG_STATE without TLS.
 */
CHAT_API chat_error chat_server_reload_tls(chat_server *server) CHAT_NOEXCEPT;

/* ---------------------------------------------------------------------------------------------------------- messages */

/*
 * Publishes text to a room as a "chat message" without a sender. With room NULL it goes to every client and is not numbered
 * or kept. Same as chat_publish() with only these fields set.
 */
CHAT_API chat_error chat_broadcast(chat_server *server, const char *room, const char *text,
                                   size_t text_size) CHAT_NOEXCEPT;

/*
 * Publishes a message to all members of its room. *seq, if not NULL, receives its number: 0 if the message is ephemeral,
 * takes effect later (convention 8), or gets its number later because the room's history is kept outside of memory; then
 * on_published tells the number. A message with the id of an earlier one of the same sender in the room is not published
 * again, within idempotency_ms: *seq is that of the earlier one, 0 while that one has none yet. WRONG_STATE if the id was used
 * for another message. INVALID_ROOM, INVALID_EVENT, INVALID_JSON, INVALID_UTF8, TOO_LARGE, TOO_MANY (rooms; or
 * options.max_queued_bytes is reached: nothing was published, and the call may succeed later).
 */
CHAT_API chat_error chat_publish(chat_server *server, const chat_message *message, uint64_t *seq) CHAT_NOEXCEPT;

/*
 * Sends a message to one client, regardless of its rooms; message->room (NULL: the client's first room) is only a label. The
 * message is not numbered or kept. It arrives after messages that were published before the call. TOO_MANY if
 * options.max_queued_bytes is reached. In a cluster a message to a client of another server is passed on as chat_kick() is, and its
 * order among messages of rooms is not kept.
 */
CHAT_API chat_error chat_send(chat_server *server, chat_client_id client, const chat_message *message) CHAT_NOEXCEPT;

/*
 * Sends a message and asks the client to acknowledge it within timeout_ms (0: 10,000; CHAT_UNLIMITED: until the client
 * disconnects). on_ack receives the result. At most 1,024 answers of one client can be pending. *ack_id, if not NULL,
 * receives the number that on_ack shows; on_ack may run before this returns. UNSUPPORTED for all protocols except
 * Socket.IO. Inside on_authorize and on_message the message is sent afterwards (convention 8); then only on_log reports a
 * failure.
 */
CHAT_API chat_error chat_send_with_ack(chat_server *server, chat_client_id client, const chat_message *message,
                                       int64_t timeout_ms, uint64_t *ack_id) CHAT_NOEXCEPT;

/* Sends a message to all clients of one user. NO_SUCH_CLIENT if the user has none, TOO_MANY as for chat_send(). */
CHAT_API chat_error chat_send_user(chat_server *server, const char *user_id, const chat_message *message) CHAT_NOEXCEPT;

/*
 * Answers a message that has an ack_id, once. args is a JSON array, with attachments as in chat_message. May be called in
 * on_message or later. In chat.v1 args becomes the ack's `args`, in Socket.IO the arguments of the client's callback. The
 * library itself answers a message that on_message neither consumes nor answers. UNSUPPORTED if the protocol has no
 * answers, WRONG_STATE for a second answer inside on_message. A later second answer is ignored.
 */
CHAT_API chat_error chat_reply(chat_server *server, chat_client_id client, uint64_t ack_id, const char *args,
                               size_t args_size, const chat_blob *attachments, size_t attachment_count) CHAT_NOEXCEPT;

/*
 * Replace the payload of a kept message, delete it, and give it a reaction or take one back: docs/messages.md. on_authorize and
 * on_message do not run. A message that is only in the file is read first, and the call waits for the disk; inside a
 * callback it returns WRONG_THREAD then. INVALID_ROOM, NO_SUCH_MESSAGE, UNSUPPORTED with a history_store without keeps_changes.
 *
 * message: its payload, attachments and sender; the other fields do not count. user_id: who has done it, NULL: the application.
 * A reaction has 1 to 32 bytes of UTF-8. A message has at most 20 different ones, TOO_MANY, of at most 1,000 users each. A
 * reaction that the user has given already, or has not given, changes nothing and is no error.
 */
CHAT_API chat_error chat_edit(chat_server *server, const char *room, uint64_t seq,
                              const chat_message *message) CHAT_NOEXCEPT;
CHAT_API chat_error chat_redact(chat_server *server, const char *room, uint64_t seq, const char *user_id) CHAT_NOEXCEPT;
CHAT_API chat_error chat_react(chat_server *server, const char *room, uint64_t seq, const char *user_id,
                               const char *reaction, int added) CHAT_NOEXCEPT;

/*
 * Replaces the message that is published when on_message returns CHAT_PASS. Room, sender and ack stay as they are, and the
 * event does not change. The last call counts. WRONG_THREAD unless the event's on_message is running on this thread.
 */
CHAT_API chat_error chat_message_event_replace(chat_message_event *event, const chat_message *message) CHAT_NOEXCEPT;

/*
 * Writes event->reason and returns CHAT_REFUSE: `return chat_message_event_refuse(event, "too long");`. For languages in which
 * a callback cannot easily write into the event. reason may be NULL; it is cut after 123 bytes, between characters. event
 * must be the one that the callback received, before the callback returns.
 */
CHAT_API chat_verdict chat_connect_event_refuse(chat_connect_event *event, const char *reason) CHAT_NOEXCEPT;
CHAT_API chat_verdict chat_authorize_event_refuse(chat_authorize_event *event, const char *reason) CHAT_NOEXCEPT;
CHAT_API chat_verdict chat_message_event_refuse(chat_message_event *event, const char *reason) CHAT_NOEXCEPT;

/* ----------------------------------------------------------------------------------------------------------- clients */

/* Accepts a connection. identity NULL: a guest, or the identity of chat_set_identity(). WRONG_STATE after a verdict. */
CHAT_API chat_error chat_accept(chat_server *server, chat_client_id client,
                                const chat_identity *identity) CHAT_NOEXCEPT;

/*
 * Gives the verdict that on_authorize or on_message deferred: CHAT_PASS, CHAT_REFUSE, or for a message CHAT_CONSUME.
 * reason: readable text for a refusal, at most 123 bytes, may be NULL. replacement: NULL, or a message that is published
 * instead; room, sender and ack stay. The first verdict counts. It may come before the callback has returned. Without a
 * verdict the request is refused after verdict_timeout_ms.
 *
 * Until then later messages of the client wait in order. If many are waiting, the server stops reading from the client.
 * Other clients do not wait. WRONG_STATE if the decision is no longer pending. NO_SUCH_CLIENT if the client was kicked, or
 * has disconnected and the time has passed.
 */
CHAT_API chat_error chat_decide(chat_server *server, chat_client_id client, uint64_t decision_id, chat_verdict verdict,
                                const char *reason, const chat_message *replacement) CHAT_NOEXCEPT;

/*
 * Refuses a connection. reason: readable text, at most 123 bytes, may be NULL. data_json: NULL, or any JSON value for
 * protocols that carry one. In Socket.IO it is the error's `data`.
 */
CHAT_API chat_error chat_refuse(chat_server *server, chat_client_id client, const char *reason,
                                const char *data_json) CHAT_NOEXCEPT;

/* Replaces the whole identity. Later messages of the client show the new name. */
CHAT_API chat_error chat_set_identity(chat_server *server, chat_client_id client,
                                      const chat_identity *identity) CHAT_NOEXCEPT;

/*
 * Finds a client by its socket id, which the client itself knows: in Socket.IO `socket.id`, in chat.v1 the `id` of the
 * welcome, which is the client's number in decimal digits. The number finds clients of every protocol. For a stale id or
 * any other string *client is 0 and NO_SUCH_CLIENT is returned. A recovered client keeps its socket id but gets a new
 * number. Numbers can be guessed, Socket.IO ids cannot. If a client supplies the id, check that it may address that client.
 */
CHAT_API chat_error chat_find_client(chat_server *server, const char *socket_id, chat_client_id *client) CHAT_NOEXCEPT;

/*
 * Sets the public state of a client, which presence tells the members of its rooms at the level CHAT_PRESENCE_FULL, with its
 * person: docs/presence.md. state_json: any JSON value of at most 1,024 bytes, NULL or "null" removes the state. A client keeps
 * it when its identity changes, unless the user id does. INVALID_JSON, INVALID_UTF8, TOO_LARGE, FORBIDDEN if no room has presence.
 */
CHAT_API chat_error chat_set_state(chat_server *server, chat_client_id client, const char *state_json) CHAT_NOEXCEPT;

/* Sets a pointer for the application, initially NULL. The library only returns it. */
CHAT_API chat_error chat_client_set_user(chat_server *server, chat_client_id client, void *user) CHAT_NOEXCEPT;
CHAT_API void *chat_client_user(chat_server *server, chat_client_id client) CHAT_NOEXCEPT;

/*
 * Disconnects a client after its outbox is written, with close code 1008 and the reason (at most 123 bytes, may be NULL).
 * In Socket.IO it sends a DISCONNECT for this namespace; the connection and its other namespaces stay. In a cluster the client may
 * be at another server: then the call is passed on, without an answer and without waiting, and CHAT_OK says only that a server
 * with this number lives. NO_SUCH_CLIENT, UNAVAILABLE if that server cannot be told because Redis is gone.
 */
CHAT_API chat_error chat_kick(chat_server *server, chat_client_id client, const char *reason) CHAT_NOEXCEPT;

/*
 * Kicks all clients of the client's connection, and closes the connection after its outbox is written. In Socket.IO each
 * namespace receives a DISCONNECT first. Other protocols have one client per connection, so this equals chat_kick(). In a cluster
 * it is passed on as chat_kick() is.
 */
CHAT_API chat_error chat_close_connection(chat_server *server, chat_client_id client, const char *reason) CHAT_NOEXCEPT;

/* ------------------------------------------------------------------------------------------------------------- rooms */

/*
 * Makes a client a member of a room. It receives all messages published after this call and none from before. No error if
 * it is already a member. on_authorize does not run. INVALID_ROOM, NO_SUCH_CLIENT, BANNED, TOO_MANY.
 */
CHAT_API chat_error chat_join(chat_server *server, chat_client_id client, const char *room) CHAT_NOEXCEPT;

/* Removes a client from a room. NOT_JOINED if it is not a member. */
CHAT_API chat_error chat_leave(chat_server *server, chat_client_id client, const char *room) CHAT_NOEXCEPT;

/*
 * Removes a client of this server from a room and bans its user id for duration_ms; for a guest, its address. duration_ms 0 lifts the
 * ban. UNSUPPORTED for a guest on a UNIX socket, which has neither.
 */
CHAT_API chat_error chat_ban(chat_server *server, chat_client_id client, const char *room, int64_t duration_ms,
                             const char *reason) CHAT_NOEXCEPT;

/* Same as chat_ban() by user id, for all present and future clients of the user. */
CHAT_API chat_error chat_ban_user(chat_server *server, const char *user_id, const char *room, int64_t duration_ms,
                                  const char *reason) CHAT_NOEXCEPT;

/*
 * Removes all members, the history and the rules of the room except roles. The numbering restarts with a new epoch.
 * NO_SUCH_ROOM.
 */
CHAT_API chat_error chat_close_room(chat_server *server, const char *room, const char *reason) CHAT_NOEXCEPT;

/*
 * Moderates a room: docs/moderation.md. The application may do everything. chat_ban(), chat_ban_user() and chat_close_room() are
 * short forms. A room with bans, mutes, modes or roles is not forgotten; with history_path they survive a restart. A room has
 * at most 10,000 bans, 10,000 mutes, 10,000 roles and 1,000 banned blocks. CLEAR begins here, and goes on after the call: it
 * deletes at most 1,000 messages of the target, among the newest 10,000 of the room. INVALID_ARGUMENT, INVALID_ROOM,
 * NO_SUCH_CLIENT, NOT_JOINED (KICK), NO_SUCH_ROOM (CLOSE, CLEAR), UNSUPPORTED for a guest that has no address or cannot have a
 * role, and for CLEAR with a history_store without keeps_changes, TOO_MANY (also for an 11th CLEAR in the room while ten go
 * on), UNAVAILABLE if the file cannot take the rule.
 */
CHAT_API chat_error chat_moderate(chat_server *server, const chat_moderation *moderation) CHAT_NOEXCEPT;

/* Gives a user a role in a room. CHAT_ROLE_MEMBER or CHAT_ROLE_GUEST: no role of its own. Same as CHAT_MODERATION_ROLE. */
CHAT_API chat_error chat_set_role(chat_server *server, const char *room, const char *user_id,
                                  chat_role role) CHAT_NOEXCEPT;

/* Reads the role of a client in a room, which need not exist. NO_SUCH_CLIENT, INVALID_ROOM; then *role is CHAT_ROLE_GUEST. */
CHAT_API chat_error chat_client_role(chat_server *server, chat_client_id client, const char *room,
                                     chat_role *role) CHAT_NOEXCEPT;

/*
 * Reads how far a user has read in a room: the number of a message, docs/messages.md. *seq is 0 if nothing is known of it, also
 * if there is no such room. INVALID_ROOM, INVALID_ARGUMENT.
 */
CHAT_API chat_error chat_seen(chat_server *server, const char *room, const char *user_id, uint64_t *seq) CHAT_NOEXCEPT;

/*
 * The user has read the messages of a room up to this number. All clients of the user that are in the room are told. A marker
 * only rises: a lower number changes nothing, and a number above that of the newest message counts as that one. With
 * history_path it survives a restart. INVALID_ROOM, INVALID_ARGUMENT, NO_SUCH_ROOM, TOO_MANY.
 */
CHAT_API chat_error chat_set_seen(chat_server *server, const char *room, const char *user_id,
                                  uint64_t seq) CHAT_NOEXCEPT;

/*
 * Sets what the members of a room learn about each other, instead of the `presence` of the options. The room is created if
 * necessary, and remains until it has the level of the options again. Members that joined at a lower level than
 * CHAT_PRESENCE_FULL receive the number of people until they join again. Takes time for each member when the presence begins
 * or ends. INVALID_ROOM, INVALID_ARGUMENT, TOO_MANY.
 */
CHAT_API chat_error chat_room_set_presence(chat_server *server, const char *room,
                                           chat_presence_level level) CHAT_NOEXCEPT;

/*
 * Restores the history of a room in which nothing has been published, for example from the application's database after a
 * restart. The room appears if necessary. The messages keep their seq, epoch, time and sender, and the numbering continues
 * after them. With history_path they are written too, soon after this call. Clients that return with a position of this epoch receive the messages that they missed. Present members do not
 * receive the restored messages, and no callback runs. A good time is on_authorize for CHAT_ACTION_JOIN: unlike other calls
 * (convention 8) this one takes effect at once, before the client joins.
 *
 * epoch: the chat_message.epoch of the messages; 1 to 64 letters and digits. seq: the number of the newest message that the
 * room had in this epoch, at most 2^52; 0: that of the last message given. messages: at least one, oldest first, with seq
 * rising from 1 or above and time_ms above 0. Numbers that are missing between them count as deleted messages. Messages before
 * the first count as no longer kept. from, from_name and from_user_id name the sender, who need not be present. Client ids
 * restart with the server, so pass from = 0 if another client can have that id now. room and epoch of a message may be NULL,
 * except is ignored. The limits of the history apply: the oldest messages are dropped first.
 *
 * After an error nothing has changed. INVALID_ROOM, INVALID_ARGUMENT, WRONG_STATE if the room has had messages, TOO_MANY
 * (rooms), and the errors of chat_publish() for the content of a message.
 */
CHAT_API chat_error chat_room_restore(chat_server *server, const char *room, const char *epoch, uint64_t seq,
                                      const chat_message *messages, size_t message_count) CHAT_NOEXCEPT;

/* ------------------------------------------------------------------------------------------------------ introspection */

/*
 * Information about a room. Visitors run on the calling thread over a snapshot. No lock is held, and a visitor may call any
 * function. A visitor returns 0 to continue and non-zero to end the visit; ending it is not an error.
 */
typedef struct chat_room {
  size_t struct_size;
  const char *name;
  const char *epoch;
  uint64_t seq;        /* number of the newest message */
  size_t member_count; /* clients of this server; in chat_cluster_rooms() of all servers */
  size_t history_count;
  size_t people_count; /* with presence: the people, in a cluster of all servers; otherwise 0 */
} chat_room;

/* Receives a client, a room or a message; user is the pointer given to the visiting function. */
typedef int (*chat_client_visitor)(const chat_client *client, void *user);
typedef int (*chat_room_visitor)(const chat_room *room, void *user);
typedef int (*chat_message_visitor)(const chat_message *message, void *user);
typedef int (*chat_person_visitor)(const chat_person *person, void *user);

/* Visits one client. NO_SUCH_CLIENT. */
CHAT_API chat_error chat_client_info(chat_server *server, chat_client_id client, chat_client_visitor visitor,
                                     void *user) CHAT_NOEXCEPT;
/* Visits the members of a room at this server; room NULL: every client of the server. NO_SUCH_ROOM. It waits for nothing. */
CHAT_API chat_error chat_members(chat_server *server, const char *room, chat_client_visitor visitor,
                                 void *user) CHAT_NOEXCEPT;
/* Visits every room of this server. */
CHAT_API chat_error chat_rooms(chat_server *server, chat_room_visitor visitor, void *user) CHAT_NOEXCEPT;

/* A member of a room, at any server of a cluster: what the servers tell each other of their clients. */
typedef struct chat_cluster_member {
  size_t struct_size;
  chat_client_id id;      /* has the number of its server in it */
  const char *name;       /* the display name */
  const char *user_id;    /* "": a guest */
  chat_role role;         /* in this room */
  chat_protocol protocol; /* that the client speaks */
  uint32_t server;        /* the number of its server, see chat_cluster_server; 0 without a cluster */
} chat_cluster_member;

/* Receives a member; user is the pointer given to the visiting function. See chat_room for visitors. */
typedef int (*chat_cluster_member_visitor)(const chat_cluster_member *member, void *user);

/*
 * Visits the members of a room, or every room, at all servers of the cluster: this server's members first, at most 5,000, and the
 * 5,000 rooms with the most members. Of a room member_count is the sum over all servers, and people_count the largest that a
 * server knows. What other servers say may be up to a second old. Without a cluster the lists are those of this server.
 * The calls wait for the other servers, at most timeout_ms (1 to 60,000): WRONG_THREAD inside a callback. First they visit
 * what is known. Then they return CHAT_OK if the list is complete, TIMED_OUT if a server has not answered, UNAVAILABLE if Redis
 * cannot be reached, so only this server's part was visited, TOO_MANY if entries were left out. NO_SUCH_ROOM if no server has the
 * room, INVALID_ROOM, INVALID_ARGUMENT, STOPPED.
 */
CHAT_API chat_error chat_cluster_members(chat_server *server, const char *room, int64_t timeout_ms,
                                         chat_cluster_member_visitor visitor, void *user) CHAT_NOEXCEPT;
CHAT_API chat_error chat_cluster_rooms(chat_server *server, int64_t timeout_ms, chat_room_visitor visitor,
                                       void *user) CHAT_NOEXCEPT;
/*
 * Visits the history of a room, oldest first: the newest `limit` messages (0: all) whose seq is above after_seq.
 * NO_SUCH_ROOM. With history_path, messages that are not in memory are read from the file, at most 4 MiB of the newest, and
 * the call waits for the disk. Inside a callback it does not read: then it returns WRONG_THREAD. UNAVAILABLE if the file
 * cannot be read.
 */
CHAT_API chat_error chat_history(chat_server *server, const char *room, uint64_t after_seq, size_t limit,
                                 chat_message_visitor visitor, void *user) CHAT_NOEXCEPT;

/*
 * Visits the people who are present in a room, also users in their grace time, and also above the number that clients are told.
 * A room that does not exist has no people. INVALID_ROOM, FORBIDDEN if the presence of the room is off.
 * In a cluster: the people of all servers, as far as the others have told them (docs/cluster.md). If this server does not have the
 * room, the call waits for Redis: WRONG_THREAD inside a callback, UNAVAILABLE if Redis does not answer.
 */
CHAT_API chat_error chat_presence(chat_server *server, const char *room, chat_person_visitor visitor,
                                  void *user) CHAT_NOEXCEPT;

/*
 * Why something from the network was refused or closed. The numbers are indexes of chat_stats.refusals.
 * on_log (info) receives one line for the first refusal of each reason and then at most one in 10 s, with the address.
 */
typedef enum chat_refusal {
  CHAT_REFUSAL_CONNECTIONS = 0,               /* max_connections */
  CHAT_REFUSAL_CONNECTIONS_PER_ADDRESS = 1,   /* one address has too many connections */
  CHAT_REFUSAL_DESCRIPTORS = 2,               /* with TLS: the socket is numbered above RLIMIT_NOFILE at the start */
  CHAT_REFUSAL_SESSIONS = 3,                  /* too many Socket.IO sessions and HTTP clients in all */
  CHAT_REFUSAL_SESSIONS_PER_ADDRESS = 4,      /* one address has too many of them */
  CHAT_REFUSAL_CLIENTS = 5,                   /* max_clients */
  CHAT_REFUSAL_CLIENTS_PER_ADDRESS = 6,       /* max_clients_per_address */
  CHAT_REFUSAL_NAMESPACES = 7,                /* too many namespaces in one connection */
  CHAT_REFUSAL_ROOMS = 8,                     /* max_rooms */
  CHAT_REFUSAL_ROOMS_PER_ADDRESS = 9,         /* one address has created too many rooms */
  CHAT_REFUSAL_ROOMS_PER_CLIENT = 10,         /* max_rooms_per_client */
  CHAT_REFUSAL_MEMBERSHIPS = 11,              /* too many memberships of rooms in all */
  CHAT_REFUSAL_MEMBERSHIPS_PER_ADDRESS = 12,  /* one address has too many memberships */
  CHAT_REFUSAL_SLOW_READER = 13,              /* a client's outbox was full */
  CHAT_REFUSAL_QUEUED_BYTES = 14,             /* too many bytes wait for slow clients in all */
  CHAT_REFUSAL_QUEUED_BYTES_PER_ADDRESS = 15, /* too many bytes wait for the slow clients of one address */
  CHAT_REFUSAL_MESSAGE_RATE = 16,             /* inbound_rate */
  CHAT_REFUSAL_CONNECT_RATE = 17,             /* too many Socket.IO CONNECT packets in a short time */
  CHAT_REFUSAL_REPLY_RATE = 18,               /* too many bytes of replies in a short time */
  CHAT_REFUSAL_MESSAGE_BYTES = 19,            /* max_message_bytes */
  CHAT_REFUSAL_HEADER_BYTES = 20,             /* max_header_bytes */
  CHAT_REFUSAL_BODY_BYTES = 21,               /* max_http_body_bytes */
  CHAT_REFUSAL_REQUEST_TIMEOUT = 22,          /* a request, its answer or a first namespace took too long */
  CHAT_REFUSAL_PING_TIMEOUT = 23,             /* ping_timeout_ms */
  CHAT_REFUSAL_UNDECIDED = 24,                /* too many messages wait for a deferred verdict */
  CHAT_REFUSAL_ORIGIN = 25,                   /* the Origin is not allowed */
  CHAT_REFUSAL_HOST = 26,                     /* the Host is not allowed */
  CHAT_REFUSAL_MALFORMED = 27,                /* the input breaks its protocol's rules */
  CHAT_REFUSAL_APPLICATION = 28,              /* on_connect refused */
  CHAT_REFUSAL_FLOOD = 29,                    /* a message broke a flood rule of its room */
  CHAT_REFUSAL_COUNT = 30                     /* one above the highest value; later versions add more */
} chat_refusal;

/* The name of a reason in metrics, for example "message_rate"; static, NULL for an invalid number. */
CHAT_API const char *chat_refusal_name(chat_refusal reason) CHAT_NOEXCEPT;

/* Counters since the start; fields that end with _now are current values. */
typedef struct chat_stats {
  size_t struct_size;
  uint64_t connections_now; /* sockets */
  uint64_t connections_total;
  uint64_t clients_now;
  uint64_t clients_total;
  uint64_t rooms_now;
  uint64_t messages_in;        /* from clients, including refused ones */
  uint64_t messages_refused;   /* by on_authorize, on_message or limits, or because malformed */
  uint64_t messages_published; /* to rooms or to every client, by clients and the application */
  uint64_t deliveries;         /* messages put into outboxes, one per receiver */
  uint64_t drops;              /* messages removed from or rejected by full outboxes */
  uint64_t slow_disconnects;   /* clients closed because their outbox was full */
  uint64_t bytes_in;           /* payload of WebSocket messages, decompressed; HTTP bodies as received */
  uint64_t bytes_out;          /* written to sockets before TLS, including HTTP heads and WebSocket framing */
  uint64_t http_requests;      /* WebSocket handshakes included */
  uint64_t history_bytes_now;
  uint64_t clients_now_by_protocol[8];  /* index: chat_protocol */
  uint64_t clients_now_by_transport[8]; /* index: number of the chat_transport bit, 0 for 1, 1 for 2 ... */
  uint64_t messages_in_by_protocol[8];
  uint64_t deliveries_by_protocol[8];
  uint64_t messages_in_by_transport[8];
  uint64_t deliveries_by_transport[8];
  uint64_t refusals[48]; /* index: chat_refusal */
  /* With history_path. */
  uint64_t history_stored;         /* messages written to the file */
  uint64_t history_failed;         /* messages refused because they could not be written */
  uint64_t history_forgotten;      /* messages published without being written: CHAT_HISTORY_FORGET */
  uint64_t history_file_bytes_now; /* the size of the file */
  /* With cluster. */
  uint64_t cluster_up_now;      /* 1: messages are numbered; 0: Redis is gone, or rooms are still being opened */
  uint64_t cluster_servers_now; /* in the cluster, with this one */
  uint64_t cluster_rooms_now;   /* that this server has opened */
  uint64_t cluster_waiting_now; /* messages that wait for Redis */
  uint64_t cluster_published;   /* messages that Redis has numbered for this server */
  uint64_t cluster_batches;     /* calls of Redis for them */
  uint64_t cluster_received;    /* messages of other servers */
  uint64_t cluster_failed;      /* messages refused because Redis was gone, or refused them */
  uint64_t cluster_dropped; /* unnumbered messages that could not be passed on, and messages that could not be read */
  uint64_t cluster_holes;   /* times that messages were fetched because a notice was missing */
  uint64_t cluster_losses;  /* times that Redis was lost */
  uint64_t cluster_islands_now;   /* rooms whose messages this server numbers itself: CHAT_CLUSTER_ISLAND */
  uint64_t cluster_merged;        /* messages that were added to their shared rooms after that */
  uint64_t cluster_forwarded_now; /* requests that this server holds for sessions of other servers */
  uint64_t cluster_foreign_now;   /* requests of other servers that this server holds for its sessions */
} chat_stats;
#define CHAT_STATS_SIZE sizeof(chat_stats) /* for struct_size */

/* Sets struct_size, and all counters to 0; see chat_server_options_init(). */
CHAT_API chat_error chat_stats_init(chat_stats *stats, size_t struct_size) CHAT_NOEXCEPT;

/* Reads the counters. Set stats->struct_size to CHAT_STATS_SIZE first. */
CHAT_API chat_error chat_server_stats(chat_server *server, chat_stats *stats) CHAT_NOEXCEPT;

/* A server of a cluster, as it has told Redis within the last seconds. */
typedef struct chat_cluster_server {
  size_t struct_size;
  uint32_t number;       /* its part of the ids of its clients; unique while its lease lasts */
  const char *id;        /* random: another one after each start */
  const char *host;      /* the name of its machine */
  const char *version;   /* of libchat */
  int64_t pid;           /* of its process */
  int64_t started_at_ms; /* Unix time */
  int64_t lease_ms;      /* until the others count it as gone, if it does not renew its lease */
  uint64_t clients;      /* that are open */
  uint64_t rooms;        /* that it has opened */
  uint64_t waiting;      /* messages that wait for Redis */
} chat_cluster_server;

/* What Redis knows of a cluster, and the state of the Redis. */
typedef struct chat_cluster_status {
  size_t struct_size;
  const chat_cluster_server *const *servers; /* by number */
  size_t server_count;
  const char *redis_version;   /* "7.0.15" */
  int64_t round_trip_us;       /* of a command */
  int64_t used_bytes;          /* memory */
  int64_t max_bytes;           /* 0: no limit */
  const char *eviction_policy; /* of keys; no server starts with another one than "noeviction" */
  int keeps_file;              /* not 0: appendonly is on */
  uint64_t replicas;           /* that are connected */
} chat_cluster_status;

/* status is valid until the function returns. */
typedef void (*chat_cluster_visitor)(const chat_cluster_status *status, void *user);

/*
 * Reads the state of the cluster at this URL, and calls the visitor once. url and prefix are chat_server_options.cluster and
 * .cluster_prefix; prefix may be NULL. Needs no server, and connects itself: waits at most timeout_ms (1 to 60,000), and longer
 * only for the look-up of a host name that does not end. Any thread, but not a callback: a loop would wait. INVALID_ARGUMENT, UNSUPPORTED without the feature "cluster", TIMED_OUT, UNAVAILABLE.
 */
CHAT_API chat_error chat_read_cluster(const char *url, const char *prefix, int64_t timeout_ms,
                                      chat_cluster_visitor visitor, void *user) CHAT_NOEXCEPT;

/* ---------------------------------------------------------------------------------------------------------- miscellany */

/* CHAT_OK for a valid room name: UTF-8, 1 to 128 bytes, no control character, none of / , ? #, no space at either end. */
CHAT_API chat_error chat_check_room_name(const char *room) CHAT_NOEXCEPT;

/*
 * Visits a page of a room's history, oldest first: the newest `limit` messages (0: all) whose seq is above after_seq and
 * below before_seq (0: up to the newest message). To page backwards, pass the seq of the oldest message of the last page.
 * See chat_history(). NO_SUCH_ROOM.
 */
CHAT_API chat_error chat_history_between(chat_server *server, const char *room, uint64_t after_seq, uint64_t before_seq,
                                         size_t limit, chat_message_visitor visitor, void *user) CHAT_NOEXCEPT;

/*
 * Visits the messages around one, oldest first: at most `limit` messages (0: all), of which half are newer than seq, and the
 * others are it and older ones. Missing newer numbers leave more older messages. See chat_history(). NO_SUCH_ROOM.
 */
CHAT_API chat_error chat_history_around(chat_server *server, const char *room, uint64_t seq, size_t limit,
                                        chat_message_visitor visitor, void *user) CHAT_NOEXCEPT;

/*
 * Visits the kept messages of a room with all words of a text, oldest first: the newest `limit` of them (0 or above 1,000:
 * 1,000), at most 4 MiB, with a seq below before_seq (0: all). To continue, pass the seq of the first one as before_seq. text
 * is plain words, 1 to 256 bytes of UTF-8; no character in it has a special meaning. Only the first 16 KiB of a message's text
 * and of the strings in its arguments are searched, and messages that have been redacted are not found. It waits for the disk,
 * and returns WRONG_THREAD in a callback. UNSUPPORTED without history_search, NO_SUCH_ROOM, INVALID_UTF8, INVALID_ARGUMENT for
 * a text that has no word or is too long, UNAVAILABLE.
 */
CHAT_API chat_error chat_search(chat_server *server, const char *room, const char *text, size_t limit,
                                uint64_t before_seq, chat_message_visitor visitor, void *user) CHAT_NOEXCEPT;

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* CHAT_CHAT_H */
