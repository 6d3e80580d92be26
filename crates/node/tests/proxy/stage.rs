//! What the tests stand on: a proxy, backends that record what reaches them, and a client that says
//! exactly what it is told to.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use model::id::{InstanceId, ReleaseId};
use model::intent::{Generation, Group, Share, Split, Weight};
use model::name::Place;
use model::route::Route;
use node::proxy::{Proxy, Settings, Tripped, bind};
use node::rota::{Rota, Seat};
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;

/// A read that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Stage {
    pub(crate) proxy: Option<Proxy>,
    pub(crate) rota: Arc<Rota>,
    pub(crate) address: SocketAddr,
    pub(crate) trips: UnboundedReceiver<Tripped>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with(Settings::default())
    }

    pub(crate) fn with(settings: Settings) -> Self {
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port");
        let address = listener.local_addr().expect("an address");
        let rota = Arc::new(Rota::default());
        let settings = Settings { threads: Some(2), ..settings };
        let (proxy, trips) = Proxy::start(settings, Arc::clone(&rota)).expect("it starts");
        proxy.listen(&[listener], &[]).expect("its workers are there");
        Self { proxy: Some(proxy), rota, address, trips }
    }

    /// One place with one release and these backends, for every host.
    pub(crate) fn before(backends: &[SocketAddr]) -> Self {
        let stage = Self::new();
        stage.serve(backends, &json!({}));
        stage
    }

    pub(crate) fn serve(&self, backends: &[SocketAddr], more: &Value) {
        for (number, backend) in (0..).zip(backends) {
            self.seat(1, number, *backend);
        }
        self.route(more);
        self.split(&[(1, 10_000)].map(share).to_vec().into(), 1);
    }

    pub(crate) fn proxy(&self) -> &Proxy {
        self.proxy.as_ref().expect("it runs")
    }

    pub(crate) fn seat(&self, release_number: u8, instance: u8, address: SocketAddr) {
        let seat = Seat::new(
            group(release_number),
            instance_id(release_number, instance),
            address,
            Timestamp::UNIX_EPOCH,
        );
        self.rota.enter(seat);
    }

    pub(crate) fn route(&self, more: &Value) {
        self.proxy().set_route(&route(more)).expect("a good route");
    }

    pub(crate) fn split(&self, split: &Split, generation: u64) {
        let split = self.proxy().set_split(&place(), split, Generation(generation));
        split.expect("a good split");
    }

    pub(crate) fn client(&self) -> Client {
        Client::to(self.address)
    }

    /// One request by a connection of its own.
    pub(crate) fn ask(&self, request: &str) -> Answer {
        let mut client = self.client();
        client.say(request);
        client.answer()
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask(&format!(
            "GET {path} HTTP/1.1\r\nhost: shop.example.org\r\nconnection: close\r\n\r\n"
        ))
    }
}

pub(crate) fn route(more: &Value) -> Route {
    let mut route = json!({ "service": "shop", "environment": "production", "hosts": ["*"] });
    for (name, value) in more.as_object().expect("an object") {
        route[name] = value.clone();
    }
    serde_json::from_value(route).expect("a route")
}

pub(crate) fn place() -> Place {
    "shop/production".parse().expect("a place")
}

pub(crate) fn release(number: u8) -> ReleaseId {
    ReleaseId::new(Timestamp::UNIX_EPOCH, [number; 10])
}

pub(crate) fn group(number: u8) -> Group {
    Group { place: place(), release: release(number) }
}

pub(crate) fn instance_id(release: u8, number: u8) -> InstanceId {
    let mut random = [release; 10];
    random[9] = number;
    InstanceId::new(Timestamp::UNIX_EPOCH, random)
}

pub(crate) fn share((number, weight): (u8, u16)) -> Share {
    let weight = Weight::from_hundredths(weight).expect("a weight");
    Share { release: release(number), weight }
}

/// What a backend was asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        header(&self.head, name)
    }

    pub(crate) fn target(&self) -> &str {
        self.head.split(' ').nth(1).expect("a target")
    }
}

/// Backends speak by hand: what they are sent is what the proxy wrote, and nothing is mended on the
/// way.
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Backend {
    /// Gives every request the same answer.
    pub(crate) fn answering(answer: &str) -> Self {
        let answer = answer.as_bytes().to_vec();
        Self::new(move |_, stream| stream.write_all(&answer).is_ok())
    }

    pub(crate) fn saying(text: &str) -> Self {
        Self::answering(&ok(text))
    }

    /// Answers by what was asked. The connection goes on if it says so.
    pub(crate) fn new(
        answer: impl Fn(&Asked, &mut TcpStream) -> bool + Send + Sync + 'static,
    ) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (answer, noted) = (Arc::new(answer), Arc::clone(&asked));
        let address = raw(move |mut stream| {
            let mut reader = Reader::new(stream.try_clone().expect("a second handle"));
            while let Ok(Some(request)) = reader.request() {
                noted.lock().expect("no panic").push(request.clone());
                if !answer(&request, &mut stream) {
                    return;
                }
            }
        });
        Self { address, asked }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no panic").clone()
    }

    pub(crate) fn only(&self) -> Asked {
        let mut asked = self.asked();
        assert_eq!(asked.len(), 1, "one request: {asked:?}");
        asked.remove(0)
    }
}

/// A backend that does with each connection what it is told.
pub(crate) fn raw(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let serve = Arc::clone(&serve);
            std::thread::spawn(move || serve(stream.expect("a connection")));
        }
    });
    address
}

/// An address that nobody listens on.
pub(crate) fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address")
}

pub(crate) fn ok(text: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}", text.len())
}

pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    reader: Reader,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        header(&self.head, name)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }
}

impl Client {
    pub(crate) fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("a connection");
        let reader = Reader::new(stream.try_clone().expect("a second handle"));
        Self { stream, reader }
    }

    pub(crate) fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("written");
    }

    pub(crate) fn answer(&mut self) -> Answer {
        self.reader.answer(false).expect("an answer")
    }

    pub(crate) fn answer_to_head(&mut self) -> Answer {
        self.reader.answer(true).expect("an answer")
    }

    /// None if the connection ends first.
    pub(crate) fn try_answer(&mut self) -> Option<Answer> {
        self.reader.answer(false).ok()
    }

    pub(crate) fn end(&self) {
        self.stream.shutdown(Shutdown::Write).expect("ended");
    }

    pub(crate) fn line(&mut self) -> String {
        self.reader.line().expect("a line")
    }

    /// What has been read already and not been asked for.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.reader.buffer)
    }

    pub(crate) fn exactly(&mut self, count: usize) -> Vec<u8> {
        self.reader.exactly(count).expect("so many bytes")
    }

    /// Whether the other end has closed, after all that it sent has been read.
    pub(crate) fn is_closed(&mut self) -> bool {
        matches!(self.reader.more(), Ok(0) | Err(_)) && self.reader.buffer.is_empty()
    }
}

struct Reader {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Reader {
    fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).expect("set");
        Self { stream, buffer: Vec::new() }
    }

    fn more(&mut self) -> io::Result<usize> {
        let mut bytes = [0; 16 * 1024];
        let count = self.stream.read(&mut bytes)?;
        self.buffer.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn until(&mut self, end: &[u8]) -> io::Result<String> {
        loop {
            if let Some(at) = self.buffer.windows(end.len()).position(|window| window == end) {
                let rest = self.buffer.split_off(at + end.len());
                let taken = std::mem::replace(&mut self.buffer, rest);
                return Ok(String::from_utf8_lossy(&taken).into_owned());
            }
            match self.more() {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn line(&mut self) -> io::Result<String> {
        self.until(b"\r\n")
    }

    fn exactly(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < count {
            if self.more()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let rest = self.buffer.split_off(count);
        Ok(std::mem::replace(&mut self.buffer, rest))
    }

    fn body(&mut self, head: &str, without: Vec<u8>) -> io::Result<Vec<u8>> {
        if header(head, "transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
            let mut body = Vec::new();
            loop {
                let size = self.line()?;
                let size = size.trim().split(';').next().unwrap_or_default().to_owned();
                let size = usize::from_str_radix(&size, 16).map_err(io::Error::other)?;
                if size == 0 {
                    while self.line()? != "\r\n" {}
                    return Ok(body);
                }
                body.extend(self.exactly(size)?);
                self.exactly(2)?;
            }
        }
        match header(head, "content-length") {
            Some(length) => self.exactly(length.parse().map_err(io::Error::other)?),
            None => Ok(without),
        }
    }

    fn request(&mut self) -> io::Result<Option<Asked>> {
        let Ok(head) = self.until(b"\r\n\r\n") else { return Ok(None) };
        if header(&head, "expect").is_some() {
            return Ok(Some(Asked { head, body: Vec::new() }));
        }
        let body = self.body(&head, Vec::new())?;
        Ok(Some(Asked { head, body }))
    }

    fn answer(&mut self, to_head: bool) -> io::Result<Answer> {
        let head = self.until(b"\r\n\r\n")?;
        let status = head.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0);
        let is_bare = to_head || status < 200 || status == 204 || status == 304;
        let is_framed = header(&head, "content-length").is_some()
            || header(&head, "transfer-encoding").is_some();
        let body = if is_bare {
            Vec::new()
        } else if is_framed {
            self.body(&head, Vec::new())?
        } else {
            while self.more()? > 0 {}
            std::mem::take(&mut self.buffer)
        };
        Ok(Answer { status, head, body })
    }
}

fn header(head: &str, name: &str) -> Option<String> {
    let mut lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    let found = lines.find(|(found, _)| found.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.trim().to_owned())
}
