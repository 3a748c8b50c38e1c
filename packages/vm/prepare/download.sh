#!/bin/sh
# Debian's cloud kernel and a small userland, downloaded and unpacked, never installed: cache/kernel and cache/root.
set -eu
userland='base-files busybox-static coreutils dash findutils grep hostname libstdc++6 mount procps sed usr-is-merged util-linux'
kernel=linux-image-cloud-amd64

# A change of what is wanted makes it anew.
wanted="$userland $kernel $(cksum <"$0")"
[ "$(cat cache/downloaded 2>/dev/null)" != "$wanted" ] || exit 0
command -v apt-get >/dev/null || { echo 'make test-vm needs apt-get of Debian for the kernel and the userland of its machines' >&2; exit 1; }

rm -rf cache/debs cache/kernel cache/root cache/downloaded
mkdir -p cache/debs/partial cache/kernel cache/root
: >cache/debs/nothing-installed

# With no package taken for installed, apt downloads the whole closure.
download() {
  apt-get -qq -y -o Dir::State::status="$PWD/cache/debs/nothing-installed" -o Dir::Cache::archives="$PWD/cache/debs" -o APT::Sandbox::User= -o Debug::NoLocking=1 \
    --no-install-recommends --download-only install $userland </dev/null &&
    image=$(apt-cache depends "$kernel" | sed -n 's/^ *Depends: \(linux-image-[^ ]*\)$/\1/p' | head -n 1) && [ -n "$image" ] &&
    (cd cache/kernel && apt-get -qq -o APT::Sandbox::User= download "$image" </dev/null)
}
if ! download >cache/download.log 2>&1; then
  [ "$(id -u)" = 0 ] && apt-get update -qq >>cache/download.log 2>&1 && download >>cache/download.log 2>&1 || {
    cat cache/download.log >&2
    echo 'make test-vm cannot download from Debian: run apt-get update as root, and look at its sources' >&2
    exit 1
  }
fi

for package in cache/kernel/*.deb; do dpkg-deb --extract "$package" cache/kernel; done
for directory in bin sbin lib lib64; do
  mkdir -p "cache/root/usr/$directory"
  ln -s "usr/$directory" "cache/root/$directory"
done
for package in cache/debs/*.deb; do
  dpkg-deb --fsys-tarfile "$package" |
    tar -x --no-same-owner --keep-directory-symlink --exclude='./usr/share/doc' --exclude='./usr/share/man' --exclude='./usr/share/locale' -C cache/root
done
echo "$wanted" >cache/downloaded
