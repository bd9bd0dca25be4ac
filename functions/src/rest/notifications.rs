//! Notifications.

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::{api::Event, text::Text};
use utoipa::IntoParams;
use uuid::Uuid;

use super::{
    Answer, Rest,
    request::{Body, Notifier, Params, Reads, Signed, page_size},
};
use crate::{
    confirm_notification::ConfirmNotification,
    notify::{self, Notice},
};

/// Send a notification to a user; kept until the user confirms it. Needs the role `service` or `admin`, unless anonymous clients are allowed.
#[utoipa::path(post, path = "/notification/send", tag = "notifications", request_body = Notice,
    responses((status = 201, description = "`{message, id, delivered}`")))]
pub(crate) async fn send(
    State(rest): State<Rest>,
    _: Notifier,
    Reads(language): Reads,
    Body(notice): Body<Notice>,
) -> Answer<(StatusCode, Json<Value>)> {
    let (id, delivered) = notify::notify(&rest.cx, Uuid::now_v7(), notice).await?;
    let message = Text::NotificationSent.say(language);
    let sent = json!({ "message": message, "id": id, "delivered": delivered });
    Ok((StatusCode::CREATED, Json(sent)))
}

/// The same under `/api`.
#[utoipa::path(post, path = "/api/notification/send", tag = "notifications", request_body = Notice,
    responses((status = 201, description = "`{message, id, delivered}`")))]
pub(crate) async fn send_under_api(
    state: State<Rest>,
    by: Notifier,
    reads: Reads,
    body: Body<Notice>,
) -> Answer<(StatusCode, Json<Value>)> {
    send(state, by, reads, body).await
}

/// Say that one has seen a notification.
#[utoipa::path(post, path = "/notification/confirm", tag = "notifications", request_body = ConfirmNotification,
    responses((status = 200, description = "`{success}`")))]
pub(crate) async fn confirm(
    State(rest): State<Rest>,
    by: Signed,
    Reads(language): Reads,
    Body(confirm): Body<ConfirmNotification>,
) -> Answer<Json<Value>> {
    confirm.handle(&rest.cx, &by.caller(language)).await?;
    Ok(Json(json!({ "success": true })))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct List {
    limit: Option<usize>,
}

/// The caller's unconfirmed notifications, oldest first.
#[utoipa::path(get, path = "/notifications", tag = "notifications", params(List),
    responses((status = 200, description = "`{notifications}`")))]
pub(crate) async fn list(
    State(rest): State<Rest>,
    by: Signed,
    Params(list): Params<List>,
) -> Answer<Json<Value>> {
    let limit = page_size(list.limit)?;
    let waiting = rest.cx.store.waiting_notifications(&by.0.id, limit).await?;
    Ok(Json(json!({ "notifications": waiting })))
}
