use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{
    api::{Done, Event},
    context::Context,
    error::Result,
    limits::Limits,
    log::Record,
    signal::{Frame, Signal},
    user::Caller,
};

use crate::add_reaction::{Reacted, Reaction};

/// Take a reaction back. One that is not there is no error and changes nothing.
#[derive(Deserialize, Validate, JsonSchema)]
#[serde(transparent)]
#[garde(context(Limits))]
#[garde(transparent)]
pub(crate) struct RemoveReaction(#[garde(dive)] Reaction);

/// Somebody took a reaction back.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ReactionRemoved(Reacted);

impl Signal for ReactionRemoved {
    const NAME: &'static str = "reaction_removed";
}

impl Event for RemoveReaction {
    const NAME: &'static str = "remove_reaction";
    type Ack = Done;

    async fn handle(self, cx: &Context, caller: &Caller) -> Result<Done> {
        let store = cx.store.clone();
        self.0
            .change(cx, caller, move |reaction, message_seq, user, slot| {
                let removed = ReactionRemoved(reaction.by(user, slot));
                let mut record = Record::new(Frame::of(&removed)?);
                let (channel, emoji) = (&reaction.channel_id, reaction.emoji());
                record.also.push(store.delete_reaction(channel, message_seq, emoji, &user.id)?);
                Ok(record)
            })
            .await
    }
}
