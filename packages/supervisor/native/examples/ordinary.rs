//! What programs do every day: a thread, a connection over loopback, a process with a pipe.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let other = std::thread::spawn(move || TcpStream::connect(address)?.write_all(b"loopback"));
    let mut heard = String::new();
    listener.accept()?.0.read_to_string(&mut heard)?;
    other.join().expect("a thread")?;
    println!("{heard}");
    let child = Command::new("echo").arg("process").output()?;
    print!("{}", String::from_utf8_lossy(&child.stdout));
    Ok(())
}
