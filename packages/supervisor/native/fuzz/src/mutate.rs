//! Mutations by a seed: the same seed gives the same bytes on every machine.

/// A generator of numbers, `SplitMix64`.
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One below this, which is at least 1.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.draw() % end as u64).unwrap_or(0)
    }
}

// What readers of lengths and numbers trip over: the edges of varints, of words, and of the longest frame.
const EDGES: [&[u8]; 9] = [
    &[0],
    &[0x7f],
    &[0x80],
    &[0xff, 0xff, 0xff, 0xff],
    &[0xff, 0xff, 0xff, 0x7f],
    &[0x00, 0x00, 0x40, 0x00],
    &[0x01, 0x00, 0x40, 0x00],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80],
];

/// One to four mutations of `from`; some take a piece of `other`.
#[must_use]
pub fn mutate(random: &mut Random, from: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = from.to_vec();
    for _ in 0..=random.below(4) {
        mutate_once(random, &mut bytes, other);
    }
    bytes
}

fn mutate_once(random: &mut Random, bytes: &mut Vec<u8>, other: &[u8]) {
    let at = random.below(bytes.len() + 1);
    let end = at + random.below(bytes.len() - at + 1).min(16);
    match random.below(8) {
        0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        1 if at < bytes.len() => bytes[at] = random.draw().to_le_bytes()[0],
        2 => bytes.truncate(at),
        3 => drop(bytes.drain(at..end)),
        4 => {
            let piece = bytes[at..end].to_vec();
            bytes.splice(at..at, piece);
        }
        5 => {
            let edge = EDGES[random.below(EDGES.len())];
            let over = (at + edge.len()).min(bytes.len());
            bytes.splice(at..over, edge.iter().copied());
        }
        6 => {
            let edge = EDGES[random.below(EDGES.len())];
            bytes.splice(at..at, edge.iter().copied());
        }
        _ => {
            let from = random.below(other.len() + 1);
            let length = random.below(other.len() - from + 1);
            bytes.splice(at..end, other[from..from + length].iter().copied());
        }
    }
}
