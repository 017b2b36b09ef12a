// The half of test_with_core.cc that sees libchat's inside and not the C++ headers.
#include <memory>
#include <string>

#include "hub/client.h"
#include "model/message.h"

std::string inside_message_text();

std::string inside_message_text() {
  auto message = std::make_shared<chat::Message>();
  message->payload = "inside";
  const chat::Identity identity{"u-1", "Ann", {}};
  return message->memory_bytes() > 0 && identity.name == "Ann" ? message->payload : std::string();
}
