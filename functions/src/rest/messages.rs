//! What was said: in the lobby, between two users, in a channel.

use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use shared::{
    error::{Code, Error},
    ids::Room,
    store::messages::Conversation,
    text::Text,
};
use utoipa::IntoParams;

use super::{
    Answer, Rest,
    request::{Ids, Params, Signed, page_size},
};
use crate::history;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Before {
    limit: Option<usize>,
    /// The id of the message before which the page ends.
    before: Option<String>,
}

/// The lobby's messages, newest last. Open where anonymous clients are allowed.
#[utoipa::path(get, path = "/messages", tag = "messages", params(Before),
    responses((status = 200, description = "`{messages, hasMore}`")))]
pub(crate) async fn lobby(
    State(rest): State<Rest>,
    by: Option<Signed>,
    Params(page): Params<Before>,
) -> Answer<Json<Value>> {
    if by.is_none() && !rest.cx.auth.modes().anonymous {
        return Err(Error::new(Code::Unauthorized, Text::TokenMissing).into());
    }
    kept(&rest, Conversation::Lobby, page).await
}

/// The direct messages between the caller and a user, newest last.
#[utoipa::path(get, path = "/users/{id}/messages", tag = "messages", params(("id" = String, Path), Before),
    responses((status = 200, description = "`{messages, hasMore}`")))]
pub(crate) async fn direct(
    State(rest): State<Rest>,
    by: Signed,
    Ids([other]): Ids<1>,
    Params(page): Params<Before>,
) -> Answer<Json<Value>> {
    kept(&rest, Conversation::Direct(&by.0.id, &other), page).await
}

async fn kept(rest: &Rest, of: Conversation<'_>, page: Before) -> Answer<Json<Value>> {
    let limit = page_size(page.limit)?;
    let (messages, more) = rest.cx.store.kept_messages(of, page.before.as_deref(), limit).await?;
    let messages: Result<Vec<_>, _> = messages.into_iter().map(RawValue::from_string).collect();
    let messages = messages.map_err(Error::internal)?;
    Ok(Json(json!({ "messages": messages, "hasMore": more })))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InChannel {
    limit: Option<usize>,
    /// The seq before which the page ends.
    before: Option<u64>,
    /// The seq after which the page begins.
    after: Option<u64>,
    /// Replies of this thread only; without it, no replies.
    thread_id: Option<String>,
}

/// A channel's messages, newest last, with edits and reactions applied. Members only.
#[utoipa::path(get, path = "/channels/{id}/messages", tag = "messages", params(("id" = String, Path), InChannel),
    responses((status = 200, description = "`{messages, hasMore}`")))]
pub(crate) async fn channel(
    State(rest): State<Rest>,
    by: Signed,
    Ids([channel]): Ids<1>,
    Params(page): Params<InChannel>,
) -> Answer<Json<Value>> {
    rest.cx.membership(&by.0, &Room::channel(&channel)).await?;
    let page = history::Page {
        limit: page_size(page.limit)?,
        before: page.before,
        after: page.after,
        thread: page.thread_id.as_deref(),
    };
    let (messages, more) = history::page(&rest.cx, &channel, &page).await?;
    Ok(Json(json!({ "messages": messages, "hasMore": more })))
}

/// How many messages of others the caller has not read. Members only.
#[utoipa::path(get, path = "/channels/{id}/unread", tag = "messages", params(("id" = String, Path)),
    responses((status = 200, description = "`{unread, lastReadSeq}`")))]
pub(crate) async fn unread(
    State(rest): State<Rest>,
    by: Signed,
    Ids([channel]): Ids<1>,
) -> Answer<Json<Value>> {
    let (store, user) = (&rest.cx.store, &by.0.id);
    rest.cx.membership(&by.0, &Room::channel(&channel)).await?;
    let read = store.read_mark(user, &channel).await?;
    let head = store.head(&channel).await?.map_or(0, |head| head.seq);
    let unread = store.count_unread(&channel, user, read + 1, head).await?;
    Ok(Json(json!({ "unread": unread, "lastReadSeq": read })))
}
