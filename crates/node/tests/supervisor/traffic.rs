//! Requests while instances come and go.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use node::rota::Rota;

use super::bench::{Bench, group};

/// Takes whoever is in the rota, as a proxy does.
fn ask(rota: &Rota) -> std::io::Result<()> {
    let seat = {
        let seats = rota.seats();
        let all: Vec<_> = seats.values().flatten().collect();
        Arc::clone(all.last().ok_or(std::io::ErrorKind::NotFound)?)
    };
    let _busy = seat.begin();
    let mut stream = TcpStream::connect(seat.address)?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.starts_with("HTTP/1.0 200") || answer.starts_with("HTTP/1.1 200") {
        return Ok(());
    }
    Err(std::io::Error::other(answer))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replacing_all_instances_loses_no_request() {
    let bench = Bench::new();
    let server = Arc::new(bench.server());
    bench.supervisor.ensure(&group(0), 2, Arc::clone(&server));
    bench.until_ready(2).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicU64::new(0));
    let clients: Vec<_> = (0..2)
        .map(|_| {
            let (rota, is_over) = (Arc::clone(&bench.rota), Arc::clone(&is_over));
            let answered = Arc::clone(&answered);
            std::thread::spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    ask(&rota).expect("every request is answered");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for number in 0..4 {
        let (old, new) = (group(number), group(number + 1));
        bench.supervisor.ensure(&new, 2, Arc::clone(&server));
        bench.until_ready(4).await;
        bench.supervisor.ensure(&old, 0, Arc::clone(&server));
        bench.until(|bench| (bench.supervisor.instances().len() == 2).then_some(())).await;
    }
    is_over.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().expect("no request is lost");
    }
    assert!(answered.load(Ordering::Relaxed) > 50);
    bench.supervisor.stop_all().await;
}
