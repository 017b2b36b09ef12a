// Any text as the kept_state of a row in a store of the application: it is refused, or within the limits of a message, and what
// is written of it is read again as the same.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "fuzz.h"
#include "kept_row.h"
#include "model/message.h"

using namespace chat;
using namespace chat::fuzz;

namespace {

Result<std::shared_ptr<Message>> read(const std::string& state, capi::KeptRow& row) {
  chat_message given = CHAT_MESSAGE_INIT;
  given.data = "text";
  given.data_size = 4;
  given.seq = 7;
  given.time_ms = 1;
  given.kept_state = state.c_str();
  return capi::read_row(&given, "lobby", "e1", true, 1 << 20, row);
}

void check_limits(const capi::KeptRow& row) {
  const Message& message = *row.message;
  require(row.reaction_seqs.size() <= capi::kMaxReactionEvents);
  require(message.extra->reactions.size() <= kMaxReactions);
  for (const Reaction& reaction : message.extra->reactions) {
    require(!reaction.users->empty() && reaction.users->size() <= kMaxReactionUsers);
  }
  require(!message.extra->redacted || message.payload.empty());
  require(message.changes_message() ? message.target_seq < message.seq : message.target_seq == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  capi::KeptRow row;
  if (!read(text, row).ok()) return 0;
  check_limits(row);
  const std::string written = capi::state_of(row);
  capi::KeptRow again;
  require(read(written, again).ok());
  require(capi::state_of(again) == written);
  return 0;
}
