//! Makes directories within directories, so deep that no path leads to the last.

fn main() -> std::io::Result<()> {
    let name = "d".repeat(200);
    for _ in 0..800 {
        std::fs::create_dir(&name)?;
        std::env::set_current_dir(&name)?;
    }
    std::fs::write("file", "")
}
