//! What ps shows of a process that was forked without exec: its command line is rewritten where it lies.

use std::sync::atomic::{AtomicUsize, Ordering};

// The bytes of the command line and of the environment behind it, as the kernel laid them out at exec. Nothing reads them after `find`.
static START: AtomicUsize = AtomicUsize::new(0);
static ARGUMENTS_END: AtomicUsize = AtomicUsize::new(0);
static END: AtomicUsize = AtomicUsize::new(0);

/// Finds the area. Called once, before any fork; without it, or without /proc, `set` does nothing.
pub fn find() {
    let Ok(text) = std::fs::read("/proc/self/stat") else { return };
    // The name, in parentheses, is field 2; arg_start, arg_end, env_start, env_end are fields 48 to 51.
    let Some(close) = text.iter().rposition(|byte| *byte == b')') else { return };
    let fields = String::from_utf8_lossy(&text[close + 1..]).into_owned();
    let place = |number: usize| fields.split_ascii_whitespace().nth(number - 3).and_then(|field| field.parse::<usize>().ok()).unwrap_or(0);
    let (start, arguments_end, environment_start, environment_end) = (place(48), place(49), place(50), place(51));
    if start == 0 || arguments_end <= start {
        return;
    }
    // The kernel shows a command line that runs over into the environment only when the two touch.
    let end = if environment_start == arguments_end { environment_end.max(arguments_end) } else { arguments_end };
    START.store(start, Ordering::Relaxed);
    ARGUMENTS_END.store(arguments_end, Ordering::Relaxed);
    END.store(end, Ordering::Relaxed);
}

/// Shows this text as the command line, cut to what fits.
pub fn set(text: &[u8]) {
    let (start, arguments_end, end) = (START.load(Ordering::Relaxed), ARGUMENTS_END.load(Ordering::Relaxed), END.load(Ordering::Relaxed));
    if start == 0 {
        return;
    }
    let shown = text.len().min(end - start - 1);
    // SAFETY: [start, end) is the argument and environment area of this process's own stack: mapped, writable, and read by nobody any more, for the
    // arguments were copied by `main` and the environment is never asked for.
    unsafe {
        let area = std::ptr::with_exposed_provenance_mut::<u8>(start);
        std::ptr::copy_nonoverlapping(text.as_ptr(), area, shown);
        std::ptr::write_bytes(area.add(shown), 0, end - start - shown);
        if shown < arguments_end - start {
            // The kernel takes a NUL at the end of the area for "not rewritten" and shows all of it: the rest reads as spaces.
            std::ptr::write_bytes(area.add(shown), b' ', arguments_end - start - shown);
        }
    }
}
