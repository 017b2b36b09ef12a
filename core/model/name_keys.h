// What makes two display names the same for the people who read them: UTS 39 skeletons of ICU. Optional at build time.
// Any thread may call these functions. They throw std::bad_alloc.
#pragma once

#include <string>
#include <string_view>

#include "model/types.h"

namespace chat {

// Two names are alike when one of them has a key of the other: "Paul" and "PauI" look the same, and "ivan" is "Ivan" in
// another case. Invisible characters and spaces do not count.
struct NameKeys {
  std::string looks;   // what it looks like, without case
  std::string folded;  // what it looks like when it is written in lower case; empty: as `looks`
};

// Names have at most 128 bytes, but a character may look like many.
inline constexpr std::size_t kMaxNameKeyBytes = 512;

// Errors: unsupported when this build has no ICU, internal when ICU has no data.
Status check_name_keys();
// name: valid UTF-8. Errors: those of check_name_keys(); invalid_argument above kMaxNameKeyBytes.
Result<NameKeys> name_keys(std::string_view name);
// The same for names that are only compared with a list. Without ICU they are compared in ASCII without case.
Result<NameKeys> list_keys(std::string_view name);
// The version of ICU; empty: this build has none.
std::string name_keys_version();

}  // namespace chat
