// Ids that cannot be guessed. Knowing such an id is the permission to use what it names.
#pragma once

#include <string>

namespace chat::net {

// 120 bits in 20 characters of URL-safe base64. Throws when the system provides no random bytes.
std::string random_id();

}  // namespace chat::net
