// The application's answer to a question, given at once or later.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "hub/far_list.h"
#include "hub/kept_range.h"
#include "model/message.h"

namespace chat {

enum class Verdict : std::uint8_t { pass, refuse, defer, consume };

// The verdict itself, with the data that the application gave.
struct Decision {
  Verdict verdict = Verdict::pass;
  std::string reason;
  std::optional<MessageDraft> replacement;  // replaces the message when a deferred verdict accepts it
  // What a store has read for a command that waited for it. The verdict is `pass` then, whatever the result was.
  KeptRangePtr earlier = nullptr;
  FarListPtr list = nullptr;  // the same of a command that waited for other servers
};

// The text of a refusal; a default when the application gives no reason.
inline std::string refusal_text(std::string reason) { return reason.empty() ? "refused" : std::move(reason); }
inline Status refusal(std::string reason) { return {Error::forbidden, refusal_text(std::move(reason))}; }

// Identifies one question to the application, or to a store, about one client, so a late answer is not matched to a later
// question. Unique per client, never reused. The lowest bit is set when the question is about a message.
using DecisionId = std::uint64_t;
inline bool is_about_message(DecisionId decision) { return (decision & 1) != 0; }

}  // namespace chat
