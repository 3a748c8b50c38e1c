//! Opens files until it may not, and says how many it had and why it stopped.

use std::fs::File;

fn main() {
    let mut open = Vec::new();
    let refused = loop {
        match File::open("/dev/null") {
            Ok(file) => open.push(file),
            Err(error) => break error.raw_os_error().unwrap_or(0),
        }
    };
    println!("{} {refused}", open.len());
}
