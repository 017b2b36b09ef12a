#!/bin/bash
# Configures the project without SQLite and Redis, with its tests, and looks at what would be built. Nothing is compiled.
# check_configure.sh SOURCE_DIR BUILD_DIR CMAKE CC CXX
set -eu -o pipefail
source_dir=$1 build_dir=$2 cmake=$3
rm -rf "$build_dir"

if ! "$cmake" -S "$source_dir" -B "$build_dir" -G "Unix Makefiles" -DCMAKE_C_COMPILER="$4" -DCMAKE_CXX_COMPILER="$5" \
    -DCHAT_WITH_SQLITE=OFF -DCHAT_WITH_REDIS=OFF -DCHAT_BUILD_TESTS=ON -DCMAKE_EXPORT_COMPILE_COMMANDS=ON >"$build_dir.log" 2>&1; then
  cat "$build_dir.log"
  exit 1
fi
commands=$build_dir/compile_commands.json
grep -q '"file": ".*/core/server/history_store.cc"' "$commands"
grep -q '"file": ".*/tests/capi/test_rooms.c"' "$commands"
unwanted='core/store_sqlite/|tests/core/store/|tests/capi/test_history\.c|tests/without_sqlite/|core/redis/|tests/core/redis/'
if grep -E "^ *\"file\": \".*/($unwanted)|-DCHAT_WITH_SQLITE" "$commands"; then
  echo "these are not to be built without SQLite and Redis"
  exit 1
fi
if grep -rl --include=link.txt -E 'sqlite3|hiredis' "$build_dir"; then
  echo "these are not to be linked to SQLite or hiredis"
  exit 1
fi
