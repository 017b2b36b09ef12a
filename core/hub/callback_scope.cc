// See callback_scope.h.
#include "hub/callback_scope.h"

namespace chat {
namespace {
thread_local CallbackScope* innermost = nullptr;
}

CallbackScope::CallbackScope(const Hub& hub) : hub_(hub), outer_(innermost) { innermost = this; }

CallbackScope::~CallbackScope() {
  // Outside the scope, so that what is called here acts at once; an enclosing scope of the same hub goes on deferring.
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
