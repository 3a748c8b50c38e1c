//! Every target over its seeds, its regressions and a fixed number of mutations by a fixed seed: the same inputs each time.

use std::path::Path;

use worker_supervisor_fuzz::mutate::{Random, mutate};
use worker_supervisor_fuzz::seeds::files;
use worker_supervisor_fuzz::{target, writer};

const MUTATIONS: usize = 20_000;
// What was made is mutated again, so that distances grow; beyond this many the oldest are replaced.
const POOL: usize = 400;
const LONGEST: usize = 4096;

fn drive(name: &str, mutations: usize) {
    let target = target(name).expect("a target");
    let mut pool = (target.seeds)();
    pool.extend(files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions").join(name), ""));
    for input in &pool {
        (target.run)(input);
    }
    let seeds = pool.len();
    let mut random = Random(1);
    for round in 0..mutations {
        let from = random.below(pool.len());
        let mut input = mutate(&mut random, &pool[from], &pool[round % seeds]);
        input.truncate(LONGEST);
        let outcome = std::panic::catch_unwind(|| (target.run)(&input));
        assert!(outcome.is_ok(), "{name} broke in round {round} by {input:02x?}");
        match pool.len() {
            length if length < POOL => pool.push(input),
            _ => pool[seeds + round % (POOL - seeds)] = input,
        }
    }
}

/// [RUN-1] [NET-3]
#[test]
fn no_bytes_from_core_get_past_the_launchers_checks_into_a_name_or_an_exec() {
    drive("launcher_wire", MUTATIONS);
}

/// [RUN-1] [NET-3]
#[test]
fn no_bytes_from_core_upset_a_shim_that_reads_them() {
    drive("shim_wire", MUTATIONS);
}

/// [OUT-8]
#[test]
fn no_bytes_in_an_output_file_are_taken_for_a_frame_that_was_not_written() {
    drive("output_file", MUTATIONS);
}

/// [OUT-3] [OUT-8]
#[test]
fn whatever_a_job_writes_and_whenever_the_disk_is_full_every_byte_is_kept_or_declared_missing() {
    drive("writer", 1_000);
    std::fs::remove_dir_all(writer::folder()).expect("rm");
}
