//! Staying awake: a fast disk answers sooner than a thread that went to sleep wakes up again.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::thread;

use tokio::sync::Mutex;

/// Of all who wait, one keeps their thread awake for a moment.
#[derive(Debug, Default)]
pub(super) struct Watch(Mutex<()>);

impl Watch {
    /// How often is looked for the answer before the thread may sleep: for about half a millisecond.
    /// Between two looks everybody else is let run.
    const LOOKS: usize = 300;

    pub(super) async fn wait<F: Future>(&self, answer: F) -> F::Output {
        let mut answer = pin!(answer);
        let watch = self.0.try_lock();
        if watch.is_ok() {
            for _ in 0..Self::LOOKS {
                let look = poll_fn(|context| Poll::Ready(answer.as_mut().poll(context)));
                if let Poll::Ready(output) = look.await {
                    return output;
                }
                thread::yield_now();
                tokio::task::yield_now().await;
            }
        }
        answer.await
    }
}
