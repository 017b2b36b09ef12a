#!/usr/bin/env bash
# Installs libchat to a temporary prefix and uses it as its users would, in C and in C++: with
# find_package, with pkg-config and a compiler, statically, and, without installing, with add_subdirectory. Each
# builds an example of each language and runs it.
#
#   check_install.sh SOURCE_DIR BUILD_DIR VERSION
#
# The project that embeds libchat is built in BUILD_DIR/embedded and stays there: only what has changed is compiled again.
set -euo pipefail

source_dir=$1
build_dir=$2
version=$3
here=$source_dir/tests/install
example=$source_dir/examples/c/broadcast.c
cxx_example=$source_dir/examples/cpp/bot.cpp
cmake=${CMAKE:-cmake}
cc=${CC:-cc}
cxx=${CXX:-c++}
pkg_config=${PKG_CONFIG:-pkg-config}

work=$(mktemp -d)
server=
cleanup() {
  if [[ -n $server ]]; then kill "$server" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap cleanup EXIT
prefix=$work/prefix

say() { printf -- '-- %s\n' "$1"; }
fail() {
  printf 'FAILED: %s\n' "$1" >&2
  exit 1
}
quietly() { "$@" >"$work/log" 2>&1 || { cat "$work/log"; fail "$*"; }; }

# Runs built programs: the version, and each example until it has started.
try_programs() { # folder [library path]
  local said
  said=$(LD_LIBRARY_PATH=${2:-} "$1/version") || fail "$1/version failed: $said"
  [[ $said == "$version" ]] || fail "$1/version said $said, not $version"
  try_example "$1/broadcast" "${2:-}"
  try_example "$1/bot" "${2:-}"
}

try_example() { # program library path
  LD_LIBRARY_PATH=$2 "$1" 0 >"$work/example.log" 2>&1 &
  server=$!
  local attempt
  for ((attempt = 0; attempt < 100; attempt++)); do
    kill -0 "$server" 2>/dev/null || break
    if listens "$server"; then
      # It may hold its end back for a goodbye; what was to be seen is that it runs and listens.
      kill "$server"
      wait "$server" 2>/dev/null || true
      server=
      return
    fi
    sleep 0.1 # On purpose: between two looks.
  done
  cat "$work/example.log"
  fail "$1 0 does not listen"
}

# Whether a process holds a listening TCP socket (state 0A in the kernel's table).
listens() {
  local link inode
  for link in "/proc/$1/fd"/*; do
    inode=$(readlink "$link" 2>/dev/null | sed -n 's/^socket:\[\([0-9]*\)\]$/\1/p')
    if [[ -n $inode ]] &&
      awk -v inode="$inode" '$4 == "0A" && $10 == inode { found = 1 } END { exit !found }' \
        /proc/net/tcp /proc/net/tcp6 2>/dev/null; then
      return 0
    fi
  done
  return 1
}

# Whether tests/install/serve.c answers /socket.io/socket.io.js with 200, or with 404 after one warning.
try_client_script() { # folder 200|404 [library path]
  local line port= warnings=0 answer=
  coproc SERVE { LD_LIBRARY_PATH=${3:-} "$1/serve"; }
  local pid=$SERVE_PID
  while read -r line <&"${SERVE[0]}"; do
    case "$line" in
      warning:*socket_io_client_directory*) warnings=$((warnings + 1)) ;;
      warning:*) fail "serve: $line" ;;
      port*) port=${line#port } && break ;;
    esac
  done
  [[ -n $port ]] || fail "$1/serve does not start"
  exec 3<>"/dev/tcp/127.0.0.1/$port"
  printf 'GET /socket.io/socket.io.js HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
  answer=$(head -n 1 <&3)
  exec 3>&-
  exec {SERVE[1]}>&-
  wait "$pid" || fail "$1/serve"
  [[ $answer == "HTTP/1.1 $2 "* ]] || fail "socket.io.js: $answer"
  [[ $warnings == $(($2 == 404)) ]] || fail "socket.io.js is $2 and there are $warnings warnings"
}

say "install"
quietly "$cmake" --install "$build_dir" --prefix "$prefix"
library=$(find "$prefix" -name libchat.so)
[[ -n $library ]] || fail "no libchat.so below the prefix"
library_dir=$(dirname "$library")

say "what is installed"
for file in include/chat/chat.h include/chat/chat.hpp bin/chatd; do
  [[ -e $prefix/$file ]] || fail "$file is not installed"
done
[[ -e $library_dir/libchat.so.1.$version ]] || fail "libchat.so.1.$version is not installed"
[[ -L $library_dir/libchat.so.1 ]] || fail "libchat.so.1 is not installed"
readelf -d "$library" | grep -q 'SONAME.*\[libchat\.so\.1\]' || fail "the SONAME is not libchat.so.1"
if readelf -d "$library" | grep -E 'R(UN)?PATH'; then
  fail "libchat.so carries a run path"
fi
strangers=$(nm -D --defined-only "$library" | awk '$2 != "A" { print $3 }' | grep -v '^chat_' || true)
[[ -z $strangers ]] || fail "libchat.so exports other symbols than chat_*: $strangers"
if grep -rlE "$(printf '%s|%s' "$source_dir" "$build_dir")" "$library_dir"/cmake "$library_dir"/pkgconfig; then
  fail "an installed file names the build machine's folders"
fi

say "chatd --version"
said=$("$prefix/bin/chatd" --version) || fail "chatd --version failed"
[[ $said == *"$version"* ]] || fail "chatd --version said: $said"

say "completions"
for entry in bash:bash-completion/completions/chatd zsh:zsh/site-functions/_chatd fish:fish/vendor_completions.d/chatd.fish; do
  diff <("$prefix/bin/chatd" --completion "${entry%%:*}") "$prefix/share/${entry#*:}" || fail "the completion for ${entry%%:*}"
done

say "find_package"
quietly "$cmake" -S "$here/find_package" -B "$work/find_package" \
  -DCMAKE_PREFIX_PATH="$prefix" -DEXAMPLE="$example"
quietly "$cmake" --build "$work/find_package"
quietly "$cmake" -S "$here/find_package_cpp" -B "$work/find_package_cpp" \
  -DCMAKE_PREFIX_PATH="$prefix" -DEXAMPLE="$cxx_example"
quietly "$cmake" --build "$work/find_package_cpp"
mv "$work/find_package_cpp/bot" "$work/find_package"
try_programs "$work/find_package"

say "pkg-config and a compiler"
mkdir "$work/pkg-config"
flags=$(PKG_CONFIG_PATH="$library_dir/pkgconfig" "$pkg_config" --cflags --libs "libchat = $version") ||
  fail "pkg-config does not find libchat"
for program in "$here/version.c" "$here/serve.c" "$example"; do
  # shellcheck disable=SC2086 # the flags are words
  quietly "$cc" -o "$work/pkg-config/$(basename "$program" .c)" "$program" $flags
done
# What a program may compile with is not for a library's headers to say.
for compiler in "$cxx" clang++; do
  command -v "$compiler" >/dev/null || continue
  for standard in c++17 c++20; do
    # shellcheck disable=SC2086
    quietly "$compiler" -std="$standard" -pedantic-errors -Wall -Wextra -Wconversion -Wshadow -Werror \
      -o "$work/pkg-config/bot" "$cxx_example" $flags
  done
done
try_programs "$work/pkg-config" "$library_dir"
if grep -q '^CHAT_SOCKET_IO_CLIENT:.*=/' "$build_dir/CMakeCache.txt"; then
  try_client_script "$work/pkg-config" 200 "$library_dir"
  grep -q 'MIT License' "$prefix/share/doc/libchat/socket.io-client.LICENSE" || fail "the client's licence is not installed"
else
  try_client_script "$work/pkg-config" 404 "$library_dir"
fi

say "libchat.a"
archive=$library_dir/libchat.a
[[ -e $archive ]] || fail "libchat.a is not installed"
names=$(nm -g --defined-only "$archive" | awk 'NF == 3 && $2 != "W" && $2 != "V" { print $3 }' | sort)
diff <(sort "$source_dir/capi/libchat.symbols") - <<<"$names" ||
  fail "libchat.a has other global names than capi/libchat.symbols (>: only in libchat.a)"
names=$(nm -gC --defined-only "$archive" | grep -F 'chat::' || true)
[[ -z $names ]] || fail "libchat.a shows names of its inside: $names"

# What it needs comes from the system's shared libraries; of libchat nothing does.
is_static() { # program
  [[ $(ldd "$1") != *libchat* ]] || fail "$1 needs a libchat.so"
}
mkdir "$work/static"
flags=$(PKG_CONFIG_PATH="$library_dir/pkgconfig" "$pkg_config" --static --cflags --libs "libchat-static = $version") ||
  fail "pkg-config does not find libchat-static"
for program in "$here/version.c" "$here/serve.c" "$example"; do
  # shellcheck disable=SC2086
  quietly "$cc" -o "$work/static/$(basename "$program" .c)" "$program" $flags
  is_static "$work/static/$(basename "$program" .c)"
done
for program in "$cxx_example" "$here/own_namespace.cc"; do
  # shellcheck disable=SC2086
  quietly "$cxx" -std=c++17 -o "$work/static/$(basename "${program%.*}")" "$program" $flags
done
try_programs "$work/static"
quietly "$work/static/own_namespace"
# shellcheck disable=SC2086
quietly "$cc" -shared -fPIC -o "$work/static/hides.so" "$here/serve.c" $flags -Wl,--exclude-libs,libchat.a
names=$(nm -D --defined-only "$work/static/hides.so" | awk '$3 ~ /^chat_/ { print $3 }')
[[ -z $names ]] || fail "a shared library shows the names of a libchat.a that it was told to hide: $names"
if grep -q '^CHAT_SOCKET_IO_CLIENT:.*=/' "$build_dir/CMakeCache.txt"; then
  try_client_script "$work/static" 200
fi

say "libchat.a alone"
mkdir -p "$work/alone/include" "$work/alone/${library_dir#"$prefix"/}"
cp -r "$prefix/include/chat" "$work/alone/include"
cp -r "$archive" "$library_dir/pkgconfig" "$work/alone/${library_dir#"$prefix"/}"
flags=$(PKG_CONFIG_PATH="$work/alone/${library_dir#"$prefix"/}/pkgconfig" "$pkg_config" --static --cflags --libs libchat)
# shellcheck disable=SC2086
quietly "$cc" -o "$work/alone/version" "$here/version.c" $flags
is_static "$work/alone/version"
[[ $("$work/alone/version") == "$version" ]] || fail "$work/alone/version said $("$work/alone/version")"

say "chat::static"
quietly "$cmake" -S "$here/find_package" -B "$work/find_static" \
  -DCMAKE_PREFIX_PATH="$prefix" -DEXAMPLE="$example" -DLIBRARY=chat::static
quietly "$cmake" --build "$work/find_static"
is_static "$work/find_static/broadcast"
try_example "$work/find_static/broadcast" ""

say "add_subdirectory"
embedded=$build_dir/embedded
quietly "$cmake" -S "$here/add_subdirectory" -B "$embedded" \
  -DLIBCHAT_SOURCE_DIR="$source_dir" -DEXAMPLE="$example" -DCXX_EXAMPLE="$cxx_example" -DCHAT_SOCKET_IO_CLIENT=OFF
quietly "$cmake" --build "$embedded" --parallel 2
try_programs "$embedded"
try_client_script "$embedded" 404

say "all ways work"
