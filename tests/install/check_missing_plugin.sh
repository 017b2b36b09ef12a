#!/usr/bin/env bash
# Debian and others ship libwebsockets' libuv event loop as a plugin, in a package of its own. Hides
# it, as if that were not installed, and then as if it were damaged, and sees that a server says so
# when it is started. Nobody else sees it hidden: it happens in a mount namespace. Ends with 77 where
# the system does not allow one.
#
#   check_missing_plugin.sh PROGRAM PLUGIN
set -euo pipefail

program=$1
plugin=$2

# Inside of the namespace: hides the plugin in one way and becomes the program.
if [[ $# -eq 4 ]]; then
  way=$3 work=$4
  case $way in
    missing)
      # A folder of links to everything else takes the place of the plugin's.
      directory=$(dirname "$plugin")
      mount --bind "$directory" "$work/real"
      ln -s -t "$work/links" "$work/real"/*
      rm "$work/links/$(basename "$plugin")"
      mount --bind "$work/links" "$directory"
      ;;
    damaged)
      mount --bind /dev/null "$plugin"
      # libwebsockets forgets the name of the file at which it stops looking through the folder.
      export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
      ;;
  esac
  exec "$program" 3>"$work/report" >"$work/output" 2>&1
fi

# As root, or in a namespace where we are root.
namespace=
for try in "unshare --mount" "unshare --map-root-user --mount"; do
  if $try --propagation private mount --bind /dev/null "$plugin" 2>/dev/null; then
    namespace="$try --propagation private"
    break
  fi
done
if [[ -z $namespace ]]; then
  echo "SKIPPED: no mount namespace is allowed here, so the plugin cannot be hidden"
  exit 77
fi

work=$(mktemp -d)
# Never recursive but for the links: "real" is a system folder, should a mount ever be left over.
trap 'rm -rf "$work/links" "$work/report" "$work/output"; rmdir "$work/real" "$work"' EXIT
mkdir "$work/real" "$work/links"

failed=0
for way in missing damaged; do
  status=0
  $namespace bash "$0" "$program" "$plugin" "$way" "$work" || status=$?
  if [[ $status -ne 0 || -s $work/report ]]; then
    echo "FAILED: plugin $way: the program ended with $status"
    cat "$work/report" 2>/dev/null || true
    failed=1
  fi
  if [[ -s $work/output ]]; then
    echo "FAILED: plugin $way: something was printed:"
    cat "$work/output"
    failed=1
  fi
done
exit "$failed"
