#!/usr/bin/env bash
# The life of an installation, as check_packages.sh starts it: a service of a systemd that has this file system and network
# for itself. Installs the packages, uses each, removes and purges them, and looks for what was left.
set -euo pipefail

here=/run/check
packages=("$here"/packages/{libchat1,libchat-dev,chatd,python3-pychat}_*.deb)
work=$(mktemp -d)
cd "$work"

say() { printf -- '   %s\n' "$1"; }
fail() {
  printf 'FAILED: %s\n' "$1"
  systemctl --no-pager --full status chatd.socket chatd.service systemd-journald.service || true
  journalctl --no-pager --unit chatd.service --unit chatd.socket --lines 30 || true
  exit 1
}
quietly() { "$@" >"$work/log" 2>&1 || { cat "$work/log" && fail "$*"; }; }

# What this file system has and the machine has not, and the other way round. Caches, logs and the lists of packages and users
# are not the packages' own; systemd's part is known from before.
changes() {
  (cd "$here/upper" && find . -mindepth 1 \( \
    -path ./var/lib/dpkg -o -path ./var/cache -o -path ./var/log -o -path ./var/lib/systemd -o -path ./etc/ld.so.cache \
    -o -path ./tmp -o -path ./run \
    -o -regex './etc/\(passwd\|group\|shadow\|gshadow\)-?' -o -path ./etc/.pwd.lock \) -prune -o -printf '%y %P\n') |
    while read -r type path; do
      if [[ $type == c ]]; then
        [[ ! -e $here/lower/$path ]] || echo "gone: /$path"
      elif [[ ! -e $here/lower/$path && ! -L $here/lower/$path ]]; then
        echo "left: /$path"
      fi
    done | sort
}
changes >before

say "install"
# Images of containers leave manuals out.
quietly dpkg --path-include='/usr/share/man/*' --path-include='/usr/share/doc/*' -i "${packages[@]}"
changes >installed
grep -q 'left: /usr/bin/chatd' installed || fail "the overlay does not show what is installed"
[[ $(readlink -f /usr/lib/*/libchat.so.1) == $(dpkg -L libchat1 | grep 'libchat\.so\.1\.') ]] || fail "libchat.so.1"
ldconfig -p | grep -q 'libchat\.so\.1 ' || fail "ldconfig was not told"
dpkg-query -f '${Conffiles}' -W chatd | grep -q /etc/chatd/chatd.conf || fail "chatd.conf is no configuration file"

say "libchat-dev: a C program"
quietly cc -Wall -Werror -o version "$here/source/tests/install/version.c" $(pkg-config --cflags --libs libchat)
[[ $(./version) == "$(pkg-config --modversion libchat)" ]] || fail "version said $(./version)"

say "libchat-dev: a static C program"
# shellcheck disable=SC2046 # the flags are words
quietly cc -Wall -Werror -o static "$here/source/tests/install/version.c" $(pkg-config --cflags --libs libchat-static)
[[ $(./static) == "$(./version)" && $(ldd ./static) != *libchat* ]] || fail "static said $(./static)"

say "libchat-dev: a C++ program"
printf '#include <chat/chat.hpp>\nint main() { return chat::version() == CHAT_VERSION_STRING ? 0 : 1; }\n' >cpp.cc
quietly c++ -std=c++17 -Wall -Werror -o cpp cpp.cc $(pkg-config --cflags --libs libchat)
quietly ./cpp

say "chatd --version"
[[ $(chatd --version | head -n 1) == "chatd $(./version)" ]] || fail "chatd --version said $(chatd --version)"

say "completions"
for entry in bash:bash-completion/completions/chatd zsh:zsh/vendor-completions/_chatd fish:fish/vendor_completions.d/chatd.fish; do
  diff <(chatd --completion "${entry%%:*}") "/usr/share/${entry#*:}" || fail "the completion for ${entry%%:*}"
done

say "manuals"
if command -v man >/dev/null; then
  for page in "1 chatd" "3 libchat"; do
    # shellcheck disable=SC2086 # section and name
    man --warnings $page >page 2>warnings || fail "man $page"
    [[ ! -s warnings ]] || { cat warnings && fail "man $page warns"; }
    [[ $(wc -l <page) -gt 50 ]] || fail "man $page shows hardly anything"
  done
else
  say "  no man here: not asked"
fi

say "pychat"
/usr/bin/python3 -I - <<END || fail "pychat"
import pathlib, pychat, urllib.request
assert pychat.__file__.startswith("/usr/lib/python3/dist-packages/"), pychat.__file__
with pychat.Server(port=0, address="127.0.0.1") as server:
    assert server.port > 0
    script = pathlib.Path("/run/check/source/packaging/socket.io-client/node_modules/socket.io-client/dist/socket.io.js")
    if script.exists():  # where npm is
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/socket.io/socket.io.js") as answer:
            assert answer.read() == script.read_bytes()
mapped = {line.split()[-1] for line in pathlib.Path("/proc/self/maps").read_text().splitlines() if "libchat.so" in line}
assert [pathlib.Path(path).parent.parent for path in mapped] == [pathlib.Path("/usr/lib")], mapped
END

say "the service"
/usr/bin/python3 "$here/source/tests/install/check_service.py" "$here"/packages/chatd_*.deb || fail "the service"

say "remove"
quietly systemctl start chatd.socket chatd.service
pid=$(systemctl show --value --property MainPID chatd.service)
quietly dpkg -r python3-pychat chatd libchat-dev libchat1
[[ ! -e /proc/$pid ]] || fail "chatd still runs"
[[ -e /etc/chatd/chatd.conf ]] || fail "the configuration went before the purge"

say "purge"
quietly dpkg -P python3-pychat chatd libchat-dev libchat1
changes >after
diff before after || fail "something is left"
touch "$here/result/passed"
