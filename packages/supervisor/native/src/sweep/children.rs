//! Who our children are.

use std::fs::File;
use std::os::fd::AsFd;

use crate::sys::dir;
use crate::sys::process::{self, Pid};

const BLOCK: usize = 16 << 10;

/// Lists our own children, from a file that stays open between two passes.
#[derive(Default)]
pub struct Children {
    file: Option<File>,
    text: Vec<u8>,
}

impl Children {
    /// Replaces the list by our children now. One may be missing while others come and go: only a wait proves that none is left.
    pub fn list(&mut self, list: &mut Vec<Pid>) {
        list.clear();
        if self.file.is_none() {
            let own = process::own_pid();
            self.file = File::open(format!("/proc/{own}/task/{own}/children")).ok();
        }
        match &self.file {
            Some(file) => {
                read_whole(file, &mut self.text);
                list.extend(numbers(&self.text));
            }
            // A kernel without CONFIG_PROC_CHILDREN: every process is asked for its parent.
            None => scan(list),
        }
    }
}

/// The children of another process, over all of its threads; empty where the kernel does not tell.
pub fn of_process(pid: Pid) -> Vec<Pid> {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    threads.flatten().filter_map(|thread| std::fs::read(thread.path().join("children")).ok()).flat_map(|text| numbers(&text).collect::<Vec<_>>()).collect()
}

/// The parent of a process; `None` when it is gone.
pub fn parent_of(pid: Pid) -> Option<Pid> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything; state and parent follow it.
    let close = stat.iter().rposition(|byte| *byte == b')')?;
    let mut fields = stat[close + 1..].split(|byte| *byte == b' ').skip(2);
    std::str::from_utf8(fields.next()?).ok()?.parse().ok()
}

fn read_whole(file: &File, text: &mut Vec<u8>) {
    let mut length = 0;
    loop {
        text.resize(length + BLOCK, 0);
        match dir::read_at(file.as_fd(), &mut text[length..], length as u64) {
            Ok(0) | Err(_) => break,
            Ok(read) => length += read,
        }
    }
    text.truncate(length);
}

fn numbers(text: &[u8]) -> impl Iterator<Item = Pid> {
    text.split(u8::is_ascii_whitespace).filter_map(|word| std::str::from_utf8(word).ok()?.parse().ok())
}

fn scan(list: &mut Vec<Pid>) {
    let own = process::own_pid();
    let Ok(entries) = std::fs::read_dir("/proc") else { return };
    list.extend(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(|pid| parent_of(*pid) == Some(own)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_listing_find_a_child_and_its_parent() {
        let mut child = std::process::Command::new("sleep").arg("100").spawn().expect("sleep");
        let pid = Pid::try_from(child.id()).expect("a process id");
        let own = process::own_pid();
        assert_eq!(parent_of(pid), Some(own));
        assert!(of_process(own).contains(&pid));
        let mut scanned = Vec::new();
        scan(&mut scanned);
        assert!(scanned.contains(&pid));
        child.kill().expect("kill");
        child.wait().expect("wait");
    }
}
