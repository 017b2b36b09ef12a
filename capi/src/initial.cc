// The entry points that initialize structures, for languages that cannot use the _INIT macros of chat.h.
#include "guard.h"
#include "sized.h"

using chat::Status;
using chat::capi::guarded;
using chat::capi::write_initial;

chat_error chat_server_options_init(chat_server_options *options, size_t struct_size) noexcept {
  static constexpr chat_server_options kInitial = CHAT_SERVER_OPTIONS_INIT;
  return guarded([&]() -> Status { return write_initial(kInitial, options, struct_size, "options"); });
}

chat_error chat_endpoint_init(chat_endpoint *endpoint, size_t struct_size) noexcept {
  static constexpr chat_endpoint kInitial = CHAT_ENDPOINT_INIT;
  return guarded([&]() -> Status { return write_initial(kInitial, endpoint, struct_size, "endpoint"); });
}

chat_error chat_static_mount_init(chat_static_mount *mount, size_t struct_size) noexcept {
  static constexpr chat_static_mount kInitial = CHAT_STATIC_MOUNT_INIT;
  return guarded([&]() -> Status { return write_initial(kInitial, mount, struct_size, "mount"); });
}

chat_error chat_identity_init(chat_identity *identity, size_t struct_size) noexcept {
  static constexpr chat_identity kInitial = CHAT_IDENTITY_INIT;
  return guarded([&]() -> Status { return write_initial(kInitial, identity, struct_size, "identity"); });
}

chat_error chat_message_init(chat_message *message, size_t struct_size) noexcept {
  static constexpr chat_message kInitial = CHAT_MESSAGE_INIT;
  return guarded([&]() -> Status { return write_initial(kInitial, message, struct_size, "message"); });
}

chat_error chat_history_store_init(chat_history_store *store, size_t struct_size) noexcept {
  static constexpr chat_history_store kInitial = CHAT_HISTORY_STORE_INIT;
  return guarded([&]() -> Status { return write_initial(kInitial, store, struct_size, "store"); });
}

chat_error chat_moderation_init(chat_moderation *moderation, size_t struct_size) noexcept {
  static constexpr chat_moderation kInitial = CHAT_MODERATION_INIT;
  return guarded([&]() -> Status { return write_initial(kInitial, moderation, struct_size, "moderation"); });
}

chat_error chat_stats_init(chat_stats *stats, size_t struct_size) noexcept {
  static constexpr chat_stats kInitial = {};
  return guarded([&]() -> Status { return write_initial(kInitial, stats, struct_size, "stats"); });
}
