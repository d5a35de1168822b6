//! What an engine is asked for so that a limit is another, and what takes that back.
//!
//! An engine leaves alone what is 0 in a request, and refuses what does not go together:
//! - cores are limited by `--cpus` (`NanoCpus`) or `--cpu-quota`, and of a container that has one
//!   the other cannot be set. Where there was neither, a quota is set: -1 takes it away again, and
//!   nothing takes `NanoCpus` away;
//! - memory and swap are limited together. What is left for swap stays the same;
//! - a limit of memory cannot be taken away, but raised beyond what any machine has;
//! - a reservation cannot be taken away, so that none is set where there was none.

use super::wish::{Setting, Target};
use crate::analysis::words::{cores, size};
use crate::inventory::{EngineSettings, EngineUpdate, UNLIMITED_BYTES};

/// A lower limit has to leave this much room above what is used now, else the kernel may kill
/// something at once.
const ROOM: f64 = 1.1;

/// Engines take no less memory.
const LEAST_BYTES: f64 = 6.0 * 1024.0 * 1024.0;

/// The kernel takes no shorter quota, in microseconds.
const LEAST_QUOTA_US: f64 = 1000.0;

/// Values that differ by less are the same but for rounding.
const SAME: f64 = 0.005;

/// Memory and swap together where neither is limited: more than [`UNLIMITED_BYTES`], since what is
/// between is left for swap.
const UNLIMITED_SWAP_BYTES: i64 = i64::MAX - 4095;

/// What a setting is, in cores or bytes; `None` is none.
pub fn value(settings: &EngineSettings, setting: Setting) -> Option<f64> {
    let resources = settings.resources();
    match setting {
        Setting::CpuLimit => resources.limits.cpu_nanocores.map(|nanocores| nanocores as f64 / 1e9),
        Setting::CpuReservation => None,
        Setting::MemoryLimit => resources.limits.memory_bytes.map(|bytes| bytes as f64),
        Setting::MemoryReservation => resources.reservations.memory_bytes.map(|bytes| bytes as f64),
    }
}

/// A value as people read it.
pub fn words(setting: Setting, value: Option<f64>) -> String {
    let said = match setting {
        Setting::CpuLimit | Setting::CpuReservation => cores,
        Setting::MemoryLimit | Setting::MemoryReservation => size,
    };
    value.map_or_else(|| "none".to_owned(), said)
}

/// Whether two values of a setting are the same.
pub fn same(one: Option<f64>, other: Option<f64>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => (one - other).abs() <= SAME * one.max(other),
        _ => false,
    }
}

/// Settings of which two differ.
pub fn changed(before: &EngineSettings, after: &EngineSettings) -> Vec<Setting> {
    let differs = |setting: &Setting| !same(value(before, *setting), value(after, *setting));
    Setting::ALL.into_iter().filter(differs).collect()
}

/// What to ask for so that a container has what is wanted, and why what of it is left alone.
/// `working_set` is what it uses of memory now.
pub fn change(
    settings: &EngineSettings,
    targets: &[Target],
    working_set: Option<u64>,
) -> (EngineUpdate, Vec<(Setting, String)>) {
    let (mut update, mut left_alone) = (EngineUpdate::default(), Vec::new());
    // A reservation may make room for a limit.
    let mut targets = targets.to_vec();
    targets.sort_by_key(|target| target.setting != Setting::MemoryReservation);
    for target in targets {
        let now = value(settings, target.setting);
        let asked = match target.setting {
            _ if same(now, Some(target.to)) => Err("it is so already".to_owned()),
            _ if !same(now, target.from) => Err(format!(
                "changed since: it was {} when that was recommended, and is {}",
                words(target.setting, target.from),
                words(target.setting, now)
            )),
            Setting::CpuReservation => {
                Err("Docker has no reservation of cores; change the label `dockmeter.cpu.reservation` where the container is made".to_owned())
            }
            Setting::CpuLimit => cpu(settings, target.to, &mut update),
            Setting::MemoryLimit => memory(settings, target.to, working_set, &mut update),
            Setting::MemoryReservation => reservation(settings, target.to, &mut update),
        };
        left_alone.extend(asked.err().map(|reason| (target.setting, reason)));
    }
    (update, left_alone)
}

fn cpu(settings: &EngineSettings, to: f64, update: &mut EngineUpdate) -> Result<(), String> {
    let (period, is_nano) = (settings.period_us() as f64, settings.nano_cpus > 0);
    if is_nano && settings.cpu_quota != 0 {
        return Err("it has `--cpus` and `--cpu-quota` at once, of which an engine forgets one at the next start; make it anew".to_owned());
    }
    let quota = (to * period).round();
    if quota < LEAST_QUOTA_US {
        return Err(format!("{} is less than the kernel takes", cores(to)));
    }
    if is_nano {
        update.nano_cpus = Some((to * 1e9).round() as i64);
    } else {
        update.cpu_quota = Some(quota as i64);
    }
    Ok(())
}

fn memory(
    settings: &EngineSettings,
    to: f64,
    working_set: Option<u64>,
    update: &mut EngineUpdate,
) -> Result<(), String> {
    if to < LEAST_BYTES {
        return Err(format!("{} is less than engines take, {}", size(to), size(LEAST_BYTES)));
    }
    let before = value(settings, Setting::MemoryLimit);
    if before.is_none_or(|before| to < before) {
        fits(to, working_set)?;
    }
    let reserved = update.memory_reservation.unwrap_or(settings.memory_reservation);
    if reserved as f64 > to {
        let reserved = size(reserved as f64);
        return Err(format!("its reservation of {reserved} is more than {}; lower that first", size(to)));
    }
    let to = to.round() as i64;
    update.memory = Some(to);
    update.memory_swap = Some(match (before, settings.memory_swap) {
        (_, -1) => -1,
        (Some(_), swap) if swap >= settings.memory => to.saturating_add(swap - settings.memory),
        // As an engine has it where nothing is said of swap.
        _ => to.saturating_mul(2),
    });
    Ok(())
}

/// Whether what is used now leaves room below a limit.
fn fits(limit: f64, working_set: Option<u64>) -> Result<(), String> {
    match working_set {
        None => Err("what it uses now is not known, so that nobody knows whether that fits".to_owned()),
        Some(used) if limit < ROOM * used as f64 => {
            let (limit, used) = (size(limit), size(used as f64));
            Err(format!("it uses {used} now, and {limit} leaves less than a tenth of that as room"))
        }
        Some(_) => Ok(()),
    }
}

fn reservation(settings: &EngineSettings, to: f64, update: &mut EngineUpdate) -> Result<(), String> {
    if settings.memory_reservation <= 0 {
        return Err(
            "it has no reservation, and an engine could not take a first one back; write it where the container is made".to_owned(),
        );
    }
    if to < LEAST_BYTES {
        return Err(format!("{} is less than engines take, {}", size(to), size(LEAST_BYTES)));
    }
    if value(settings, Setting::MemoryLimit).is_some_and(|limit| to > limit) {
        return Err(format!("{} is more than its limit", size(to)));
    }
    update.memory_reservation = Some(to.round() as i64);
    Ok(())
}

/// What takes a change back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restoring {
    /// What to ask for; empty where nothing is to be done.
    pub update: EngineUpdate,
    /// What somebody has to know who looks at the container afterwards.
    pub notes: Vec<String>,
    /// What cannot be taken back now, and why.
    pub left_alone: Vec<(Setting, String)>,
}

/// What gives these settings of a container the values from before.
pub fn restore(
    before: &EngineSettings,
    now: &EngineSettings,
    settings: &[Setting],
    working_set: Option<u64>,
) -> Restoring {
    let mut back = Restoring::default();
    for setting in settings.iter().copied().filter(|one| !same(value(before, *one), value(now, *one))) {
        match setting {
            Setting::CpuLimit => restore_cpu(before, now, &mut back),
            Setting::MemoryLimit => restore_memory(before, now, working_set, &mut back),
            Setting::MemoryReservation if before.memory_reservation > 0 => {
                back.update.memory_reservation = Some(before.memory_reservation);
            }
            Setting::MemoryReservation | Setting::CpuReservation => {
                back.left_alone.push((setting, "an engine cannot take a reservation away".to_owned()));
            }
        }
    }
    back
}

fn restore_cpu(before: &EngineSettings, now: &EngineSettings, back: &mut Restoring) {
    let none_before = before.nano_cpus <= 0 && before.cpu_quota <= 0;
    match now.nano_cpus > 0 {
        true if before.nano_cpus > 0 => back.update.nano_cpus = Some(before.nano_cpus),
        true => {
            let reason = "it has a limit by `docker update --cpus` now, which an engine neither takes away nor replaces by a quota; make the container anew";
            back.left_alone.push((Setting::CpuLimit, reason.to_owned()));
        }
        false if none_before => {
            back.update.cpu_quota = Some(-1);
            back.notes.push(
                "its quota is -1, which is none; limit it by `docker update --cpu-quota` from now on, since what `--cpus` sets would be gone at its next start".to_owned(),
            );
        }
        false => {
            // What `--cpus` said before is the same as a quota.
            let cores = value(before, Setting::CpuLimit).unwrap_or_default();
            back.update.cpu_quota = Some((cores * now.period_us() as f64).round() as i64);
        }
    }
}

fn restore_memory(
    before: &EngineSettings,
    now: &EngineSettings,
    working_set: Option<u64>,
    back: &mut Restoring,
) {
    let Some(limit) = value(before, Setting::MemoryLimit) else {
        back.update.memory = Some(UNLIMITED_BYTES);
        back.update.memory_swap = Some(UNLIMITED_SWAP_BYTES);
        back.notes.push(format!(
            "an engine cannot take a limit of memory away: its limit is {UNLIMITED_BYTES} bytes, which is none, until it is made anew"
        ));
        return;
    };
    let is_lower = value(now, Setting::MemoryLimit).is_none_or(|now| limit < now);
    // What does not run uses nothing.
    if let (true, Some(_), Err(reason)) = (is_lower, working_set, fits(limit, working_set)) {
        back.left_alone.push((Setting::MemoryLimit, reason));
        return;
    }
    back.update.memory = Some(before.memory);
    let twice = before.memory.saturating_mul(2);
    back.update.memory_swap = Some(if before.memory_swap == 0 { twice } else { before.memory_swap });
}

#[cfg(test)]
mod tests;
