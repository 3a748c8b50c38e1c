//! Lays the filter out: a balanced search over stretches of numbers with the same verdict.

use super::{Architecture, Verdict, arguments};
use crate::sys::enclosure::Instruction;

// Where the kernel puts these in what a filter may look at (`struct seccomp_data`).
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const ARGUMENTS: u32 = 16;

const RETURN: u16 = 0x06;
const LOAD_WORD: u16 = 0x20;
const MASK: u16 = 0x54;
const JUMP_ALWAYS: u16 = 0x05;
const JUMP_EQUAL: u16 = 0x15;
const JUMP_AT_LEAST: u16 = 0x35;

const ALLOW: u32 = 0x7fff_0000;
const ERRNO: u32 = 0x0005_0000;

/// Returns what the verdict says.
pub fn decide(allow: bool, errno: i32) -> Instruction {
    plain(RETURN, if allow { ALLOW } else { ERRNO | errno.cast_unsigned() })
}

/// Loads the lower half of an argument; both architectures are little-endian.
pub fn load_argument(index: u32) -> Instruction {
    plain(LOAD_WORD, ARGUMENTS + 8 * index)
}

/// Keeps these bits of what was loaded.
pub fn mask(bits: u32) -> Instruction {
    plain(MASK, bits)
}

/// Skips so many instructions when what was loaded is this, else goes on.
pub fn skip_if(value: u32, skipped: usize) -> Instruction {
    jump(JUMP_EQUAL, value, skipped, 0)
}

fn plain(code: u16, k: u32) -> Instruction {
    Instruction { code, jt: 0, jf: 0, k }
}

fn jump(code: u16, k: u32, if_true: usize, if_false: usize) -> Instruction {
    // The longest jump that the format holds; the layout is tested for every architecture.
    let short = |distance: usize| u8::try_from(distance).unwrap_or_else(|_| unreachable!("a filter must fit its own jumps"));
    Instruction { code, jt: short(if_true), jf: short(if_false), k }
}

/// The whole program.
pub fn build(architecture: Architecture) -> Vec<Instruction> {
    let mut program = vec![plain(LOAD_WORD, ARCHITECTURE), jump(JUMP_EQUAL, architecture.audit, 1, 0), decide(false, libc::ENOSYS), plain(LOAD_WORD, NUMBER)];
    search(&stretches(architecture), &mut program);
    program
}

/// Where each stretch begins; the first at 0, the last without end.
fn stretches(architecture: Architecture) -> Vec<(u32, Verdict)> {
    let unknown = Verdict::Refuse(libc::ENOSYS);
    let mut stretches = vec![(0, unknown)];
    let mut next = 0;
    let mut begin = |number: u32, verdict: Verdict| {
        if stretches.last().is_some_and(|(first, _)| *first == number) {
            stretches.pop();
        }
        // Calls whose arguments decide stay apart, for each has a test of its own.
        if stretches.last().is_none_or(|(_, last)| *last != verdict) {
            stretches.push((number, verdict));
        }
    };
    for (number, verdict) in architecture.verdicts() {
        if number > next {
            begin(next, unknown);
        }
        begin(number, verdict);
        next = number + 1;
    }
    begin(next, unknown);
    stretches
}

fn search(stretches: &[(u32, Verdict)], program: &mut Vec<Instruction>) {
    if let [(_, verdict)] = stretches {
        match verdict {
            Verdict::Allow => program.push(decide(true, 0)),
            Verdict::Refuse(errno) => program.push(decide(false, *errno)),
            Verdict::Ask(name) => program.extend(arguments::test(name)),
        }
        return;
    }
    let (below, above) = stretches.split_at(stretches.len() / 2);
    let mut first = Vec::new();
    search(below, &mut first);
    if let Ok(distance) = u8::try_from(first.len()) {
        program.push(jump(JUMP_AT_LEAST, above[0].0, distance.into(), 0));
    } else {
        program.push(jump(JUMP_AT_LEAST, above[0].0, 0, 1));
        program.push(plain(JUMP_ALWAYS, u32::try_from(first.len()).unwrap_or(u32::MAX)));
    }
    program.append(&mut first);
    search(above, program);
}
