//! `disconnect`: API Gateway's `$disconnect`. Best effort on its side: whoever is not said to have gone is found out by
//! the next post, or the heartbeat.

use crate::{
    Cloud, connections, frames,
    invocation::{Answer, Invocation},
};

pub(crate) async fn handle(cloud: &Cloud, invocation: Invocation) -> Answer {
    if invocation.is_frame() {
        return frames::handle(cloud, invocation).await;
    }
    if let Err(error) = connections::end(cloud, invocation.socket()).await {
        error.report("disconnect");
    }
    Answer::frame(None)
}
