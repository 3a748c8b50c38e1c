//! Which processes there are.

fn pids() -> impl Iterator<Item = i32> {
    std::fs::read_dir("/proc").expect("/proc").flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The state letter and the parent.
fn stat(pid: i32) -> Option<(char, i32)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

/// Exists and is no zombie.
pub fn alive(pid: i32) -> bool {
    stat(pid).is_some_and(|(state, _)| !matches!(state, 'Z' | 'X'))
}

/// Living processes, but this one, whose command line or environment holds the text.
pub fn with_text(text: &str) -> Vec<i32> {
    let holds = |path: String| std::fs::read(path).is_ok_and(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()));
    pids()
        .filter(|pid| *pid != std::process::id().cast_signed())
        .filter(|pid| alive(*pid) && (holds(format!("/proc/{pid}/cmdline")) || holds(format!("/proc/{pid}/environ"))))
        .collect()
}

pub fn parent(pid: i32) -> i32 {
    stat(pid).map_or(0, |(_, parent)| parent)
}

/// Living descendants by parentage.
pub fn descendants_of(pid: i32) -> Vec<i32> {
    let children: Vec<i32> = pids().filter(|other| parent(*other) == pid && alive(*other)).collect();
    children.iter().flat_map(|child| [vec![*child], descendants_of(*child)].concat()).collect()
}
