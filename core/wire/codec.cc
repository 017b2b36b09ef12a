// See codec.h: which codec speaks which protocol.
#include "wire/codec.h"

#include "wire/chat_v1/chat_v1_codec.h"
#include "wire/plain/plain_codec.h"

namespace chat::wire {

std::unique_ptr<Codec> make_codec(Protocol protocol) {
  switch (protocol) {
    case Protocol::plain:
      return std::make_unique<PlainCodec>();
    case Protocol::chat_v1:
      return std::make_unique<ChatV1Codec>();
    case Protocol::socket_io:
      break;
  }
  return nullptr;
}

}  // namespace chat::wire
