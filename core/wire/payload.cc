// See payload.h.
#include "wire/payload.h"

#include <optional>

#include "wire/json/json.h"

namespace chat::wire {
namespace {

// Returns the only element of a checked array; empty when there are none or several.
std::string_view lone_element(std::string_view array) {
  json::ElementReader elements(array);
  std::string_view first;
  std::string_view second;
  return elements.next(first) && !elements.next(second) ? first : std::string_view();
}

// `element` belongs to checked arguments, so every marked object in it is a valid placeholder.
bool is_placeholder(std::string_view element) {
  if (element.empty() || json::kind_of(element) != json::Kind::object) return false;
  json::MemberReader members(element);
  json::Member member;
  while (members.next(member)) {
    if (member.value == "true" && json::equals(member.name, "_placeholder")) return true;
  }
  return false;
}

}  // namespace

Status set_args(MessageDraft& draft, std::string_view args) {
  Status status = check_args(args, draft.attachments.size());
  if (status.ok()) set_checked_args(draft, args);
  return status;
}

void set_checked_args(MessageDraft& draft, std::string_view args) {
  if (draft.attachments.size() == 1 && is_placeholder(lone_element(args))) args = kSingleBinaryArgs;
  if (draft.attachments.empty() && draft.event == kDefaultEvent) {
    const std::string_view element = lone_element(args);
    if (!element.empty() && json::kind_of(element) == json::Kind::string) {
      if (std::optional<std::string> text = json::unescape(element)) {
        draft.kind = PayloadKind::text;
        draft.payload = *std::move(text);
        return;
      }
    }
  }
  draft.kind = PayloadKind::args;
  draft.payload = args;
}

}  // namespace chat::wire
