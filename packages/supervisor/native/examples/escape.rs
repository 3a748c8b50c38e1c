//! Programs that try to outlive their job, for the tests of the kill. The first word of the command line says how.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use worker_supervisor::sys::process::{Fork, exit_now, fork, own_pid, set_session};
use worker_supervisor::sys::signal;

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let count = || words.get(2).and_then(|word| word.parse::<u32>().ok()).unwrap_or(1);
    match words.get(1).map(String::as_str) {
        Some("chain") => each(count(), || chain()),
        Some("exec-chain") => each(count(), || exec_chain()),
        Some("exec-link") => exec_link(),
        Some("pair") => each(count(), || pair()),
        Some("crowd") => crowd(count()),
        Some("daemon") => daemon(),
        _ => std::process::exit(2),
    }
}

/// Starts so many of a kind below a leader that waits.
fn each(count: u32, run: impl Fn() -> std::convert::Infallible) {
    for _ in 0..count {
        if matches!(fork().expect("fork"), Fork::Child) {
            run();
        }
    }
    println!("ready");
    wait();
}

/// Each generation lives only until it has made the next, in a session of its own.
fn chain() -> ! {
    loop {
        match fork() {
            Ok(Fork::Parent(_)) => exit_now(0),
            Ok(Fork::Child) => set_session().expect("setsid"),
            Err(_) => {}
        }
    }
}

/// The same, and each generation becomes a program anew.
fn exec_chain() -> ! {
    let error = Command::new(std::env::current_exe().expect("own path")).arg("exec-link").exec();
    panic!("{error}");
}

fn exec_link() {
    match fork() {
        Ok(Fork::Parent(_)) => exit_now(0),
        Ok(Fork::Child) => {
            set_session().expect("setsid");
            exec_chain();
        }
        Err(_) => exec_chain(),
    }
}

/// Two that make each other anew as soon as one is gone.
fn pair() -> ! {
    loop {
        let first = own_pid();
        match fork() {
            Ok(Fork::Child) => {
                set_session().expect("setsid");
                while std::os::unix::process::parent_id() == first.cast_unsigned() {
                    std::thread::yield_now();
                }
                // The other is gone: now this is the first, and makes a second.
            }
            Ok(Fork::Parent(second)) => {
                let _ = worker_supervisor::sys::process::reap(second, true);
            }
            Err(_) => {}
        }
    }
}

fn crowd(count: u32) {
    for _ in 0..count {
        if matches!(fork().expect("fork"), Fork::Child) {
            wait();
        }
    }
    println!("ready");
    wait();
}

/// A double fork into a session of its own, deaf to whatever can be ignored, and stopped.
fn daemon() {
    if matches!(fork().expect("fork"), Fork::Child) {
        set_session().expect("setsid");
        if matches!(fork().expect("fork"), Fork::Child) {
            signal::block_all();
            println!("ready");
            let _ = signal::send(own_pid(), libc::SIGSTOP);
            wait();
        }
        exit_now(0);
    }
    wait();
}

fn wait() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(1000));
    }
}
