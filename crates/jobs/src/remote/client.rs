//! HTTP to a server: as much of it as a runner needs.

use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, Limited, StreamBody};
use hyper::body::{Body as _, Bytes, Frame, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Longer answers are not read.
const MAX_ANSWER: usize = 64 << 20;
const TIME_TO_CONNECT: Duration = Duration::from_secs(10);
/// The most characters of a refusal that are told.
const MAX_REASON: usize = 500;
/// How much of a file is read at once.
const PIECE: u64 = 256 << 10;
/// Bytes of no particular kind.
const OCTETS: &str = "application/octet-stream";
/// Connections that are kept for the next questions.
const MAX_IDLE: usize = 16;

/// Where Debian and its kin keep the authorities that the machine trusts.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Asks one server, with one token.
#[derive(Debug)]
pub struct Client {
    host: String,
    port: u16,
    tls: Option<Arc<ClientConfig>>,
    bearer: String,
    idle: Mutex<Vec<SendRequest<Content>>>,
}

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("`{0}` is not the URL of a server: it is written https://HOST[:PORT]")]
    Url(String),
    #[error(
        "{0} is not on this machine, and http:// would show the token to everybody on the way: use https://"
    )]
    InTheClear(String),
    #[error("the authorities in {} cannot be read", .0.display())]
    Authorities(PathBuf, #[source] io::Error),
    #[error("the token holds characters that no token has")]
    Token,
    #[error("the server cannot be reached")]
    Connect(#[source] io::Error),
    #[error("the connection to the server broke")]
    Broken(#[source] hyper::Error),
    #[error("the server's answer makes no sense: {0}")]
    Nonsense(String),
    #[error("{0}")]
    File(String, #[source] io::Error),
    #[error("{status}: {why}")]
    Refused { status: StatusCode, why: String },
}

impl ClientError {
    /// Whether asking again later can help.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Connect(_) | Self::Broken(_) | Self::File(..) => true,
            Self::Refused { status, .. } => {
                status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
            }
            _ => false,
        }
    }
}

impl Client {
    pub fn new(url: &str, token: &str) -> Result<Self, ClientError> {
        let wrong = || ClientError::Url(url.to_owned());
        let uri: Uri = url.trim_end_matches('/').parse().map_err(|_| wrong())?;
        let host = uri.host().ok_or_else(wrong)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if uri.path_and_query().is_some_and(|path| path.as_str() != "/") {
            return Err(wrong());
        }
        let (tls, port) = match uri.scheme_str() {
            Some("https") => (Some(Arc::new(trust()?)), 443),
            Some("http") if is_here(&host) => (None, 80),
            Some("http") => return Err(ClientError::InTheClear(host)),
            _ => return Err(wrong()),
        };
        let bearer = format!("Bearer {}", token.trim());
        if hyper::header::HeaderValue::from_str(&bearer).is_err() {
            return Err(ClientError::Token);
        }
        let port = uri.port_u16().unwrap_or(port);
        Ok(Self { host, port, tls, bearer, idle: Mutex::default() })
    }

    /// Sends a body of bytes and returns the answer's, whatever its status.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        kind: &'static str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), ClientError> {
        let content = || Ok(Full::new(body.clone()).map_err(|never| match never {}).boxed_unsync());
        let answer = self.answer(method, path, kind, content).await?;
        self.read(answer).await
    }

    /// Sends what is in a file.
    pub async fn upload(&self, path: &str, file: &Path) -> Result<(), ClientError> {
        let unreadable =
            |error| ClientError::File(format!("{} cannot be read", file.display()), error);
        let content = || {
            let file = std::fs::File::open(file).map_err(unreadable)?;
            let pieces = futures_util::stream::unfold(file, |mut file| async move {
                let mut piece = Vec::new();
                match Read::by_ref(&mut file).take(PIECE).read_to_end(&mut piece) {
                    Ok(0) => None,
                    read => Some((read.map(|_| Frame::data(Bytes::from(piece))), file)),
                }
            });
            Ok(StreamBody::new(pieces).boxed_unsync())
        };
        let answer = self.answer(Method::PUT, path, OCTETS, content).await?;
        let (status, body) = self.read(answer).await?;
        successful(status, body).map(drop)
    }

    /// The whole answer, whatever its status.
    async fn read(&self, answer: Answer) -> Result<(StatusCode, Bytes), ClientError> {
        let status = answer.response.status();
        let read = Limited::new(answer.response.into_body(), MAX_ANSWER).collect().await;
        let body = read.map_err(|error| ClientError::Nonsense(error.to_string()))?.to_bytes();
        self.keep(answer.connection);
        Ok((status, body))
    }

    /// Sends JSON and reads the answer as JSON.
    pub async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        question: &impl serde::Serialize,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(question)
            .map_err(|error| ClientError::Nonsense(error.to_string()))?;
        let (status, body) = self.send(method, path, "application/json", body.into()).await?;
        serde_json::from_slice(&successful(status, body)?.1)
            .map_err(|error| ClientError::Nonsense(error.to_string()))
    }

    /// Sends JSON; the answer is read while it comes.
    pub async fn listen(
        &self,
        path: &str,
        question: &impl serde::Serialize,
    ) -> Result<Coming, ClientError> {
        let body = serde_json::to_vec(question)
            .map_err(|error| ClientError::Nonsense(error.to_string()))?;
        let body = Bytes::from(body);
        let content = || Ok(Full::new(body.clone()).map_err(|never| match never {}).boxed_unsync());
        let answer = self.answer(Method::POST, path, "application/json", content).await?;
        self.coming(answer).await
    }

    async fn coming(&self, answer: Answer) -> Result<Coming, ClientError> {
        if !answer.response.status().is_success() {
            let (status, why) = self.read(answer).await?;
            successful(status, why)?;
            return Err(ClientError::Nonsense("a refusal without a reason".to_owned()));
        }
        let Answer { response, connection } = answer;
        Ok(Coming { body: response.into_body(), _connection: connection })
    }

    /// Sends some bytes, and behind them what is in a file; the answer is read while it comes.
    pub(super) async fn exchange(
        &self,
        path: &str,
        head: Bytes,
        file: Option<&std::fs::File>,
    ) -> Result<Coming, ClientError> {
        let unreadable =
            |error| ClientError::File("what is to be sent cannot be read".to_owned(), error);
        let content = || {
            let file = file.map(std::fs::File::try_clone).transpose().map_err(unreadable)?;
            let pieces = futures_util::stream::unfold(
                (Some(head.clone()), file, 0),
                |(head, file, offset)| async move {
                    if let Some(head) = head {
                        return Some((Ok(Frame::data(head)), (None, file, offset)));
                    }
                    let file = file?;
                    let mut piece = vec![0; usize::try_from(PIECE).unwrap_or(usize::MAX)];
                    match file.read_at(&mut piece, offset) {
                        Ok(0) => None,
                        Ok(length) => {
                            piece.truncate(length);
                            let next = (None, Some(file), offset + length as u64);
                            Some((Ok(Frame::data(piece.into())), next))
                        }
                        Err(error) => Some((Err(error), (None, None, offset))),
                    }
                },
            );
            Ok(StreamBody::new(pieces).boxed_unsync())
        };
        let answer = self.answer(Method::POST, path, OCTETS, content).await?;
        self.coming(answer).await
    }

    /// Writes what is at a path into a file.
    pub async fn download(&self, path: &str, to: &mut tokio::fs::File) -> Result<(), ClientError> {
        let nothing = || Ok(Full::default().map_err(|never| match never {}).boxed_unsync());
        let answer = self.answer(Method::GET, path, OCTETS, nothing).await?;
        if !answer.response.status().is_success() {
            let (status, why) = self.read(answer).await?;
            return successful(status, why).map(drop);
        }
        let mut body = answer.response.into_body();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(ClientError::Broken)?;
            if let Ok(piece) = frame.into_data() {
                let unwritable =
                    |error| ClientError::File("what came cannot be written".to_owned(), error);
                to.write_all(&piece).await.map_err(unwritable)?;
            }
        }
        if body.is_end_stream() {
            self.keep(answer.connection);
        }
        Ok(())
    }

    async fn answer(
        &self,
        method: Method,
        path: &str,
        kind: &'static str,
        content: impl Fn() -> Result<Content, ClientError>,
    ) -> Result<Answer, ClientError> {
        let request = || {
            Request::builder()
                .method(method.clone())
                .uri(path)
                .header(HOST, format!("{}:{}", self.host, self.port))
                .header(AUTHORIZATION, &self.bearer)
                .header(CONTENT_TYPE, kind)
                .body(content()?)
                .map_err(|error| ClientError::Nonsense(error.to_string()))
        };
        // One that was kept may have been closed by the other side meanwhile. Everything that is
        // asked may be asked twice.
        while let Some(mut kept) = self.kept() {
            if kept.ready().await.is_ok()
                && let Ok(response) = kept.send_request(request()?).await
            {
                return Ok(Answer { response, connection: kept });
            }
        }
        let mut connection = self.connect().await?;
        let response = connection.send_request(request()?).await;
        Ok(Answer { response: response.map_err(ClientError::Broken)?, connection })
    }

    async fn connect(&self) -> Result<SendRequest<Content>, ClientError> {
        let connect = async {
            let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
            stream.set_nodelay(true)?;
            let Some(tls) = &self.tls else { return Ok(Box::new(stream) as Box<dyn Stream>) };
            let name = ServerName::try_from(self.host.clone()).map_err(io::Error::other)?;
            let stream = TlsConnector::from(tls.clone()).connect(name, stream).await?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        };
        let stream = match tokio::time::timeout(TIME_TO_CONNECT, connect).await {
            Ok(stream) => stream.map_err(ClientError::Connect)?,
            Err(_) => return Err(ClientError::Connect(io::ErrorKind::TimedOut.into())),
        };
        let (sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(ClientError::Broken)?;
        // It ends with its sender; what breaks it breaks the request on it.
        tokio::spawn(connection);
        Ok(sender)
    }

    fn kept(&self) -> Option<SendRequest<Content>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn keep(&self, connection: SendRequest<Content>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if !connection.is_closed() && idle.len() < MAX_IDLE {
            idle.push(connection);
        }
    }
}

/// An answer that comes piece by piece.
#[derive(Debug)]
pub struct Coming {
    body: Incoming,
    /// It lasts as long as this.
    _connection: SendRequest<Content>,
}

impl Coming {
    /// The next piece; `None` at the end. Dropped half-way, nothing is lost.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        while let Some(frame) = self.body.frame().await {
            if let Ok(piece) = frame.map_err(ClientError::Broken)?.into_data() {
                return Ok(Some(piece));
            }
        }
        Ok(None)
    }
}

/// What is sent; made anew for each attempt.
type Content = UnsyncBoxBody<Bytes, io::Error>;

struct Answer {
    response: Response<Incoming>,
    connection: SendRequest<Content>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// What was answered, if the status is one of success.
pub fn successful(status: StatusCode, body: Bytes) -> Result<(StatusCode, Bytes), ClientError> {
    if status.is_success() {
        return Ok((status, body));
    }
    let detail = serde_json::from_slice::<serde_json::Value>(&body).ok();
    let detail = detail.as_ref().and_then(|problem| problem.get("detail")?.as_str());
    let text = String::from_utf8_lossy(&body);
    let why = detail.unwrap_or(&text).chars().take(MAX_REASON).collect();
    Err(ClientError::Refused { status, why })
}

/// An error with what it comes of.
pub(super) fn said(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn is_here(host: &str) -> bool {
    host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The authorities of the machine, or those that `SSL_CERT_FILE` names.
fn trust() -> Result<ClientConfig, ClientError> {
    let path = std::env::var_os("SSL_CERT_FILE").map_or_else(|| AUTHORITIES.into(), PathBuf::from);
    let unreadable = |error| ClientError::Authorities(path.clone(), error);
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(&path)
        .map_err(|error| unreadable(io::Error::other(error.to_string())))?;
    for certificate in certificates {
        let certificate =
            certificate.map_err(|error| unreadable(io::Error::other(error.to_string())))?;
        // One that this program does not understand is not trusted; the others are.
        let _ = roots.add(certificate);
    }
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unreadable(io::Error::other(error)))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
