//! What a server says: a split or a route, which is refused or can be followed.
#![no_main]

use model::intent::Split;
use model::name::Place;
use model::route::Route;
use node::proxy::Proxy;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let place: Place = "shop/production".parse().expect("a place");
    if let Ok(split) = serde_json::from_slice::<Split>(bytes) {
        let _ = Proxy::check_split(&place, &split);
    }
    if let Ok(route) = serde_json::from_slice::<Route>(bytes) {
        node::proxy::fuzzing::route(&route);
    }
});
