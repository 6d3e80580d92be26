//! Group commit: what waits is committed together, while the next lot gathers.

use ports::store::{Commit, CommitError, Committed, StoreError, StoreErrorKind};
use tokio::sync::{mpsc, oneshot};

use super::batch::{self, Batch};
use super::line::Line;

/// A commit, and who waits for what becomes of it.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) commit: Commit,
    pub(super) answer: oneshot::Sender<Result<Committed, CommitError>>,
}

/// The one that writes. It ends when nobody is left to give orders, and all are carried out.
#[derive(Debug)]
pub(super) struct Writer {
    line: Line,
    orders: mpsc::Receiver<Order>,
}

impl Writer {
    /// How many orders may wait; whoever gives more waits before they are taken.
    pub(super) const WAITING: usize = 1_024;
    const MOST: usize = 256;
    /// No more is gathered once a batch is this heavy, so that it does not weigh on the server.
    const HEAVY: usize = 8 << 20;

    pub(super) fn new(line: Line, orders: mpsc::Receiver<Order>) -> Self {
        Self { line, orders }
    }

    pub(super) async fn run(mut self) {
        while let Some(first) = self.orders.recv().await {
            // Those who were answered together may have something to say together.
            tokio::task::yield_now().await;
            let mut weight = batch::weight(&first.commit);
            let mut orders = vec![first];
            while orders.len() < Self::MOST && weight < Self::HEAVY {
                let Ok(next) = self.orders.try_recv() else { break };
                weight += batch::weight(&next.commit);
                orders.push(next);
            }
            self.carry_out(orders).await;
        }
    }

    async fn carry_out(&self, orders: Vec<Order>) {
        match self.write(&orders).await {
            Ok(results) => {
                for (order, result) in orders.into_iter().zip(results) {
                    // Whoever does not wait any more finds it in the store.
                    drop(order.answer.send(result));
                }
            }
            // Nothing was written, and one of them is to blame: the others shall not suffer.
            Err(error) if orders.len() > 1 && is_of_one(error.kind) => {
                for order in orders {
                    let alone = [order];
                    let result = self.write(&alone).await;
                    let [order] = alone;
                    let result = result.map_or_else(
                        |error| Err(error.into()),
                        |mut results| results.pop().expect("one result for one commit"),
                    );
                    drop(order.answer.send(result));
                }
            }
            Err(error) => {
                let (kind, what) = (error.kind, error.what.clone());
                let mut first = Some(error);
                for order in orders {
                    let error = first.take().unwrap_or_else(|| StoreError::new(kind, what.clone()));
                    drop(order.answer.send(Err(error.into())));
                }
            }
        }
    }

    async fn write(
        &self,
        orders: &[Order],
    ) -> Result<Vec<Result<Committed, CommitError>>, StoreError> {
        let mut batch = Batch::default();
        for order in orders {
            batch.push(&order.commit);
        }
        let rows = batch.send(&self.line).await.map_err(doubtful)?;
        if rows.len() != orders.len() {
            let what = format!("{} answers to {} commits", rows.len(), orders.len());
            return Err(StoreError::new(StoreErrorKind::Failed, what));
        }
        Ok(rows.iter().zip(orders).map(|(row, order)| batch::read(row, &order.commit)).collect())
    }
}

/// Whether the trouble may come from what one of them wants to be written.
fn is_of_one(kind: StoreErrorKind) -> bool {
    matches!(kind, StoreErrorKind::Failed | StoreErrorKind::TooLarge | StoreErrorKind::Damaged)
}

fn doubtful(error: StoreError) -> StoreError {
    if error.kind != StoreErrorKind::Unreachable {
        return error;
    }
    let what = format!("the commit may or may not have been taken: {}", error.what);
    StoreError { what, ..error }
}
