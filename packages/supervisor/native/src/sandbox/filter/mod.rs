//! The filter of system calls: an allow-list by number. What is not on it does not exist (`ENOSYS`), so that programs fall back as on an older kernel; what is known to be
//! dangerous is refused (`EPERM`); so is every call of another architecture that the kernel would take from the same process (i386, x32).

mod arguments;
mod calls;
mod program;

use crate::sys::enclosure::Instruction;

/// The numbers of an architecture, and how the kernel tells it from others.
#[derive(Clone, Copy)]
struct Architecture {
    audit: u32,
    number: fn(&calls::Call) -> u32,
}

const X86_64: Architecture = Architecture { audit: 0xc000_003e, number: |call| call.1 };
const AARCH64: Architecture = Architecture { audit: 0xc000_00b7, number: |call| call.2 };

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Allow,
    /// Refused with this errno.
    Refuse(i32),
    /// Its arguments decide.
    Ask(&'static str),
}

/// The program for the architecture of this binary; `None` where its numbers are not known.
#[must_use]
pub fn program() -> Option<Vec<Instruction>> {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => X86_64,
        "aarch64" => AARCH64,
        _ => return None,
    };
    Some(program::build(architecture))
}

impl Architecture {
    /// What becomes of each number that has a name, in order of the numbers.
    fn verdicts(self) -> Vec<(u32, Verdict)> {
        let numbered = |calls: &'static [calls::Call], verdict: fn(&calls::Call) -> Verdict| {
            calls.iter().map(move |call| ((self.number)(call), verdict(call))).filter(|(number, _)| *number != calls::NONE)
        };
        let mut all: Vec<_> = numbered(calls::ALLOWED, |_| Verdict::Allow)
            .chain(numbered(calls::REFUSED, |_| Verdict::Refuse(libc::EPERM)))
            .chain(numbered(calls::CHECKED, |call| Verdict::Ask(call.0)))
            .collect();
        all.sort_unstable_by_key(|(number, _)| *number);
        all
    }
}

#[cfg(test)]
mod tests;
