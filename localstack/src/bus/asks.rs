//! Questions to all other hosts, and their answers.

use std::{
    collections::{HashMap, HashSet},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

use super::{message::Answer, peers::Peers};

/// How long answers are waited for.
const DEADLINE: Duration = Duration::from_secs(2);
/// How often is looked whether those that have not answered still live.
const LOOK_EVERY: Duration = Duration::from_millis(50);

type Answers = mpsc::UnboundedSender<(String, Answer)>;

/// The questions that are open.
#[derive(Default)]
pub(super) struct Asks {
    last: AtomicU64,
    open: Mutex<HashMap<u64, Answers>>,
}

/// A question. It is closed when this is dropped.
pub(super) struct Question<'a> {
    asks: &'a Asks,
    pub(super) number: u64,
    answers: mpsc::UnboundedReceiver<(String, Answer)>,
}

impl Asks {
    pub(super) fn open(&self) -> Question<'_> {
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let (sender, answers) = mpsc::unbounded_channel();
        self.open.lock().insert(number, sender);
        Question { asks: self, number, answers }
    }

    pub(super) fn answered(&self, question: u64, from: String, answer: Answer) {
        if let Some(open) = self.open.lock().get(&question) {
            // Who asked may have given up at this moment.
            let _ = open.send((from, answer));
        }
    }
}

impl Question<'_> {
    /// Waits for the answers of these hosts, as long as they live and for the deadline at most.
    pub(super) async fn answers(&mut self, peers: &Peers, asked: Vec<String>) -> Vec<Answer> {
        let deadline = Instant::now() + DEADLINE;
        let mut missing: HashSet<String> = asked.into_iter().collect();
        let mut answers = Vec::new();
        while !missing.is_empty() && Instant::now() < deadline {
            let look = (Instant::now() + LOOK_EVERY).min(deadline);
            match timeout_at(look, self.answers.recv()).await {
                Ok(Some((from, answer))) => {
                    missing.remove(&from);
                    answers.push(answer);
                }
                Ok(None) => break,
                Err(_) => {
                    let alive = peers.alive();
                    missing.retain(|host| alive.contains(host));
                }
            }
        }
        answers
    }
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        self.asks.open.lock().remove(&self.number);
    }
}
