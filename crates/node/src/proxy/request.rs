//! One request from its head to the head of its answer.

use std::borrow::Cow;
use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::{Duration, Instant};

use hyper::body::{Body as _, Incoming};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::http::uri::{PathAndQuery, Scheme, Uri};
use hyper::{Method, Request, Response, StatusCode, Version};
use model::id::InstanceId;
use ports::clock::moment;

use super::access_log::{Entry, milliseconds};
use super::answer::{self, Answer};
use super::backend::{Backend, ConnectError, Link, Picked};
use super::body::{Copy, Download, Fault, Hold, Idle, Progress, Relayed, Rest, Stream, Upload};
use super::connection::Tunnel;
use super::head::{self, Asked};
use super::here::Here;
use super::peer::Peer;
use super::shadow;
use super::split::User;
use super::story::{Held, Judge, Story};
use super::table::Way;
use super::worker::Worker;

/// Waits from so long on need not end to the moment.
const BY_LOOKS: Duration = Duration::from_secs(5);

/// Answers a request, whatever it takes.
pub(super) async fn serve(
    worker: Rc<Worker>,
    peer: Rc<Peer>,
    request: Request<Incoming>,
) -> Result<Answer, Infallible> {
    let began = moment();
    peer.begin();
    let (parts, body) = request.into_parts();
    let has_body = !body.is_end_stream();
    let is_http1 = parts.version < Version::HTTP_2;
    let closes = is_http1
        && has_body
        && parts.headers.contains_key(header::TRANSFER_ENCODING)
        && peer.must_end_after_chunked();
    let mut entry = worker.entry(&parts, &peer);
    let mut answer = match refuse(&parts, &peer) {
        Err(answer) => *answer,
        Ok(host) => {
            let exchange = Exchange { worker: &worker, peer: &peer, began, host };
            exchange.run(parts, body, &mut entry).await
        }
    };
    // Who was promised that the connection stays may be about to send its next request: it is answered,
    // and told that it was the last.
    let is_last =
        is_http1 && worker.draining.get() && answer.status() != StatusCode::SWITCHING_PROTOCOLS;
    if closes || is_last {
        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if let Some(mut entry) = entry {
        // The proxy's own answer; one of an instance takes the entry with it.
        entry.status = answer.status().as_u16();
        let took = began.elapsed();
        entry.answer_ms = milliseconds(took);
        entry.taken(took, 0, answer.body().size_hint().exact().unwrap_or(0), true);
        worker.log(entry);
    }
    Ok(answer)
}

fn refuse(parts: &Parts, peer: &Rc<Peer>) -> Result<HeaderValue, Box<Answer>> {
    head::check(parts, peer).and_then(|()| head::host(parts)).map_err(|refused| {
        let status = match refused {
            head::Refused::Method => StatusCode::METHOD_NOT_ALLOWED,
            _ => StatusCode::BAD_REQUEST,
        };
        let answer = if parts.version < Version::HTTP_2 {
            answer::say_and_close(status, refused.words(), peer)
        } else {
            answer::say(status, refused.words(), peer)
        };
        Box::new(answer)
    })
}

/// What stays the same throughout one request.
struct Exchange<'a> {
    worker: &'a Rc<Worker>,
    peer: &'a Rc<Peer>,
    began: Instant,
    host: HeaderValue,
}

/// A request as it is sent on, as often as it has to be.
struct Outgoing {
    parts: Parts,
    asked: Asked,
    upload: Upload,
    progress: Option<Rc<Progress>>,
    hold: Option<Arc<std::sync::atomic::AtomicBool>>,
    by_http2: bool,
    user: User,
}

impl Exchange<'_> {
    async fn run(
        &self,
        mut parts: Parts,
        body: Incoming,
        entry: &mut Option<Box<Entry>>,
    ) -> Answer {
        let Some(way) = self.way(&parts) else {
            return self.say(StatusCode::NOT_FOUND, "Nothing is served under this address.");
        };
        if way.route.https_only && !head::came_encrypted(&parts.headers, self.peer) {
            let name = head::name_of(&self.host);
            if name.is_empty() {
                return self.say(StatusCode::BAD_REQUEST, head::Refused::NoHost.words());
            }
            return answer::to_https(name, parts.uri.path_and_query(), self.peer);
        }
        if let Some(instead) = &way.route.instead {
            let mut answer = answer::instead(instead, parts.uri.path_and_query(), self.peer);
            add_headers(answer.headers_mut(), &way);
            return answer;
        }
        if let Some(answer) = self.beyond_limits(&parts, &body, &way) {
            return answer;
        }
        let asked = head::take_hop_by_hop(&mut parts.headers, parts.version);
        let user = match &way.route.sticky {
            Some(sticky) => User::of(&parts.headers, sticky, &self.worker.chance),
            None => User::default(),
        };
        let here = self.worker.here(&way);
        let can_answer = |target: usize| !here.instances[target].is_empty();
        let chance = &self.worker.chance;
        let Some(chosen) = here.shares.choose(&parts.headers, user.known, chance, can_answer)
        else {
            return answer::busy("No instance is ready.", self.peer);
        };
        let judge = Judge::new(self.worker, &here, chosen, user.known, self.began);
        way.site.budget.earn(way.route.retries.percent);
        head::forward(&mut parts.headers, self.peer, &self.host, &self.worker.chance);
        if let Some(entry) = entry {
            let group = &judge.target().group;
            entry.place = Some(group.place.clone());
            entry.release = Some(group.release);
            entry.request_id = head::request_id(&parts.headers)
                .map(|id| String::from_utf8_lossy(id.as_bytes()).into_owned());
        }
        let mut outgoing = self.outgoing(parts, body, asked, user, &way);
        if let Some((shadow, weight)) = &here.shares.shadow
            && outgoing.asked.upgrade.is_none()
            && self.worker.chance.below(10_000) < u32::from(weight.hundredths())
        {
            shadow::cast(self.worker, &here, shadow, &outgoing.parts, &mut outgoing.upload);
        }
        self.exchange(outgoing, &here, judge, entry).await
    }

    fn way(&self, parts: &Parts) -> Option<Arc<Way>> {
        let name = head::name_of(&self.host);
        let name = if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(name.to_ascii_lowercase())
        } else {
            Cow::Borrowed(name)
        };
        self.worker.shared.table.load().find(&name, parts.uri.path()).cloned()
    }

    fn say(&self, status: StatusCode, words: &str) -> Answer {
        answer::say(status, words, self.peer)
    }

    fn beyond_limits(&self, parts: &Parts, body: &Incoming, way: &Way) -> Option<Answer> {
        let limits = &way.route.limits;
        let count = u32::try_from(parts.headers.len()).unwrap_or(u32::MAX);
        let lines = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
        let bytes = u32::try_from(lines.sum::<usize>()).unwrap_or(u32::MAX);
        if count > limits.headers || bytes > limits.head {
            let words = "The head of the request is larger than allowed here.";
            return Some(self.say(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, words));
        }
        if limits.body.is_some_and(|most| body.size_hint().lower() > most) {
            let words = "The body of the request is larger than allowed here.";
            return Some(self.say(StatusCode::PAYLOAD_TOO_LARGE, words));
        }
        None
    }

    fn outgoing(
        &self,
        mut parts: Parts,
        body: Incoming,
        asked: Asked,
        user: User,
        way: &Way,
    ) -> Outgoing {
        let is_grpc = || {
            let kind = parts.headers.get(header::CONTENT_TYPE);
            kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
        };
        let by_http2 = parts.version == Version::HTTP_2 && (asked.trailers || is_grpc());
        let mut outgoing = Outgoing {
            upload: Upload::Empty,
            progress: None,
            hold: None,
            by_http2,
            user,
            asked,
            parts: Request::new(()).into_parts().0,
        };
        if !body.is_end_stream() {
            let progress = Progress::new();
            let expects = parts.headers.get(header::EXPECT);
            let is_held = !by_http2
                && expects.is_some_and(|e| e.as_bytes().eq_ignore_ascii_case(b"100-continue"));
            let hold = is_held.then(Hold::new);
            outgoing.hold = hold.as_ref().map(|hold| Arc::clone(&hold.is_wanted));
            outgoing.progress = Some(Rc::clone(&progress));
            outgoing.upload = Upload::Stream(Box::new(Stream {
                incoming: body,
                peer: Rc::clone(self.peer),
                progress,
                left: way.route.limits.body.unwrap_or(u64::MAX),
                hold,
                copy: None::<Copy>,
            }));
        }
        let target = target(&parts.uri, way);
        if by_http2 {
            parts.headers.remove(header::HOST);
            parts.headers.insert(header::TE, HeaderValue::from_static("trailers"));
            parts.uri = absolute(target, &self.host);
        } else {
            if parts.version == Version::HTTP_2
                && let Some(line) = joined_cookies(&parts.headers)
            {
                parts.headers.insert(header::COOKIE, line);
            }
            parts.headers.insert(header::HOST, self.host.clone());
            parts.uri = Uri::from(target);
            parts.version = Version::HTTP_11;
            if let Some(upgrade) = &outgoing.asked.upgrade {
                parts.headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
                parts.headers.insert(header::UPGRADE, upgrade.clone());
            }
        }
        parts.extensions.clear();
        outgoing.parts = parts;
        outgoing
    }

    async fn exchange(
        &self,
        mut outgoing: Outgoing,
        here: &Rc<Here>,
        mut judge: Judge,
        entry: &mut Option<Box<Entry>>,
    ) -> Answer {
        let way = &*here.way;
        let mut tried: Vec<InstanceId> = Vec::new();
        let mut again = 0;
        let end = way.whole_within.map(|within| self.began + within);
        loop {
            let Some((backend, held)) = self.instance(here, &judge, &tried).await else {
                judge.answered(503, self.began.elapsed());
                return answer::busy("Every instance is busy.", self.peer);
            };
            let failure = match self.attempt(&mut outgoing, way, &backend, end).await {
                Ok(reached) => {
                    let now = moment();
                    let took = now.saturating_duration_since(self.began);
                    let status = reached.answer.status().as_u16();
                    judge.answered(status, took);
                    backend.took(took, now);
                    if status >= 500 {
                        backend.failed(now);
                    } else {
                        backend.did_well();
                    }
                    let mut entry = entry.take();
                    if let Some(entry) = &mut entry {
                        entry.instance = Some(backend.seat.instance);
                        entry.status = status;
                        entry.answer_ms = milliseconds(took);
                    }
                    let story = Story {
                        judge,
                        backend,
                        bytes_out: 0,
                        upload: outgoing.progress,
                        is_whole: false,
                        entry,
                        _held: held,
                    };
                    return self.answer(reached, story, way, outgoing.user, end);
                }
                Err(failure) => failure,
            };
            drop(held);
            let counters = judge.counters();
            match failure {
                Failure::Connect(_) => counters.connect_error(),
                Failure::Late => counters.timeout(),
                Failure::Cut { .. } => counters.cut(),
                Failure::Client(_) => {}
            }
            if !matches!(failure, Failure::Client(_)) {
                backend.failed(moment());
            }
            let may_again = match failure {
                Failure::Connect(_) => true,
                Failure::Cut { untouched } => untouched,
                Failure::Late | Failure::Client(_) => false,
            };
            if may_again && again < way.route.retries.times && way.site.budget.spend() {
                again += 1;
                counters.retry();
                tried.push(backend.seat.instance);
                continue;
            }
            return self.failed(&failure, judge);
        }
    }

    /// An instance with room for one more request; waits for one within the route's bounds.
    async fn instance(
        &self,
        here: &Rc<Here>,
        judge: &Judge,
        tried: &[InstanceId],
    ) -> Option<(Rc<Backend>, Held)> {
        let way = &here.way;
        let most = way.route.limits.per_instance;
        let (chance, wall) = (&self.worker.chance, &self.worker.wall);
        let mut known = judge.instances();
        let now;
        // Whoever has been tried may have been replaced since.
        if !tried.is_empty() {
            now = self.worker.backends_of(&judge.target().group);
            known = &now;
        }
        if let Picked::One(backend, busy) = Backend::pick(known, most, tried, chance, wall.get())
            && self.worker.is_in_rotation(&backend.seat, here)
        {
            return Some((backend, Held::new(busy, Rc::clone(here))));
        }
        let waiting = way.site.queue.enter(way.route.limits.queue)?;
        let turn = async {
            loop {
                // Who is in rotation may have changed while it was waited.
                let backends = self.worker.backends_of(&judge.target().group);
                match Backend::pick(&backends, most, tried, chance, wall.get()) {
                    Picked::One(backend, busy)
                        if self.worker.is_in_rotation(&backend.seat, here) =>
                    {
                        return Some((backend, Held::new(busy, Rc::clone(here))));
                    }
                    Picked::One(..) => {}
                    Picked::Nobody => return None,
                    Picked::Full => waiting.turn().await,
                }
            }
        };
        tokio::time::timeout(way.queue_for, turn).await.ok().flatten()
    }

    /// Sends the request to one instance. A connection that the instance had closed in the meantime
    /// is no failure: there is another one.
    async fn attempt(
        &self,
        outgoing: &mut Outgoing,
        way: &Way,
        backend: &Backend,
        end: Option<Instant>,
    ) -> Result<Reached, Failure> {
        if outgoing.by_http2 {
            let mut sender =
                backend.connect_many(way.connect_within).await.map_err(Failure::Connect)?;
            let upload = std::mem::replace(&mut outgoing.upload, Upload::Empty);
            let request = request(outgoing.parts.clone(), upload);
            let sent = sender.try_send_request(request);
            let sent = self.in_time(sent, outgoing.progress.as_ref(), way, end).await?;
            return match sent {
                Ok(answer) => Ok(Reached { answer, link: None }),
                Err(mut error) => Err(outgoing.recover(error.take_message())),
            };
        }
        let mut link = match backend.open_link(outgoing.can_repeat()) {
            Some(link) => link,
            None => backend.connect(way.connect_within).await.map_err(Failure::Connect)?,
        };
        loop {
            let was_used = link.is_used;
            let can_repeat = outgoing.can_repeat();
            let upload = std::mem::replace(&mut outgoing.upload, Upload::Empty);
            let mut sent = request(outgoing.head(can_repeat), upload);
            if let Some(hold) = outgoing.hold.clone() {
                hyper::ext::on_informational(&mut sent, move |informed| {
                    if informed.status() == StatusCode::CONTINUE {
                        hold.store(true, Ordering::Release);
                    }
                });
            }
            let sent = link.send(sent);
            let sent = self.in_time(sent, outgoing.progress.as_ref(), way, end).await?;
            let mut error = match sent {
                Ok(answer) => return Ok(Reached { answer, link: Some(link) }),
                Err(error) => error,
            };
            let failure = outgoing.recover(error.take_message());
            if was_used && matches!(failure, Failure::Cut { untouched: true }) {
                link = backend.connect(way.connect_within).await.map_err(Failure::Connect)?;
                continue;
            }
            return Err(failure);
        }
    }

    /// Waits for the head of an answer, for so long after the last of the body has been sent.
    async fn in_time<T>(
        &self,
        sent: impl Future<Output = T>,
        progress: Option<&Rc<Progress>>,
        way: &Way,
        end: Option<Instant>,
    ) -> Result<T, Failure> {
        let mut sent = std::pin::pin!(sent);
        let mut wait = way.answer_within;
        loop {
            if let Some(end) = end {
                wait = wait.min(end.saturating_duration_since(moment()));
            }
            if let Some(sent) = self.within(wait, sent.as_mut()).await {
                return Ok(sent);
            }
            let now = moment();
            let is_uploading = progress.is_some_and(|progress| !progress.is_over.get());
            let moved = progress.map_or(self.began, |progress| progress.moved.get());
            let most = if is_uploading { way.idle_for } else { way.answer_within };
            let left = (moved + most).saturating_duration_since(now);
            if left.is_zero() || end.is_some_and(|end| end <= now) {
                return Err(Failure::Late);
            }
            wait = left;
        }
    }

    /// Long waits are ended by the worker's looks at the connection, which cost a request nothing.
    async fn within<T>(
        &self,
        wait: Duration,
        mut sent: Pin<&mut impl Future<Output = T>>,
    ) -> Option<T> {
        if wait < BY_LOOKS || self.peer.has_many() {
            return tokio::time::timeout(wait, sent).await.ok();
        }
        self.peer.wake_in(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        let sent = std::future::poll_fn(|cx| match sent.as_mut().poll(cx) {
            Poll::Ready(sent) => Poll::Ready(Some(sent)),
            Poll::Pending if self.peer.is_past_deadline() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await;
        self.peer.sleep_on();
        sent
    }

    fn failed(&self, failure: &Failure, mut judge: Judge) -> Answer {
        let (status, words) = match failure {
            Failure::Connect(ConnectError::Late) | Failure::Late => {
                (StatusCode::GATEWAY_TIMEOUT, "The instance did not answer in time.")
            }
            Failure::Connect(_) => (StatusCode::BAD_GATEWAY, "The instance could not be reached."),
            Failure::Cut { .. } => (StatusCode::BAD_GATEWAY, "The instance gave no whole answer."),
            Failure::Client(Fault::TooLarge) => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "The body of the request is larger than allowed here.",
            ),
            Failure::Client(Fault::Broken) => {
                (StatusCode::BAD_REQUEST, "The body of the request is malformed or did not come.")
            }
        };
        if matches!(failure, Failure::Client(_)) {
            let took = self.began.elapsed();
            judge.answered(status.as_u16(), took);
            return answer::say_and_close(status, words, self.peer);
        }
        judge.answered(status.as_u16(), self.began.elapsed());
        self.say(status, words)
    }

    fn answer(
        &self,
        reached: Reached,
        mut story: Story,
        way: &Way,
        user: User,
        end: Option<Instant>,
    ) -> Answer {
        let (mut parts, incoming) = reached.answer.into_parts();
        if parts.status == StatusCode::SWITCHING_PROTOCOLS {
            return self.switch(parts, reached.link, story);
        }
        head::take_hop_by_hop_of_answer(&mut parts.headers);
        add_headers(&mut parts.headers, way);
        if let Some(cookie) = user.cookie {
            parts.headers.append(header::SET_COOKIE, cookie);
        }
        parts.version = Version::HTTP_11;
        parts.extensions.clear();
        let rest = Rest(Rc::clone(self.peer));
        if incoming.is_end_stream() {
            story.is_whole = true;
            if let Some(link) = reached.link {
                story.backend.keep(link, moment());
            }
            return Response::from_parts(parts, Download::Whole(bytes::Bytes::new(), rest));
        }
        let idle = Idle::new(way.idle_for, end);
        let relayed =
            Relayed { incoming, link: reached.link, story, idle, is_begun: false, _rest: rest };
        Response::from_parts(parts, Download::Relayed(Box::new(relayed)))
    }

    /// The connection goes on with another protocol, past everything here.
    fn switch(
        &self,
        mut parts: hyper::http::response::Parts,
        link: Option<Link>,
        story: Story,
    ) -> Answer {
        let Some((stream, early)) = link.and_then(Link::into_stream) else {
            return self.say(StatusCode::BAD_GATEWAY, "The instance gave no whole answer.");
        };
        parts.extensions.clear();
        parts.headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        *self.peer.tunnel.borrow_mut() = Some(Tunnel { stream, early, story });
        let rest = Rest(Rc::clone(self.peer));
        Response::from_parts(parts, Download::Whole(bytes::Bytes::new(), rest))
    }
}

struct Reached {
    answer: Response<Incoming>,
    link: Option<Link>,
}

/// Why an attempt brought no answer.
#[derive(Debug)]
enum Failure {
    Connect(ConnectError),
    Late,
    /// The connection ended; `untouched` if the request can be sent again without doing harm.
    Cut {
        untouched: bool,
    },
    Client(Fault),
}

impl Outgoing {
    /// Whether it does no harm to send it twice, and nothing of it is gone then.
    fn can_repeat(&self) -> bool {
        let method = &self.parts.method;
        let is_idempotent = method.is_safe() || *method == Method::PUT || *method == Method::DELETE;
        is_idempotent
            && matches!(self.upload, Upload::Empty | Upload::Whole(_))
            && self.asked.upgrade.is_none()
    }

    /// The head to send; kept for another time if there may be one.
    fn head(&mut self, again: bool) -> Parts {
        if again {
            return self.parts.clone();
        }
        let mut left = Request::new(()).into_parts().0;
        left.method = self.parts.method.clone();
        std::mem::replace(&mut self.parts, left)
    }

    /// Takes back what was not sent, and says what can be done.
    fn recover(&mut self, unsent: Option<Request<Upload>>) -> Failure {
        if let Some(fault) = self.progress.as_ref().and_then(|progress| progress.fault.get()) {
            return Failure::Client(fault);
        }
        if let Some(unsent) = unsent {
            let (parts, upload) = unsent.into_parts();
            self.parts = parts;
            self.upload = upload;
            return Failure::Cut { untouched: true };
        }
        let untouched = self.progress.is_none() && self.can_repeat();
        Failure::Cut { untouched }
    }
}

fn request(parts: Parts, upload: Upload) -> Request<Upload> {
    Request::from_parts(parts, upload)
}

fn add_headers(headers: &mut HeaderMap, way: &Way) {
    for (name, value) in &way.headers {
        headers.insert(name, value.clone());
    }
}

/// What the instance is asked for: without the route's prefix, if it is not to see it.
fn target(uri: &Uri, way: &Way) -> PathAndQuery {
    let whole = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    let prefix = way.route.path.trim_end_matches('/');
    if !way.route.strip_path || prefix.is_empty() {
        return whole;
    }
    let rest = whole.as_str().strip_prefix(prefix).unwrap_or(whole.as_str());
    let rest =
        if rest.starts_with('/') { Cow::Borrowed(rest) } else { Cow::Owned(format!("/{rest}")) };
    PathAndQuery::try_from(&*rest).unwrap_or(whole)
}

fn absolute(target: PathAndQuery, host: &HeaderValue) -> Uri {
    let authority = host.to_str().unwrap_or_default();
    let built =
        Uri::builder().scheme(Scheme::HTTP).authority(authority).path_and_query(target.clone());
    built.build().unwrap_or_else(|_| Uri::from(target))
}

/// HTTP/2 cuts cookies into lines; HTTP/1 knows one line only.
fn joined_cookies(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut lines = headers.get_all(header::COOKIE).iter();
    let (first, second) = (lines.next()?, lines.next()?);
    let mut joined = [first.as_bytes(), b"; ", second.as_bytes()].concat();
    for line in lines {
        joined.extend_from_slice(b"; ");
        joined.extend_from_slice(line.as_bytes());
    }
    HeaderValue::from_bytes(&joined).ok()
}
