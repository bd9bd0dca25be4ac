//! `notify`: notifications and events that services send, by the queue or by the bus, whose rule puts them into the queue.

use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use shared::{api::decode, error::Result};
use uuid::{Builder, Uuid};

use crate::{
    Cloud,
    invocation::{BatchAnswer, Message, Messages},
};

/// An event of the bus, as its rule puts it into the queue.
#[derive(Deserialize)]
struct BusEvent {
    detail: Option<Box<RawValue>>,
}

/// Does what services ask for. What fails comes again, and at last is a dead letter.
pub(crate) async fn handle(cloud: &Cloud, messages: Messages) -> BatchAnswer {
    let mut answer = BatchAnswer::default();
    for message in messages.records {
        if let Err(error) = take(cloud, &message).await {
            error.report("notify");
            answer.fail(message.message_id);
        }
    }
    answer
}

async fn take(cloud: &Cloud, message: &Message) -> Result<()> {
    let BusEvent { detail } = decode(&message.body)?;
    let json = detail.as_deref().map_or(message.body.as_str(), RawValue::get);
    functions::notify::take(&cloud.cx, &cloud.api, stable_id(message), json).await.map(drop)
}

/// A time-ordered id that is the same when the same message comes again.
fn stable_id(message: &Message) -> Uuid {
    let digest: [u8; 32] = Sha256::digest(&message.message_id).into();
    let mut random = [0; 10];
    random.copy_from_slice(&digest[..10]);
    Builder::from_unix_timestamp_millis(message.sent_at().unwrap_or(0), &random).into_uuid()
}
