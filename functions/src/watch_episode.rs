use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{
    api::{Done, Event},
    clock::Timestamp,
    context::Context,
    error::Result,
    ids::{Id, Room},
    limits::Limits,
    signal::Signal,
    store::watched::Watched,
    user::Caller,
};

/// Say that one has watched an episode. It is stored once for each user and episode.
#[derive(Deserialize, Validate, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[garde(context(Limits))]
#[garde(allow_unvalidated)]
pub(crate) struct WatchEpisode {
    group_id: Id,
    series_id: Id,
    episode_id: Id,
}

/// Somebody has watched an episode.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EpisodeWatched {
    group_id: Id,
    #[serde(flatten)]
    watched: Watched,
}

impl Signal for EpisodeWatched {
    const NAME: &'static str = "episode-watched";
}

impl Event for WatchEpisode {
    const NAME: &'static str = "watch-episode";
    type Ack = Done;

    async fn handle(self, cx: &Context, caller: &Caller) -> Result<Done> {
        let room = Room::group(&self.group_id);
        cx.require_member(caller, &room).await?;
        let user = caller.user()?;
        let watched = Watched {
            user_id: user.id.clone(),
            username: user.username.clone(),
            series_id: self.series_id,
            episode_id: self.episode_id,
            timestamp: Timestamp::now(),
        };
        cx.store.keep_watched(&self.group_id, &watched).await?;
        cx.to_room(&room, &EpisodeWatched { group_id: self.group_id, watched }).await?;
        Ok(Done {})
    }
}
