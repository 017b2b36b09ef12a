// All bytes of a frame in one text.
#pragma once

#include <string>

#include "net/deliver/frame.h"

namespace chat::test {

inline std::string bytes_of(const net::FramePtr& frame) {
  std::string bytes;
  frame->append_to(bytes);
  return bytes;
}

}  // namespace chat::test
