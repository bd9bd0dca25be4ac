//! What the host allocates for a message. A broadcast is encoded once in each of the wire's forms, however many hear it,
//! and this is where that shows: who encodes, or copies, for each of them allocates for each.

use std::{alloc::System, net::SocketAddr, thread::JoinHandle};

use alloc_tracker::{Allocator, Session};
use tokio::{
    runtime::Builder,
    sync::{mpsc, oneshot},
};

use super::listener::{FORMS, Form, Listener};
use crate::{client::Client, host::Host};

#[global_allocator]
static ALLOCATOR: Allocator<System> = Allocator::system();

/// Messages of a round.
const MESSAGES: u64 = 16;
/// The host's timers allocate as well, but not in each of so many rounds.
const ROUNDS: usize = 8;
const SHORT: usize = 10;
const LONG: usize = 4000;

/// A message that only its sender hears: allocations, bytes of these with a short text, and bytes more for each byte of
/// the text. They were 107, 19,230 and 12.9 when this was written, and a tenth more passes.
const MESSAGE: (u64, u64, u64) = (118, 21_200, 14);

/// Receivers that join those who are there.
const MORE: u64 = 8;
/// What each of them costs, for each of [`FORMS`]: allocations, and how often these hold the whole frame. The engine of
/// Socket.IO writes a `4` and the packet to a text of its own; the plain frames are one for all.
const RECEIVER: [(u64, u64); 3] = [(0, 0), (1, 1), (1, 1)];

/// How often memory was allocated, and how much.
#[derive(Clone, Copy, Debug)]
struct Spent {
    times: u64,
    bytes: u64,
}

/// Counts from when it is taken up until it is over.
struct Round {
    begun: oneshot::Sender<()>,
    over: oneshot::Receiver<()>,
    spent: oneshot::Sender<Spent>,
}

/// A host with a thread of its own, on which nothing else allocates. It serves with one by default, too.
struct Lone {
    address: SocketAddr,
    rounds: mpsc::UnboundedSender<Round>,
    thread: JoinHandle<()>,
}

impl Lone {
    async fn start() -> Self {
        let (rounds, asked) = mpsc::unbounded_channel();
        let (ready, address) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(Self::serve(ready, asked));
        });
        Self { address: address.await.expect("a host"), rounds, thread }
    }

    async fn serve(ready: oneshot::Sender<SocketAddr>, mut asked: mpsc::UnboundedReceiver<Round>) {
        let host = Host::start(&[]).await;
        ready.send(host.address).expect("somebody waits");
        while let Some(round) = asked.recv().await {
            let session = Session::new().no_stdout().no_file();
            let span = session.operation("a round").measure_thread().iterations(1);
            round.begun.send(()).expect("somebody waits");
            round.over.await.expect("an end");
            drop(span);
            let report = session.to_report();
            let (_, counted) = report.operations().next().expect("a count");
            let spent = Spent {
                times: counted.total_allocations_count(),
                bytes: counted.total_bytes_allocated(),
            };
            round.spent.send(spent).expect("somebody waits");
        }
        host.stop().await;
    }

    /// What the host allocates until some work is done.
    async fn spends(&self, work: impl Future<Output = ()>) -> Spent {
        let ((begun, begin), (end, over)) = (oneshot::channel(), oneshot::channel());
        let (spent, count) = oneshot::channel();
        assert!(self.rounds.send(Round { begun, over, spent }).is_ok(), "the host runs");
        begin.await.expect("a host");
        work.await;
        end.send(()).expect("a host");
        count.await.expect("a host")
    }

    async fn stop(self) {
        drop(self.rounds);
        let ended = tokio::task::spawn_blocking(|| self.thread.join()).await.expect("it ends");
        ended.expect("the host does not panic");
    }
}

/// A channel, and who is in it.
struct Talk {
    host: Lone,
    ana: Client,
    listeners: Vec<Listener>,
}

impl Talk {
    async fn start() -> Self {
        let host = Lone::start().await;
        let mut ana = Client::connect(host.address, "ana").await;
        ana.join("c").await;
        Self { host, ana, listeners: Vec::new() }
    }

    async fn join(&mut self, form: &Form) {
        self.listeners.push(Listener::connect(self.host.address, form).await);
    }

    /// The least that a round of messages takes, each heard by all before the next, and how long the frame is that the
    /// last listener gets.
    async fn least(&mut self, length: usize) -> (Spent, u64) {
        let text = "x".repeat(length);
        let mut least = Spent { times: u64::MAX, bytes: u64::MAX };
        let mut frame = 0;
        for _ in 0..ROUNDS {
            let spent = self.host.spends(async {
                for _ in 0..MESSAGES {
                    self.ana.say("c", &text).await;
                    self.ana.event("new_message").await;
                    for listener in &mut self.listeners {
                        frame = listener.message().await.len() as u64;
                    }
                }
            });
            let Spent { times, bytes } = spent.await;
            least.times = least.times.min(times);
            least.bytes = least.bytes.min(bytes);
        }
        (least, frame)
    }
}

#[tokio::test]
async fn a_message_allocates_no_more_than_it_did() {
    let mut talk = Talk::start().await;
    let (short, _) = talk.least(SHORT).await;
    let (long, _) = talk.least(LONG).await;
    let text = (LONG - SHORT) as u64;
    let found = (
        short.times / MESSAGES,
        short.bytes / MESSAGES,
        (long.bytes - short.bytes) / (MESSAGES * text),
    );
    let (times, bytes, copies) = MESSAGE;
    assert!(found.0 <= times && found.1 <= bytes && found.2 <= copies, "{found:?} > {MESSAGE:?}");
    talk.host.stop().await;
}

#[tokio::test]
async fn a_broadcast_is_encoded_once_however_many_hear_it() {
    let mut talk = Talk::start().await;
    // One of each form, so that what follows is the cost of those who come besides.
    for form in &FORMS {
        talk.join(form).await;
    }
    let mut before = [talk.least(SHORT).await.0, talk.least(LONG).await.0];
    for (form, expected) in FORMS.iter().zip(RECEIVER) {
        for _ in 0..MORE {
            talk.join(form).await;
        }
        for (length, before) in [SHORT, LONG].into_iter().zip(&mut before) {
            let (now, frame) = talk.least(length).await;
            let each = |more: u64, unit: u64| {
                let all = MESSAGES * MORE * unit;
                (more + all / 2) / all
            };
            let times = each(now.times.saturating_sub(before.times), 1);
            let copies = each(now.bytes.saturating_sub(before.bytes), frame);
            assert_eq!((times, copies), expected, "{}, {length} bytes of text", form.name);
            *before = now;
        }
    }
    talk.host.stop().await;
}
