// See elf_import.h. An imported function is called through a slot that the dynamic linker fills in. The object's
// relocations locate the slot. A linker that binds everything at load time makes the slots read-only afterwards.
#include "net/socket/elf_import.h"

#if defined(__linux__)

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>

namespace chat::net {
namespace {

// Addresses in ELF structures are numbers.
template <class Pointee>
Pointee* pointer_to(std::uintptr_t address) {
  return reinterpret_cast<Pointee*>(address);  // NOLINT(performance-no-int-to-ptr)
}

struct Search {
  std::uintptr_t inside;
  dl_phdr_info object;
  bool found;
};

int find_object(dl_phdr_info* object, std::size_t, void* data) {
  auto& search = *static_cast<Search*>(data);
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const auto& segment = object->dlpi_phdr[i];
    const std::uintptr_t begin = object->dlpi_addr + segment.p_vaddr;
    if (segment.p_type != PT_LOAD || search.inside < begin || search.inside >= begin + segment.p_memsz) continue;
    search.object = *object;
    search.found = true;
    return 1;
  }
  return 0;
}

// The relevant entries of the dynamic section. Both kinds of relocation begin with the offset and the symbol.
struct Dynamic {
  std::uintptr_t symbols = 0;
  std::uintptr_t strings = 0;
  std::uintptr_t lazy = 0;  // for calls only
  std::size_t lazy_bytes = 0;
  bool lazy_have_addends = false;
  std::uintptr_t rela = 0;
  std::size_t rela_bytes = 0;
  std::uintptr_t rel = 0;
  std::size_t rel_bytes = 0;
};

// Some dynamic linkers relocate the addresses in the dynamic section, others do not.
std::uintptr_t loaded_at(const dl_phdr_info& object, std::uintptr_t address) {
  return address < object.dlpi_addr ? object.dlpi_addr + address : address;
}

Dynamic read_dynamic(const dl_phdr_info& object, const ElfW(Dyn) * entry) {
  Dynamic dynamic;
  for (; entry->d_tag != DT_NULL; ++entry) {
    const std::uintptr_t address = loaded_at(object, entry->d_un.d_ptr);
    switch (entry->d_tag) {
      case DT_SYMTAB:
        dynamic.symbols = address;
        break;
      case DT_STRTAB:
        dynamic.strings = address;
        break;
      case DT_JMPREL:
        dynamic.lazy = address;
        break;
      case DT_PLTRELSZ:
        dynamic.lazy_bytes = entry->d_un.d_val;
        break;
      case DT_PLTREL:
        dynamic.lazy_have_addends = entry->d_un.d_val == DT_RELA;
        break;
      case DT_RELA:
        dynamic.rela = address;
        break;
      case DT_RELASZ:
        dynamic.rela_bytes = entry->d_un.d_val;
        break;
      case DT_REL:
        dynamic.rel = address;
        break;
      case DT_RELSZ:
        dynamic.rel_bytes = entry->d_un.d_val;
        break;
      default:
        break;
    }
  }
  return dynamic;
}

template <class Info>
std::size_t symbol_of(Info info) {
  return static_cast<std::size_t>(sizeof(void*) == 8 ? info >> 32 : info >> 8);
}

bool store(const dl_phdr_info& object, void** slot, void* value) {
  const auto page_bytes = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto at = reinterpret_cast<std::uintptr_t>(slot);
  void* const page = pointer_to<void>(at / page_bytes * page_bytes);
  bool read_only = false;
  for (int i = 0; i < object.dlpi_phnum; ++i) {
    const auto& segment = object.dlpi_phdr[i];
    if (segment.p_type != PT_GNU_RELRO) continue;
    // The linker protects whole pages.
    const std::uintptr_t begin = (object.dlpi_addr + segment.p_vaddr) / page_bytes * page_bytes;
    const std::uintptr_t end = (object.dlpi_addr + segment.p_vaddr + segment.p_memsz) / page_bytes * page_bytes;
    read_only = read_only || (at >= begin && at < end);
  }
  if (read_only && mprotect(page, page_bytes, PROT_READ | PROT_WRITE) != 0) return false;
  __atomic_store_n(slot, value, __ATOMIC_RELEASE);
  if (read_only) mprotect(page, page_bytes, PROT_READ);
  return true;
}

// True when the address is in one of the object's own segments.
bool is_inside(const dl_phdr_info& object, const void* address) {
  dl_phdr_info copy = object;
  Search search{reinterpret_cast<std::uintptr_t>(address), {}, false};
  return find_object(&copy, sizeof copy, &search) != 0;
}

// The slots of one function in one object.
class Slots {
 public:
  Slots(const dl_phdr_info& object, const Dynamic& dynamic, const char* name, void* expected, void* replacement)
      : object_(object), dynamic_(dynamic), name_(name), expected_(expected), replacement_(replacement) {}

  template <class Relocation>
  void replace(std::uintptr_t table, std::size_t bytes, bool calls) {
    if (table == 0) return;
    const auto* relocations = pointer_to<const Relocation>(table);
    const auto* symbols = pointer_to<const ElfW(Sym)>(dynamic_.symbols);
    const auto* strings = pointer_to<const char>(dynamic_.strings);
    for (std::size_t i = 0; i < bytes / sizeof(Relocation); ++i) {
      const std::size_t symbol = symbol_of(relocations[i].r_info);
      if (symbol == 0 || std::strcmp(strings + symbols[symbol].st_name, name_) != 0) continue;
      auto* slot = pointer_to<void*>(object_.dlpi_addr + relocations[i].r_offset);
      void* const before = *slot;
      // A data slot is replaced only when it contains the function's address. A call slot that has not been used yet
      // points into the object itself.
      if ((!calls && before != expected_) || before == replacement_) continue;
      if (store(object_, slot, replacement_)) replaced_ = calls && !is_inside(object_, before) ? before : expected_;
    }
  }

  void* replaced() const { return replaced_; }

 private:
  const dl_phdr_info& object_;
  const Dynamic& dynamic_;
  const char* name_;
  void* expected_;
  void* replacement_;
  void* replaced_ = nullptr;
};

void* replace(const void* inside, const char* name, void* expected, void* replacement) {
  Search search{reinterpret_cast<std::uintptr_t>(inside), {}, false};
  dl_iterate_phdr(find_object, &search);
  if (expected == nullptr || !search.found) return nullptr;
  Dynamic dynamic;
  for (int i = 0; i < search.object.dlpi_phnum; ++i) {
    const auto& segment = search.object.dlpi_phdr[i];
    if (segment.p_type != PT_DYNAMIC) continue;
    dynamic = read_dynamic(search.object, pointer_to<const ElfW(Dyn)>(search.object.dlpi_addr + segment.p_vaddr));
  }
  if (dynamic.symbols == 0 || dynamic.strings == 0) return nullptr;
  Slots slots(search.object, dynamic, name, expected, replacement);
  if (dynamic.lazy_have_addends) {
    slots.replace<ElfW(Rela)>(dynamic.lazy, dynamic.lazy_bytes, true);
  } else {
    slots.replace<ElfW(Rel)>(dynamic.lazy, dynamic.lazy_bytes, true);
  }
  slots.replace<ElfW(Rela)>(dynamic.rela, dynamic.rela_bytes, false);
  slots.replace<ElfW(Rel)>(dynamic.rel, dynamic.rel_bytes, false);
  return slots.replaced();
}

}  // namespace

ElfImport::ElfImport(const void* inside, const char* name, void* replacement)
    : inside_(inside),
      name_(name),
      replacement_(replacement),
      replaced_(replace(inside, name, dlsym(RTLD_DEFAULT, name), replacement)) {}

ElfImport::~ElfImport() {
  if (replaced_ != nullptr) replace(inside_, name_, replacement_, replaced_);
}

}  // namespace chat::net

#else

namespace chat::net {

ElfImport::ElfImport(const void* inside, const char* name, void* replacement)
    : inside_(inside), name_(name), replacement_(replacement), replaced_(nullptr) {}

ElfImport::~ElfImport() = default;

}  // namespace chat::net

#endif
