//! Encryption: certificates from a folder, by name, read anew when they change.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper_util::rt::{TokioExecutor, TokioIo};
use node::proxy::{Settings, bind};
use serde_json::json;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::stage::{Backend, Stage};

/// A certificate that signs itself, by the one program that everybody makes them with.
fn certify(folder: &Path, file: &str, names: &[&str], days: u32) {
    let names: Vec<_> = names.iter().map(|name| format!("DNS:{name}")).collect();
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ])
        .args(["-subj", "/CN=test", "-days", &days.to_string()])
        .args(["-addext", &format!("subjectAltName={}", names.join(","))])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(folder.join(format!("{file}.key")))
        .arg("-out")
        .arg(folder.join(format!("{file}.new")))
        .stderr(Stdio::null())
        .status()
        .expect("openssl is there");
    assert!(made.success());
    std::fs::rename(folder.join(format!("{file}.new")), folder.join(format!("{file}.crt")))
        .expect("moved");
}

fn root(folder: &Path, file: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(folder.join(format!("{file}.crt"))).expect("a certificate")
}

async fn connect(
    address: SocketAddr,
    name: &str,
    trusted: CertificateDer<'static>,
    protocol: &str,
) -> std::io::Result<TlsStream<tokio::net::TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted).expect("a certificate");
    let mut config = ClientConfig::builder_with_provider(Arc::new(
        tokio_rustls::rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .expect("versions")
    .with_root_certificates(roots)
    .with_no_client_auth();
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let stream = tokio::net::TcpStream::connect(address).await?;
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

fn stage(folder: &Path) -> (Stage, Backend, SocketAddr) {
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port");
    let address = listener.local_addr().expect("an address");
    let stage =
        Stage::with(Settings { certificates: Some(folder.to_owned()), ..Settings::default() });
    stage.proxy().listen(&[], &[listener]).expect("its workers are there");
    let backend = Backend::saying("secret");
    stage.serve(&[backend.address], &json!({ "https_only": true }));
    (stage, backend, address)
}

#[tokio::test]
async fn each_name_has_its_certificate_and_both_protocols() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    certify(folder, "shop", &["shop.example.org"], 30);
    certify(folder, "wild", &["*.example.org", "example.org"], 60);
    let (stage, backend, address) = stage(folder);

    for (name, file) in
        [("shop.example.org", "shop"), ("other.example.org", "wild"), ("example.org", "wild")]
    {
        let stream =
            connect(address, name, root(folder, file), "http/1.1").await.expect("encrypted");
        let shaken = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = shaken.expect("a handshake");
        tokio::spawn(connection);
        let request =
            Request::get("/").header("host", name).body(Empty::<Bytes>::new()).expect("a request");
        let answer = sender.send_request(request).await.expect("an answer");
        assert_eq!(answer.into_body().collect().await.expect("a body").to_bytes(), "secret");
    }
    assert!(connect(address, "example.com", root(folder, "wild"), "h2").await.is_err());

    let stream =
        connect(address, "shop.example.org", root(folder, "shop"), "h2").await.expect("encrypted");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    let shaken =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (mut sender, connection) = shaken.expect("a handshake");
    tokio::spawn(connection);
    let request =
        Request::get("https://shop.example.org/").body(Empty::<Bytes>::new()).expect("a request");
    let answer = sender.send_request(request).await.expect("an answer");
    assert_eq!(answer.into_body().collect().await.expect("a body").to_bytes(), "secret");
    assert_eq!(backend.asked()[0].header("x-forwarded-proto").as_deref(), Some("https"));

    let plain = stage.get("/a?b");
    assert_eq!(plain.status, 308);
    assert_eq!(plain.header("location").as_deref(), Some("https://shop.example.org/a?b"));
}

#[tokio::test]
async fn a_changed_certificate_is_read_anew_and_a_bad_one_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    certify(folder, "shop", &["shop.example.org"], 30);
    let (stage, _backend, address) = stage(folder);
    let (good, bad) = stage.proxy().certificates();
    assert_eq!((good.len(), bad.len()), (1, 0));
    assert_eq!(good[0].names, ["shop.example.org"]);
    let lives = good[0].ends.duration_since(good[0].begins).as_hours();
    assert_eq!(lives, 30 * 24);
    let first = root(folder, "shop");

    // Another key with the old certificate: it is not shown, and the old pair goes on.
    certify(folder, "other", &["other.example.org"], 60);
    std::fs::copy(folder.join("other.key"), folder.join("shop.key")).expect("copied");
    let why = until(|| stage.proxy().certificates().1.pop()).await;
    assert!(why.why.contains("not for this key"), "{}", why.why);
    assert!(why.file.ends_with("shop.crt"));
    connect(address, "shop.example.org", first.clone(), "h2").await.expect("the old one is shown");
    connect(address, "other.example.org", root(folder, "other"), "h2")
        .await
        .expect("the new one is shown");

    certify(folder, "shop", &["shop.example.org"], 90);
    until(|| {
        let (good, bad) = stage.proxy().certificates();
        let longest = good.iter().map(|one| one.ends.duration_since(one.begins).as_hours()).max();
        (bad.is_empty() && longest == Some(90 * 24)).then_some(())
    })
    .await;
    connect(address, "shop.example.org", root(folder, "shop"), "h2")
        .await
        .expect("the newest is shown");
    assert!(connect(address, "shop.example.org", first, "h2").await.is_err());
}

async fn until<T>(seen: impl Fn() -> Option<T>) -> T {
    let mut ticks = tokio::time::interval(std::time::Duration::from_millis(20));
    for _ in 0..1_000 {
        if let Some(seen) = seen() {
            return seen;
        }
        ticks.tick().await;
    }
    panic!("it never comes");
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let rota = Arc::default();
    let settings = Settings { certificates: Some("/nowhere/at/all".into()), ..Settings::default() };
    let error = node::proxy::Proxy::start(settings, rota).expect_err("it does not start");
    let told = std::error::Error::source(&error).expect("why").to_string();
    assert!(told.contains("/nowhere/at/all"), "{told}");
}
