#!/usr/bin/env bash
# Builds the Debian packages, has lintian judge them, and lives through the life of an installation: packages_inside.sh says
# what. That happens in namespaces of its own, with an overlay over this machine's files and a systemd of its own as process 1:
# the machine itself sees nothing of it. Ends with 77 where that is not allowed.
#
#   check_packages.sh SOURCE_DIR PACKAGE_BUILD_DIR
set -euo pipefail

source_dir=$1
build_dir=$2

skip() {
  echo "SKIPPED: $1"
  exit 77
}
fail() {
  printf 'FAILED: %s\n' "$1" >&2
  exit 1
}

# Inside of the namespaces: lays the overlay, and becomes systemd, which runs packages_inside.sh as its only service.
if [[ ${3:-} == boot ]]; then
  work=$4
  mount -t tmpfs -o mode=755 tmpfs "$work/top"
  mkdir "$work/top"/{upper,scratch,root}
  root=$work/top/root
  mount -t overlay overlay -o "lowerdir=/,upperdir=$work/top/upper,workdir=$work/top/scratch" "$root"
  mount -t proc proc "$root/proc"
  mount -t sysfs -o ro sysfs "$root/sys"
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
  mount --rbind /dev "$root/dev"
  mount -t tmpfs -o mode=755 tmpfs "$root/run"
  mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
  mkdir -p "$root/run/check"/{lower,upper,source,packages,result} "$root/run/systemd/system"
  mount --bind / "$root/run/check/lower"
  mount --bind "$work/top/upper" "$root/run/check/upper"
  mount --bind "$source_dir" "$root/run/check/source"
  mount --bind "$build_dir" "$root/run/check/packages"
  mount --bind "$work/result" "$root/run/check/result"
  # Containers forbid packages to start services; here there is a systemd that may.
  rm -f "$root/usr/sbin/policy-rc.d"
  cat >"$root/run/systemd/system/check.service" <<END
[Unit]
After=basic.target
SuccessAction=exit-force
FailureAction=exit-force
[Service]
Type=oneshot
Environment=LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 DEBIAN_FRONTEND=noninteractive
ExecStart=/run/check/source/tests/install/packages_inside.sh
StandardOutput=append:/run/check/result/output
StandardError=append:/run/check/result/output
END
  cat >"$root/run/systemd/system/check.target" <<END
[Unit]
Requires=sysinit.target check.service
END
  exec env -i container=check PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    chroot "$root" /lib/systemd/systemd --unit=check.target --log-target=null </dev/null >/dev/null 2>&1
fi

[[ $(id -u) -eq 0 ]] || skip "installing packages wants root"
for command in dpkg-deb dpkg-shlibdeps dpkg-buildflags unshare pkg-config; do
  command -v "$command" >/dev/null || skip "$command is missing (Debian: scripts/setup --ci)"
done
[[ -x /lib/systemd/systemd ]] || skip "systemd is missing (Debian: scripts/setup --ci)"
for package in python3-dev pybind11-dev libwebsockets-evlib-uv; do
  dpkg-query -s "$package" >/dev/null 2>&1 || skip "$package is missing (Debian: scripts/setup)"
done

work=$(mktemp -d)
group=
finish() {
  # Whatever is left of the control groups that systemd made: deepest first, and empty by now.
  if [[ -n $group ]]; then
    echo $$ >"$work/cgroup/cgroup.procs"
    find "$group" -depth -type d -exec rmdir {} +
  fi
  umount "$work/cgroup" 2>/dev/null || true
  rm -rf --one-file-system "$work/result"
  rmdir "$work/top" "$work/cgroup" "$work"
}
trap finish EXIT
mkdir "$work/top" "$work/cgroup" "$work/result"

echo "-- build"
CHAT_PACKAGE_DIR=$build_dir CHAT_PACKAGE_JOBS=2 "$source_dir/scripts/package" >"$work/result/build" 2>&1 || {
  tail -n 100 "$work/result/build"
  fail "scripts/package"
}
packages=("$build_dir"/{libchat1,libchat-dev,chatd,python3-pychat}_*.deb)
for package in "${packages[@]}"; do
  [[ -e $package ]] || fail "$package was not made"
done

echo "-- lintian"
if command -v lintian >/dev/null; then
  # lintian leaves temporary files behind.
  TMPDIR=$work/result lintian --fail-on error,warning --tag-display-limit 0 --allow-root "${packages[@]}" || fail "lintian objects"
else
  echo "   lintian is not here: not asked"
fi

echo "-- the versions of symbols"
listed=$(sed -n 's/^ \(chat_[^@]*\)@LIBCHAT_1 .*/\1/p' "$source_dir/packaging/debian/libchat1.symbols")
diff <(sort <<<"$listed") <(sort "$source_dir/capi/libchat.symbols") ||
  fail "packaging/debian/libchat1.symbols and capi/libchat.symbols differ (>: to be added with its version)"

# A control group of its own, below which systemd thinks itself alone.
mount -t cgroup2 cgroup2 "$work/cgroup" 2>/dev/null || skip "no control groups can be mounted here"
group=$work/cgroup/libchat-check-$$
mkdir "$group" 2>/dev/null || { group= && skip "no control group can be made here"; }
echo $$ >"$group/cgroup.procs"

echo "-- installed, run and purged"
unshare --mount --pid --fork --kill-child --net --ipc --uts --cgroup --propagation private \
  bash "$0" "$source_dir" "$build_dir" boot "$work" || true
[[ -s $work/result/output ]] || skip "a systemd does not start in namespaces here"
cat "$work/result/output"
[[ -e $work/result/passed ]] || fail "see above"
