//! Jobs per second of `/bin/true` through a launcher alone, beside a bare loop of `posix_spawn`, in one run: `launch_rate [JOBS [AT_ONCE [none|host|limits]]]`,
//! where the last asks for sandboxes with this network, or for limits that need cgroups.

#[path = "../tests/harness/mod.rs"]
mod harness;

use std::process::Command;
use std::time::Instant;

use worker_supervisor::wire::v1::{Identity, Network, ResourceLimits, Sandbox, identity::Who};

fn main() {
    let jobs: u32 = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(2000);
    let kind = std::env::args().nth(3).unwrap_or_default();
    let at_once: usize = std::env::args().nth(2).and_then(|count| count.parse().ok()).unwrap_or(8);
    for _ in 0..3 {
        let begun = Instant::now();
        let mut running = std::collections::VecDeque::new();
        for _ in 0..jobs {
            if running.len() == at_once {
                let mut child: std::process::Child = running.pop_front().expect("a child");
                child.wait().expect("wait");
            }
            running.push_back(Command::new("/bin/true").spawn().expect("spawn"));
        }
        for mut child in running {
            child.wait().expect("wait");
        }
        let bare = f64::from(jobs) / begun.elapsed().as_secs_f64();

        let mut lab = harness::Lab::new();
        let begun = Instant::now();
        let mut open = std::collections::VecDeque::new();
        let mut sent = 0;
        while sent < jobs || !open.is_empty() {
            while sent < jobs && open.len() < at_once {
                let mut launch = lab.job(&["/bin/true"]);
                launch.sandbox = match kind.as_str() {
                    "none" => Some(Sandbox { network: Network::None.into(), binds: Vec::new() }),
                    "host" => Some(Sandbox { network: Network::Host.into(), binds: Vec::new() }),
                    _ => None,
                };
                if kind == "limits" {
                    launch.limits = Some(ResourceLimits { memory_bytes: 1 << 30, processes: 100, cpu_weight: 100, ..ResourceLimits::default() });
                }
                if launch.sandbox.is_some() && harness::is_root() {
                    launch.identity = Some(Identity { who: Some(Who::Own(true)) });
                }
                open.push_back(lab.dir.join("jobs").join(&launch.job_id));
                lab.send(launch);
                sent += 1;
            }
            lab.answer();
            // Answers come in any order; one end is awaited for each.
            let dir = open.pop_front().expect("a job");
            let job = harness::Job::new(dir, 0);
            loop {
                if let Some(mut connection) = job.try_connect() {
                    connection.ended();
                }
                if job.dir.join("result").exists() {
                    break;
                }
                std::thread::yield_now();
            }
        }
        let ours = f64::from(jobs) / begun.elapsed().as_secs_f64();
        println!("bare {bare:.0}/s, launcher {ours:.0}/s, ratio {:.2}", ours / bare);
    }
}
