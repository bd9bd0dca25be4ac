//! What services send: any event of their own to groups, channels, threads, users or everybody.

use axum::{Json, extract::State, http::StatusCode};
use serde_json::{Value, json};
use shared::{
    error::Error,
    ids::{Room, RoomKind},
    text::Text,
};
use utoipa::ToSchema;

use super::{
    Answer, Rest,
    request::{Body, Ids, Service},
};
use crate::notify::{self, Emit};

/// How [`Emit`] looks in the document.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "only its schema is used")]
struct EmitBody {
    event: String,
    data: Value,
    except_users: Option<Vec<String>>,
    except_connections: Option<Vec<String>>,
    /// Only for `/broadcast`: `["channel:5", …]`.
    rooms: Option<Vec<String>>,
}

type Accepted = (StatusCode, Json<Value>);

async fn send(rest: &Rest, emit: Emit, rooms: Option<&[Room]>) -> Answer<Accepted> {
    let delivered = notify::emit(&rest.cx, &rest.api, emit, rooms).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "delivered": delivered }))))
}

macro_rules! to_room {
    ($name:ident, $path:literal, $kind:ident) => {
        /// Send an event to all who are in the room.
        #[utoipa::path(post, path = $path, tag = "emit", request_body = EmitBody,
            params(("id" = String, Path)), responses((status = 202, description = "`{delivered}`")))]
        pub(crate) async fn $name(
            State(rest): State<Rest>,
            _: Service,
            Ids([id]): Ids<1>,
            Body(emit): Body<Emit>,
        ) -> Answer<Accepted> {
            let room = Room::new(RoomKind::$kind, &id);
            send(&rest, emit, Some(std::slice::from_ref(&room))).await
        }
    };
}

to_room!(to_group, "/groups/{id}/emit", Group);
to_room!(to_channel, "/channels/{id}/emit", Channel);
to_room!(to_thread, "/threads/{id}/emit", Thread);
to_room!(to_user, "/users/{id}/emit", User);

/// Send an event to every connection, or to those in any of several rooms, once to each.
#[utoipa::path(post, path = "/broadcast", tag = "emit", request_body = EmitBody,
    responses((status = 202, description = "`{delivered}`")))]
pub(crate) async fn broadcast(
    State(rest): State<Rest>,
    _: Service,
    Body(mut emit): Body<Emit>,
) -> Answer<Accepted> {
    let parse = |name: &String| {
        let wrong = || Text::NoRoomName { name: name.clone() };
        Room::parse(name).ok_or_else(|| Error::invalid("rooms", wrong()))
    };
    let rooms = emit.rooms.take();
    let rooms = rooms.map(|rooms| rooms.iter().map(parse).collect::<Result<Vec<_>, _>>());
    send(&rest, emit, rooms.transpose()?.as_deref()).await
}
