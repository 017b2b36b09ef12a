#!/usr/bin/env bash
# Builds libwebsockets for a wheel: the source package of the installed version, as a static library that contains its
# libuv event loop.
#
#   build_libwebsockets.sh FOLDER             downloads, builds and installs below FOLDER; up-to-date parts are kept
#   build_libwebsockets.sh --source FOLDER    only downloads the source, for a machine without apt
#
# The distribution's binary cannot be used: it loads the event loop as a plugin from an absolute path that is compiled
# in (/usr/lib/x86_64-linux-gnu). Version 4.1 has no context option or environment variable for another path. A copy
# inside a wheel would find no plugin on a machine without the package. On a machine with the package it would load a
# plugin built for another libwebsockets and libuv, and both would share structures in one process. The compiled-in path
# cannot be patched either, because the location of a wheel is unknown before its installation and scandir() does not
# support $ORIGIN. With the event loop inside, no plugin is needed. Linked into libchat with hidden symbols, it cannot
# be confused with another libwebsockets in the Python process.
#
# The other options are the distribution's, so the wheel contains what the tests ran with. libcap is omitted: it is
# needed only to change the user.
set -euo pipefail

only_source=0
if [[ ${1-} == --source ]]; then
  only_source=1
  shift
fi
if [[ $# -ne 1 ]]; then
  sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2
  exit 2
fi
mkdir -p "$1"
folder=$(cd "$1" && pwd)
script=$(realpath "$0")

say() { printf -- '-- libwebsockets: %s\n' "$1"; }

# The configured apt sources of the installed packages, with source packages instead of binaries. All files are below
# $folder/apt, so neither root nor changes to the machine are needed. Signatures are checked as usual.
apt_sources() {
  local archive file lines=$folder/apt/sources
  archive=$(apt-cache policy libwebsockets-dev | sed -n 's/^ *[0-9]* \([a-z+]*:[^ ]*\) .*/\1/p' | head -n 1)
  rm -rf "$lines"
  mkdir -p "$lines" "$folder/apt/lists/partial" "$folder/apt/archives/partial"
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
    if [[ ! -f $file ]] || ! grep -qF "${archive%/}" "$file"; then continue; fi
    sed 's/^Types:.*/Types: deb-src/; s/^deb\([[:space:]]\)/deb-src\1/' "$file" >"$lines/$(basename "$file")"
  done
}

get_source() { # version
  local apt=(-q -o "Dir::Etc::SourceList=/dev/null" -o "Dir::Etc::SourceParts=$folder/apt/sources"
    -o "Dir::State::Lists=$folder/apt/lists" -o "Dir::Cache=$folder/apt" -o APT::Sandbox::User=root)
  say "fetching the source package, version $1"
  rm -rf "$folder/source" "$folder/package"
  mkdir "$folder/package"
  apt_sources
  apt-get "${apt[@]}" update
  (cd "$folder/package" && apt-get "${apt[@]}" source --download-only "libwebsockets=$1") || {
    echo "build_libwebsockets: the archive has no source of $1: is libwebsockets-dev up to date?" >&2
    return 1
  }
  # Applies the distribution's patches; its signatures were checked by apt.
  dpkg-source --no-check -x "$folder"/package/libwebsockets_*.dsc "$folder/source"
  rm -rf "$folder/package" "$folder/apt"
  printf '%s\n' "$1" >"$folder/source.version"
}

if command -v dpkg-query >/dev/null; then
  version=$(dpkg-query --show --showformat='${source:Version}' libwebsockets-dev)
  if [[ $(cat "$folder/source.version" 2>/dev/null) != "$version" ]]; then
    get_source "$version" >"$folder/source.log" 2>&1 || {
      cat "$folder/source.log" >&2
      exit 1
    }
  fi
elif [[ ! -f $folder/source.version ]]; then
  echo "build_libwebsockets: no apt here; run build_libwebsockets.sh --source $1 on Debian or Ubuntu and bring the folder" >&2
  exit 1
fi
version=$(cat "$folder/source.version")
if [[ $only_source == 1 ]]; then
  say "$version is in $folder/source"
  exit 0
fi

made_of="$version, $(sha256sum <"$script"), $(cc --version | head -n 1), libuv $(pkg-config --modversion libuv)"
if [[ $(cat "$folder/prefix/made-of" 2>/dev/null) == "$made_of" ]]; then
  say "$version is up to date"
  exit 0
fi

say "building $version"
rm -rf "$folder/build" "$folder/prefix"
launcher=()
if command -v ccache >/dev/null; then launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache); fi
{
  # LWS_HAVE_LIBCAP would otherwise be detected. DISABLE_WERROR: compilers are newer than this release.
  cmake -S "$folder/source" -B "$folder/build" -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$folder/prefix" \
    ${launcher[@]+"${launcher[@]}"} \
    -DCMAKE_C_FLAGS='-fvisibility=hidden -fno-strict-aliasing -fstack-protector-strong -Wno-deprecated-declarations' \
    -DLWS_WITH_STATIC=ON -DLWS_STATIC_PIC=ON -DLWS_WITH_SHARED=OFF \
    -DLWS_WITH_LIBUV=ON -DLWS_WITH_EVLIB_PLUGINS=OFF -DLWS_HAVE_LIBCAP=0 \
    -DLWS_IPV6=ON -DLWS_UNIX_SOCK=ON -DLWS_WITH_ZLIB=ON -DLWS_WITHOUT_EXTENSIONS=OFF -DLWS_WITHOUT_DAEMONIZE=OFF \
    -DLWS_WITHOUT_TESTAPPS=ON -DDISABLE_WERROR=ON &&
    cmake --build "$folder/build" --target install --parallel 2
} >"$folder/build.log" 2>&1 || {
  tail -n 60 "$folder/build.log" >&2
  exit 1
}
# Used by the wheel's notices.
install -D -m 644 "$folder/source/LICENSE" "$folder/prefix/share/licenses/libwebsockets/LICENSE"
if [[ -f $folder/source/debian/copyright ]]; then
  install -m 644 "$folder/source/debian/copyright" "$folder/prefix/share/licenses/libwebsockets/copyright"
fi
printf '%s\n' "$version" >"$folder/prefix/share/licenses/libwebsockets/version"
rm -rf "$folder/build"
printf '%s\n' "$made_of" >"$folder/prefix/made-of"
say "$version is in $folder/prefix"
