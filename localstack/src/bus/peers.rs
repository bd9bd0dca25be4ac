//! The other hosts, and what each has told so far: taken in the order of its numbers, once.
//!
//! A number that is missing is asked for. What its host cannot tell again was missed, and has to be read.

use std::{
    collections::{BTreeMap, HashMap},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use shared::ids::Room;

use super::message::Told;

/// How often a host says that it lives.
pub(super) const BEAT_EVERY: Duration = Duration::from_secs(1);
/// How long a host may say nothing before it is taken for dead.
const SILENCE: Duration = Duration::from_millis(3500);
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// How long news may be missing.
const GIVE_UP: Duration = Duration::from_secs(2);
/// News that are held back for those before them.
const HELD: usize = 8192;

struct Peer {
    /// The number that comes next.
    next: u64,
    /// The highest number that it is known to have sent.
    last: u64,
    held: BTreeMap<u64, Told<'static>>,
    behind_since: Option<Instant>,
    asked: Option<Instant>,
    heard: Instant,
    silent: bool,
    crowds: HashMap<Room, usize>,
}

/// What follows from what was heard.
#[derive(Default)]
pub(super) struct Heard {
    /// News whose turn has come.
    pub(super) news: Vec<(String, Told<'static>)>,
    /// Numbers to be asked for: of which host, from, to.
    pub(super) ask: Vec<(String, u64, u64)>,
    /// Hosts that were not known.
    pub(super) met: Vec<String>,
    /// Whether something was told that cannot be had.
    pub(super) missed: bool,
}

/// The other hosts.
#[derive(Default)]
pub(super) struct Peers {
    known: Mutex<HashMap<String, Peer>>,
    /// How many have told what is not known here yet, or may have: they are not heard.
    behind: AtomicUsize,
}

impl Peers {
    /// Takes news.
    pub(super) fn told(&self, from: &str, number: u64, told: Told<'static>) -> Heard {
        self.hear(from, number.saturating_sub(1), |peer, heard| {
            if number < peer.next {
                return;
            }
            if peer.held.len() == HELD {
                heard.missed = true;
                peer.held.clear();
                peer.next = number;
            }
            peer.held.insert(number, told);
            peer.last = peer.last.max(number);
        })
    }

    /// Takes a sign of life.
    pub(super) fn beat(&self, from: &str, last: u64, crowds: Vec<(Room, usize)>) -> Heard {
        self.hear(from, last, |peer, _| {
            peer.last = peer.last.max(last);
            peer.crowds = crowds.into_iter().collect();
        })
    }

    /// Takes that news before a number cannot be told again.
    pub(super) fn gone(&self, from: &str, before: u64) -> Heard {
        self.hear(from, before.saturating_sub(1), |peer, heard| {
            if peer.next < before {
                heard.missed = true;
                let kept = peer.held.split_off(&before);
                heard.take(from, std::mem::replace(&mut peer.held, kept).into_values());
                peer.next = before;
                peer.last = peer.last.max(before - 1);
            }
        })
    }

    /// `before`: the number before what is heard, for a host that is not known.
    fn hear(&self, from: &str, before: u64, take: impl FnOnce(&mut Peer, &mut Heard)) -> Heard {
        let now = Instant::now();
        let mut heard = Heard::default();
        let mut known = self.known.lock();
        if !known.contains_key(from) {
            heard.met.push(from.to_owned());
            // From a host that has just come this is the first. Another one told things before.
            heard.missed = before > 0;
            known.insert(from.to_owned(), Peer::new(before, now));
        }
        if let Some(peer) = known.get_mut(from) {
            (peer.heard, peer.silent) = (now, false);
            take(peer, &mut heard);
            peer.settle(from, now, &mut heard);
        }
        self.count(&known);
        heard
    }

    /// Looks for who has been silent, and what has been missing, for too long.
    pub(super) fn tick(&self) -> Heard {
        let now = Instant::now();
        let mut heard = Heard::default();
        let mut known = self.known.lock();
        for (from, peer) in known.iter_mut() {
            let dies = !peer.silent && now.duration_since(peer.heard) > SILENCE;
            let late = peer.behind_since.is_some_and(|since| now.duration_since(since) > GIVE_UP);
            if dies || (late && !peer.silent) {
                heard.missed = true;
                peer.silent = dies;
                heard.take(from, std::mem::take(&mut peer.held).into_values());
                peer.next = peer.last + 1;
            }
            peer.settle(from, now, &mut heard);
        }
        self.count(&known);
        heard
    }

    /// Counts no silence of the time when nothing could be heard.
    pub(super) fn excuse(&self) {
        let now = Instant::now();
        for peer in self.known.lock().values_mut() {
            peer.heard = now;
            peer.asked = None;
            peer.behind_since = peer.behind_since.map(|_| now);
        }
    }

    /// Forgets a host that has said goodbye.
    pub(super) fn forget(&self, host: &str) {
        let mut known = self.known.lock();
        known.remove(host);
        self.count(&known);
    }

    /// The hosts that answer questions.
    pub(super) fn alive(&self) -> Vec<String> {
        let known = self.known.lock();
        known.iter().filter(|(_, peer)| !peer.silent).map(|(host, _)| host.clone()).collect()
    }

    /// How many connections of a room other hosts hold, as far as that is many.
    pub(super) fn crowd(&self, room: &Room) -> usize {
        let known = self.known.lock();
        let alive = known.values().filter(|peer| !peer.silent);
        alive.filter_map(|peer| peer.crowds.get(room)).sum()
    }

    /// Forgets those that are not heard and not among these, which may live though they cannot be heard.
    pub(super) fn forget_dead(&self, alive: &[String]) {
        let mut known = self.known.lock();
        known.retain(|host, peer| !peer.silent || alive.contains(host));
        self.count(&known);
    }

    /// Whether there are hosts that are not heard.
    pub(super) fn are_silent(&self) -> bool {
        self.known.lock().values().any(|peer| peer.silent)
    }

    /// Whether some host has told, or may have, what is not known here yet.
    pub(super) fn is_behind(&self) -> bool {
        self.behind.load(Ordering::SeqCst) > 0
    }

    fn count(&self, known: &HashMap<String, Peer>) {
        let behind = |peer: &&Peer| peer.silent || peer.behind_since.is_some();
        self.behind.store(known.values().filter(behind).count(), Ordering::SeqCst);
    }
}

impl Peer {
    fn new(before: u64, now: Instant) -> Self {
        Self {
            next: before + 1,
            last: before,
            held: BTreeMap::new(),
            behind_since: None,
            asked: None,
            heard: now,
            silent: false,
            crowds: HashMap::new(),
        }
    }

    /// Hands on what follows without a gap, and asks for what is missing.
    fn settle(&mut self, from: &str, now: Instant, heard: &mut Heard) {
        while let Some(told) = self.held.remove(&self.next) {
            self.next += 1;
            // More has come of what was missing: no reason to give up yet.
            self.behind_since = self.behind_since.map(|_| now);
            heard.take(from, [told]);
        }
        if self.next > self.last {
            (self.behind_since, self.asked) = (None, None);
            return;
        }
        self.behind_since.get_or_insert(now);
        if !self.silent && self.asked.is_none_or(|at| now.duration_since(at) > ASK_AGAIN) {
            self.asked = Some(now);
            let last = self.held.keys().next().map_or(self.last, |held| held - 1);
            heard.ask.push((from.to_owned(), self.next, last));
        }
    }
}

impl Heard {
    fn take(&mut self, from: &str, news: impl IntoIterator<Item = Told<'static>>) {
        self.news.extend(news.into_iter().map(|told| (from.to_owned(), told)));
    }
}
