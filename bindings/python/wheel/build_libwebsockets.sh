#!/usr/bin/env bash
# Builds the libwebsockets that a wheel carries: the source package of the one that is installed here, as a static library
# with its libuv event loop inside.
#
#   build_libwebsockets.sh FOLDER      source, build and prefix go below it; what is up to date stays
#   build_libwebsockets.sh --source FOLDER    only puts the source there, for a machine that has no apt
#
# Why not the distribution's binary: it opens the event loop as a plugin, by the absolute name of a folder that was compiled
# in (/usr/lib/x86_64-linux-gnu). Version 4.1 knows no other way: no option of the context, no environment variable, no list
# to add to. So a copy of it inside a wheel would find no plugin on a machine without that package, and on one with it a
# plugin that belongs to another libwebsockets and another libuv: both then live in one process and share structures by
# chance. Writing another folder over the compiled-in one does not help, as the place of a wheel is not known before it is
# installed and scandir() knows no $ORIGIN. With the event loop inside there is nothing to find, and linked into libchat
# with hidden symbols it cannot be mistaken for the libwebsockets of the process that Python runs in.
#
# Every other option is the distribution's, so that the wheel has what the tests ran with; libcap, which only serves to
# change the user, is left out to have one library less to carry.
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

# apt's description of the same archives that the installed package came from, with sources instead of binaries. Everything
# of it is below $folder/apt: neither root nor a change to the machine is needed, and signatures are checked as always.
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
  # LWS_HAVE_LIBCAP is what it would have looked for. DISABLE_WERROR: compilers have grown newer than this release.
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
# What the wheel's notices quote.
install -D -m 644 "$folder/source/LICENSE" "$folder/prefix/share/licenses/libwebsockets/LICENSE"
if [[ -f $folder/source/debian/copyright ]]; then
  install -m 644 "$folder/source/debian/copyright" "$folder/prefix/share/licenses/libwebsockets/copyright"
fi
printf '%s\n' "$version" >"$folder/prefix/share/licenses/libwebsockets/version"
rm -rf "$folder/build"
printf '%s\n' "$made_of" >"$folder/prefix/made-of"
say "$version is in $folder/prefix"
