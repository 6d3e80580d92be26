//! A route as one worker sees it: with its split and its instances as they are at one moment. Each
//! worker has its own, so that no two of them count references to the same thing.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use super::backend::{Backend, Backends};
use super::split::Shares;
use super::table::Way;
use crate::rota::{Rota, Seats};

#[derive(Debug)]
pub(super) struct Here {
    pub(super) way: Arc<Way>,
    pub(super) shares: Arc<Shares>,
    seats: Arc<Seats>,
    /// For each target of the split, who is in rotation.
    pub(super) instances: Vec<Box<[Rc<Backend>]>>,
}

impl Here {
    pub(super) fn is_as_of(&self, seats: &Arc<Seats>) -> bool {
        Arc::ptr_eq(&self.seats, seats)
    }
}

/// What was seen of each route when it was last asked for.
#[derive(Debug, Default)]
pub(super) struct Heres(RefCell<HashMap<usize, Rc<Here>>>);

impl Heres {
    /// The route with its split and instances as they are now.
    pub(super) fn of(&self, way: &Arc<Way>, rota: &Rota, backends: &Backends) -> Rc<Here> {
        let (shares, seats) = (way.site.shares.load(), rota.seats());
        let mut known = self.0.borrow_mut();
        // What is known holds its route, so nothing else can have the same address.
        let address = Arc::as_ptr(way).addr();
        if let Some(here) = known.get(&address)
            && Arc::ptr_eq(&here.shares, &shares)
            && Arc::ptr_eq(&here.seats, &seats)
        {
            return Rc::clone(here);
        }
        let instances = shares.targets().iter().map(|target| {
            let seats = seats.get(&target.group).map_or(&[][..], |seats| seats);
            seats.iter().map(|seat| backends.of(seat)).collect()
        });
        let here = Rc::new(Here {
            way: Arc::clone(way),
            instances: instances.collect(),
            shares: Arc::clone(&shares),
            seats: Arc::clone(&seats),
        });
        known.insert(address, Rc::clone(&here));
        here
    }

    /// Forgets what may have changed in the meantime; it is soon known again.
    pub(super) fn forget(&self) {
        self.0.borrow_mut().clear();
    }
}
