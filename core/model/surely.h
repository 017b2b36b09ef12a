// Repeats what changes nothing when memory fails.
#pragma once

#include <chrono>
#include <new>
#include <thread>

namespace chat {

// Calls action() until it does not throw std::bad_alloc; it waits 1 ms between two attempts.
template <class Action>
void surely(Action action) {
  for (;;) {
    try {
      action();
      return;
    } catch (const std::bad_alloc&) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
}

}  // namespace chat
