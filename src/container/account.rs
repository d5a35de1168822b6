//! What one container owes: by resource, what it has used and reserved since the accounting
//! minute began, and what of that has been billed.
//!
//! Amounts are integers: a resource multiplied by nanoseconds (cores, bytes), so that nothing
//! is lost by adding up for years.

use super::meter::Use;
use crate::tenant::Resources;

/// Billionths of a core in a core.
const NANO: u128 = 1_000_000_000;

/// One resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    used: u128,
    reserved: u128,
    billed: u128,
    /// What the host counts as in use, of what was used since the books were closed last.
    in_use: u128,
}

impl Account {
    /// Adds what was used and reserved. `in_use` is what the host counts of it as in use.
    pub fn add(&mut self, used: u128, reserved: u128, in_use: u128) {
        self.used += used;
        self.reserved += reserved;
        self.in_use += in_use;
    }

    /// What has been used and not been billed: nothing lowers it.
    pub fn due(&self) -> u128 {
        self.used.saturating_sub(self.billed)
    }

    /// What is to be billed if the reservation is worth `reserved`.
    pub fn owed(&self, reserved: u128) -> u128 {
        self.used.max(reserved).saturating_sub(self.billed)
    }

    /// What has been reserved since the minute began.
    pub fn reserved(&self) -> u128 {
        self.reserved
    }

    /// What has been billed since the minute began.
    pub fn billed(&self) -> u128 {
        self.billed
    }

    /// Bills some of it.
    pub fn bill(&mut self, amount: u128) {
        self.billed += amount;
    }

    /// What the host has counted as in use since this was asked last.
    pub fn take_in_use(&mut self) -> u128 {
        std::mem::take(&mut self.in_use)
    }

    /// A new minute begins: only what was used and not billed is left of the last one.
    pub fn begin_minute(&mut self) {
        *self = Account { used: self.due(), in_use: self.in_use, ..Account::default() };
    }
}

/// Everything of one container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    /// Core-nanoseconds.
    pub cpu: Account,
    /// Byte-nanoseconds of memory.
    pub memory: Account,
    /// Byte-nanoseconds on the file system of the engine's data.
    pub disk: Account,
    /// Byte-nanoseconds on other file systems that were not billed yet.
    pub disk_elsewhere: u128,
    /// Bytes received and not billed.
    pub receive_bytes: u64,
    /// Bytes sent and not billed.
    pub transmit_bytes: u64,
}

impl Accounts {
    /// Adds what was used between two reads; `reserved` is what stood at the disposal of the
    /// container for that time.
    pub fn add(&mut self, used: &Use, reserved: Resources) {
        let lasted = used.lasted.as_nanos();
        let cores = u128::from(reserved.cpu_nanocores.unwrap_or(0)) * lasted / NANO;
        let memory = u128::from(reserved.memory_bytes.unwrap_or(0)) * lasted;
        let cpu = u128::from(used.cpu_ns);
        self.cpu.add(cpu, cores, cpu);
        self.memory.add(used.memory_byte_ns, memory, used.memory_in_use_byte_ns);
        self.receive_bytes += used.receive_bytes;
        self.transmit_bytes += used.transmit_bytes;
    }

    /// Adds what lay on disk, which cannot be reserved: on the file system of the engine's
    /// data, and elsewhere.
    pub fn add_disk(&mut self, (byte_ns, elsewhere): (u128, u128)) {
        self.disk.add(byte_ns, 0, byte_ns);
        self.disk_elsewhere += elsewhere;
    }

    /// A new accounting minute begins.
    pub fn begin_minute(&mut self) {
        self.cpu.begin_minute();
        self.memory.begin_minute();
        self.disk.begin_minute();
    }
}
