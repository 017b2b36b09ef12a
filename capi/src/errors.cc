// Versions, features, and errors: their names and texts, and the message about the last failure of each thread.
#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "guard.h"
#include "model/name_keys.h"
#include "model/utf8.h"
#include "net/socket/library_versions.h"

namespace chat::capi {
namespace {

// A buffer and not a string, so that it works without memory.
constexpr std::size_t kMessageBytes = 1024;
thread_local char last_message[kMessageBytes] = "";

}  // namespace

chat_error fail(Error code, std::string_view detail) noexcept {
  const auto error = static_cast<chat_error>(code);
  if (detail.empty()) detail = chat_strerror(error);
  // A detail may quote an argument that is not UTF-8. Then the cut may be anywhere.
  const std::string_view text = utf8_prefix(detail, kMessageBytes - 1);
  std::memcpy(last_message, text.data(), text.size());
  last_message[text.size()] = '\0';
  return error;
}

}  // namespace chat::capi

const char *chat_version(void) noexcept { return CHAT_VERSION_STRING; }

const char *chat_library_versions(void) noexcept {
  // Created once and never destroyed, because another thread may read it while the process exits.
  static const std::array<char, 256> text = [] {
    std::array<char, 256> made{};
    try {
      const std::string versions = chat::net::library_versions();
      std::copy_n(versions.begin(), std::min(versions.size(), made.size() - 1), made.begin());
    } catch (...) {
      made[0] = '\0';
    }
    return made;
  }();
  return text.data();
}

int chat_version_number(void) noexcept {
  return CHAT_VERSION_MAJOR * 1'000'000 + CHAT_VERSION_MINOR * 1'000 + CHAT_VERSION_PATCH;
}

int chat_has_feature(const char *name) noexcept {
  static constexpr const char *kFeatures[] = {
      "tls",          "permessage-deflate", "unix-socket", "chat.v1", "socket.io", "threads",
      "host-driven",  "deferral",           "page",        "metrics", "sockjs",    "stomp",
      "http",         "moderation",
#ifdef CHAT_WITH_SQLITE
      "history-file",
#endif
#ifdef CHAT_WITH_REDIS
      "cluster",
#endif
  };
  if (name == nullptr) return 0;
  if (std::strcmp(name, "unique-names") == 0) {
    return chat::capi::guarded_or(0, [] { return chat::check_name_keys().ok() ? 1 : 0; });
  }
  for (const char *feature : kFeatures) {
    if (std::strcmp(name, feature) == 0) return 1;
  }
  return 0;
}

const char *chat_strerror(chat_error error) noexcept {
  switch (static_cast<int>(error)) {
#define CHAT_ERROR_TEXT(name, number, text) \
  case number:                              \
    return text;
    CHAT_ERROR_MAP(CHAT_ERROR_TEXT)
#undef CHAT_ERROR_TEXT
    default:
      return "unknown error";
  }
}

const char *chat_error_name(chat_error error) noexcept {
  switch (static_cast<int>(error)) {
#define CHAT_ERROR_NAME(name, number, text) \
  case number:                              \
    return #name;
    CHAT_ERROR_MAP(CHAT_ERROR_NAME)
#undef CHAT_ERROR_NAME
    default:
      return nullptr;
  }
}

const char *chat_error_message(void) noexcept { return chat::capi::last_message; }
