//! The proxy alone, before one backend: for measuring it beside others, and for trying it out.
//!
//!     proxy HTTP-ADDRESS HTTPS-ADDRESS BACKEND-ADDRESS [CERTIFICATES]
//!
//! With `TRIPWIRE=1` in the environment a second release takes half of the requests, and is watched.

use std::net::SocketAddr;
use std::sync::Arc;

use jiff::Timestamp;
use model::id::{InstanceId, ReleaseId};
use model::intent::{Generation, Group, Share, Split, Weight};
use model::name::Place;
use model::rollout::Guard;
use node::proxy::{Proxy, Settings, bind};
use node::rota::{Rota, Seat};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [http, https, backend, certificates @ ..] = &*words else {
        return Err("usage: proxy HTTP-ADDRESS HTTPS-ADDRESS BACKEND-ADDRESS [CERTIFICATES]".into());
    };
    let settings = Settings {
        certificates: certificates.first().map(Into::into),
        access_log: std::env::var_os("ACCESS_LOG").map(Into::into),
        ..Settings::default()
    };
    let rota = Arc::new(Rota::default());
    let (proxy, _trips) = Proxy::start(settings, Arc::clone(&rota))?;
    let backend: SocketAddr = backend.parse()?;
    let place: Place = "shop/production".parse()?;
    let [baseline, candidate] = [1, 2].map(|n| ReleaseId::new(Timestamp::UNIX_EPOCH, [n; 10]));
    for (release, number) in [(baseline, 1), (candidate, 2)] {
        let group = Group { place: place.clone(), release };
        let instance = InstanceId::new(Timestamp::UNIX_EPOCH, [number; 10]);
        rota.enter(Seat::new(group, instance, backend, Timestamp::UNIX_EPOCH));
    }
    let mut split: Split = vec![Share { release: baseline, weight: Weight::ALL }].into();
    if std::env::var_os("TRIPWIRE").is_some() {
        let half = Weight::from_percent(50).ok_or("half is a weight")?;
        split =
            [baseline, candidate].map(|release| Share { release, weight: half }).to_vec().into();
        split.tripwire = Some(Guard::default().tripwire(candidate, baseline));
    }
    let route = serde_json::json!({
        "service": "shop", "environment": "production", "hosts": ["*"],
        "limits": { "per_instance": 100_000 },
    });
    proxy.set_route(&serde_json::from_value(route)?)?;
    proxy.set_split(&place, &split, Generation(1))?;
    proxy.listen(&[bind(http.parse()?)?], &[bind(https.parse()?)?])?;
    loop {
        std::thread::park();
    }
}
