// Replaces a function that one loaded shared object imports from another. libwebsockets calls two C library functions
// during context creation that change or read process-wide state, and it has no option to avoid them; see
// lws_context.cc. This class knows nothing of libwebsockets.
#pragma once

namespace chat::net {

class ElfImport {
 public:
  // Makes the object that contains the address `inside` call `replacement` instead of the function `name`. Other
  // objects are not affected. Only one thread at a time may do this.
  ElfImport(const void* inside, const char* name, void* replacement);
  // Restores the original function.
  ~ElfImport();
  ElfImport(const ElfImport&) = delete;
  ElfImport& operator=(const ElfImport&) = delete;

  // The function that the object called before; nullptr when nothing was replaced because the object was not found or
  // does not import the function.
  void* replaced() const { return replaced_; }

 private:
  const void* inside_;
  const char* name_;
  void* replacement_;
  void* replaced_;
};

}  // namespace chat::net
