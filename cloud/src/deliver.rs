//! `deliver`: takes pages of a broadcast from the queue and posts them.

use std::collections::HashMap;

use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared::{error::Result, push::Delivery, signal::Frame};

use crate::{
    Cloud,
    address::{Address, wire},
    invocation::{BatchAnswer, Messages},
    later::Work,
    post::Posts,
};

/// Posts under way at once. Each holds a connection to API Gateway.
const AT_ONCE: usize = 64;
/// How often receivers that API Gateway could not be reached for are put into the queue again.
const ATTEMPTS: u32 = 5;

/// Part of a broadcast: a frame, and some of those who get it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Page {
    event: String,
    data: Box<RawValue>,
    volatile: bool,
    /// Connections, by name.
    receivers: Vec<String>,
    /// How often it was tried before.
    attempt: u32,
}

impl Page {
    pub(crate) fn new(frame: &Frame, receivers: Vec<String>) -> Self {
        let (event, data) = (frame.event.to_string(), frame.data.clone());
        Self { event, data, volatile: frame.volatile, receivers, attempt: 0 }
    }

    fn frame(&self) -> Frame {
        let frame = Frame::new(self.event.clone(), self.data.clone());
        Frame { volatile: self.volatile, ..frame }
    }
}

/// What became of a frame that was posted to many.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Receivers that do not exist any more.
    pub(crate) gone: Vec<String>,
    /// Receivers that could not be reached, though they may exist.
    pub(crate) failed: Vec<String>,
}

/// Posts a frame to connections, many at once; each wire form is made once.
pub(crate) async fn post_all(posts: &Posts, receivers: &[String], frame: &Frame) -> Outcome {
    let mut forms: HashMap<Option<&str>, Vec<u8>> = HashMap::new();
    for receiver in receivers {
        let namespace = Address::of(receiver).namespace();
        forms.entry(namespace).or_insert_with(|| wire(namespace, frame).into_bytes());
    }
    let sending: Vec<_> = receivers
        .iter()
        .map(|receiver| {
            let address = Address::of(receiver);
            let text = forms.get(&address.namespace()).cloned().unwrap_or_default();
            async move { (receiver, posts.post(address.socket, text).await) }
        })
        .collect();
    let mut sent = stream::iter(sending).buffer_unordered(AT_ONCE);
    let mut outcome = Outcome::default();
    while let Some((receiver, delivery)) = sent.next().await {
        match delivery {
            Ok(Delivery::Sent) => {}
            Ok(Delivery::Gone) => outcome.gone.push(receiver.clone()),
            Err(error) => {
                error.report("post");
                outcome.failed.push(receiver.clone());
            }
        }
    }
    outcome
}

/// Posts pages. Of a page that failed in part only the rest goes back into the queue; one that keeps failing goes the
/// way of the queue's dead letters.
pub(crate) async fn handle(cloud: &Cloud, messages: Messages) -> BatchAnswer {
    let mut answer = BatchAnswer::default();
    for message in messages.records {
        // A group's pages stay in order: what follows a failure waits for it.
        if answer.has_failures() {
            answer.fail(message.message_id);
            continue;
        }
        if let Err(error) = deliver(cloud, &message.body, message.group()).await {
            error.report("deliver");
            answer.fail(message.message_id);
        }
    }
    answer
}

async fn deliver(cloud: &Cloud, body: &str, group: &str) -> Result<()> {
    let page: Page = serde_json::from_str(body)?;
    let outcome = post_all(&cloud.gateway.posts, &page.receivers, &page.frame()).await;
    cloud.queue.later(Work::gone(&outcome.gone)).await?;
    if outcome.failed.is_empty() || page.volatile {
        return Ok(());
    }
    if page.attempt >= ATTEMPTS {
        return Err(shared::error::Error::internal("receivers cannot be reached"));
    }
    let rest = Page { receivers: outcome.failed, attempt: page.attempt + 1, ..page };
    cloud.queue.deliver(vec![(group.to_owned(), rest)]).await
}
