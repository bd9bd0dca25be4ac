//! `connect`: API Gateway's `$connect`. Checks the stage, the origin and the token, notes the connection, and has it greeted.

use std::time::Duration;

use shared::{
    auth::{Admitted, Credentials},
    clock::Timestamp,
    error::{Code, Error, Result},
    language::Language,
    store::connections::{Connection, Kind},
    text::Text,
};

use crate::{
    Cloud, frames,
    invocation::{Answer, Invocation},
    later::{OwnWork, Work},
    open::Opened,
};

/// How long a Socket.IO client may stay in no namespace.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) async fn handle(cloud: &Cloud, invocation: Invocation) -> Answer {
    if invocation.is_frame() {
        return frames::handle(cloud, invocation).await;
    }
    match admit(cloud, &invocation).await {
        Ok(()) => Answer::frame(None),
        Err(error) => {
            error.log("connect");
            Answer::refused(error.code())
        }
    }
}

async fn admit(cloud: &Cloud, invocation: &Invocation) -> Result<()> {
    if invocation.request_context.stage.as_deref().is_some_and(|stage| !cloud.is_stage(stage)) {
        return Err(Error::forbidden(Text::NoStage));
    }
    cloud.origins.check(invocation.header("origin").map(str::as_bytes))?;
    let row = identify(cloud, invocation).await?;
    cloud.cx.store.open_connection(&row).await?;
    let mut work: Vec<_> = Work::token_end(&row.id, row.expires).into_iter().collect();
    if row.kind == Kind::Socket {
        let socket = row.socket.clone();
        work.push((CONNECT_TIMEOUT, Work::Own(OwnWork::Unentered { socket })));
    }
    let opened = Opened { socket: row.socket };
    let (queued, opening) =
        futures_util::join!(cloud.queue.later(work), cloud.queue.open(&opened, 0));
    queued.and(opening)
}

/// What a new connection is. A Socket.IO client may show its token later, so only one that it shows now is checked; and
/// it hears why that is no good when it enters a namespace, for of a refused upgrade its library tells it nothing.
async fn identify(cloud: &Cloud, invocation: &Invocation) -> Result<Connection> {
    let header = invocation.header("authorization").map(str::to_owned);
    let query = invocation.query("token").map(str::to_owned);
    let by_header =
        Credentials { header: header.clone(), ..Credentials::default() }.token().is_some();
    let credentials = Credentials { header, query, ..Credentials::default() };
    let is_socket = invocation.query("EIO").is_some();
    let mut refusal = None;
    let Admitted { user, expires, .. } = if is_socket && credentials.token().is_none() {
        Admitted::default()
    } else {
        match cloud.cx.auth.admit(&cloud.cx.store, &credentials).await {
            Err(error) if is_socket && error.code() == Code::Unauthorized => {
                refusal = Some(error.text().clone());
                Admitted::default()
            }
            admitted => admitted?,
        }
    };
    let language = invocation.query("lang").or(invocation.header("accept-language"));
    let socket = invocation.socket().to_owned();
    if socket.is_empty() {
        return Err(Error::new(Code::InvalidRequest, Text::NoConnection));
    }
    Ok(Connection {
        id: socket.clone(),
        socket,
        kind: if is_socket { Kind::Socket } else { Kind::Plain },
        user: user.map(|user| (*user).clone()),
        expires,
        refusal,
        by_header,
        language: Language::preferred(language),
        connected_at: Timestamp::now(),
    })
}
