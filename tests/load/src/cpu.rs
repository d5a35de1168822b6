//! Work for processors, in a mode, for a time.

use std::hint::black_box;
use std::io::Read as _;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

use crate::{Answer, Outcome};

/// Turns of the loop between looks at the clock: about 0.1 ms, since the look itself is a
/// system call where the kernel trusts no clock of the processor.
const TURNS: u64 = 100_000;

/// Processor time by `getrusage`, in microseconds.
#[derive(Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) user_us: u64,
    pub(crate) system_us: u64,
}

impl Usage {
    /// Of this process with all its threads.
    pub(crate) fn of_self() -> nix::Result<Self> {
        let usage = getrusage(UsageWho::RUSAGE_SELF)?;
        let microseconds = |time: nix::sys::time::TimeVal| time.num_microseconds().unsigned_abs();
        Ok(Usage { user_us: microseconds(usage.user_time()), system_us: microseconds(usage.system_time()) })
    }

    fn since(self, before: Self) -> Self {
        Usage { user_us: self.user_us - before.user_us, system_us: self.system_us - before.system_us }
    }
}

/// Keeps threads busy, and says what that used.
pub(crate) fn work(mode: &str, milliseconds: u64, threads: usize) -> Outcome {
    let turn: fn(&mut [u8]) = match mode {
        "user" => user,
        "system" => system,
        "mixed" => |buffer| {
            user(buffer);
            system(buffer);
        },
        _ => return Err(format!("`{mode}` is none of user, system, mixed").into()),
    };
    let before = Usage::of_self()?;
    let started = Instant::now();
    let end = started + Duration::from_millis(milliseconds);
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| busy(turn, end));
        }
        busy(turn, end);
    });
    let wall = started.elapsed();
    Ok(Answer::default()
        .usage(&Usage::of_self()?.since(before))
        .number("wall_us", u64::try_from(wall.as_micros())?))
}

/// Takes turns until a moment.
fn busy(turn: fn(&mut [u8]), end: Instant) {
    let mut buffer = vec![0; 1 << 20];
    while Instant::now() < end {
        turn(&mut buffer);
    }
}

fn user(_: &mut [u8]) {
    let mut value = 1_u64;
    for number in 0..TURNS {
        value = black_box(value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(number));
    }
}

/// The kernel fills a buffer with zeros.
fn system(buffer: &mut [u8]) {
    if let Ok(mut zero) = std::fs::File::open("/dev/zero") {
        for _ in 0..4 {
            let _ = zero.read_exact(black_box(buffer));
        }
    }
}
