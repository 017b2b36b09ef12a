# Writes the C++ source that holds files as strings (core/net/serve/embedded_files.h declares what is in it):
#
#   cmake -DOUTPUT=embedded_files.cc [-DFUNCTION=embedded_files] -P embed_files.cmake -- [FILE...]
#
# FUNCTION is the name of the function that gives them.
# The same files give the same source, whatever folder they lie in and in whatever order they are named. Every byte is written
# as an escape: nothing in a file can end its string, and a compiler reads it many times faster than a list of numbers.
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

# By name, which is what they are looked up by: two of one name would hide one another.
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
  # 32 bytes a line.
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
