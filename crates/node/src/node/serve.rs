//! The life of a node: it hears its server, keeps what the proxy found out, and one day gives its
//! place to another.

use std::io;
use std::os::unix::net::UnixListener;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use model::intent::Trip;
use model::name::Place;

use super::Node;
use crate::control;
use crate::handover::Claim;
use crate::proxy::Tripped;

/// How a node's life ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It was told to. Its instances run on.
    Told,
    /// Another has its place.
    Replaced,
}

impl Node {
    /// Serves until it is told to end, or until another has taken its place.
    pub async fn serve(
        self: &Arc<Self>,
        told_to_end: impl Future<Output = ()>,
    ) -> Result<End, io::Error> {
        let mut told_to_end = std::pin::pin!(told_to_end);
        let heirs = asynchronous(&self.inheritance.handover)?;
        loop {
            let heir = tokio::select! {
                () = &mut told_to_end => {
                    self.supervisor().leave();
                    self.proxy.drain(self.settings.drain).await;
                    return Ok(End::Told);
                }
                ended = self.hear() => return Err(ended),
                () = self.keep_trips() => return Err(io::Error::other("the proxy has stopped")),
                came = heirs.accept() => came?.0.into_std()?,
            };
            self.give_up().await;
            let node = Arc::clone(self);
            let given =
                tokio::task::spawn_blocking(move || Claim::hear(heir)?.grant(&node.inheritance));
            match given.await.map_err(io::Error::other)? {
                Ok(()) => {
                    self.proxy.drain(self.settings.drain).await;
                    return Ok(End::Replaced);
                }
                Err(error) => {
                    tracing::error!(
                        "another node wanted this one's place, and did not take it: {error}"
                    );
                    self.supervise_again().await?;
                }
            }
        }
    }

    /// What is told from here on is told to the heir, or again to this one. Connections outlive the
    /// loop that took them in, so each word has to be refused by itself; those that are being taken over
    /// are on the disk before the heir reads it.
    async fn give_up(&self) {
        self.is_given_up.store(true, Ordering::Release);
        drop(self.told.lock().await);
        self.supervisor().leave();
    }

    /// Answers whoever asks, until it cannot any more.
    async fn hear(self: &Arc<Self>) -> io::Error {
        let router = control::router(Arc::clone(self));
        let served = async { axum::serve(asynchronous(&self.inheritance.control)?, router).await };
        served.await.err().unwrap_or_else(|| io::Error::other("the control socket has ended"))
    }

    /// Writes down each trip as it happens, so that it outlives this process.
    async fn keep_trips(&self) {
        let mut trips = self.trips.lock().await;
        while let Some(Tripped { place, trip }) = trips.recv().await {
            self.keep_trip(place, trip).await;
        }
    }

    async fn keep_trip(&self, place: Place, trip: Trip) {
        tracing::warn!(
            "{place}: {} was cut off: {} of {} requests bad, {} of {} on the release before",
            trip.candidate,
            trip.candidate_seen.bad,
            trip.candidate_seen.requests,
            trip.baseline_seen.bad,
            trip.baseline_seen.requests,
        );
        let mut told = Arc::clone(&self.told).lock_owned().await;
        let kept = tokio::task::spawn_blocking(move || told.trip(&place, trip)).await;
        match kept {
            Ok(Ok(())) => {}
            // The candidate stays cut off for as long as this process lives.
            Ok(Err(error)) => tracing::error!("a trip cannot be kept: {error}"),
            Err(error) => tracing::error!("a trip cannot be kept: {error}"),
        }
    }

    /// After an heir that died: whatever it has begun is taken over again.
    async fn supervise_again(&self) -> io::Result<()> {
        let supervisor = self.settings.supervise(&self.rota).map_err(io::Error::other)?;
        *self.supervisor.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(supervisor);
        self.run_all().await;
        self.is_given_up.store(false, Ordering::Release);
        Ok(())
    }
}

fn asynchronous(listener: &UnixListener) -> io::Result<tokio::net::UnixListener> {
    let listener = listener.try_clone()?;
    listener.set_nonblocking(true)?;
    tokio::net::UnixListener::from_std(listener)
}
