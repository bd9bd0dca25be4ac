//! Frames of plain WebSockets.

use shared::{
    api::encode_failure,
    error::{Error, Result},
    metrics::frame_refused,
    plain::{self, Request, ack_frame},
    store::connections::Connection,
};

use super::{call, language, tell};
use crate::{Cloud, invocation::Invocation};

pub(super) async fn answer(
    cloud: &Cloud,
    invocation: &Invocation,
    rows: Result<Vec<Connection>>,
) -> Option<String> {
    let language = language(rows.as_deref().unwrap_or_default());
    let parsed = invocation.text().and_then(|text| Ok((text, Request::parse(text)?)));
    let (text, request) = match parsed.inspect_err(frame_refused) {
        Ok(parsed) => parsed,
        Err(error) => return tell(None, None, &error, language),
    };
    let name = request.name();
    let handled = async {
        let rows = rows.map_err(|error| error.without_cause())?;
        let row = rows.first().ok_or_else(|| Error::internal("a plain connection has no row"))?;
        let wants_ack = request.id().is_some();
        let name = name.as_deref().ok_or_else(plain::nameless).inspect_err(frame_refused)?;
        call(cloud, row, name, &[request.data()], text.len(), wants_ack).await
    };
    match (handled.await, request.id()) {
        (Ok(ack), Some(id)) => Some(ack_frame(id, &ack)),
        (Ok(_), None) => None,
        (Err(error), Some(id)) => Some(ack_frame(id, &encode_failure(&error, language))),
        (Err(error), None) => tell(None, name.as_deref(), &error, language),
    }
}
