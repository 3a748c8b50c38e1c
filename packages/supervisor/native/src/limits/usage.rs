//! What a job used, as its cgroups count it.

use super::group::Group;
use super::hierarchy::Controller;
use crate::wire::v1::ResourceUsage;

impl Group {
    /// Puts in place what they count better than wait4: the whole tree, its orphans included.
    pub fn count(&self, usage: &mut ResourceUsage) {
        if let Some(peak) = self.read(Controller::Memory, c"memory.max_usage_in_bytes", c"memory.peak").and_then(|text| text.trim().parse().ok()) {
            usage.peak_memory_bytes = peak;
        }
        // Version 1 has user and kernel time in another hierarchy, and in hundredths of a second.
        if let Some(text) = self.read(Controller::Cpu, c"", c"cpu.stat")
            && let (Some(user), Some(system)) = (field(&text, "user_usec"), field(&text, "system_usec"))
        {
            (usage.user_us, usage.system_us) = (user, system);
        }
        if let Some(text) = self.read(Controller::Io, c"blkio.throttle.io_service_bytes_recursive", c"io.stat") {
            (usage.read_bytes, usage.written_bytes) = (sum(&text, "Read", "rbytes"), sum(&text, "Write", "wbytes"));
        }
    }
}

fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

/// Over all devices: lines `8:0 Read 512` of version 1, `8:0 rbytes=512 wbytes=0` of version 2.
fn sum(text: &str, word: &str, key: &str) -> u64 {
    let of_line = |line: &str| -> Option<u64> {
        let mut words = line.split_whitespace().skip(1);
        let first = words.next()?;
        if first == word {
            return words.next()?.parse().ok();
        }
        std::iter::once(first).chain(words).find_map(|pair| pair.strip_prefix(key)?.strip_prefix('=')?.parse().ok())
    };
    text.lines().filter_map(of_line).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_are_summed_over_all_devices() {
        let old = "8:0 Read 512\n8:0 Write 1024\n8:0 Total 1536\n8:16 Read 1\nTotal 1537\n";
        assert_eq!((sum(old, "Read", "rbytes"), sum(old, "Write", "wbytes")), (513, 1024));
        let new = "8:0 rbytes=512 wbytes=1024 rios=1\n8:16 rbytes=1 wbytes=0 rios=1\n";
        assert_eq!((sum(new, "Read", "rbytes"), sum(new, "Write", "wbytes")), (513, 1024));
        assert_eq!(field("usage_usec 9\nuser_usec 5\nsystem_usec 4\n", "user_usec"), Some(5));
    }
}
