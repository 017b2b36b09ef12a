// See name_keys.h.
#include "model/name_keys.h"

#include <algorithm>
#include <new>

#ifdef CHAT_WITH_ICU
#include <unicode/ucasemap.h>
#include <unicode/uchar.h>
#include <unicode/uspoof.h>
#include <unicode/utf8.h>
#include <unicode/uversion.h>
#endif

namespace chat {

#ifdef CHAT_WITH_ICU
namespace {

Status fault_of(UErrorCode error) {
  if (error == U_MEMORY_ALLOCATION_ERROR) throw std::bad_alloc();
  if (U_FAILURE(error)) return {Error::internal, std::string("ICU: ") + u_errorName(error)};
  return {};
}

// Read-only, so that all threads share them. They are never closed, because another thread may use them while the process
// exits.
struct Tables {
  UErrorCode error = U_ZERO_ERROR;
  const USpoofChecker* looks = uspoof_open(&error);
  const UCaseMap* cases = ucasemap_open("", U_FOLD_CASE_DEFAULT, &error);
};

const Tables& tables() {
  static const Tables* const opened = new Tables;
  return *opened;
}

// Calls write(buffer, bytes, error), which returns the bytes that it needs.
template <class Write>
Result<std::string> written(Write write) {
  std::string text(kMaxNameKeyBytes, '\0');
  UErrorCode error = U_ZERO_ERROR;
  const std::int32_t size = write(text.data(), static_cast<std::int32_t>(text.size()), &error);
  if (error == U_BUFFER_OVERFLOW_ERROR) {
    return {Error::invalid_argument, "the name has too many characters that stand for several others"};
  }
  if (Status status = fault_of(error); !status.ok()) return status;
  text.resize(static_cast<std::size_t>(size));
  return text;
}

Result<std::string> skeleton(const std::string& text) {
  return written([&](char* buffer, std::int32_t bytes, UErrorCode* error) {
    return uspoof_getSkeletonUTF8(tables().looks, 0, text.data(), static_cast<std::int32_t>(text.size()), buffer, bytes,
                                  error);
  });
}

Result<std::string> lower_case(const std::string& text) {
  return written([&](char* buffer, std::int32_t bytes, UErrorCode* error) {
    return ucasemap_utf8FoldCase(tables().cases, buffer, bytes, text.data(), static_cast<std::int32_t>(text.size()),
                                 error);
  });
}

// Without characters that nobody sees.
std::string visible(std::string_view text) {
  std::string result;
  const auto size = static_cast<std::int32_t>(text.size());
  for (std::int32_t at = 0; at < size;) {
    const std::int32_t start = at;
    UChar32 character = 0;
    U8_NEXT(text.data(), at, size, character);
    if (character < 0 || u_hasBinaryProperty(character, UCHAR_DEFAULT_IGNORABLE_CODE_POINT) != 0 ||
        u_isUWhiteSpace(character) != 0) {
      continue;
    }
    result += text.substr(static_cast<std::size_t>(start), static_cast<std::size_t>(at - start));
  }
  return result;
}

// The skeleton depends on the case, so what it gives is folded, and has a skeleton again.
Result<std::string> without_case(Result<std::string> text) {
  if (text.ok()) text = lower_case(*text);
  return text.ok() ? skeleton(*text) : text;
}

}  // namespace

Status check_name_keys() { return fault_of(tables().error); }

Result<NameKeys> name_keys(std::string_view name) {
  if (Status status = check_name_keys(); !status.ok()) return status;
  const std::string text = visible(name);
  Result<std::string> looks = without_case(skeleton(text));
  if (!looks.ok()) return looks.status();
  Result<std::string> folded = without_case(text);
  if (!folded.ok()) return folded.status();
  NameKeys keys{std::move(*looks), std::move(*folded)};
  if (keys.folded == keys.looks) keys.folded.clear();
  return keys;
}

Result<NameKeys> list_keys(std::string_view name) { return name_keys(name); }

std::string name_keys_version() {
  UVersionInfo version;
  u_getVersion(version);
  return std::to_string(version[0]) + "." + std::to_string(version[1]);
}

#else

Status check_name_keys() { return {Error::unsupported, "this build has no ICU"}; }

Result<NameKeys> name_keys(std::string_view) { return check_name_keys(); }

Result<NameKeys> list_keys(std::string_view name) {
  NameKeys keys{std::string(name), {}};
  std::transform(keys.looks.begin(), keys.looks.end(), keys.looks.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return keys;
}

std::string name_keys_version() { return {}; }

#endif

}  // namespace chat
