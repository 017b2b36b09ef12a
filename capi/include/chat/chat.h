/*
 * chat.h: the whole public surface of libchat, an embeddable real-time broadcast chat server.
 *
 * Conventions
 *
 *  1. A function that can fail returns chat_error; 0 (CHAT_OK) is success. chat_error_message() then gives the calling
 *     thread a sentence that names the thing that was wrong.
 *  2. Handles are opaque. A client is a 64-bit id that is never reused, so a stale one is a failed look-up
 *     (CHAT_ERROR_NO_SUCH_CLIENT) and never a dangling pointer. A room is its name.
 *  3. Strings are UTF-8. A parameter named ..._size beside a pointer is a length in bytes, and the bytes may contain NUL;
 *     a lone const char * ends with NUL. Nothing that is handed in is kept: the library copies before it returns.
 *  4. What the library hands to a callback or a visitor is valid until that callback returns.
 *  5. Structures that may grow begin with struct_size and have an _INIT macro. A newer library reads only as far as the
 *     caller's size reaches, and takes the default for the rest. Zero means the default everywhere; CHAT_UNLIMITED (-1)
 *     switches a limit or a timer off where its comment says so.
 *  6. Units stand in the names: _ms are milliseconds, _bytes are bytes. Times of day are milliseconds since 1970, UTC.
 *  7. Callbacks run on the server's loop threads, or inside chat_server_poll() with threads = 0. One client's callbacks
 *     never overlap and come in the order of its life: on_connect, on_open, on_join, on_message and on_ack ..., on_leave,
 *     on_disconnect. Those of different clients run side by side when there are several threads. No lock is held.
 *     A callback that waits makes every client of its thread wait: hand slow work to a thread of your own.
 *  8. What is published, sent, joined, left or closed inside on_authorize or on_message takes effect after the message
 *     or command that the callback was called for, and does not call on_message again. Such a call reports what is wrong
 *     with its arguments at once; a failure that only shows later (the client has gone, the room is full) goes to on_log.
 *     After CHAT_DEFER it takes effect when the callback has returned.
 *  9. The library installs no signal handler, changes no limit or locale, never exits and never prints. One thing is
 *     process-wide: libwebsockets has one log function for all its users, which the first server redirects to on_log.
 *
 *     From which thread                                        any thread      in a callback
 *     chat_server_start                                        yes             yes
 *     chat_server_free                                         yes             no: CHAT_ERROR_WRONG_THREAD
 *     chat_server_poll (threads = 0)                           one at a time   no: CHAT_ERROR_WRONG_THREAD
 *     chat_message_event_replace                               no              on_message, its own event
 *     everything else                                          yes             yes
 *     None of them waits for the network. chat_server_free must not run beside any other call on the same server. After
 *     fork() the child may only call exec or _exit.
 *
 * What it does not do: rendering, media, end-to-end encryption, user databases, moderation by content. The callbacks are
 * where an application adds them.
 */
#ifndef CHAT_CHAT_H
#define CHAT_CHAT_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__) || defined(__clang__)
#define CHAT_API __attribute__((visibility("default")))
#else
#define CHAT_API
#endif

#ifdef __cplusplus
extern "C" {
#define CHAT_NOEXCEPT noexcept
#else
#define CHAT_NOEXCEPT
#endif

/* ---------------------------------------------------------------------------------------------- version and features */

#define CHAT_VERSION_MAJOR 0
#define CHAT_VERSION_MINOR 1
#define CHAT_VERSION_PATCH 0
#define CHAT_VERSION_STRING "0.1.0"

/* The version of the library that is running, as "0.1.0". */
CHAT_API const char *chat_version(void) CHAT_NOEXCEPT;

/* The same as a number: major * 1000000 + minor * 1000 + patch. */
CHAT_API int chat_version_number(void) CHAT_NOEXCEPT;

/*
 * 1 when this build has the named feature, otherwise 0. Names: "tls", "permessage-deflate", "unix-socket", "chat.v1",
 * "socket.io", "threads", "host-driven", "deferral" (CHAT_DEFER), "page" (chat_page_path, chat_script_path), "metrics". An
 * unknown name or NULL is 0.
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
  X(ERROR_TOO_MANY, 11, "a limit on the number of things is reached")                 \
  X(ERROR_FORBIDDEN, 12, "forbidden")                                                 \
  X(ERROR_BANNED, 13, "banned from the room")                                         \
  X(ERROR_NOT_JOINED, 14, "not a member of the room")                                 \
  X(ERROR_RATE_LIMITED, 15, "too many messages in a short time")                      \
  X(ERROR_STOPPED, 16, "the server has stopped")                                      \
  X(ERROR_WRONG_THREAD, 17, "not allowed from this thread or callback")               \
  X(ERROR_WRONG_STATE, 18, "not allowed in this state")                               \
  X(ERROR_ADDRESS_IN_USE, 19, "address in use")                                       \
  X(ERROR_ADDRESS_INVALID, 20, "address invalid or not of this machine")              \
  X(ERROR_PERMISSION, 21, "permission denied")                                        \
  X(ERROR_CERTIFICATE, 22, "certificate or private key unusable")                     \
  X(ERROR_EVENT_LOOP, 23, "the event loop or libwebsockets' libuv plugin is missing") \
  X(ERROR_SYSTEM, 24, "a system call failed")                                         \
  X(ERROR_UNSUPPORTED, 25, "not supported by the client's protocol or this build")    \
  X(ERROR_ENCODING, 26, "malformed message")                                          \
  X(ERROR_TIMED_OUT, 27, "no answer in time")

typedef enum chat_error {
#define CHAT_ERROR_ENUM(name, number, text) CHAT_##name = number,
  CHAT_ERROR_MAP(CHAT_ERROR_ENUM)
#undef CHAT_ERROR_ENUM
} chat_error;

/* The text of an error, static; "unknown error" for a number that is none. */
CHAT_API const char *chat_strerror(chat_error error) CHAT_NOEXCEPT;

/* The constant's name without CHAT_, for example "ERROR_BANNED"; static, NULL for a number that is none. */
CHAT_API const char *chat_error_name(chat_error error) CHAT_NOEXCEPT;

/*
 * What went wrong in the last call that failed on this thread, for people: "port 3000 on 0.0.0.0: address in use". Valid
 * until the next call on this thread. Never NULL.
 */
CHAT_API const char *chat_error_message(void) CHAT_NOEXCEPT;

/* ----------------------------------------------------------------------------------------------------------- options */

typedef struct chat_server chat_server; /* a server, from chat_server_start() to chat_server_free() */
typedef uint64_t chat_client_id;        /* 0 is no client */

#define CHAT_UNLIMITED (-1) /* of options whose comment allows it: no limit, or never */

/* What an endpoint's clients speak. */
typedef enum chat_protocol {
  CHAT_PROTOCOL_PLAIN = 1,     /* every text or binary frame is a message; offers chat.v1 as a subprotocol too */
  CHAT_PROTOCOL_CHAT_V1 = 2,   /* docs/protocol.md, whatever subprotocol is offered */
  CHAT_PROTOCOL_SOCKET_IO = 3, /* Socket.IO 4, docs/socketio.md: each namespace of a connection is a client */
  CHAT_PROTOCOL_COUNT = 4      /* one above the highest; grows */
} chat_protocol;

/* What a client's bytes travel over. Bits, so that an endpoint can allow several. */
typedef enum chat_transport {
  CHAT_TRANSPORT_WEBSOCKET = 1, /* RFC 6455 */
  CHAT_TRANSPORT_POLLING = 2,   /* HTTP long polling, of Socket.IO */
  CHAT_TRANSPORT_COUNT = 2      /* how many bits there are; grows */
} chat_transport;

/*
 * One address path that clients connect to. The path is compared whole, without the query and a trailing slash; one of
 * Socket.IO owns everything below it too, so it is not "/", and no other endpoint lies there.
 */
typedef struct chat_endpoint {
  size_t struct_size;
  const char *path; /* begins with '/' */
  chat_protocol protocol;
  uint32_t transports;       /* chat_transport bits; 0: all that the protocol has */
  int64_t max_message_bytes; /* 0: that of the options */
} chat_endpoint;
#define CHAT_ENDPOINT_INIT \
  { sizeof(chat_endpoint), NULL, CHAT_PROTOCOL_PLAIN, 0, 0 }

/* Files below a directory, served under a path by GET and HEAD with their type, an ETag, and index.html for a folder. */
typedef struct chat_static_mount {
  size_t struct_size;
  const char *path;      /* begins with '/'; "/" serves everything that is no endpoint */
  const char *directory; /* nothing outside of it is ever served, symbolic links included */
} chat_static_mount;
#define CHAT_STATIC_MOUNT_INIT \
  { sizeof(chat_static_mount), NULL, NULL }

/* What happens to a client whose outbox is full, because it reads slower than its rooms speak. */
typedef enum chat_outbox_policy {
  CHAT_OUTBOX_DISCONNECT = 0,  /* the connection ends, close code 1013; it may come back for what it missed */
  CHAT_OUTBOX_DROP_OLDEST = 1, /* whole messages go, counted, and the client is told of the gap */
  CHAT_OUTBOX_DROP_NEWEST = 2  /* the same, and what was there stays */
} chat_outbox_policy;

/* How much a line of log matters; log_level lets those pass that are not above it. */
typedef enum chat_log_level {
  CHAT_LOG_ERROR = 1,   /* something did not work, or a callback did what it may not */
  CHAT_LOG_WARNING = 2, /* it works, but somebody should look: a slow callback, a flood */
  CHAT_LOG_INFO = 3,    /* what an operator likes to know: where it listens, when it stops */
  CHAT_LOG_DEBUG = 4    /* what only its developers do */
} chat_log_level;

/* What a callback that decides answers. */
typedef enum chat_verdict {
  CHAT_PASS = 0,   /* on_connect: accept; on_authorize: allow; on_message: publish it */
  CHAT_REFUSE = 1, /* say no; the reason reaches the client in its protocol's own way, if that has one */
  CHAT_DEFER = 2,  /* the verdict will follow, from any thread: on_connect: by chat_accept or chat_refuse; on_authorize
                      and on_message: by chat_decide */
  CHAT_CONSUME = 3 /* on_message only: the application has handled it; it is not published */
} chat_verdict;

/* What on_authorize is asked about. */
typedef enum chat_action {
  CHAT_ACTION_JOIN = 1,    /* to become a member of a room */
  CHAT_ACTION_PUBLISH = 2, /* to say something in a room */
  CHAT_ACTION_HISTORY = 3, /* to read what a room has kept */
  CHAT_ACTION_MEMBERS = 4, /* default without on_authorize: refused */
  CHAT_ACTION_ROOMS = 5,   /* default without on_authorize: refused */
  CHAT_ACTION_RENAME = 6   /* default without on_authorize: allowed to guests (no user id) only */
} chat_action;

#define CHAT_REASON_BYTES 124 /* room for a reason with its NUL; the longest that a WebSocket close frame can carry */

/* A name and a value: a header, a query argument, an attribute. Both end with NUL; values may hold NUL earlier. */
typedef struct chat_pair {
  const char *name;
  const char *value;
  size_t value_size;
} chat_pair;

/* Who a client is. As input: NULL or empty members take the default, as said beside each. */
typedef struct chat_identity {
  size_t struct_size;
  const char *user_id;         /* one user may have several clients; "" : a guest. At most 128 bytes */
  const char *name;            /* "": a generated guest name. At most 128 bytes, no control characters */
  const chat_pair *attributes; /* the application's own; not sent to anyone. At most 32, 8 KiB in all */
  size_t attribute_count;
} chat_identity;
#define CHAT_IDENTITY_INIT \
  { sizeof(chat_identity), NULL, NULL, NULL, 0 }

/* What is known of a client. */
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
  const char *socket_id; /* what chat_find_client() takes */
} chat_client;

/* Somebody wants to connect. Everything here is a copy; header names are lower-case without the colon. */
typedef struct chat_connect_event {
  size_t struct_size;
  chat_client_id client;
  const char *path;       /* decoded, without the query. Of Socket.IO this and what follows is the handshake's */
  const chat_pair *query; /* decoded */
  size_t query_count;
  const chat_pair *headers;
  size_t header_count;
  const chat_pair *cookies;
  size_t cookie_count;
  const char *origin;    /* "" without one; it has passed the Origin check */
  const char *address;   /* as in chat_client */
  int secure;            /* 1: TLS here or, behind a trusted proxy, there */
  const char *room;      /* the room that the connection asks for, of Socket.IO by its namespace */
  const char *token;     /* "Authorization: Bearer ...", "?token=..." or the "token" of auth; "" without */
  const char *user_name; /* "Authorization: Basic ..." or the protocol's own log-in; "" without */
  const char *password;
  chat_protocol protocol;
  chat_transport transport;
  char reason[CHAT_REASON_BYTES]; /* out: why CHAT_REFUSE; may stay empty */
  const char *auth;               /* Socket.IO: the `auth` of the client, a JSON object; "" without */
  const char *socket_id;          /* what chat_find_client() takes */
  /* With recovery_asks_on_connect: the client that this one continues, whose identity it has; else 0. */
  chat_client_id recovered_from;
} chat_connect_event;

/*
 * A client is open, has gone, has joined or has left. Socket.IO has no close codes for a namespace: 1000 stands for a client
 * that has left it ("client namespace disconnect"), 1008 for one that was kicked, 1006 for a connection that was lost.
 */
typedef struct chat_client_event {
  size_t struct_size;
  chat_client_id client;
  void *user;       /* the client's pointer, see chat_client_set_user() */
  const char *name; /* its display name now */
  const char *user_id;
  const char *room;              /* on_join, on_leave: the room; on_open: the first room; on_disconnect: "" */
  int close_code;                /* on_disconnect: the WebSocket close code (RFC 6455 section 7.4), 1006 without one */
  const char *reason;            /* on_disconnect, on_leave: for people */
  chat_client_id recovered_from; /* on_open: the client that this one continues (recovery_window_ms), else 0 */
  const char *socket_id;         /* what chat_find_client() takes */
} chat_client_event;

/* May this client do this in this room? */
typedef struct chat_authorize_event {
  size_t struct_size;
  chat_client_id client;
  void *user;
  chat_action action;
  const char *room;               /* "" for CHAT_ACTION_ROOMS and CHAT_ACTION_RENAME */
  const char *value;              /* CHAT_ACTION_RENAME: the wanted name; CHAT_ACTION_PUBLISH: the event name */
  char reason[CHAT_REASON_BYTES]; /* out: why CHAT_REFUSE; may stay empty */
  uint64_t decision_id;           /* what chat_decide() takes after CHAT_DEFER; never used again */
} chat_authorize_event;

/* Bytes: an attachment of a message. */
typedef struct chat_blob {
  const void *data;
  size_t size_bytes;
} chat_blob;

/* What a message's data is. */
typedef enum chat_payload {
  CHAT_PAYLOAD_TEXT = 0,  /* data is text, the single argument of its event */
  CHAT_PAYLOAD_ARGS = 1,  /* data is a JSON array: the event's arguments. {"_placeholder":true,"num":N} in it stands for
                            attachment N; every attachment must be referred to */
  CHAT_PAYLOAD_BINARY = 2 /* data is bytes: short for ARGS [{"_placeholder":true,"num":0}] with one attachment */
} chat_payload;

/*
 * A message, as the application publishes it and as it is shown to the application.
 * Limits: event 1 to 128 bytes, not one of connect, connect_error, disconnect, disconnecting, newListener and
 * removeListener; at most 10 attachments; data and attachments together within the largest max_message_bytes of the
 * options and the endpoints; attributes at most 32 and 8 KiB together.
 */
typedef struct chat_message {
  size_t struct_size;
  const char *room;  /* NULL in chat_publish: to everyone (ephemeral then) */
  const char *event; /* NULL: "chat message" */
  chat_payload payload;
  const void *data;
  size_t data_size;
  const chat_blob *attachments;
  size_t attachment_count;
  const chat_pair *attributes; /* travel with the message (STOMP's user headers) */
  size_t attribute_count;
  int ephemeral;         /* 1: neither numbered nor kept (typing, cursors) */
  chat_client_id except; /* 0, or a member that shall not receive it */
  chat_client_id from;   /* in chat_publish: 0, or the client in whose name it goes out */
  const char *from_name; /* in chat_publish with from = 0: the sender's display name, or NULL */
  uint64_t seq;          /* from the library: its number in the room, 1, 2, 3...; 0 before, and for ephemeral */
  const char *epoch;     /* from the library: changes when the room's numbering starts anew */
  int64_t time_ms;       /* from the library */
} chat_message;
#define CHAT_MESSAGE_INIT \
  { sizeof(chat_message), NULL, NULL, CHAT_PAYLOAD_TEXT, NULL, 0, NULL, 0, NULL, 0, 0, 0, 0, NULL, 0, NULL, 0 }

/* A client has sent a message, and it has been authorised. */
typedef struct chat_message_event {
  size_t struct_size;
  chat_client_id client;
  void *user;
  const chat_message *message;
  uint64_t ack_id;                /* 0, or what chat_reply() takes: the sender waits for an answer */
  char reason[CHAT_REASON_BYTES]; /* out: why CHAT_REFUSE; may stay empty */
  uint64_t decision_id;           /* what chat_decide() takes after CHAT_DEFER; never used again */
  const char *socket_id;          /* the sender's, what chat_find_client() takes */
} chat_message_event;

/*
 * A client has answered a message of chat_send_with_ack() (CHAT_OK), or will not: TIMED_OUT; NO_SUCH_CLIENT, it went without
 * an answer; TOO_MANY, 1,024 answers of this client were awaited already, and it was not sent.
 */
typedef struct chat_ack_event {
  size_t struct_size;
  chat_client_id client;
  void *user;
  uint64_t ack_id; /* from chat_send_with_ack() */
  chat_error error;
  const char *args; /* the answer, a JSON array; "" unless CHAT_OK */
  size_t args_size;
  const chat_blob *attachments; /* {"_placeholder":true,"num":N} in args stands for attachment N */
  size_t attachment_count;
} chat_ack_event;

/*
 * The application's functions; each may be NULL. All run on a loop thread (convention 7) with the `user` of the options.
 */
typedef struct chat_callbacks {
  size_t struct_size;

  /*
   * Accept, refuse or defer a connection. The identity is given by chat_set_identity(), or with the verdict by
   * chat_accept(), from inside or later. A call of chat_accept or chat_refuse in here is the verdict, whatever is returned.
   * A refusal at once is answered with HTTP 403; a deferred one closes the accepted WebSocket with 1008. In Socket.IO, where
   * every namespace of a connection is asked about, both are a CONNECT_ERROR, whose message is the reason.
   */
  chat_verdict (*on_connect)(chat_server *server, chat_connect_event *event, void *user);

  /* The client is accepted and can be sent to. What was sent before waits behind this. */
  void (*on_open)(chat_server *server, const chat_client_event *event, void *user);

  /* The client has gone, and left all its rooms. Comes once for each client that on_connect was asked about and accepted. */
  void (*on_disconnect)(chat_server *server, const chat_client_event *event, void *user);

  /*
   * CHAT_PASS, CHAT_REFUSE or CHAT_DEFER. Without it the defaults that stand beside chat_action hold. To a Socket.IO client whose join
   * is refused its namespace does not exist: a CONNECT_ERROR, "Invalid namespace", without the reason.
   */
  chat_verdict (*on_authorize)(chat_server *server, chat_authorize_event *event, void *user);

  /* After the fact. */
  void (*on_join)(chat_server *server, const chat_client_event *event, void *user);
  void (*on_leave)(chat_server *server, const chat_client_event *event, void *user);

  /*
   * CHAT_PASS, CHAT_REFUSE, CHAT_CONSUME or CHAT_DEFER; chat_message_event_replace() changes what is published. What is
   * deferred is decided on also when the client closes its connection meanwhile: on_disconnect comes after that.
   */
  chat_verdict (*on_message)(chat_server *server, chat_message_event *event, void *user);

  /* A line of log without its newline. May come from any thread, and from inside chat_server_start(). */
  void (*on_log)(chat_server *server, chat_log_level level, const char *text, void *user);

  /*
   * Once for each message of chat_send_with_ack(), and never after the client's on_disconnect: what was sent while the
   * client was going ends with that.
   */
  void (*on_ack)(chat_server *server, const chat_ack_event *event, void *user);

  /*
   * A client whose verdict on_connect has deferred needs it no more: it has gone, or verdict_timeout_ms are over. Comes in
   * place of on_disconnect, with the same fields; chat_accept() and chat_refuse() return NO_SUCH_CLIENT from here on.
   */
  void (*on_abandon)(chat_server *server, const chat_client_event *event, void *user);

  /* For callbacks of later versions, so that the size of the options stays. Leave them NULL. */
  void (*reserved[6])(void);
} chat_callbacks;

/*
 * Everything is set before chat_server_start() and copied by it. Zero is the default that stands in the comment. Numbers
 * marked (*) may be CHAT_UNLIMITED.
 */
typedef struct chat_server_options {
  size_t struct_size;

  /* Where to listen: listen_fd, else unix_path, else address and port. */
  const char *address; /* NULL: every address, IPv4 and IPv6. Else a literal: "127.0.0.1", "::1" */
  int port;            /* 0: any free port, see chat_server_port() */
  const char
      *unix_path; /* a UNIX socket; a stale one in the way is replaced, a live one is CHAT_ERROR_ADDRESS_IN_USE */
  int listen_fd;  /* > 0: a socket that listens already. The library takes it over when the start succeeds */

  int threads; /* 0: the host drives the server with chat_server_poll(). CHAT_SERVER_OPTIONS_INIT has 1 */

  chat_callbacks callbacks;
  void *user;               /* handed to every callback */
  chat_log_level log_level; /* CHAT_LOG_INFO */

  const chat_endpoint *endpoints; /* NULL: /chat (plain), /chat.v1 (chat.v1) and /socket.io (Socket.IO) */
  size_t endpoint_count;
  const chat_static_mount *static_mounts; /* NULL: none. Their files win over all that the server has but /healthz */
  size_t static_mount_count;
  const char *default_room; /* "lobby" */

  /* TLS: both or neither. PEM files; reload with chat_server_reload_tls(). */
  const char *tls_certificate_file;
  const char *tls_private_key_file;

  /* Who may connect. */
  const char *const *allowed_origins; /* besides the server's own Host: "https://example.org" ("wss://" is the
                                         same), or "*" */
  size_t allowed_origin_count;
  const char *const *trusted_proxies; /* their X-Forwarded-For, -Proto, -Host and Forwarded headers are believed:
                                         addresses, CIDR blocks, or "unix" for every peer on a UNIX socket */
  size_t trusted_proxy_count;
  int64_t max_clients;             /* (*) unlimited; one more is answered 503, or CONNECT_ERROR in Socket.IO */
  int64_t max_clients_per_address; /* (*) unlimited; the same; of Socket.IO the sessions and their namespaces apart */
  int64_t max_connections;         /* (*) max_clients + 1,000: sockets of every kind, silent ones too, and as many
                                      sessions of Socket.IO; of those on polling never more than 16,384 */

  /* Messages. */
  int64_t max_message_bytes; /* 65,536 over all fragments, attachments included; close code 1009 above. Left 0, it is
                                max_http_body_bytes at Socket.IO endpoints, or max_outbox_bytes if that is set and less */
  int64_t max_header_bytes;  /* 8,192 for a request's head; above, or above 100 lines, it is answered 431 */
  int64_t inbound_rate;      /* (*) 200 messages a second for each client; refused above where its protocol has a word
                                for it, and read more slowly. So many CONNECTs of Socket.IO, whose connection ends above */
  int64_t inbound_burst;     /* 400 messages at once */
  const char *const *ephemeral_events; /* event names that are never numbered or kept, whoever sends them */
  size_t ephemeral_event_count;

  /* Each client's outbox. */
  int64_t max_outbox_bytes;    /* two of the largest messages, 1 MiB at least; not below one of them */
  int64_t max_outbox_messages; /* 4,096 */
  chat_outbox_policy outbox_policy;
  int64_t flush_interval_ms; /* 0: write at the end of every loop round; else gather up to this long when busy */

  /* Rooms. */
  int64_t max_rooms;            /* 100,000 */
  int64_t max_rooms_per_client; /* 100 */
  int64_t history_messages;     /* (*) 100 a room; CHAT_UNLIMITED still obeys the bytes */
  int64_t history_bytes;        /* 1 MiB a room */
  int64_t history_age_ms;       /* (*) 24 h */
  int64_t history_total_bytes;  /* 256 MiB over all rooms */
  int history_off;              /* 1: keep nothing */

  /* Time. */
  int64_t ping_interval_ms;     /* (*) 25,000 */
  int64_t ping_timeout_ms;      /* 20,000 after a ping without any answer: closed */
  int64_t handshake_timeout_ms; /* 10,000 for the request's headers, TLS included */
  int64_t http_idle_timeout_ms; /* 5,000 between two requests on one connection */
  int64_t verdict_timeout_ms;   /* 10,000 for a deferred verdict of any kind; refused then */
  int64_t drain_timeout_ms;     /* 5,000 for outboxes and closes after chat_server_stop() */
  int64_t drain_spread_ms;      /* 0; closes are spread evenly over so long, so that not all clients return at once */
  int64_t slow_callback_ms;     /* 100: a callback that took longer is told to on_log */

  int permessage_deflate; /* 0: off. 1: RFC 7692 when the client offers it; a window of 32 KiB for each client that compresses */

  /* Socket.IO. ping_interval_ms and ping_timeout_ms are its too; its clients need pings, so CHAT_UNLIMITED is a day. */
  int64_t max_http_body_bytes; /* 1,000,000 for the body of a POST; 413 above */
  int64_t upgrade_timeout_ms;  /* 10,000 from the WebSocket's opening to the end of the upgrade from polling */
  int64_t connect_timeout_ms;  /* 45,000 from the handshake to the first CONNECT to a namespace; closed then */
  int64_t recovery_window_ms;  /* (*) off, as in the reference server, and CHAT_UNLIMITED too. When it is set, clients
                                  that reconnect so soon get what they missed; events then have one more argument */
  int64_t recovery_bytes;      /* 16 MiB for what is remembered of clients that may be recovered; the oldest go first */
  const char *socket_io_client_directory; /* NULL: socket.io.js as compiled in. Else the folder to serve it from */

  /* What is compiled in. Each path begins with '/' and is no endpoint's. Files of static_mounts win. NULL: not served. */
  const char
      *chat_page_path; /* the chat page, "/" for example; what it loads lies below it. Needs a chat.v1 endpoint */
  const char *chat_script_path; /* the script for pages of your own, "/chat.js" for example: docs/chat-js.md */
  const char *metrics_path;     /* chat_stats for Prometheus, "/metrics" for example; open to whoever can connect */

  int recovery_asks_on_connect; /* Socket.IO. 0: a recovered client is not asked about again. 1: on_connect is, with
                                   recovered_from; a verdict other than accepting ends the recovery */
} chat_server_options;

/* All zero but struct_size, threads = 1, and the size of the callbacks. */
#define CHAT_SERVER_OPTIONS_INIT                                                                                     \
  {                                                                                                                  \
    sizeof(chat_server_options), NULL, 0, NULL, 0, 1,                                                                \
        {sizeof(chat_callbacks),                                                                                     \
         NULL,                                                                                                       \
         NULL,                                                                                                       \
         NULL,                                                                                                       \
         NULL,                                                                                                       \
         NULL,                                                                                                       \
         NULL,                                                                                                       \
         NULL,                                                                                                       \
         NULL,                                                                                                       \
         NULL,                                                                                                       \
         NULL,                                                                                                       \
         {NULL, NULL, NULL, NULL, NULL, NULL}},                                                                      \
        NULL, (chat_log_level)0, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, 0, NULL, 0, 0, 0, 0, 0, 0, 0, 0, NULL, 0, \
        0, 0, CHAT_OUTBOX_DISCONNECT, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, NULL,  \
        NULL, NULL, 0                                                                                                \
  }

/* ------------------------------------------------------------------------------------------------------------ server */

/*
 * Starts a server and gives its handle, which the caller owns until chat_server_free(). When it returns CHAT_OK the
 * server listens. On failure *server is NULL, nothing runs or leaks, and chat_error_message() names the cause:
 * INVALID_ARGUMENT, ADDRESS_IN_USE, ADDRESS_INVALID, PERMISSION, CERTIFICATE, EVENT_LOOP, SYSTEM, NO_MEMORY, and
 * UNSUPPORTED for a field that only a newer library knows.
 */
CHAT_API chat_error chat_server_start(const chat_server_options *options, chat_server **server) CHAT_NOEXCEPT;

/*
 * Begins the drain: no new connection, to each client its protocol's goodbye (close code 1001), outboxes flushed for at
 * most drain_timeout_ms. Returns at once. Any thread, any callback, any number of times; NULL is fine. With threads = 0
 * the drain happens in the following chat_server_poll() calls or in chat_server_free(). From here on whatever would
 * change something returns CHAT_ERROR_STOPPED; looking goes on.
 */
CHAT_API void chat_server_stop(chat_server *server) CHAT_NOEXCEPT;

/*
 * Stops if that was not done, waits for the end of the drain, and frees. Once; NULL is fine. The only failure is
 * CHAT_ERROR_WRONG_THREAD from one of the server's own callbacks: nothing is freed then.
 */
CHAT_API chat_error chat_server_free(chat_server *server) CHAT_NOEXCEPT;

/* The port that it listens on; 0 on a UNIX socket. */
CHAT_API int chat_server_port(const chat_server *server) CHAT_NOEXCEPT;

/*
 * threads = 0 only: runs until nothing is ready. Waits for the first event for at most timeout_ms (0: not at all, -1: as
 * long as it takes). CHAT_ERROR_STOPPED once a stopped server's drain has ended: nothing is left to do but free.
 * WRONG_STATE when the server has threads, WRONG_THREAD in a callback or while another thread polls.
 */
CHAT_API chat_error chat_server_poll(chat_server *server, int timeout_ms) CHAT_NOEXCEPT;

/*
 * threads = 0 only: a descriptor for the host's own select, poll, epoll, GLib or asyncio loop. It is readable when
 * chat_server_poll(server, 0) has something to do, timers included. The library owns it; never read or close it. -1
 * when the server has threads.
 */
CHAT_API int chat_server_fd(const chat_server *server) CHAT_NOEXCEPT;

/* Reads the certificate and key files again, for new connections; open ones stay. The old pair stays when this fails. */
CHAT_API chat_error chat_server_reload_tls(chat_server *server) CHAT_NOEXCEPT;

/* ---------------------------------------------------------------------------------------------------------- messages */

/*
 * Publishes text to a room as a "chat message" from nobody; room NULL: to everyone, not numbered or kept. The same as
 * chat_publish() with only these fields set.
 */
CHAT_API chat_error chat_broadcast(chat_server *server, const char *room, const char *text,
                                   size_t text_size) CHAT_NOEXCEPT;

/*
 * Publishes a message to all members of its room. *seq, when not NULL, becomes its number: 0 when ephemeral, and when
 * deferred (convention 8). INVALID_ROOM, INVALID_EVENT, INVALID_JSON, INVALID_UTF8, TOO_LARGE, TOO_MANY (rooms).
 */
CHAT_API chat_error chat_publish(chat_server *server, const chat_message *message, uint64_t *seq) CHAT_NOEXCEPT;

/*
 * Sends a message to one client, whatever rooms it is in; message->room (NULL: the client's first room) only labels it. It
 * is not numbered or kept, and comes after what was published before the call.
 */
CHAT_API chat_error chat_send(chat_server *server, chat_client_id client, const chat_message *message) CHAT_NOEXCEPT;

/*
 * The same, and the client is asked to acknowledge it within timeout_ms (0: 10,000; CHAT_UNLIMITED: as long as the client is
 * there): on_ack tells what came of it, at most 1,024 answers of a client are awaited at once. *ack_id, when not NULL, becomes the number that on_ack will show, which may be before this returns. UNSUPPORTED where the client's
 * protocol has no such answers (all but Socket.IO). Inside on_authorize and on_message it is sent when those are done with
 * (convention 8); when that fails, on_log alone tells.
 */
CHAT_API chat_error chat_send_with_ack(chat_server *server, chat_client_id client, const chat_message *message,
                                       int64_t timeout_ms, uint64_t *ack_id) CHAT_NOEXCEPT;

/* Sends a message to all clients of one user; NO_SUCH_CLIENT when there is none. */
CHAT_API chat_error chat_send_user(chat_server *server, const char *user_id, const chat_message *message) CHAT_NOEXCEPT;

/*
 * Answers a message that came with an ack_id, once: args is a JSON array, with attachments as in chat_message. May be
 * called from on_message or later. In chat.v1 it is the ack's `args`, in Socket.IO what the client's callback is called
 * with. The library itself answers a message that on_message neither consumes nor has answered. UNSUPPORTED where the
 * protocol has no answers, WRONG_STATE for a second answer inside on_message; a later second one is ignored.
 */
CHAT_API chat_error chat_reply(chat_server *server, chat_client_id client, uint64_t ack_id, const char *args,
                               size_t args_size, const chat_blob *attachments, size_t attachment_count) CHAT_NOEXCEPT;

/*
 * In on_message, before it returns CHAT_PASS: publish this instead. Room, sender and ack stay as they are, and so does what
 * the event shows. The last call counts. WRONG_THREAD for an event that is not of an on_message running on this thread.
 */
CHAT_API chat_error chat_message_event_replace(chat_message_event *event, const chat_message *message) CHAT_NOEXCEPT;

/* ----------------------------------------------------------------------------------------------------------- clients */

/* The verdict on a connection; identity NULL: a guest, or what chat_set_identity() gave. WRONG_STATE after the verdict. */
CHAT_API chat_error chat_accept(chat_server *server, chat_client_id client,
                                const chat_identity *identity) CHAT_NOEXCEPT;

/*
 * The verdict on what on_authorize or on_message has answered with CHAT_DEFER: CHAT_PASS, CHAT_REFUSE, or of a message
 * CHAT_CONSUME. reason: of a refusal, for people, at most 123 bytes, may be NULL. replacement: NULL, or what is published
 * instead of a message that passes; its room, sender and ack stay. The first verdict counts; it may come before the callback
 * has returned. Without one it is a refusal after verdict_timeout_ms.
 *
 * Until then whatever else the client says waits in order behind it, and when that is much the client is read no further.
 * Other clients do not wait. WRONG_STATE when nothing waits for this decision any more, NO_SUCH_CLIENT when the client was
 * thrown out, or has gone and its time was over.
 */
CHAT_API chat_error chat_decide(chat_server *server, chat_client_id client, uint64_t decision_id, chat_verdict verdict,
                                const char *reason, const chat_message *replacement) CHAT_NOEXCEPT;

/*
 * reason: for people, at most 123 bytes, may be NULL. data_json: NULL, or any JSON value for protocols that carry one: in
 * Socket.IO the error's `data`.
 */
CHAT_API chat_error chat_refuse(chat_server *server, chat_client_id client, const char *reason,
                                const char *data_json) CHAT_NOEXCEPT;

/* Replaces the whole identity. What the client says from now on bears the new name. */
CHAT_API chat_error chat_set_identity(chat_server *server, chat_client_id client,
                                      const chat_identity *identity) CHAT_NOEXCEPT;

/*
 * Finds a client by its socket id, the string by which the client knows itself: `socket.id` in Socket.IO, the `id` of
 * chat.v1's welcome, which is the client's number in decimal digits. That number finds a client of any protocol. *client is
 * 0 and NO_SUCH_CLIENT returned for a stale id or any other string. A recovered client keeps its socket id, though not its
 * number. Numbers can be guessed and Socket.IO's ids cannot: check who may address whom before sending to an id from a client.
 */
CHAT_API chat_error chat_find_client(chat_server *server, const char *socket_id, chat_client_id *client) CHAT_NOEXCEPT;

/* A pointer of the application's own, NULL at first. The library only hands it back. */
CHAT_API chat_error chat_client_set_user(chat_server *server, chat_client_id client, void *user) CHAT_NOEXCEPT;
CHAT_API void *chat_client_user(chat_server *server, chat_client_id client) CHAT_NOEXCEPT;

/*
 * Disconnects a client after what is in its outbox: close code 1008 and the reason (at most 123 bytes, may be NULL). In
 * Socket.IO it is a DISCONNECT of this namespace; the connection and its other namespaces stay.
 */
CHAT_API chat_error chat_kick(chat_server *server, chat_client_id client, const char *reason) CHAT_NOEXCEPT;

/*
 * Kicks the client and every other client of its connection, and closes the connection after what is in its outbox. In
 * Socket.IO each namespace gets its DISCONNECT first. Other protocols have one client for each connection: the same as
 * chat_kick().
 */
CHAT_API chat_error chat_close_connection(chat_server *server, chat_client_id client, const char *reason) CHAT_NOEXCEPT;

/* ------------------------------------------------------------------------------------------------------------- rooms */

/*
 * Makes a client a member of a room. It hears every message published after this call and none from before. Fine when it
 * is one already. on_authorize is not asked. INVALID_ROOM, NO_SUCH_CLIENT, BANNED, TOO_MANY.
 */
CHAT_API chat_error chat_join(chat_server *server, chat_client_id client, const char *room) CHAT_NOEXCEPT;

/* NOT_JOINED when it is no member. */
CHAT_API chat_error chat_leave(chat_server *server, chat_client_id client, const char *room) CHAT_NOEXCEPT;

/*
 * Takes a client out of a room and keeps its user id, or its address when it is a guest, from joining for so long;
 * duration_ms 0 lifts the ban. UNSUPPORTED for a guest on a UNIX socket, who has neither.
 */
CHAT_API chat_error chat_ban(chat_server *server, chat_client_id client, const char *room, int64_t duration_ms,
                             const char *reason) CHAT_NOEXCEPT;

/* The same by user id, for every client that the user has or will have. */
CHAT_API chat_error chat_ban_user(chat_server *server, const char *user_id, const char *room, int64_t duration_ms,
                                  const char *reason) CHAT_NOEXCEPT;

/* Every member leaves, the history goes, and the numbering starts anew with another epoch. NO_SUCH_ROOM. */
CHAT_API chat_error chat_close_room(chat_server *server, const char *room, const char *reason) CHAT_NOEXCEPT;

/* ------------------------------------------------------------------------------------------------------ introspection */

/*
 * What is known of a room. Visitors run on the calling thread over a snapshot, with no lock held, and may call anything. A
 * visitor returns 0 to go on and non-zero to end the visit (which is no error).
 */
typedef struct chat_room {
  size_t struct_size;
  const char *name;
  const char *epoch;
  uint64_t seq; /* of the newest message */
  size_t member_count;
  size_t history_count;
} chat_room;

/* Shown a client, a room or a message; user is what was handed to the function that visits. */
typedef int (*chat_client_visitor)(const chat_client *client, void *user);
typedef int (*chat_room_visitor)(const chat_room *room, void *user);
typedef int (*chat_message_visitor)(const chat_message *message, void *user);

/* Visits one client. NO_SUCH_CLIENT. */
CHAT_API chat_error chat_client_info(chat_server *server, chat_client_id client, chat_client_visitor visitor,
                                     void *user) CHAT_NOEXCEPT;
/* Visits the members of a room; room NULL: every client of the server. NO_SUCH_ROOM. */
CHAT_API chat_error chat_members(chat_server *server, const char *room, chat_client_visitor visitor,
                                 void *user) CHAT_NOEXCEPT;
/* Visits every room. */
CHAT_API chat_error chat_rooms(chat_server *server, chat_room_visitor visitor, void *user) CHAT_NOEXCEPT;
/* Visits the messages that a room has kept, oldest first: those with a seq above after_seq, and of these the newest `limit` (0: all that are kept). NO_SUCH_ROOM. */
CHAT_API chat_error chat_history(chat_server *server, const char *room, uint64_t after_seq, size_t limit,
                                 chat_message_visitor visitor, void *user) CHAT_NOEXCEPT;

/* Counted since the start, but for the ..._now. */
typedef struct chat_stats {
  size_t struct_size;
  uint64_t connections_now; /* sockets */
  uint64_t connections_total;
  uint64_t clients_now;
  uint64_t clients_total;
  uint64_t rooms_now;
  uint64_t messages_in;        /* from clients, refused ones included */
  uint64_t messages_refused;   /* by on_authorize, on_message, limits, or malformed */
  uint64_t messages_published; /* to rooms and to everyone, from whomever */
  uint64_t deliveries;         /* messages put into outboxes, one for each receiver */
  uint64_t drops;              /* messages taken out of, or not let into, full outboxes */
  uint64_t slow_disconnects;   /* clients closed because their outbox was full */
  uint64_t bytes_in;           /* payload of frames and bodies */
  uint64_t bytes_out;          /* handed to sockets, framing included */
  uint64_t http_requests;
  uint64_t history_bytes_now;
  uint64_t clients_now_by_protocol[8];  /* index: chat_protocol */
  uint64_t clients_now_by_transport[8]; /* index: number of the chat_transport bit, 0 for 1, 1 for 2 ... */
  uint64_t messages_in_by_protocol[8];
  uint64_t deliveries_by_protocol[8];
  uint64_t messages_in_by_transport[8];
  uint64_t deliveries_by_transport[8];
} chat_stats;
#define CHAT_STATS_SIZE sizeof(chat_stats) /* for struct_size */

/* What the server has counted. Set stats->struct_size first, to CHAT_STATS_SIZE. */
CHAT_API chat_error chat_server_stats(chat_server *server, chat_stats *stats) CHAT_NOEXCEPT;

/* ---------------------------------------------------------------------------------------------------------- miscellany */

/* CHAT_OK when this is a room name: UTF-8, 1 to 128 bytes, no control character, none of / , ? # and no space at an end. */
CHAT_API chat_error chat_check_room_name(const char *room) CHAT_NOEXCEPT;

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* CHAT_CHAT_H */
