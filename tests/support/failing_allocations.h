// Makes an allocation of the calling thread fail; those of other threads succeed. Replaces operator new, so only one file of a
// program can include it. Valgrind has an operator new of its own: run it with --soname-synonyms=somalloc=nouserintercepts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>

namespace chat::test {

inline thread_local long allocations_until_failure = -1;  // so many succeed, and then one fails; negative: all succeed
inline thread_local long failed_allocations = 0;          // since the thread began

inline const std::string kLongRoom = "a-room-whose-name-is-too-long-to-live-inside-of-a-string";

enum class Came : std::uint8_t { through, to_a_failure };

// Runs `action`; the allocation with this index in it fails.
template <class Action>
Came after(long allocations, Action action) {
  const long failed_before = failed_allocations;
  allocations_until_failure = allocations;
  try {
    action();
  } catch (const std::bad_alloc&) {  // some code handles the failure itself
  }
  allocations_until_failure = -1;
  return failed_allocations == failed_before ? Came::through : Came::to_a_failure;
}

}  // namespace chat::test

// Not inlined, because the compiler would then warn about free() for memory of operator new.
[[gnu::noinline]] void* operator new(std::size_t size) {
  long& left = chat::test::allocations_until_failure;
  if (left >= 0 && left-- == 0) {
    ++chat::test::failed_allocations;
    throw std::bad_alloc();
  }
  void* const memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
