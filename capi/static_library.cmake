# libchat.a, the target chat_static (chat::static): the objects of libchat.so, merged into one whose only global names are those
# of chat.h. So it fits into a program that has a namespace chat of its own. What the C++ library's templates instantiate stays
# weak, as in any object.

# A group of sections, in which each inline function is, may be replaced by that of another object. Names that have become local
# would go with it, so the merged object has no groups. Of objects for link-time optimization GCC makes real ones while it merges
# them; Clang's stay apart, and their names global.
include(CheckLinkerFlag)
check_linker_flag(CXX LINKER:--force-group-allocation CHAT_LINKER_CAN_DISSOLVE_GROUPS)
set(merge_flags -r -nostdlib -Wl,--force-group-allocation)
set(can_merge ON)
if(APPLE OR NOT CMAKE_OBJCOPY OR NOT CHAT_LINKER_CAN_DISSOLVE_GROUPS)
  set(can_merge OFF)
elseif(CMAKE_INTERPROCEDURAL_OPTIMIZATION OR CMAKE_CXX_FLAGS MATCHES "-flto")
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    list(APPEND merge_flags -flinker-output=nolto-rel)
  else()
    set(can_merge OFF)
  endif()
endif()

if(can_merge)
  set(objcopy_flags --localize-hidden)
  if(CHAT_DEBIAN_PACKAGES)
    # As Debian's own tools strip a static library; CPack leaves it alone.
    list(APPEND objcopy_flags --strip-debug --remove-section=.comment --remove-section=.note)
  endif()
  set(merged "${CMAKE_CURRENT_BINARY_DIR}/chat.o")
  add_custom_command(
    OUTPUT "${merged}"
    COMMAND "${CMAKE_CXX_COMPILER}" ${merge_flags} -o "${merged}.all" "$<TARGET_OBJECTS:chat>" "$<TARGET_OBJECTS:chat_core>"
    # GCC gives inline variables a binding that objcopy leaves global, unless they are weak.
    COMMAND "${CMAKE_OBJCOPY}" --wildcard "--weaken-symbol=_Z*" "${merged}.all"
    COMMAND "${CMAKE_OBJCOPY}" ${objcopy_flags} "${merged}.all" "${merged}"
    COMMAND "${CMAKE_COMMAND}" -E rm "${merged}.all"
    DEPENDS chat chat_core
    COMMENT "Merging the objects of libchat.a"
    COMMAND_EXPAND_LISTS VERBATIM)
  set_source_files_properties("${merged}" PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
  add_library(chat_static STATIC "${merged}")
else()
  add_library(chat_static STATIC "$<TARGET_OBJECTS:chat>" "$<TARGET_OBJECTS:chat_core>")
endif()
add_library(chat::static ALIAS chat_static)

# The C++ library is among the names, so that a project in C alone can link it.
set_target_properties(chat_static PROPERTIES OUTPUT_NAME chat EXPORT_NAME static LINKER_LANGUAGE C)
target_include_directories(chat_static INTERFACE $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>
                                                 $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_libraries(chat_static INTERFACE ${chat_static_libs})

if(CHAT_INSTALL)
  install(TARGETS chat_static EXPORT chatTargets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT development)
endif()
