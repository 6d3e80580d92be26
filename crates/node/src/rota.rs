//! Who may be given requests: the supervisor puts instances in and takes them out, the proxy reads.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use model::id::InstanceId;
use model::intent::Group;
use tokio::sync::Notify;

/// The instances in rotation, by group. Reading takes no lock.
#[derive(Debug, Default)]
pub struct Rota {
    seats: ArcSwap<Seats>,
    /// Held while a changed copy is made: two writers at a time would lose one's change.
    writing: Mutex<()>,
}

/// Instances in rotation as they are at one moment.
pub type Seats = HashMap<Group, Vec<Arc<Seat>>>;

/// One instance in rotation.
#[derive(Debug)]
pub struct Seat {
    pub group: Group,
    pub instance: InstanceId,
    pub address: SocketAddr,
    /// Since when it is in rotation: who is new is given its full part only by and by.
    pub since: Timestamp,
    busy: AtomicUsize,
    idle: Notify,
}

impl Rota {
    /// The seats as they are now.
    pub fn seats(&self) -> arc_swap::Guard<Arc<Seats>> {
        self.seats.load()
    }

    /// Lets an instance be given requests.
    pub fn enter(&self, seat: Seat) {
        let seat = Arc::new(seat);
        self.change(|seats| {
            let group = seats.entry(seat.group.clone()).or_default();
            group.retain(|other| other.instance != seat.instance);
            group.push(Arc::clone(&seat));
        });
    }

    /// Lets an instance be given no more requests; those under way go on. The seat that is returned
    /// tells when they are over; none if the instance was not in rotation.
    pub fn leave(&self, group: &Group, instance: InstanceId) -> Option<Arc<Seat>> {
        let mut left = None;
        self.change(|seats| {
            let Some(group_seats) = seats.get_mut(group) else { return };
            left = group_seats.iter().find(|seat| seat.instance == instance).cloned();
            group_seats.retain(|seat| seat.instance != instance);
            if group_seats.is_empty() {
                seats.remove(group);
            }
        });
        left
    }

    fn change(&self, change: impl FnOnce(&mut Seats)) {
        let _writing = self.writing.lock().expect("nothing panics while it changes the seats");
        let mut seats = Seats::clone(&self.seats.load());
        change(&mut seats);
        self.seats.store(Arc::new(seats));
    }
}

impl Seat {
    pub fn new(group: Group, instance: InstanceId, address: SocketAddr, since: Timestamp) -> Self {
        Self { group, instance, address, since, busy: AtomicUsize::new(0), idle: Notify::new() }
    }

    /// Takes part in what the instance has under way, until what is returned is dropped.
    pub fn begin(self: &Arc<Self>) -> Busy {
        self.busy.fetch_add(1, Ordering::AcqRel);
        Busy(Arc::clone(self))
    }

    /// How many requests it has under way.
    pub fn busy(&self) -> usize {
        self.busy.load(Ordering::Acquire)
    }

    /// Waits until nothing is under way.
    pub async fn drained(&self) {
        loop {
            let mut idle = std::pin::pin!(self.idle.notified());
            // Asked before the count is looked at, or the last one's end could be missed.
            idle.as_mut().enable();
            if self.busy() == 0 {
                return;
            }
            idle.await;
        }
    }
}

/// A request that an instance has under way.
#[derive(Debug)]
pub struct Busy(Arc<Seat>);

impl Drop for Busy {
    fn drop(&mut self) {
        if self.0.busy.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.idle.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_leaves_is_drained_when_its_last_request_is_over() {
        let rota = Rota::default();
        let (group, instance) = (group(), InstanceId::new(Timestamp::UNIX_EPOCH, [1; 10]));
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        rota.enter(Seat::new(group.clone(), instance, address, Timestamp::UNIX_EPOCH));
        let busy = [rota.seats()[&group][0].begin(), rota.seats()[&group][0].begin()];

        let seat = rota.leave(&group, instance).expect("it was in rotation");
        assert!(rota.seats().is_empty());
        assert!(rota.leave(&group, instance).is_none());

        let drained = tokio::spawn({
            let seat = Arc::clone(&seat);
            async move { seat.drained().await }
        });
        let [first, last] = busy;
        drop(first);
        tokio::task::yield_now().await;
        assert!(!drained.is_finished());
        drop(last);
        drained.await.expect("it ends");
    }

    fn group() -> Group {
        Group {
            place: "shop/production".parse().expect("a place"),
            release: model::id::ReleaseId::new(Timestamp::UNIX_EPOCH, [7; 10]),
        }
    }
}
