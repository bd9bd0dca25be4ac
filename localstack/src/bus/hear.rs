//! What comes in from other hosts, and what this host does about it.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use futures_util::StreamExt as _;
use redis::{RedisError, aio::PubSubStream};
use shared::{
    error::Result,
    later::Later as _,
    push::{Delivery, Push as _},
    user::ConnectionId,
};

use super::{
    Bus, Link,
    link::{Publisher, silent},
    message::{Answer, Header, Message, Said, Told, VERSION},
    peers::{BEAT_EVERY, Heard},
};

/// How often what is due is looked at.
const TICK: Duration = Duration::from_millis(100);
/// How long this host may not hear itself before the connections count as lost.
const DEAF: Duration = Duration::from_secs(5);
/// Messages published at once.
const AT_ONCE: usize = 128;
/// News after which the connections get a turn to write what they have.
const BREATH: usize = 32;
/// Rooms in a sign of life.
const CROWDS: usize = 500;
/// How many times the limit of connections one host's share must be above to be told, for each host.
const SHARE: usize = 2;

impl Bus {
    /// Speaks and listens until a connection is lost; says why.
    pub(super) async fn serve(self: &Arc<Self>, link: Link) -> RedisError {
        tokio::select! {
            error = self.speak(link.publisher) => error,
            error = self.listen(link.messages) => error,
        }
    }

    async fn speak(&self, mut publisher: Publisher) -> RedisError {
        loop {
            let messages = self.outbox.take(AT_ONCE).await;
            if let Err(error) = publisher.publish(&messages).await {
                return error;
            }
        }
    }

    async fn listen(self: &Arc<Self>, mut messages: PubSubStream) -> RedisError {
        let mut tick = tokio::time::interval(TICK);
        let mut heard_itself = Instant::now();
        let mut beaten = None;
        loop {
            tokio::select! {
                message = messages.next() => {
                    let Some(message) = message else { return closed() };
                    if self.hear(message.get_payload_bytes()).await {
                        heard_itself = Instant::now();
                    }
                }
                _ = tick.tick() => {
                    if heard_itself.elapsed() > DEAF {
                        return silent();
                    }
                    if beaten.is_none_or(|at: Instant| at.elapsed() >= BEAT_EVERY) {
                        beaten = Some(Instant::now());
                        self.beat(None);
                        self.sequencer.forget_deserted();
                    }
                    self.follow_up(self.peers.tick()).await;
                }
            }
        }
    }

    /// Says that this host lives, to all or to one that has not heard of it.
    fn beat(&self, to: Option<&str>) {
        if self.leaving.load(Ordering::SeqCst) {
            return;
        }
        let hosts = self.peers.alive().len() + 1;
        let crowds = self.hub.crowds(self.room_max / (SHARE * hosts), CROWDS);
        self.outbox.note(to, &Said::Beat { last: self.outbox.last_sent(), crowds });
    }

    /// Takes a message in; whether it is this host's own.
    async fn hear(self: &Arc<Self>, message: &[u8]) -> bool {
        if self.outbox.is_from_here(message) {
            return true;
        }
        let Message { from, said, .. } = match serde_json::from_slice::<Message>(message) {
            Ok(understood) if understood.v == VERSION => understood,
            other => {
                self.misunderstood(message, other.err());
                return false;
            }
        };
        let heard = match said {
            Said::Told(number, told) => self.peers.told(&from, number, told),
            Said::Beat { last, crowds } => self.peers.beat(&from, last, crowds),
            Said::Gone { before } => self.peers.gone(&from, before),
            Said::Again { first, last } => {
                self.outbox.again(&from, first, last);
                return false;
            }
            Said::Answer { question, answer } => {
                self.asks.answered(question, from, answer);
                return false;
            }
        };
        self.follow_up(heard).await;
        false
    }

    /// Says so once for each host.
    fn misunderstood(&self, message: &[u8], error: Option<serde_json::Error>) {
        let header: Option<Header> = serde_json::from_slice(message).ok();
        let (host, version) = header.map(|header| (header.from, header.v)).unzip();
        if self.foreign.lock().insert(host.clone().unwrap_or_default()) {
            let error = error.map(tracing::field::display);
            tracing::warn!(error, host, version, ours = VERSION, "a host is not understood");
        }
    }

    async fn follow_up(self: &Arc<Self>, heard: Heard) {
        // First: what follows what was missed must not look complete.
        if heard.missed {
            self.note_missed();
        }
        for host in &heard.met {
            self.beat(Some(host));
        }
        for (host, first, last) in heard.ask {
            self.outbox.note(Some(&host), &Said::Again { first, last });
        }
        for (number, (from, told)) in heard.news.into_iter().enumerate() {
            if let Err(error) = self.obey(&from, told).await {
                error.log("bus");
            }
            if number % BREATH == BREATH - 1 {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Does for the connections here what another host has told.
    async fn obey(self: &Arc<Self>, from: &str, told: Told<'static>) -> Result<()> {
        match told {
            Told::Hello => {}
            Told::Bye => self.peers.forget(from),
            Told::Entry { channel, seq, entry } => {
                self.sequencer.take(&channel, seq, entry.into_owned()).await;
            }
            Told::Admit { user, rooms, question } => {
                self.hub.admit(&user, &rooms).await?;
                self.verify(user.into_owned(), rooms.into_owned(), from.to_owned(), question);
            }
            Told::Broadcast { to, frame, question } => {
                let except = to.except();
                let sent = self.broadcast_here(&to.audience(except.as_ref()), &frame).await?;
                if let Some(question) = question {
                    self.answer(from, question, Answer::Sent(sent));
                }
            }
            Told::Send { connection, frame, question } => {
                let sent = self.hub.send(&ConnectionId::new(&connection), &frame).await?;
                self.answer(from, question, Answer::Sent(usize::from(sent == Delivery::Sent)));
            }
            Told::Evict { user, rooms, question } => {
                self.hub.evict(&user, &rooms).await?;
                self.answer(from, question, Answer::Sent(0));
                self.verify(user.into_owned(), rooms.into_owned(), from.to_owned(), None);
            }
            Told::Dissolve { room, question } => {
                self.hub.dissolve(&room).await?;
                self.answer(from, question, Answer::Sent(0));
            }
            Told::Close { connection } => self.hub.close(&ConnectionId::new(&connection)).await?,
            Told::CloseUnverified { user, question } => {
                self.hub.close_unverified(&user).await?;
                self.answer(from, question, Answer::Sent(0));
            }
            Told::Later { delay, job } => self.after(Duration::from_millis(delay), job).await?,
            Told::List { after, limit, question } => {
                let found = self.hub.connections(after.as_deref(), limit).await?;
                self.answer(from, question, Answer::Connections(found));
            }
        }
        Ok(())
    }

    pub(super) fn answer(&self, to: &str, question: u64, answer: Answer) {
        self.outbox.note(Some(to), &Said::Answer { question, answer });
    }
}

fn closed() -> RedisError {
    std::io::Error::from(std::io::ErrorKind::ConnectionAborted).into()
}
