# Writes the C++ source that contains files as strings (declared in core/net/serve/embedded_files.h):
#
#   cmake -DOUTPUT=embedded_files.cc [-DFUNCTION=embedded_files] -P embed_files.cmake -- [FILE...]
#
# FUNCTION is the name of the function that returns them. The output depends only on the files' names and contents, not
# on their folders or order. Every byte is written as an escape, so a file's content cannot end its string. Compilers
# read strings many times faster than lists of numbers.
cmake_minimum_required(VERSION 3.22)

if(NOT DEFINED FUNCTION)
  set(FUNCTION embedded_files)
endif()

set(files "")
set(behind_separator FALSE)
math(EXPR last "${CMAKE_ARGC} - 1")
foreach(index RANGE ${last})
  if(behind_separator)
    list(APPEND files "${CMAKE_ARGV${index}}")
  elseif("${CMAKE_ARGV${index}}" STREQUAL "--")
    set(behind_separator TRUE)
  endif()
endforeach()

# Indexed by name, so two files with the same name would conflict.
set(names "")
foreach(file IN LISTS files)
  get_filename_component(name "${file}" NAME)
  if(name IN_LIST names)
    message(FATAL_ERROR "embed_files: two files are named ${name}")
  endif()
  list(APPEND names "${name}")
  set(path_of_${name} "${file}")
endforeach()
list(SORT names)
list(LENGTH names count)

set(source "// Made by cmake/embed_files.cmake.
#include \"net/serve/embedded_files.h\"

#include <array>

namespace chat::net {
namespace {

constexpr std::array<EmbeddedFile, ${count}> kFiles = {{
")
foreach(name IN LISTS names)
  file(READ "${path_of_${name}}" digits HEX)
  file(SIZE "${path_of_${name}}" size)
  # 32 bytes per line.
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" text "${digits}")
  string(REPEAT "." 128 line)
  string(REGEX REPLACE "(${line})" "\\1\"\n     \"" text "${text}")
  string(APPEND source "    {\"${name}\",\n     {\"${text}\", ${size}}},\n")
endforeach()
string(APPEND source "}};

}  // namespace

std::span<const EmbeddedFile> ${FUNCTION}() { return kFiles; }

}  // namespace chat::net
")
file(WRITE "${OUTPUT}" "${source}")
