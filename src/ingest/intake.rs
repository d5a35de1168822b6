//! How much of what programs send is worked on: bytes at a time, and points per second, of each
//! tenant. Who sends too much waits; everybody else does not notice.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::tenant::Tenant;

/// A tenant may have this part of all bytes.
const TENANTS_SHARE: u64 = 4;

/// A tenant that has been silent may send as much at once as in so many seconds: programs send
/// what they have measured in a minute, and begin together.
const BURST: Duration = Duration::from_secs(10);

/// A body costs as much work as so many bytes of it to a point, whatever is in it.
const BYTES_PER_POINT: u64 = 256;

/// Reading a body may take so many times its length beside it: histograms of small numbers take
/// most of what is usual, eight bytes of memory for one of the body.
const PER_BYTE: u64 = 8;

/// But of a long body no more than fits into its tenant's part with it, if this is enough.
const PER_BYTE_OF_LONG: u64 = 2;

/// And so many bytes more, as even the shortest list has room for some.
const PER_BODY: u64 = 128 << 10;

/// How long who finds no memory is to wait.
const MOMENT: Duration = Duration::from_secs(1);

/// How much is worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Bytes of all requests at a time.
    pub pending_bytes: u64,
    /// Points of one tenant in a second, over ten seconds.
    pub points_per_second: u64,
}

/// Why a request has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Busy {
    /// Its tenant has sent too many points.
    #[error("this tenant sends more points than `limits.points_per_second`; send less often, or fewer")]
    Points(Duration),
    /// Its tenant has too much on the way.
    #[error("requests of this tenant take more than a quarter of `limits.pending_bytes`; try again")]
    Tenant(Duration),
    /// All have.
    #[error("requests take more than `limits.pending_bytes`; try again")]
    All(Duration),
}

/// Lets requests in.
#[derive(Debug)]
pub struct Intake {
    pace: Pace,
    shares: Mutex<Shares>,
}

#[derive(Debug, Default)]
struct Shares {
    pending: u64,
    tenants: HashMap<Tenant, Share>,
}

/// What a tenant has taken.
#[derive(Debug, Default)]
struct Share {
    pending: u64,
    /// When all its points are paid for.
    paid_at: Option<Instant>,
}

/// A request that was let in, and the memory that it takes; given back when it is dropped.
#[derive(Debug)]
pub struct Ticket {
    intake: Arc<Intake>,
    tenant: Tenant,
    bytes: u64,
}

impl Intake {
    /// One that lets in as much as `pace` says.
    pub fn new(pace: Pace) -> Self {
        Intake { pace, shares: Mutex::default() }
    }

    /// Lets a request of a tenant in.
    ///
    /// # Errors
    /// The tenant has sent too much of late.
    pub fn admit(self: &Arc<Self>, tenant: &Tenant, now: Instant) -> Result<Ticket, Busy> {
        let paid_at = self.shares().tenants.get(tenant).and_then(|share| share.paid_at);
        let ahead = paid_at.map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        if ahead > BURST {
            return Err(Busy::Points(ahead - BURST));
        }
        Ok(Ticket { intake: self.clone(), tenant: tenant.clone(), bytes: 0 })
    }

    /// Forgets tenants that owe nothing; to be called now and then.
    pub fn forget(&self, now: Instant) {
        let owes = |share: &Share| share.pending > 0 || share.paid_at.is_some_and(|at| at > now);
        self.shares().tenants.retain(|_, share| owes(share));
    }

    /// How many bytes the reading of a body of so many bytes may take beside it.
    pub fn allowance(&self, body_bytes: usize) -> u64 {
        let body = body_bytes as u64;
        let of = |per_byte: u64| PER_BODY.saturating_add(per_byte.saturating_mul(body));
        let beside = (self.pace.pending_bytes / TENANTS_SHARE).saturating_sub(body);
        of(PER_BYTE).min(beside).max(of(PER_BYTE_OF_LONG))
    }

    fn shares(&self) -> MutexGuard<'_, Shares> {
        self.shares.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// Takes room for more bytes. A request that is the only one, of its tenant or of all, has
    /// room for as much as it may be long.
    ///
    /// # Errors
    /// There is none.
    pub fn grow(&mut self, bytes: u64) -> Result<(), Busy> {
        let most = self.intake.pace.pending_bytes;
        let mut shares = self.intake.shares();
        let all = shares.pending;
        let share = shares.tenants.entry(self.tenant.clone()).or_default();
        if share.pending > self.bytes && share.pending + bytes > most / TENANTS_SHARE {
            return Err(Busy::Tenant(MOMENT));
        }
        if all > self.bytes && all + bytes > most {
            return Err(Busy::All(MOMENT));
        }
        share.pending += bytes;
        shares.pending += bytes;
        self.bytes += bytes;
        Ok(())
    }

    /// Gives room back that is not needed any more.
    pub fn shrink(&mut self, bytes: u64) {
        let bytes = bytes.min(self.bytes);
        let mut shares = self.intake.shares();
        shares.pending = shares.pending.saturating_sub(bytes);
        if let Some(share) = shares.tenants.get_mut(&self.tenant) {
            share.pending = share.pending.saturating_sub(bytes);
        }
        self.bytes -= bytes;
    }

    /// Takes room for all that reading a body of so many bytes may take, and pays for the work.
    ///
    /// # Errors
    /// There is no room.
    pub fn read(&mut self, body_bytes: usize, now: Instant) -> Result<(), Busy> {
        self.grow(self.intake.allowance(body_bytes))?;
        self.pay(body_bytes as u64 / BYTES_PER_POINT, now);
        Ok(())
    }

    /// Pays for the points that a body of so many bytes had.
    pub fn worked(&self, points: u64, body_bytes: usize, now: Instant) {
        self.pay(points.saturating_sub(body_bytes as u64 / BYTES_PER_POINT), now);
    }

    fn pay(&self, points: u64, now: Instant) {
        let cost = Duration::from_secs_f64(points as f64 / self.intake.pace.points_per_second.max(1) as f64);
        let mut shares = self.intake.shares();
        let share = shares.tenants.entry(self.tenant.clone()).or_default();
        let from = share.paid_at.map_or(now, |at| at.max(now));
        share.paid_at = from.checked_add(cost).or(share.paid_at);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.shrink(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intake() -> (Arc<Intake>, Instant) {
        let pace = Pace { pending_bytes: 400, points_per_second: 10 };
        (Arc::new(Intake::new(pace)), Instant::now())
    }

    fn tenant(user: &str) -> Tenant {
        Tenant::claimed(Some(user), None, None)
    }

    #[test]
    fn a_tenant_that_sends_too_many_points_waits_alone() {
        let (intake, start) = intake();
        let at = |seconds| start + Duration::from_secs(seconds);
        let send = |user: &str, points, now| {
            intake.admit(&tenant(user), now).map(|ticket| ticket.worked(points, 0, now))
        };
        send("ann", 100, at(0)).unwrap();
        send("ann", 50, at(0)).unwrap();
        assert_eq!(send("ann", 1, at(0)), Err(Busy::Points(Duration::from_secs(5))));
        send("bob", 1, at(0)).unwrap();
        send("ann", 1, at(5)).unwrap();
        // Ten points a second for ever are no burst.
        for second in 10..100 {
            send("ann", 10, at(second)).unwrap();
        }
        intake.forget(at(10_000));
        assert!(intake.shares().tenants.is_empty());
    }

    #[test]
    fn a_body_without_points_is_work_too() {
        let (intake, now) = intake();
        let mut ticket = intake.admit(&tenant("ann"), now).unwrap();
        ticket.read(1 << 20, now).unwrap();
        ticket.worked(0, 1 << 20, now);
        drop(ticket);
        assert!(matches!(intake.admit(&tenant("ann"), now), Err(Busy::Points(_))));
    }

    #[test]
    fn a_request_of_the_greatest_length_fits_into_its_tenants_part_with_what_it_may_take() {
        let intake = Intake::new(Pace { pending_bytes: 128 << 20, points_per_second: 1 });
        let of = |body: usize| (body as u64, intake.allowance(body));
        assert_eq!(of(0), (0, PER_BODY));
        assert_eq!(of(100 << 10).1, PER_BODY + (800 << 10), "eight times as much");
        let (longest, allowance) = of(8 << 20);
        assert_eq!(longest + allowance, 32 << 20);
        // Who lets bodies be longer than that means it.
        assert_eq!(of(64 << 20).1, PER_BODY + (128 << 20));
    }

    #[test]
    fn room_that_is_not_needed_is_given_back_at_once() {
        let (intake, now) = intake();
        let mut first = intake.admit(&tenant("ann"), now).unwrap();
        first.grow(100).unwrap();
        first.shrink(70);
        let mut second = intake.admit(&tenant("ann"), now).unwrap();
        second.grow(70).unwrap();
        first.shrink(1_000);
        assert_eq!(intake.shares().pending, 70, "no more than it had");
    }

    #[test]
    fn memory_is_shared_and_given_back() {
        let (intake, now) = intake();
        let ticket = |user: &str| intake.admit(&tenant(user), now).unwrap();
        let mut first = ticket("ann");
        first.grow(60).unwrap();
        first.grow(60).unwrap();
        let mut second = ticket("ann");
        assert_eq!(second.grow(1), Err(Busy::Tenant(MOMENT)), "a quarter of 400 is taken");
        let mut others: Vec<Ticket> = ["bob", "cy", "dan"].into_iter().map(ticket).collect();
        for other in &mut others {
            other.grow(90).unwrap();
        }
        assert_eq!(ticket("eve").grow(20), Err(Busy::All(MOMENT)));
        drop(first);
        second.grow(30).unwrap();
        drop((second, others));
        assert_eq!(intake.shares().pending, 0);
        ticket("eve").grow(10_000).unwrap();
    }
}
