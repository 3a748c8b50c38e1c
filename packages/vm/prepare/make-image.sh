#!/bin/sh
# cache/root.ext4: the userland, Node, the built packages with what they need, the tests of the supervisor, and what runs in the guest.
set -eu
PATH=$PATH:/usr/sbin:/sbin
workspace=$(cd ../.. && pwd)
stage=cache/stage
rm -rf "$stage"
cp -a cache/root "$stage"

mkdir -p "$stage/opt/worker/node_modules/@worker" "$stage/lib/modules" "$stage/var/lib"
# Of the modules only the channel to the host: disk, file system and console are built into this kernel.
for module in virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_console; do
  find cache/kernel/lib/modules -name "$module.ko*" -exec cp {} "$stage/lib/modules/" \;
done
cp cache/kernel/boot/vmlinuz-* cache/vmlinuz

cp "$workspace/node_modules/node/bin/node" "$stage/usr/bin/node"
for name in core supervisor; do
  mkdir -p "$stage/opt/worker/node_modules/@worker/$name"
  cp -r "$workspace/packages/$name/package.json" "$workspace/packages/$name/dist" "$stage/opt/worker/node_modules/@worker/$name/"
done
for name in @bufbuild/protobuf uuid; do
  mkdir -p "$stage/opt/worker/node_modules/$name"
  cp -r "$workspace/node_modules/$name/." "$stage/opt/worker/node_modules/$name/"
done
cp -r cache/native "$stage/opt/native"
cp guest/init guest/agent "$stage/opt/worker/"
# Stripped here, for under emulation it would take seconds at each start.
"$workspace/node_modules/.bin/node" --disable-warning=ExperimentalWarning -e '
  const { readFileSync, writeFileSync } = require("node:fs");
  writeFileSync(process.argv[2], require("node:module").stripTypeScriptTypes(readFileSync(process.argv[1], "utf8")));
' guest/runner-session.ts "$stage/opt/worker/runner-session.js"
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
mke2fs -q -t ext4 -d "$stage" cache/root.ext4 1g
rm -rf "$stage"
