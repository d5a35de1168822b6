//! The book of one resource of the host: everything there is of it is given to somebody.
//!
//! At each closing what there was since the last one is handed out: to `system` what the host
//! counts as used beyond what containers have used, to each container the larger of what it
//! has used and what it has reserved, to `idle` the rest. Where that is more than there is,
//! reservations shrink in proportion; what was used is billed in full.
//!
//! Invariant: what was given to containers since the first closing, to `system` and to `idle`,
//! and what is carried to the next closing, are together exactly what there was. What is carried
//! is less than nothing after more was used than the host says it has (its clock is coarser than
//! a container's), and more than nothing for containers whose tenant is still being asked for.

use super::account::Account;

/// What the host had of the resource since the last closing, multiplied by time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Supply {
    /// All of it.
    pub capacity: u128,
    /// What the host itself counts as used.
    pub used: u128,
}

/// A container at a closing.
#[derive(Debug)]
pub struct Claim<'a> {
    /// Its account.
    pub account: &'a mut Account,
    /// Whether it is known who pays; else its part is kept for it.
    pub may_pay: bool,
    /// What it was billed at this closing.
    pub paid: u128,
}

/// The book.
#[derive(Clone, Debug, Default)]
pub struct Balance {
    open: bool,
    system: u128,
    idle: u128,
    /// Left over from earlier closings; below zero, to be made up for.
    carried: i128,
    /// What containers have used beyond what the host has counted: it was given to `system`
    /// before, or is the difference of two clocks. Never more than `system` was given.
    overdrawn: u128,
    /// What there was since the accounting minute began: more cannot have been reserved.
    minute: u128,
}

impl Balance {
    /// What `system` and `idle` were given so far; `None` while the host has said nothing.
    pub fn shares(&self) -> Option<(u128, u128)> {
        self.open.then_some((self.system, self.idle))
    }

    /// Closes the book. Without a host's word containers pay for what they have used and
    /// reserved; a host that fell silent for once is taken to say that no time has passed.
    pub fn close(&mut self, claims: &mut [Claim<'_>], supply: Option<Supply>) {
        self.open |= supply.is_some();
        let in_use = claims.iter_mut().map(|claim| claim.account.take_in_use()).sum::<u128>();
        if !self.open {
            for claim in claims.iter_mut().filter(|claim| claim.may_pay) {
                claim.pay(claim.account.owed(claim.account.reserved()));
            }
            return;
        }
        let Supply { capacity, used } = supply.unwrap_or_default();
        self.minute += capacity;
        let system = self.used_outside(used, in_use);
        self.system += system;
        let free = self.carried + signed(capacity) - signed(system);
        let worth = Worth::of(claims, free, self.minute);
        let (mut given, mut kept) = (0, 0);
        for claim in claims {
            let part = worth.part(claim.account);
            match claim.may_pay {
                true => given += claim.pay(part),
                false => kept += part,
            }
        }
        let rest = free - signed(given);
        let idle = u128::try_from(rest - signed(kept)).unwrap_or(0);
        self.idle += idle;
        self.carried = rest - signed(idle);
    }

    /// A new accounting minute begins.
    pub fn begin_minute(&mut self) {
        self.minute = 0;
    }

    /// What was used on the host and not by a container that is known here.
    fn used_outside(&mut self, used: u128, in_use: u128) -> u128 {
        let outside = signed(used) - signed(in_use) - signed(self.overdrawn);
        self.overdrawn = outside.min(0).unsigned_abs().min(self.system);
        u128::try_from(outside).unwrap_or(0)
    }
}

impl Claim<'_> {
    fn pay(&mut self, amount: u128) -> u128 {
        self.account.bill(amount);
        self.paid = amount;
        amount
    }
}

/// Which part of what is reserved is worth anything.
#[derive(Clone, Copy, Debug)]
struct Worth {
    share: f64,
    /// The most that one container can have reserved.
    most: u128,
}

impl Worth {
    /// The largest share with which the parts of all containers are together no more than what
    /// is free; none if what was used is more already.
    fn of(claims: &[Claim<'_>], free: i128, most: u128) -> Self {
        let mut worth = Worth { share: 1.0, most };
        let all = claims.iter().map(|claim| worth.part(claim.account)).sum::<u128>();
        if signed(all) <= free {
            return worth;
        }
        // With every round some containers turn out to have used more than their share of the
        // reservation is worth; they pay for that, and the others share what is left.
        loop {
            let (mut left, mut reserved) = (free, 0);
            for account in claims.iter().map(|claim| &*claim.account) {
                let due = account.due();
                if worth.part(account) > due {
                    left += signed(account.billed());
                    reserved += account.reserved().min(most);
                } else {
                    left -= signed(due);
                }
            }
            let share = if reserved > 0 { (left as f64 / reserved as f64).max(0.0) } else { 0.0 };
            if share >= worth.share || reserved == 0 {
                return worth;
            }
            worth.share = share;
        }
    }

    /// What a container is billed.
    fn part(&self, account: &Account) -> u128 {
        let reserved = account.reserved().min(self.most);
        account.owed(match self.share < 1.0 {
            true => (reserved as f64 * self.share) as u128,
            false => reserved,
        })
    }
}

/// Amounts are far below what is signed: a yottabyte for a century.
fn signed(amount: u128) -> i128 {
    i128::try_from(amount).unwrap_or(i128::MAX)
}

#[cfg(test)]
mod tests;
