//! Work for several threads, some of which make more of it.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard};

/// A queue whose end is known: when nobody adds, and nobody works who might.
#[derive(Debug)]
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    most: usize,
}

#[derive(Debug)]
struct State<T> {
    waiting: VecDeque<T>,
    working: usize,
    is_closed: bool,
}

impl<T> Queue<T> {
    /// From outside no more than so much is added at once.
    pub(super) fn new(most: usize) -> Self {
        let state = State { waiting: VecDeque::new(), working: 0, is_closed: false };
        Self { state: Mutex::new(state), changed: Condvar::new(), most }
    }

    /// Adds from outside, and waits while there is too much. After the end it is dropped.
    pub(super) fn add(&self, work: T) {
        let mut state = self.lock();
        while state.waiting.len() >= self.most && !state.is_closed {
            state = self.changed.wait(state).expect("nobody panics with it");
        }
        if !state.is_closed {
            state.waiting.push_back(work);
            self.changed.notify_all();
        }
    }

    /// Adds what came of other work, before everything else.
    pub(super) fn add_more(&self, work: impl IntoIterator<Item = T>) {
        let mut state = self.lock();
        for work in work {
            state.waiting.push_front(work);
        }
        self.changed.notify_all();
    }

    /// Nothing comes from outside any more.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    /// Nobody does anything more.
    pub(super) fn give_up(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        state.waiting.clear();
        self.changed.notify_all();
    }

    /// Does work until there is none and none can come.
    pub(super) fn work(&self, mut each: impl FnMut(T)) {
        while let Some(work) = self.take() {
            // Whoever waits for the end must not wait for one who panicked.
            let _done = Done(self);
            each(work);
        }
    }

    fn take(&self) -> Option<T> {
        let mut state = self.lock();
        loop {
            if let Some(work) = state.waiting.pop_front() {
                state.working += 1;
                self.changed.notify_all();
                return Some(work);
            }
            if state.is_closed && state.working == 0 {
                return None;
            }
            state = self.changed.wait(state).expect("nobody panics with it");
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().expect("nobody panics with it")
    }
}

struct Done<'a, T>(&'a Queue<T>);

impl<T> Drop for Done<'_, T> {
    fn drop(&mut self) {
        self.0.lock().working -= 1;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn everything_is_done_once_and_what_comes_of_it_too() {
        let queue = Queue::new(4);
        let sum = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    queue.work(|number: u64| {
                        sum.fetch_add(number, Ordering::Relaxed);
                        if number > 100 {
                            queue.add_more([1, 2]);
                        }
                    });
                });
            }
            for number in 1..=200 {
                queue.add(number);
            }
            queue.close();
        });
        assert_eq!(sum.into_inner(), 200 * 201 / 2 + 100 * 3);
    }

    #[test]
    fn giving_up_lets_everybody_go() {
        let queue = Queue::new(1);
        std::thread::scope(|scope| {
            scope.spawn(|| queue.work(|_: u64| queue.give_up()));
            for number in 0..100 {
                queue.add(number);
            }
            queue.close();
        });
    }
}
