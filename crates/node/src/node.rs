//! One node: what it was told, who runs, and who gets which request.

mod open;
mod serve;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use model::intent::{Generation, Group, GroupHealth, Instances, Judgement, Split, Trip};
use model::name::Place;
use model::route::Route;
use model::workload::Workload;
use ports::traffic::Counts;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{Mutex as AsyncMutex, watch};

use crate::control::protocol::{PlaceStatus, Status};
use crate::handover::Inheritance;
use crate::logs::{LogQuery, LogStream};
use crate::proxy::{Proxy, Tripped};
use crate::rota::Rota;
use crate::stats::Second;
use crate::supervisor::Supervisor;
use crate::told::{Led, NotTaken, Steered, Told, Wanted};

pub use open::{OpenError, Settings};
pub use serve::End;

/// Keeps what it was told, runs it and steers requests to it.
#[derive(Debug)]
pub struct Node {
    settings: Settings,
    since: Timestamp,
    /// One word after the other: it is on the disk, and then it is done.
    told: Arc<AsyncMutex<Told>>,
    rota: Arc<Rota>,
    supervisor: Mutex<Arc<Supervisor>>,
    proxy: Proxy,
    trips: AsyncMutex<UnboundedReceiver<Tripped>>,
    /// When a server has last spoken.
    heard: Mutex<Option<Timestamp>>,
    inheritance: Inheritance,
    /// Another one has been given this one's place: what is asked now is for that one to answer.
    is_given_up: AtomicBool,
}

/// What is said on connections that were open before.
pub(crate) const GIVEN_UP: &str = "another node has this one's place: connect again";

/// Why something is not done that a server wants.
#[derive(Debug)]
pub(crate) enum Refused {
    Older(Generation),
    Tripped(Box<Trip>),
    /// It cannot be so.
    Wrong(String),
    /// It cannot be kept now.
    Disk(String),
}

impl Node {
    /// Takes over how many instances of a release are to run.
    pub(crate) async fn want(
        &self,
        want: Instances,
        generation: Generation,
        workload: Option<Arc<Workload>>,
    ) -> Result<(), Refused> {
        let group = want.group.clone();
        let keep = move |told: &mut Told| told.want(&want, generation, workload);
        self.take(keep, |wanted| self.run(&group, &wanted)).await
    }

    /// Takes over how a place's traffic is split. New requests follow it once this returns.
    pub(crate) async fn steer(
        &self,
        place: Place,
        split: Split,
        generation: Generation,
    ) -> Result<(), Refused> {
        Proxy::check_split(&place, &split).map_err(|why| Refused::Wrong(why.to_string()))?;
        let (here, trip) = (place.clone(), self.proxy.trip(&place));
        let keep = move |told: &mut Told| {
            // It may be on its way to the disk, and is known already.
            if let Some(trip) = trip {
                told.trip(&here, trip)?;
            }
            told.steer(&here, &split, generation)
        };
        self.take(keep, |steered| {
            let followed = self.proxy.set_split(&place, &steered.split, steered.generation);
            followed.map_err(|why| Refused::Wrong(why.to_string()))
        })
        .await
    }

    /// Opens, changes or closes the way into a place.
    pub(crate) async fn lead(
        &self,
        place: Place,
        route: Option<Route>,
        generation: Generation,
    ) -> Result<(), Refused> {
        if let Some(route) = &route {
            if route.place != place {
                let why = format!("the route is of {}, and was sent for {place}", route.place);
                return Err(Refused::Wrong(why));
            }
            self.proxy.check_route(route).map_err(|why| Refused::Wrong(why.to_string()))?;
        }
        let here = place.clone();
        let keep = move |told: &mut Told| told.lead(&here, route.as_ref(), generation);
        self.take(keep, |led| {
            if let Some(route) = led.route {
                return self.proxy.set_route(&route).map_err(|why| Refused::Wrong(why.to_string()));
            }
            self.proxy.remove_route(&place);
            Ok(())
        })
        .await
    }

    pub(crate) async fn wanted(&self, group: &Group) -> Option<Wanted> {
        self.told.lock().await.instances().get(group).cloned()
    }

    pub(crate) async fn steered(&self, place: &Place) -> Option<Steered> {
        self.in_force(&*self.told.lock().await, place)
    }

    /// A trip counts from when it happens, not from when it is on the disk.
    fn in_force(&self, told: &Told, place: &Place) -> Option<Steered> {
        let kept = told.splits().get(place).cloned()?;
        let trip = kept.trip.or_else(|| self.proxy.trip(place));
        Some(Steered { trip, ..kept })
    }

    pub(crate) async fn led(&self, place: &Place) -> Option<Led> {
        self.told.lock().await.routes().get(place).cloned()
    }

    pub(crate) fn health(&self, place: &Place) -> Vec<GroupHealth> {
        self.supervisor().health(place)
    }

    pub(crate) fn judgement(&self, place: &Place) -> Option<Judgement> {
        self.proxy.judgement(place)
    }

    pub(crate) fn counts(&self, place: &Place) -> Vec<Counts> {
        self.proxy.stats().answered(place)
    }

    /// The seconds that are kept and came after one.
    pub(crate) fn seconds(&self, after: u64, most: usize) -> Vec<Second> {
        self.proxy.stats().after(after, most)
    }

    /// Told whenever a second was closed.
    pub(crate) fn seconds_closed(&self) -> watch::Receiver<u64> {
        self.proxy.stats().closed()
    }

    pub(crate) async fn logs(&self, query: LogQuery) -> io::Result<LogStream> {
        self.supervisor().logs(query).await
    }

    /// What Prometheus asks for.
    pub(crate) fn metrics(&self) -> String {
        let mut metrics = self.proxy.stats().prometheus();
        metrics.push_str(&crate::metrics::of_instances(&self.supervisor().instances()));
        metrics
    }

    pub(crate) fn is_given_up(&self) -> bool {
        self.is_given_up.load(Ordering::Acquire)
    }

    pub(crate) fn heard_a_server(&self) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        *heard = Some(self.settings.clock.now());
    }

    /// Where it takes requests: in the clear, and encrypted.
    pub fn addresses(&self) -> (Vec<SocketAddr>, Vec<SocketAddr>) {
        let of = |listeners: &[TcpListener]| {
            let addresses = listeners.iter().filter_map(|listener| listener.local_addr().ok());
            let mut addresses: Vec<_> = addresses.collect();
            addresses.dedup();
            addresses
        };
        (of(&self.inheritance.http), of(&self.inheritance.https))
    }

    pub(crate) async fn status(&self) -> Status {
        let told = self.told.lock().await;
        let mut places: Vec<&Place> = told.routes().keys().chain(told.splits().keys()).collect();
        places.sort_unstable();
        places.dedup();
        let places = places.into_iter().map(|place| PlaceStatus {
            place: place.clone(),
            route: told.routes().get(place).and_then(|led| led.route.clone()),
            split: self.in_force(&told, place),
        });
        let (http, https) = self.addresses();
        Status {
            version: self.settings.version.clone(),
            pid: std::process::id(),
            since: self.since,
            heard: *self.heard.lock().unwrap_or_else(PoisonError::into_inner),
            http,
            https,
            places: places.collect(),
            instances: self.supervisor().instances(),
            notes: self.notes(),
        }
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = self.proxy.notes();
        let unenforced = self.supervisor().instances().into_iter();
        let mut unenforced: Vec<_> =
            unenforced.filter_map(|instance| instance.unenforced).collect();
        unenforced.sort_unstable();
        unenforced.dedup();
        notes.extend(unenforced);
        notes
    }
}

impl Node {
    /// Keeps something and then does it, before anybody else's word is heard.
    async fn take<T: Send + 'static>(
        &self,
        keep: impl FnOnce(&mut Told) -> Result<T, NotTaken> + Send + 'static,
        act: impl FnOnce(T) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        let mut told = Arc::clone(&self.told).lock_owned().await;
        // It may have waited for its turn while the place was given up.
        if self.is_given_up() {
            return Err(Refused::Disk(GIVEN_UP.to_owned()));
        }
        let kept = tokio::task::spawn_blocking(move || {
            let kept = keep(&mut told);
            (told, kept)
        });
        let (_told, kept) = kept.await.map_err(|error| Refused::Disk(error.to_string()))?;
        act(kept?)
    }

    /// Wants everything that is kept, as after a start.
    async fn run_all(&self) {
        for (group, wanted) in self.told.lock().await.instances() {
            if let Err(Refused::Wrong(why)) = self.run(group, wanted) {
                tracing::error!("{}: {why}", group.place);
            }
        }
    }

    fn run(&self, group: &Group, wanted: &Wanted) -> Result<(), Refused> {
        match &wanted.workload {
            Some(workload) => {
                self.supervisor().ensure(group, wanted.count, Arc::clone(workload));
                Ok(())
            }
            None if wanted.count == 0 => Ok(()),
            None => Err(Refused::Wrong(format!("nobody has said what {} is", group.release))),
        }
    }

    fn supervisor(&self) -> Arc<Supervisor> {
        Arc::clone(&self.supervisor.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl From<NotTaken> for Refused {
    fn from(not_taken: NotTaken) -> Self {
        match not_taken {
            NotTaken::Older(newest) => Self::Older(newest),
            NotTaken::Tripped(trip) => Self::Tripped(trip),
            NotTaken::Disk { .. } => Self::Disk(not_taken.to_string()),
        }
    }
}
