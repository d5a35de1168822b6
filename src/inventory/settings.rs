//! Limits and reservations of a container in the engine's own words, and what is asked to change.
//!
//! Source: `HostConfig` of `GET /containers/{id}/json`, and the body of
//! `POST /containers/{id}/update`, in which a number that is 0 or missing leaves things as they are.

use crate::tenant::{EngineResources, Resources};

/// The kernel's period of a CPU quota where none is named, in microseconds.
pub const CPU_PERIOD_US: i64 = 100_000;

/// So much memory is no limit. What cgroup v1 says of a container without one is beyond it.
pub const UNLIMITED_BYTES: i64 = 1 << 62;

/// What a container is limited to and has reserved; 0 where nothing is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineSettings {
    /// `NanoCpus`: billionths of a core, by `--cpus`.
    pub nano_cpus: i64,
    /// `CpuQuota`: microseconds in each period, by `--cpu-quota`; negative is none.
    pub cpu_quota: i64,
    /// `CpuPeriod`: the period's microseconds.
    pub cpu_period: i64,
    /// `Memory`, in bytes.
    pub memory: i64,
    /// `MemorySwap`: memory and swap together, in bytes; -1 is without a limit.
    pub memory_swap: i64,
    /// `MemoryReservation`, in bytes.
    pub memory_reservation: i64,
}

impl EngineSettings {
    /// The length of a period, in microseconds.
    pub fn period_us(&self) -> i64 {
        if self.cpu_period > 0 { self.cpu_period } else { CPU_PERIOD_US }
    }

    /// What they come to; `None` is none. Docker knows no reservation of cores.
    pub fn resources(&self) -> EngineResources {
        let said = |value: i64| u64::try_from(value).ok().filter(|value| *value > 0);
        let period = said(self.period_us()).unwrap_or(1);
        let quota = said(self.cpu_quota).map(|quota| quota.saturating_mul(1_000_000_000) / period);
        let memory = said(self.memory).filter(|_| self.memory < UNLIMITED_BYTES);
        EngineResources {
            reservations: Resources { cpu_nanocores: None, memory_bytes: said(self.memory_reservation) },
            limits: Resources { cpu_nanocores: said(self.nano_cpus).or(quota), memory_bytes: memory },
        }
    }
}

/// What is to change, under the same names; `None` stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineUpdate {
    /// `NanoCpus`.
    pub nano_cpus: Option<i64>,
    /// `CpuQuota`; -1 is none.
    pub cpu_quota: Option<i64>,
    /// `Memory`.
    pub memory: Option<i64>,
    /// `MemorySwap`.
    pub memory_swap: Option<i64>,
    /// `MemoryReservation`.
    pub memory_reservation: Option<i64>,
}

impl EngineUpdate {
    /// Whether nothing is to change.
    pub fn is_empty(&self) -> bool {
        *self == EngineUpdate::default()
    }

    /// What settings are after it.
    #[must_use]
    pub fn applied_to(&self, settings: EngineSettings) -> EngineSettings {
        EngineSettings {
            nano_cpus: self.nano_cpus.unwrap_or(settings.nano_cpus),
            cpu_quota: self.cpu_quota.unwrap_or(settings.cpu_quota),
            cpu_period: settings.cpu_period,
            memory: self.memory.unwrap_or(settings.memory),
            memory_swap: self.memory_swap.unwrap_or(settings.memory_swap),
            memory_reservation: self.memory_reservation.unwrap_or(settings.memory_reservation),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_counts_in_its_period_and_what_no_machine_has_is_no_limit() {
        let quota = EngineSettings { cpu_quota: 20_000, cpu_period: 50_000, ..EngineSettings::default() };
        assert_eq!(quota.resources().limits.cpu_nanocores, Some(400_000_000));
        let usual = EngineSettings { cpu_quota: 20_000, ..EngineSettings::default() };
        assert_eq!(usual.resources().limits.cpu_nanocores, Some(200_000_000));
        let none = EngineSettings { cpu_quota: -1, memory: UNLIMITED_BYTES, ..EngineSettings::default() };
        assert_eq!(none.resources(), EngineResources::default());
    }

    #[test]
    fn what_is_not_named_stays() {
        let before = EngineSettings { memory: 1, memory_swap: -1, nano_cpus: 3, ..EngineSettings::default() };
        let update = EngineUpdate { memory: Some(2), ..EngineUpdate::default() };
        assert_eq!(update.applied_to(before), EngineSettings { memory: 2, ..before });
        assert!(EngineUpdate::default().is_empty() && !update.is_empty());
    }
}
