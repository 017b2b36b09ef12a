// See random_id.h.
#include "net/base/random_id.h"

#include <openssl/rand.h>

#include <algorithm>
#include <stdexcept>
#include <string_view>

#include "wire/base64.h"

namespace chat::net {

std::string random_id() {
  unsigned char bytes[15];
  if (RAND_bytes(bytes, sizeof bytes) != 1) throw std::runtime_error("the random number generator failed");
  std::string id;
  wire::append_base64(id, std::string_view(reinterpret_cast<const char*>(bytes), sizeof bytes));
  std::replace(id.begin(), id.end(), '+', '-');
  std::replace(id.begin(), id.end(), '/', '_');
  return id;
}

}  // namespace chat::net
