//! Runs the program over every number of every architecture, as the kernel would.

use super::calls::{ALLOWED, CHECKED, REFUSED};
use super::*;

const ALLOW: u32 = 0x7fff_0000;
const I386: u32 = 0x4000_0003;
const X32: u32 = 0x4000_0000;

/// What a system call looks like to a filter.
struct Call {
    architecture: u32,
    number: u32,
    arguments: [u64; 6],
}

impl Call {
    fn word(&self, offset: u32) -> u32 {
        let arguments: Vec<u8> = self.arguments.iter().flat_map(|argument| argument.to_le_bytes()).collect();
        match offset {
            0 => self.number,
            4 => self.architecture,
            _ => {
                let at = offset as usize - 16;
                u32::from_le_bytes(arguments[at..at + 4].try_into().expect("four bytes"))
            }
        }
    }
}

fn run(program: &[Instruction], call: &Call) -> u32 {
    let (mut at, mut loaded) = (0, 0);
    loop {
        let Instruction { code, jt, jf, k } = program[at];
        at += 1;
        let taken = |holds: bool| usize::from(if holds { jt } else { jf });
        match code {
            0x06 => return k,
            0x20 => loaded = call.word(k),
            0x54 => loaded &= k,
            0x05 => at += k as usize,
            0x15 => at += taken(loaded == k),
            0x35 => at += taken(loaded >= k),
            other => panic!("an instruction that the filter has no use for: {other:#x}"),
        }
    }
}

fn refusal(errno: i32) -> u32 {
    0x0005_0000 | errno.cast_unsigned()
}

fn ask(architecture: Architecture, name: &str, arguments: [u64; 6]) -> u32 {
    let call = ALLOWED.iter().chain(REFUSED).chain(CHECKED).find(|call| call.0 == name).expect("a known call");
    run(&program::build(architecture), &Call { architecture: architecture.audit, number: (architecture.number)(call), arguments })
}

/// [ISO-3]
#[test]
fn every_number_gets_the_verdict_of_its_list_and_every_other_does_not_exist() {
    for architecture in [X86_64, AARCH64] {
        let program = program::build(architecture);
        assert!(program.len() < 400, "each job pays for each instruction: {}", program.len());
        let verdicts: std::collections::HashMap<u32, Verdict> = architecture.verdicts().into_iter().collect();
        assert_eq!(verdicts.len(), architecture.verdicts().len(), "a number has one verdict");
        for number in (0..2000).chain([X32, X32 + 1, X32 + 520, u32::MAX]) {
            let answer = run(&program, &Call { architecture: architecture.audit, number, arguments: [0; 6] });
            match verdicts.get(&number) {
                Some(Verdict::Allow) => assert_eq!(answer, ALLOW, "{number}"),
                Some(Verdict::Refuse(errno)) => assert_eq!(answer, refusal(*errno), "{number}"),
                Some(Verdict::Ask(_)) => {}
                None => assert_eq!(answer, refusal(libc::ENOSYS), "{number}"),
            }
        }
    }
}

/// [ISO-3]
#[test]
fn the_calls_of_other_architectures_are_refused() {
    for architecture in [X86_64, AARCH64] {
        let program = program::build(architecture);
        for other in [I386, X86_64.audit, AARCH64.audit, 0].into_iter().filter(|other| *other != architecture.audit) {
            for number in 0..1000 {
                assert_eq!(run(&program, &Call { architecture: other, number, arguments: [0; 6] }), refusal(libc::ENOSYS));
            }
        }
    }
}

/// [ISO-3]
#[test]
fn no_namespace_is_made_or_entered() {
    for architecture in [X86_64, AARCH64] {
        for flag in [0x2_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000_u64] {
            assert_eq!(ask(architecture, "clone", [flag | 0x11, 0, 0, 0, 0, 0]), refusal(libc::EPERM));
        }
        // A fork, and a thread of the C library.
        assert_eq!(ask(architecture, "clone", [0x0120_0011, 0, 0, 0, 0, 0]), ALLOW);
        assert_eq!(ask(architecture, "clone", [0x003d_0f00, 0, 0, 0, 0, 0]), ALLOW);
        for name in ["unshare", "setns"] {
            assert_eq!(ask(architecture, name, [0; 6]), refusal(libc::EPERM));
        }
        let clone3 = Call { architecture: architecture.audit, number: 435, arguments: [0; 6] };
        assert_eq!(run(&program::build(architecture), &clone3), refusal(libc::ENOSYS));
    }
}

/// [ISO-2] [ISO-3]
#[test]
fn sockets_are_of_four_families_and_netlink_tells_only_of_interfaces() {
    for architecture in [X86_64, AARCH64] {
        for family in 0..64_u64 {
            let answer = ask(architecture, "socket", [family, 1, 0, 0, 0, 0]);
            let expected = if matches!(family, 1 | 2 | 10 | 16) { ALLOW } else { refusal(libc::EAFNOSUPPORT) };
            assert_eq!(answer, expected, "{family}");
            let answer = ask(architecture, "socketpair", [family, 1, 0, 0, 0, 0]);
            assert_eq!(answer == ALLOW, family == 1, "{family}");
        }
        assert_eq!(ask(architecture, "socket", [16, 3, 9, 0, 0, 0]), refusal(libc::EPROTONOSUPPORT));
        assert_eq!(ask(architecture, "socket", [2, 1, 6, 0, 0, 0]), ALLOW);
    }
}

/// [ISO-3]
#[test]
fn neither_terminals_are_typed_into_nor_protections_turned_off() {
    for architecture in [X86_64, AARCH64] {
        for request in [0x5412, 0x541c, 0xffff_ffff_0000_5412_u64] {
            assert_eq!(ask(architecture, "ioctl", [0, request, 0, 0, 0, 0]), refusal(libc::EPERM));
        }
        assert_eq!(ask(architecture, "ioctl", [0, 0x5401, 0, 0, 0, 0]), ALLOW);
        for persona in [0, 8, 0x2_0000, 0x2_0008, 0xffff_ffff] {
            assert_eq!(ask(architecture, "personality", [persona, 0, 0, 0, 0, 0]), ALLOW);
        }
        for persona in [0x004_0000, 0x040_0000, 0x010_0000] {
            assert_eq!(ask(architecture, "personality", [persona, 0, 0, 0, 0, 0]), refusal(libc::EPERM));
        }
    }
}
