// Replaces a function that one loaded shared object imports from another. libwebsockets calls two functions of the C library
// while a context is made that change or depend on the whole process, and has no option against it: see lws_context.cc.
// Knows nothing of libwebsockets.
#pragma once

namespace chat::net {

class ElfImport {
 public:
  // The object that contains the address `inside` calls `replacement` instead of the function `name`. Other objects are not
  // affected. By one thread at a time.
  ElfImport(const void* inside, const char* name, void* replacement);
  // Puts the function back.
  ~ElfImport();
  ElfImport(const ElfImport&) = delete;
  ElfImport& operator=(const ElfImport&) = delete;

  // What the object called before; nullptr if nothing was replaced: the object was not found or does not import the function.
  void* replaced() const { return replaced_; }

 private:
  const void* inside_;
  const char* name_;
  void* replacement_;
  void* replaced_;
};

}  // namespace chat::net
