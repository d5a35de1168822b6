//! Random numbers from a seed, and inputs made of others.

/// Random numbers (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below a bound; 0 for the bound 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.number().checked_rem(bound as u64).unwrap_or(0) as usize
    }

    pub(crate) fn of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }
}

/// Longest input.
const LONGEST: usize = 20_000;

/// Bytes at which something may change.
const BYTES: [u8; 22] = [
    0, 1, 2, 7, 8, 9, 0x0a, 0x0d, 0x12, 0x1a, 0x20, 0x22, 0x27, 0x2d, 0x30, 0x5c, 0x7f, 0x80, 0xc3, 0xe2,
    0xfe, 0xff,
];

/// Pieces that mean something to some reader.
const PIECES: [&str; 48] = [
    "'",
    "\"",
    "`",
    "\\'",
    "''",
    "/*",
    "*/",
    "--",
    "#",
    "$$",
    "$a$",
    "E'",
    "q'[",
    "N'",
    "?",
    "::",
    ",",
    ";",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "null",
    "true",
    "-0",
    "1e999",
    "9223372036854775808",
    "0x",
    "NaN",
    "\"\":",
    "\\u0000",
    "\\ud800",
    " FROM ",
    " SELECT ",
    " VALUES ",
    " AS ",
    " SET ",
    "\u{0}",
    "é",
    "\u{2019}",
    "\u{feff}",
    "_total",
    "/",
    ".",
    "%s",
    "\n",
];

/// An input made of one by a few changes; `other` gives parts.
pub(crate) fn mutated(input: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut out = input.to_vec();
    for _ in 0..1 + dice.below(4) {
        change(&mut out, other, dice);
    }
    out.truncate(LONGEST);
    out
}

fn change(out: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    let at = dice.below(out.len());
    let end = at + dice.below((out.len() - at).min(64) + 1);
    match dice.below(12) {
        // In place, so that lengths before it stay right.
        0..=2 if !out.is_empty() => out[at] ^= 1 << dice.below(8),
        3 if !out.is_empty() => out[at] = *dice.of(&BYTES),
        4 if !out.is_empty() => out[at] = out[at].wrapping_add(if dice.below(2) == 0 { 1 } else { 0xff }),
        5 => drop(out.splice(at..at, dice.of(&PIECES).bytes())),
        6 => drop(out.splice(at..end, dice.of(&PIECES).bytes())),
        7 => drop(out.drain(at..end)),
        8 => {
            let part = out[at..end].to_vec();
            let most = if dice.below(20) == 0 { 200 } else { 3 };
            let times = 1 + dice.below(most);
            out.splice(at..at, part.repeat(times));
        }
        9 => {
            let from = dice.below(other.len());
            let to = from + dice.below(other.len() - from + 1);
            out.splice(at..end, other[from..to].iter().copied());
        }
        10 => out.truncate(at),
        _ => out.insert(at, *dice.of(&BYTES)),
    }
}
