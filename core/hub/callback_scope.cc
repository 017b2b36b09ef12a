// See callback_scope.h.
#include "hub/callback_scope.h"

namespace chat {
namespace {
thread_local CallbackScope* innermost = nullptr;
}

CallbackScope::CallbackScope(const Hub& hub) : hub_(hub), outer_(innermost) { innermost = this; }

CallbackScope::~CallbackScope() {
  // The scope has ended here, so the deferred actions run at once, unless an enclosing scope of the same hub defers
  // them again.
  innermost = outer_;
  for (auto& action : deferred_) {
    if (CallbackScope* outer = current(hub_)) {
      outer->defer(std::move(action));
    } else {
      action();
    }
  }
}

CallbackScope* CallbackScope::current(const Hub& hub) {
  for (CallbackScope* scope = innermost; scope != nullptr; scope = scope->outer_) {
    if (&scope->hub_ == &hub) return scope;
  }
  return nullptr;
}

}  // namespace chat
