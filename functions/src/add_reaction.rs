use std::sync::Arc;

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{
    api::{Done, Event},
    context::Context,
    error::Result,
    ids::{Id, Room},
    limits::{self, Limits},
    log::{Record, Refused, Slot},
    signal::{Frame, Signal},
    user::{Caller, User},
};

/// React to a message. Twice is no error and changes nothing.
#[derive(Deserialize, Validate, JsonSchema)]
#[serde(transparent)]
#[garde(context(Limits))]
#[garde(transparent)]
pub(crate) struct AddReaction(#[garde(dive)] Reaction);

/// A message and an emoji.
#[derive(Deserialize, Validate, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[garde(context(Limits))]
#[garde(allow_unvalidated)]
pub(crate) struct Reaction {
    pub(crate) channel_id: Id,
    message_id: Id,
    #[garde(custom(|emoji: &String, limits: &Limits| limits::emoji(emoji, limits)))]
    #[schemars(schema_with = "limits::emoji_schema")]
    emoji: String,
}

/// Who reacted to what, or did so no longer.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reacted {
    message_id: Id,
    channel_id: Id,
    emoji: String,
    user_id: Id,
    username: String,
    seq: u64,
}

/// Somebody reacted to a message.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ReactionAdded(Reacted);

impl Signal for ReactionAdded {
    const NAME: &'static str = "reaction_added";
}

impl Event for AddReaction {
    const NAME: &'static str = "add_reaction";
    type Ack = Done;

    async fn handle(self, cx: &Context, caller: &Caller) -> Result<Done> {
        let store = cx.store.clone();
        self.0
            .change(cx, caller, move |reaction, message_seq, user, slot| {
                let added = ReactionAdded(reaction.by(user, slot));
                let mut record = Record::new(Frame::of(&added)?);
                let (channel, emoji) = (&reaction.channel_id, &reaction.emoji);
                record.also.push(store.put_reaction(channel, message_seq, emoji, &user.id)?);
                Ok(record)
            })
            .await
    }
}

impl Reaction {
    /// Appends a change of the reaction, unless it changes nothing.
    ///
    /// # Errors
    /// `NOT_FOUND` when the message is not of that channel, or is deleted.
    pub(crate) async fn change(
        self,
        cx: &Context,
        caller: &Caller,
        record: impl Fn(&Self, u64, &User, &Slot) -> Result<Record> + Send + Sync + 'static,
    ) -> Result<Done> {
        cx.require_member(caller, &Room::channel(&self.channel_id)).await?;
        let user = Arc::clone(caller.user()?);
        let message = cx.store.message(&self.channel_id, self.message_id.as_str()).await?;
        let channel = self.channel_id.clone();
        let encode = move |slot: &Slot| record(&self, message.seq, &user, slot);
        match cx.log.append_with(&channel, encode).await {
            Ok(_) | Err(Refused::Also(..)) => Ok(Done {}),
            Err(Refused::Failed(error)) => Err(error),
        }
    }

    pub(crate) fn by(&self, user: &User, slot: &Slot) -> Reacted {
        Reacted {
            message_id: self.message_id.clone(),
            channel_id: self.channel_id.clone(),
            emoji: self.emoji.clone(),
            user_id: user.id.clone(),
            username: user.username.clone(),
            seq: slot.seq,
        }
    }

    pub(crate) fn emoji(&self) -> &str {
        &self.emoji
    }
}
