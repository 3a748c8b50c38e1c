//! /etc of a sandbox: a few files of its own, and copies of what programs of the host need to run. Copies, so that it is one mount with the root, and only of what everybody
//! may read, so that root's right to read the rest gives nothing away.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::root;

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nworker:x:1000:1000:worker:/workspace:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n";
const GROUP: &str = "root:x:0:\ntty:x:5:\nworker:x:1000:\nnogroup:x:65534:\n";
const HOSTS: &str = "127.0.0.1 localhost worker\n::1 localhost ip6-localhost ip6-loopback worker\n";
const NSSWITCH: &str =
    "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nnetworks: files\nprotocols: files\nservices: files\nethers: files\nrpc: files\n";

const OWN: [(&str, &str); 6] =
    [("passwd", PASSWD), ("group", GROUP), ("hosts", HOSTS), ("nsswitch.conf", NSSWITCH), ("hostname", "worker\n"), ("shells", "/bin/sh\n/bin/bash\n")];

// Of the dynamic linker, of name services, of certificates, and of languages whose programs do not start without.
const COPIED: [&str; 45] = [
    "alternatives",
    "bash.bashrc",
    "bindresvport.blacklist",
    "ca-certificates",
    "ca-certificates.conf",
    "crypto-policies",
    "debian_version",
    "environment.d",
    "ethertypes",
    "fedora-release",
    "fonts",
    "gai.conf",
    "host.conf",
    "inputrc",
    "java-11-openjdk",
    "java-17-openjdk",
    "java-21-openjdk",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "ld.so.preload",
    "locale.alias",
    "locale.conf",
    "localtime",
    "lsb-release",
    "magic",
    "mime.types",
    "netconfig",
    "networks",
    "os-release",
    "perl",
    "pki/ca-trust",
    "pki/tls",
    "profile",
    "protocols",
    "python3",
    "python3.11",
    "redhat-release",
    "resolv.conf",
    "rpc",
    "services",
    "ssl",
    "terminfo",
    "timezone",
    "xattr.conf",
];
// What is longer is not configuration.
const LONGEST: u64 = 4 << 20;

/// Everything that goes in, read before the host's root is covered.
pub struct Copies(Vec<(PathBuf, Entry)>);

enum Entry {
    Directory,
    Link(PathBuf),
    File(Vec<u8>, u32),
}

impl Copies {
    /// Reads the host's; what is not there, or not for everybody, is left out.
    pub fn read() -> Self {
        let mut entries = Vec::new();
        for name in COPIED {
            let path = Path::new(name);
            let above: Vec<_> = path.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty()).collect();
            entries.extend(above.into_iter().rev().map(|above| (above.to_owned(), Entry::Directory)));
            collect(path, true, &mut entries);
        }
        Self(entries)
    }

    /// Writes them, and the sandbox's own.
    pub fn write(&self, etc: &Path) -> io::Result<()> {
        for (name, entry) in &self.0 {
            let path = etc.join(name);
            match entry {
                Entry::Directory if path.is_dir() => {}
                Entry::Directory => fs::create_dir(path)?,
                Entry::Link(target) => symlink(target, path)?,
                Entry::File(bytes, mode) => root::write(&path, bytes, *mode)?,
            }
        }
        OWN.iter().try_for_each(|(name, text)| root::write(&etc.join(name), text.as_bytes(), 0o644))?;
        symlink("/proc/self/mounts", etc.join("mtab"))
    }
}

/// A link that is named here and leads out of /usr and /etc, as resolv.conf often does, is copied as what it leads to.
fn collect(name: &Path, named: bool, entries: &mut Vec<(PathBuf, Entry)>) {
    let path = Path::new("/etc").join(name);
    let Ok(metadata) = fs::symlink_metadata(&path) else { return };
    if metadata.is_symlink() {
        let stays = fs::canonicalize(&path).is_ok_and(|real| real.starts_with("/usr"));
        match fs::read_link(&path) {
            Ok(target) if stays || !named => entries.push((name.to_owned(), Entry::Link(target))),
            _ => copy(name, &path, entries),
        }
    } else if metadata.is_dir() && metadata.permissions().mode() & 0o005 == 0o005 {
        entries.push((name.to_owned(), Entry::Directory));
        let Ok(below) = fs::read_dir(&path) else { return };
        below.flatten().for_each(|entry| collect(&name.join(entry.file_name()), false, entries));
    } else {
        copy(name, &path, entries);
    }
}

fn copy(name: &Path, path: &Path, entries: &mut Vec<(PathBuf, Entry)>) {
    let Ok(metadata) = fs::metadata(path) else { return };
    if metadata.is_file()
        && metadata.permissions().mode() & 0o004 != 0
        && metadata.len() <= LONGEST
        && let Ok(bytes) = fs::read(path)
    {
        entries.push((name.to_owned(), Entry::File(bytes, 0o644 | metadata.permissions().mode() & 0o111)));
    }
}
