// See library_versions.h.
#include "net/socket/library_versions.h"

#include <cjson/cJSON.h>
#include <libwebsockets.h>
#include <openssl/crypto.h>
#include <uv.h>
#include <zlib.h>
#ifdef CHAT_WITH_SQLITE
#include <sqlite3.h>
#endif

#include <string_view>

#include "model/name_keys.h"

namespace chat::net {
namespace {

// "OpenSSL 3.0.15 3 Sep 2024", without the date. It uses the library's own name, since LibreSSL and others can replace
// OpenSSL.
std::string tls_version() {
  const std::string_view text = OpenSSL_version(OPENSSL_VERSION);
  return std::string(text.substr(0, text.find(' ', text.find(' ') + 1)));
}

// Builds from a repository append the commit: "4.3.3-v4.3.3-2-g12345".
std::string websockets_version() {
  const std::string_view text = lws_get_library_version();
  return std::string(text.substr(0, text.find('-')));
}

}  // namespace

std::string library_versions() {
  std::string versions = "libwebsockets " + websockets_version() + ", libuv " + uv_version_string() + ", " +
                         tls_version() + ", cJSON " + cJSON_Version() + ", zlib " + zlibVersion();
#ifdef CHAT_WITH_SQLITE
  versions.append(", SQLite ").append(sqlite3_libversion());
#endif
  if (const std::string icu = name_keys_version(); !icu.empty()) versions.append(", ICU ").append(icu);
  return versions;
}

}  // namespace chat::net
