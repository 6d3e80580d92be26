//! Copies of requests for a release that is only looked at: their answers are dropped, and nobody
//! waits for them.

use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use hyper::Request;
use hyper::body::Body as _;
use hyper::http::request::Parts;
use ports::clock::moment;
use tokio::sync::oneshot;

use super::backend::{Backend, Picked};
use super::body::{Copy, Upload};
use super::here::Here;
use super::split::Target;
use super::story::Held;
use super::worker::Worker;

/// The longest body that is copied.
const MOST_BYTES: usize = 256 * 1024;
/// Copies that one worker has under way; above that, none are made.
const MOST: usize = 256;
/// How long a copy may take in all.
const WITHIN: Duration = Duration::from_secs(30);

/// Sends a copy on its way, unless there are too many already.
pub(super) fn cast(
    worker: &Rc<Worker>,
    here: &Rc<Here>,
    target: &Target,
    parts: &Parts,
    upload: &mut Upload,
) {
    if worker.shadows.get() >= MOST {
        return;
    }
    let body = match upload {
        Upload::Stream(stream) => {
            let (to, from) = oneshot::channel();
            stream.copy = Some(Copy { parts: Vec::new(), left: MOST_BYTES, to: Some(to) });
            Some(from)
        }
        Upload::Empty | Upload::Whole(_) => None,
    };
    let shadow = Shadow {
        worker: Rc::clone(worker),
        here: Rc::clone(here),
        target: target.clone(),
        parts: parts.clone(),
        body,
    };
    worker.shadows.set(worker.shadows.get() + 1);
    tokio::task::spawn_local(async move {
        let worker = Rc::clone(&shadow.worker);
        // One that is late is dropped, which is all that becomes of the others too.
        let _ = tokio::time::timeout(WITHIN, shadow.run()).await;
        worker.shadows.set(worker.shadows.get() - 1);
    });
}

struct Shadow {
    worker: Rc<Worker>,
    here: Rc<Here>,
    target: Target,
    parts: Parts,
    body: Option<oneshot::Receiver<Vec<Bytes>>>,
}

impl Shadow {
    async fn run(mut self) {
        let upload = match self.body.take() {
            None => Upload::Empty,
            Some(body) => match body.await {
                Ok(parts) => Upload::Whole(parts.concat().into()),
                // It was too long, or never came to its end.
                Err(_) => return,
            },
        };
        let way = &self.here.way;
        let backends = self.worker.backends_of(&self.target.group);
        let (chance, wall) = (&self.worker.chance, self.worker.wall.get());
        let most = way.route.limits.per_instance;
        let picked = Backend::pick(&backends, most, &[], chance, wall);
        let Picked::One(backend, busy) = picked else { return };
        let _held = Held::new(busy, Rc::clone(&self.here));
        let counters = self.target.counters.of(self.worker.number);
        let began = moment();
        counters.request();
        let link = match backend.open_link(true) {
            Some(link) => Ok(link),
            None => backend.connect(way.connect_within).await,
        };
        let Ok(mut link) = link else {
            counters.connect_error();
            counters.bad();
            return;
        };
        self.parts.headers.remove(hyper::header::EXPECT);
        self.parts.version = hyper::Version::HTTP_11;
        let Ok(answer) = link.send(Request::from_parts(self.parts, upload)).await else {
            counters.cut();
            counters.bad();
            return;
        };
        let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let status = answer.status().as_u16();
        counters.answer(status, micros);
        if status >= 500 {
            counters.bad();
        }
        let mut body = answer.into_body();
        loop {
            let frame = std::future::poll_fn(|cx| {
                link.drive(cx);
                Pin::new(&mut body).poll_frame(cx)
            });
            match frame.await {
                Some(Ok(_)) => {}
                Some(Err(_)) => return,
                None => break,
            }
        }
        backend.keep(link, moment());
    }
}
