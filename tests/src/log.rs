//! The channel log under everything a network does to its writers: two hosts, one table, lost answers, late writes,
//! throttles, conflicts. What clients are promised: an ack is durable, numbers have no gap, nothing is there twice,
//! and each host broadcasts in the order of the numbers.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};

use futures_util::future::join_all;
use serde_json::{Value, json, value::to_raw_value};
use shared::{
    error::{Code, Error},
    ids::Id,
    log::{ChannelLog, Record, Refused, Slot},
    push::Push,
    signal::Frame,
    store::{Store, entries::Entry},
    text::Text,
};
use tertulia::dynamodb::{Engine, Location};

use crate::{
    client::DEADLINE,
    faults::{Call, Fault, Tap, scattered, stormy},
    recorder::Recorder,
};

const LAST: u64 = 1 << 50;

/// One host's view of the table, as far as the log needs it.
struct Site {
    store: Store,
    log: ChannelLog,
    broadcasts: Arc<Recorder>,
    tap: Tap,
}

impl Site {
    fn new(engine: &Engine, plan: impl Fn(&Call, u64) -> Fault + Send + Sync + 'static) -> Self {
        let (client, tap) = Tap::on(&engine.client(), plan);
        let store = Store::new(client, "tertulia");
        let broadcasts = Arc::new(Recorder::default());
        let push: Arc<dyn Push> = broadcasts.clone();
        let log = ChannelLog::new(store.clone(), Some(push));
        Self { store, log, broadcasts, tap }
    }

    /// Appends an entry: with further writes, as a message, as something else, by turns.
    async fn say(&self, channel: &Id, number: usize, text: String) -> Said {
        let said = text.clone();
        let author = (!number.is_multiple_of(3)).then(|| id("ana"));
        let (store, to) = (self.store.clone(), channel.clone());
        let also = number.is_multiple_of(4);
        let encode = move |slot: &Slot| {
            let mut record = record(slot, &said);
            record.author.clone_from(&author);
            if also {
                record.also.push(store.put_client_id(&to, &id("ana"), &said, "{}")?);
            }
            Ok(record)
        };
        let acked = if also {
            self.log.append_with(channel, encode).await.map_err(Error::from)
        } else {
            self.log.append(channel, encode).await
        };
        Said { text, acked: acked.ok() }
    }

    fn heard(&self) -> Vec<u64> {
        self.broadcasts.heard().iter().map(number_of).collect()
    }
}

/// What was to be appended, and its place if that was acknowledged.
struct Said {
    text: String,
    acked: Option<Slot>,
}

fn id(text: &str) -> Id {
    Id::parse(text).expect("an id")
}

fn record(slot: &Slot, text: &str) -> Record {
    let data = to_raw_value(&json!({ "seq": slot.seq, "text": text })).expect("JSON");
    Record::new(Frame::new("said", data))
}

fn number_of(data: &Value) -> u64 {
    data["seq"].as_u64().expect("a number")
}

async fn engine() -> (Engine, Store) {
    let engine = Engine::open(&Location::Memory).expect("an engine");
    let store = Store::new(engine.client(), "tertulia");
    store.create_table().await.expect("a table");
    (engine, store)
}

async fn whole_log(store: &Store, channel: &Id) -> Vec<Entry> {
    store.entries(channel, 1, LAST, usize::MAX).await.expect("the log")
}

/// The promises about the log itself.
fn check_log(entries: &[Entry], said: &[Said]) {
    let numbers: Vec<u64> = entries.iter().map(|entry| entry.seq).collect();
    assert_eq!(numbers, (1..=entries.len() as u64).collect::<Vec<_>>(), "numbers have gaps");
    let write_ids: HashSet<String> = entries
        .iter()
        .map(|entry| entry.message_id().split_once('-').expect("number and write id").1.to_owned())
        .collect();
    assert_eq!(write_ids.len(), entries.len(), "a write id is there twice");

    let mut texts: BTreeMap<String, u64> = BTreeMap::new();
    let mut messages = 0;
    for entry in entries {
        let data: Value = serde_json::from_str(&entry.data).expect("JSON");
        assert_eq!(number_of(&data), entry.seq, "an entry was encoded for another number");
        let text = data["text"].as_str().expect("a text").to_owned();
        assert_eq!(texts.insert(text.clone(), entry.seq), None, "{text} is there twice");
        messages += u64::from(entry.author.is_some());
        assert_eq!(entry.messages, messages, "messages are miscounted at {}", entry.seq);
    }
    for Said { text, acked } in said {
        let found = texts.remove(text);
        if let Some(slot) = acked {
            assert_eq!(found, Some(slot.seq), "{text} was acknowledged elsewhere");
            let at = usize::try_from(slot.seq - 1).expect("small");
            assert_eq!(entries[at].message_id(), slot.message_id());
        }
    }
    assert!(texts.is_empty(), "nobody said {texts:?}");
}

/// The promises about what one site broadcast: in order, as stored, and all that it acknowledged.
fn check_broadcasts(site: &Site, entries: &[Entry], own: &[Said]) {
    let heard = site.broadcasts.heard();
    assert!(heard.is_sorted_by_key(number_of), "out of order: {:?}", site.heard());
    let numbers: HashSet<u64> = site.heard().into_iter().collect();
    assert_eq!(numbers.len(), heard.len(), "twice: {:?}", site.heard());
    for data in &heard {
        let at = usize::try_from(number_of(data) - 1).expect("small");
        let stored: Value = serde_json::from_str(&entries[at].data).expect("JSON");
        assert_eq!(*data, stored, "not what is stored");
    }
    for slot in own.iter().filter_map(|said| said.acked.as_ref()) {
        assert!(numbers.contains(&slot.seq), "{} was never broadcast", slot.seq);
    }
}

/// Many tasks on both sites at once, in two waves so that numbers are also taken up again after a rest.
async fn race(sites: &[Site; 2], channel: &Id, each: usize) -> [Vec<Said>; 2] {
    let mut all = [Vec::new(), Vec::new()];
    for wave in 0..2 {
        let one = |site: usize| {
            join_all((0..each / 2).map(move |task| async move {
                let number = wave * each + task;
                // Not all at once: some meet a writer at work, some an idle one.
                tokio::time::sleep(Duration::from_millis(scattered(7, number as u64 % 40) % 300))
                    .await;
                sites[site].say(channel, number, format!("{site}/{number}")).await
            }))
        };
        let (first, second) = tokio::join!(one(0), one(1));
        all[0].extend(first);
        all[1].extend(second);
    }
    all
}

/// Hundreds of appends from two hosts that know nothing of each other: collisions, and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_share_a_log() {
    let (engine, store) = engine().await;
    let channel = id("one");
    let fine = |_: &Call, _| Fault::Fine;
    let sites = [Site::new(&engine, fine), Site::new(&engine, fine)];
    let said = race(&sites, &channel, 200).await;
    assert!(said.iter().flatten().all(|said| said.acked.is_some()), "an append failed");
    let entries = whole_log(&store, &channel).await;
    let mine = |site: &Site| site.tap.take().iter().filter(|call| call.appends()).count();
    let writes = mine(&sites[0]) + mine(&sites[1]);
    for (site, own) in sites.iter().zip(&said) {
        check_broadcasts(site, &entries, own);
        let heard = site.heard();
        let span = heard[heard.len() - 1] - heard[0] + 1;
        assert_eq!(heard.len() as u64, span, "a host left out what the other wrote: {heard:?}");
    }
    check_log(&entries, &said.into_iter().flatten().collect::<Vec<_>>());
    assert_eq!(entries.len(), 400);
    assert!(writes < 400, "nothing was batched: {writes} writes");
}

/// The same while a third of all calls goes wrong: refused, lost on the way there, lost on the way back, late.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_in_a_storm() {
    let (engine, store) = engine().await;
    let channel = id("storm");
    let sites = [Site::new(&engine, stormy(1)), Site::new(&engine, stormy(2))];
    let said = race(&sites, &channel, 200).await;
    let faults: HashSet<String> = sites
        .iter()
        .flat_map(|site| site.tap.take())
        .filter(Call::appends)
        .map(|call| format!("{:?}", call.fault))
        .collect();
    assert_eq!(faults.len(), 7, "not all that can go wrong went wrong: {faults:?}");
    for site in &sites {
        site.tap.settle().await;
    }
    let entries = whole_log(&store, &channel).await;
    for (site, own) in sites.iter().zip(&said) {
        check_broadcasts(site, &entries, own);
    }
    let said: Vec<_> = said.into_iter().flatten().collect();
    let acked = said.iter().filter(|said| said.acked.is_some()).count();
    assert!(acked > 360, "only {acked} of 400 came through");
    check_log(&entries, &said);
}

/// A client that sends again after an unknown outcome, through whichever host: its id lands once.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_id_lands_once() {
    let (engine, store) = engine().await;
    let channel = id("ids");
    let sites = [Site::new(&engine, stormy(3)), Site::new(&engine, stormy(4))];
    let (sites, to) = (&sites, &channel);
    let once = |site: usize, number: usize| async move {
        let (store, text) = (sites[site].store.clone(), format!("{number}"));
        let channel = to.clone();
        let append = move |slot: &Slot| {
            let mut record = record(slot, &text);
            let ack = json!({ "seq": slot.seq }).to_string();
            record.also.push(store.put_client_id(&channel, &id("ana"), &text, &ack)?);
            Ok(record)
        };
        sites[site].log.append_with(to, append).await
    };
    let both = (0..40).map(async |number| tokio::join!(once(0, number), once(1, number)));
    let outcomes = join_all(both).await;
    for site in sites {
        site.tap.settle().await;
    }
    let entries = whole_log(&store, &channel).await;
    let texts: Vec<Value> = entries
        .iter()
        .map(|entry| serde_json::from_str::<Value>(&entry.data).expect("JSON")["text"].take())
        .collect();
    let distinct: HashSet<String> = texts.iter().map(ToString::to_string).collect();
    assert_eq!(distinct.len(), texts.len(), "a client's id landed twice");
    for (number, (one, other)) in outcomes.into_iter().enumerate() {
        let outcomes = [one, other];
        let landed = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert!(landed <= 1, "{number} was acknowledged twice");
        let told = |outcome: &Result<Slot, Refused>| matches!(outcome, Err(Refused::Also(0, _)));
        let there = texts.contains(&json!(number.to_string()));
        assert!(there || !outcomes.iter().any(told), "{number} is said to be there, and is not");
        assert!(there || landed == 0, "{number} was acknowledged, and is not there");
    }
}

/// Who waits for an append may go away in the middle: the log goes on, without a gap.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_may_go_away() {
    let (engine, store) = engine().await;
    let channel = id("gone");
    let site = Arc::new(Site::new(&engine, |_, _| Fault::Delay));
    let tasks: Vec<_> = (0..30)
        .map(|number| {
            let (site, channel) = (Arc::clone(&site), channel.clone());
            tokio::spawn(async move { site.say(&channel, number, format!("{number}")).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(30)).await;
    for task in tasks.iter().step_by(2) {
        task.abort();
    }
    let mut said = vec![site.say(&channel, 99, "last".into()).await];
    assert!(said[0].acked.is_some());
    for (number, task) in tasks.into_iter().enumerate() {
        let gone = Said { text: number.to_string(), acked: None };
        said.push(task.await.unwrap_or(gone));
    }
    check_log(&whole_log(&store, &channel).await, &said);
}

/// One entry that cannot be encoded fails alone and at once: those that wait beside it do not suffer.
#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_cannot_be_encoded_fails_alone() {
    let (engine, _) = engine().await;
    let channel = id("bad");
    let site = Site::new(&engine, |_, _| Fault::Delay);
    let appends = (0..10).map(|number| {
        site.log.append(&channel, move |slot| match number {
            5 => Err(Error::invalid("text", Text::FieldWrong)),
            _ => Ok(record(slot, "fine")),
        })
    });
    for (number, outcome) in join_all(appends).await.into_iter().enumerate() {
        match outcome {
            Ok(_) => assert_ne!(number, 5),
            Err(error) => assert_eq!((number, error.code()), (5, Code::InvalidRequest), "{error}"),
        }
    }
}

/// A mistake in one event's code must not stop its channel for everybody, for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_panic_does_not_stop_the_channel() {
    let (engine, _) = engine().await;
    let channel = id("panic");
    let site = Site::new(&engine, |_, _| Fault::Fine);
    let failed = site.log.append(&channel, |_| panic!("on purpose")).await;
    assert_eq!(failed.expect_err("no place").code(), Code::Internal);
    let next = site.log.append(&channel, |slot| Ok(record(slot, "next")));
    let next = tokio::time::timeout(DEADLINE, next).await;
    assert!(next.expect("the channel hangs").is_ok());
}

/// What another host wrote is broadcast here with our next entry, also when the table could not be read at first.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_read_keeps_no_entry_from_being_broadcast() {
    let (engine, _) = engine().await;
    let channel = id("read");
    let other = Site::new(&engine, |_, _| Fault::Fine);
    // The first query reads the head, the second is after a collision, the third reads what was missed.
    let queries = std::sync::atomic::AtomicU64::new(0);
    let here = Site::new(&engine, move |call, _| {
        let query = call.operation == "Query";
        let third = query && queries.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 2;
        if third { Fault::Throttle } else { Fault::Fine }
    });
    for (site, text) in [(&here, "1"), (&other, "2"), (&here, "3"), (&here, "4")] {
        assert!(site.say(&channel, 1, text.into()).await.acked.is_some());
    }
    let faults = here.tap.take().iter().filter(|call| call.fault == Fault::Throttle).count();
    assert_eq!(faults, 1, "the read did not fail");
    assert_eq!(here.heard(), [1, 2, 3, 4]);
}
