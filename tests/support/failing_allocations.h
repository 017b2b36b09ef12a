// Makes an allocation of the program fail. Replaces operator new, so only one file of a program can include it. Valgrind has an
// operator new of its own: run it with --soname-synonyms=somalloc=nouserintercepts.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>

namespace chat::test {

inline long allocations_until_failure = -1;  // so many succeed, and then one fails; negative: all succeed
inline long failed_allocations = 0;          // since the program began

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
