//! Finds the mounted hierarchies and our own place in each.

use std::path::{Path, PathBuf};

/// A mounted hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mounted {
    /// 1 or 2.
    pub version: u32,
    /// The names of its controllers; of version 2, a file in each directory tells.
    pub controllers: Vec<String>,
    /// Where it is mounted.
    pub mount: PathBuf,
    /// The directory of our own cgroup.
    pub own: PathBuf,
}

/// Reads where we are.
pub fn mounted() -> Vec<Mounted> {
    let read = |name: &str| std::fs::read(name).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    parse(&read("/proc/self/cgroup"), &read("/proc/self/mountinfo"))
}

/// The two files of /proc. Each hierarchy once, by its first mount; those of version 1 without the named one of systemd, which has no controller.
fn parse(cgroup: &str, mountinfo: &str) -> Vec<Mounted> {
    let mut found: Vec<Mounted> = Vec::new();
    for line in mountinfo.lines() {
        // ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS TAGS… - TYPE SOURCE SUPER
        let Some((mount, kind)) = line.split_once(" - ") else { continue };
        let (mount, kind): (Vec<&str>, Vec<&str>) = (mount.split(' ').collect(), kind.split(' ').collect());
        let (&[_, _, _, root, point, ..], &[kind, _, options, ..]) = (mount.as_slice(), kind.as_slice()) else { continue };
        let options: Vec<&str> = options.split(',').collect();
        let Some((own, controllers)) = cgroup.lines().find_map(|line| place(line, kind, &options)) else { continue };
        let version = if kind == "cgroup2" { 2 } else { 1 };
        let mount = unescape(point);
        // A mount may show only a part of the hierarchy, and a namespace may hide where it begins: then what is mounted is the best that is known.
        let below = Path::new(own).strip_prefix(unescape(root)).unwrap_or(Path::new(""));
        let below = if below.components().any(|part| part.as_os_str() == "..") { Path::new("") } else { below };
        if !found.iter().any(|other| other.version == version && other.controllers == controllers) {
            found.push(Mounted { version, own: mount.join(below), mount, controllers });
        }
    }
    found
}

/// Our path in the hierarchy of a mount, and its controllers, when this line of /proc/self/cgroup is about it.
fn place<'a>(line: &'a str, kind: &str, options: &[&str]) -> Option<(&'a str, Vec<String>)> {
    // ID:CONTROLLERS:PATH, where version 2 has no controllers.
    let (_, rest) = line.split_once(':')?;
    let (controllers, path) = rest.split_once(':')?;
    let names: Vec<String> = controllers.split(',').filter(|name| !name.is_empty() && !name.starts_with("name=")).map(str::to_owned).collect();
    let ours = match kind {
        "cgroup2" => controllers.is_empty(),
        "cgroup" => !names.is_empty() && names.iter().all(|name| options.contains(&name.as_str())),
        _ => false,
    };
    ours.then_some((path, names))
}

/// Spaces and the like are written as octal numbers.
fn unescape(text: &str) -> PathBuf {
    PathBuf::from(text.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hybrid_host_has_one_hierarchy_a_controller_and_the_unified_one() {
        let cgroup = "4:memory:/box\n3:cpu,cpuacct:/\n2:name=systemd:/\n0::/\n";
        let mounts = "34 31 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                      35 31 0:32 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n\
                      36 31 0:33 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n\
                      37 31 0:34 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let found = parse(cgroup, mounts);
        let told: Vec<_> = found.iter().map(|one| (one.version, one.controllers.join("+"), one.own.to_str().expect("UTF-8"))).collect();
        let expected = [(1, "memory", "/sys/fs/cgroup/memory/box"), (1, "cpu+cpuacct", "/sys/fs/cgroup/cpu,cpuacct/"), (2, "", "/sys/fs/cgroup/unified/")];
        assert_eq!(told, expected.map(|(version, names, own)| (version, names.to_owned(), own)));
    }

    #[test]
    fn a_mount_of_a_part_is_where_our_path_goes_on() {
        let mounts = "9 1 0:9 /docker/1 /sys/fs/cgroup ro - cgroup2 cgroup rw\n";
        assert_eq!(parse("0::/docker/1/a b\n", mounts)[0].own, Path::new("/sys/fs/cgroup/a b"));
        assert_eq!(parse("0::/\n", mounts)[0].own, Path::new("/sys/fs/cgroup"));
        assert_eq!(parse("0::/../other\n", mounts)[0].own, Path::new("/sys/fs/cgroup"));
    }
}
