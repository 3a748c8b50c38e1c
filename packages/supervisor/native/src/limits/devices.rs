//! The host's block devices.

/// The numbers of every whole device that holds anything, as `MAJOR:MINOR`. A partition counts for its device.
pub fn whole() -> Vec<String> {
    let Ok(entries) = std::fs::read_dir("/sys/block") else { return Vec::new() };
    let read = |path: std::path::PathBuf| std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    entries.flatten().filter(|entry| read(entry.path().join("size")) != "0").map(|entry| read(entry.path().join("dev"))).filter(|dev| !dev.is_empty()).collect()
}
