#!/bin/sh
# cache/root.ext4: the userland, Node, core, the supervisor and its tests as they were built, and what runs in the guest.
set -eu
PATH=$PATH:/usr/sbin:/sbin
workspace=$(cd ../.. && pwd)
stage=cache/stage
rm -rf "$stage"
cp -a cache/root "$stage"

mkdir -p "$stage/opt/worker" "$stage/lib/modules" "$stage/var/lib"
# Of the modules only the channel to the host: disk, file system and console are built into this kernel.
for module in virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_console; do
  find cache/kernel/lib/modules -name "$module.ko*" -exec cp {} "$stage/lib/modules/" \;
done
cp cache/kernel/boot/vmlinuz-* cache/vmlinuz

cp "$workspace/node_modules/node/bin/node" "$stage/usr/bin/node"
cp -r cache/native "$stage/opt/native"
cp guest/init guest/agent "$stage/opt/worker/"
# In two files, which vitest's bundler writes: of the many that they are made of, each start under emulation would take seconds.
PATH=$workspace/node_modules/.bin:$PATH rolldown guest/runner-session.ts ../core/dist/record/sqlite-thread.js --dir "$stage/opt/worker" --platform node >cache/bundle.log 2>&1 ||
  { cat cache/bundle.log >&2; exit 1; }
echo '{ "type": "module" }' >"$stage/opt/worker/package.json"
chmod 755 "$stage/opt/worker/init" "$stage/opt/worker/agent"

cat >"$stage/etc/passwd" <<'END'
root:x:0:0:root:/root:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
user:x:1000:1000:user:/home/user:/bin/sh
END
cat >"$stage/etc/group" <<'END'
root:x:0:
nogroup:x:65534:
user:x:1000:
END
mkdir -p "$stage/home/user"
chown -h 0:0 -R "$stage"
[ "$(id -u)" != 0 ] || chown 1000:1000 "$stage/home/user" 2>/dev/null || true

rm -f cache/root.ext4
truncate -s 1G cache/root.ext4
mke2fs -q -t ext4 -d "$stage" cache/root.ext4
rm -rf "$stage"
