//! The books of the host: they are closed with every full reading, and then everything that
//! there was of cores, memory and disk since the last time has been given to a tenant, to
//! `system` or to `idle`.
//!
//! What a container has used is compared with what it has reserved over accounting minutes, so
//! that neither the rhythm of scrapers nor `sampling.full` changes a bill. Only time that has
//! passed by the monotonic clock counts: steps of the clock and a suspended host give none.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::account::{Account, Accounts};
use super::balance::{Balance, Claim, Supply};
use super::bill::{Bill, Charge, seconds};
use crate::disk::DataFileSystem;
use crate::host::totals::{CpuTotals, MemoryTotals, Totals};
use crate::metrics::LabelBlock;
use crate::snapshot::TenantUse;
use crate::tenant::{IDLE, SYSTEM, Tenant};

/// How long use and reservation are added up before they are compared anew.
const MINUTE: Duration = Duration::from_secs(60);

/// What the host says of its size and use; `None` where it does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostWord {
    /// Cores and memory.
    pub totals: Totals,
    /// The file system of the engine's data.
    pub disk: Option<DataFileSystem>,
}

/// A container at a closing.
#[derive(Debug)]
pub struct Party<'a> {
    /// Whose it is.
    pub tenant: &'a Tenant,
    /// Whether that is final; else nobody is billed yet.
    pub tenant_known: bool,
    /// What it owes.
    pub accounts: &'a mut Accounts,
}

/// The books.
#[derive(Debug, Default)]
pub struct Books {
    bill: Bill,
    cpu: Balance,
    memory: Balance,
    disk: Balance,
    /// What containers owe that are gone or have another tenant now.
    departed: Vec<(Tenant, Accounts)>,
    said: Said,
    minute_began: Option<Instant>,
    /// Whether the host is the one that the containers run on.
    is_host_theirs: bool,
}

/// What the host said last, resource by resource, and when.
#[derive(Debug, Default)]
struct Said {
    cpu: Option<(Instant, CpuTotals)>,
    memory: Option<(Instant, MemoryTotals)>,
    disk: Option<(Instant, DataFileSystem)>,
}

impl Books {
    /// A container goes, or is another tenant's from now on: what it owes is its tenant's.
    pub fn depart(&mut self, tenant: &Tenant, accounts: Accounts) {
        if accounts != Accounts::default() {
            self.departed.push((tenant.clone(), accounts));
        }
    }

    /// Closes the books. `host` is what the host says of itself now, `None` if it is not the
    /// one that the containers run on.
    pub fn close(&mut self, containers: Vec<Party<'_>>, host: Option<HostWord>, now: Instant) {
        if host.is_none() && self.is_host_theirs {
            (self.cpu, self.memory, self.disk) = Default::default();
            self.said = Said::default();
        }
        self.is_host_theirs = host.is_some();
        let [cpu, memory, disk] = self.said.since(host.unwrap_or_default(), now);
        let mut departed = std::mem::take(&mut self.departed);
        let mut parties = containers;
        parties.extend(departed.iter_mut().map(|(tenant, accounts)| Party {
            tenant,
            tenant_known: true,
            accounts,
        }));
        let mut charges = vec![Charge::default(); parties.len()];
        settle(&mut self.cpu, cpu, &mut parties, &mut charges, |a| &mut a.cpu, |c| &mut c.cpu);
        settle(&mut self.memory, memory, &mut parties, &mut charges, |a| &mut a.memory, |c| &mut c.memory);
        settle(&mut self.disk, disk, &mut parties, &mut charges, |a| &mut a.disk, |c| &mut c.disk);
        for (party, charge) in parties.iter_mut().zip(&mut charges) {
            if party.tenant_known {
                let Accounts { receive_bytes, transmit_bytes, disk_elsewhere, .. } = &mut *party.accounts;
                charge.disk += std::mem::take(disk_elsewhere);
                charge.network = [std::mem::take(receive_bytes), std::mem::take(transmit_bytes)];
            }
            if *charge != Charge::default() {
                self.bill.add(party.tenant, charge);
            }
        }
        self.turn_the_minute(&mut parties, now);
    }

    fn turn_the_minute(&mut self, parties: &mut [Party<'_>], now: Instant) {
        let began = *self.minute_began.get_or_insert(now);
        if now.saturating_duration_since(began) < MINUTE {
            return;
        }
        self.minute_began = Some(now);
        [&mut self.cpu, &mut self.memory, &mut self.disk].into_iter().for_each(Balance::begin_minute);
        parties.iter_mut().filter(|party| party.tenant_known).for_each(|party| party.accounts.begin_minute());
    }

    /// What everybody has been given so far.
    pub fn lines(&self) -> Vec<TenantUse> {
        let mut lines: Vec<TenantUse> = self.bill.lines().collect();
        let shares = [&self.cpu, &self.memory, &self.disk].map(Balance::shares);
        if shares.iter().any(Option::is_some) {
            lines.push(pseudo(SYSTEM, shares.map(|share| share.map(|(system, _)| system))));
            lines.push(pseudo(IDLE, shares.map(|share| share.map(|(_, idle)| idle))));
        }
        lines
    }
}

impl Said {
    /// What there was of each resource since the host spoke of it last. A level is taken as
    /// true until the next one, like that of containers.
    fn since(&mut self, host: HostWord, now: Instant) -> [Option<Supply>; 3] {
        let nanos = |since: Instant| now.saturating_duration_since(since).as_nanos();
        let level = |total: u64, used: u64, since| Supply {
            capacity: u128::from(total) * nanos(since),
            used: u128::from(used) * nanos(since),
        };
        [
            spoken(&mut self.cpu, host.totals.cpu, now, |(since, before), after| Supply {
                capacity: u128::from(before.cores) * nanos(since),
                used: after.busy_ns.saturating_sub(before.busy_ns).into(),
            }),
            spoken(&mut self.memory, host.totals.memory, now, |(since, before), _| {
                level(before.total, before.total - before.available, since)
            }),
            spoken(&mut self.disk, host.disk, now, |(since, before), _| {
                level(before.total, before.used, since)
            }),
        ]
    }
}

/// Replaces what was said last and gives what there was since; nothing after the first word.
fn spoken<T: Copy>(
    last: &mut Option<(Instant, T)>,
    word: Option<T>,
    now: Instant,
    since: impl FnOnce((Instant, T), T) -> Supply,
) -> Option<Supply> {
    let word = word?;
    let before = last.replace((now, word));
    Some(before.map_or_else(Supply::default, |before| since(before, word)))
}

/// Closes the book of one resource and notes what everybody is to be billed.
fn settle(
    balance: &mut Balance,
    supply: Option<Supply>,
    parties: &mut [Party<'_>],
    charges: &mut [Charge],
    account: fn(&mut Accounts) -> &mut Account,
    amount: fn(&mut Charge) -> &mut u128,
) {
    let claim = |party| {
        let Party { accounts, tenant_known, .. }: &mut Party<'_> = party;
        Claim { account: account(accounts), may_pay: *tenant_known, paid: 0 }
    };
    let mut claims: Vec<Claim<'_>> = parties.iter_mut().map(claim).collect();
    balance.close(&mut claims, supply);
    for (claim, charge) in claims.iter().zip(charges) {
        *amount(charge) = claim.paid;
    }
}

fn pseudo(name: &'static str, [cpu, memory, disk]: [Option<u128>; 3]) -> TenantUse {
    let tenant = Tenant::pseudo(name);
    TenantUse {
        labels: Arc::new(LabelBlock::of_tenant(&tenant, [])),
        tenant,
        cpu_ns: cpu,
        memory_byte_seconds: memory.map(seconds),
        network_bytes: None,
        disk_byte_seconds: disk.map(seconds),
    }
}

#[cfg(test)]
mod tests;
