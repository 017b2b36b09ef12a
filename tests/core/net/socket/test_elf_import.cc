// Replaces a function that one shared object imports, for that object only, and restores it.
#include "net/socket/elf_import.h"

#include <libwebsockets.h>
#include <unistd.h>

// Last, because it defines a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

namespace chat::net {
namespace {

int calls = 0;

long counted_sysconf(int name) {
  ++calls;
  return sysconf(name);
}

const void* inside_libwebsockets() { return reinterpret_cast<const void*>(&lws_create_context); }

void make_context() {
  lws_context_creation_info info{};
  info.port = CONTEXT_PORT_NO_LISTEN;
  lws_set_log_level(0, nullptr);
  lws_context* const context = lws_create_context(&info);
  assert_non_null(context);
  lws_context_destroy(context);
}

void it_is_called_until_the_end(void**) {
  {
    const ElfImport import(inside_libwebsockets(), "sysconf", reinterpret_cast<void*>(&counted_sysconf));
    assert_ptr_equal(import.replaced(), reinterpret_cast<void*>(&sysconf));
    make_context();
    assert_true(calls > 0);
    // This program is not affected.
    const int before = calls;
    assert_true(sysconf(_SC_PAGESIZE) > 0);
    assert_int_equal(calls, before);
  }
  const int before = calls;
  make_context();
  assert_int_equal(calls, before);
}

void two_can_follow_each_other(void**) {
  const ElfImport first(inside_libwebsockets(), "sysconf", reinterpret_cast<void*>(&counted_sysconf));
  assert_non_null(first.replaced());
  // A second replacement finds nothing to replace.
  const ElfImport second(inside_libwebsockets(), "sysconf", reinterpret_cast<void*>(&counted_sysconf));
  assert_null(second.replaced());
}

void nothing_is_replaced_that_is_not_there(void**) {
  void* const instead = reinterpret_cast<void*>(&counted_sysconf);
  assert_null(ElfImport(inside_libwebsockets(), "no_such_function", instead).replaced());
  assert_null(ElfImport(inside_libwebsockets(), "lws_create_context", instead).replaced());
  assert_null(ElfImport(nullptr, "sysconf", instead).replaced());
}

}  // namespace
}  // namespace chat::net

int main() {
  using namespace chat::net;
  const CMUnitTest tests[] = {
      cmocka_unit_test(it_is_called_until_the_end),
      cmocka_unit_test(two_can_follow_each_other),
      cmocka_unit_test(nothing_is_replaced_that_is_not_there),
  };
  return cmocka_run_group_tests_name("core/net/socket/elf_import", tests, nullptr, nullptr);
}
