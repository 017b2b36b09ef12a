// What the application says when it is asked, at once or later.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "model/message.h"

namespace chat {

enum class Verdict : std::uint8_t { pass, refuse, defer, consume };

struct Decision {
  Verdict verdict = Verdict::pass;
  std::string reason;
  std::optional<MessageDraft> replacement;  // of a message that passes, when the verdict comes later
};

// What is said of a refusal, also when the application gives no reason.
inline std::string refusal_text(std::string reason) { return reason.empty() ? "refused" : std::move(reason); }
inline Status refusal(std::string reason) { return {Error::forbidden, refusal_text(std::move(reason))}; }

// Names one question to the application about one client, so that a late answer is not taken for that to the next. Of each
// client, and never used again for it. The lowest bit says whether it is about a message.
using DecisionId = std::uint64_t;
inline bool is_about_message(DecisionId decision) { return (decision & 1) != 0; }

}  // namespace chat
