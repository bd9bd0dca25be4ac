//! `GET /metrics`: the instruments as Prometheus reads them, for who is on this machine or is an administrator.

use std::net::IpAddr;

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, Uri, header},
    response::{IntoResponse, Response},
};
use functions::rest::must_be_admin;
use metrics::gauge;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use parking_lot::Mutex;
use serde_json::Value;
use shared::metrics::{
    BROADCAST_RECEIVERS, CONNECTIONS, QUEUE_DEPTH, QUEUE_DEPTH_MAX, RECEIVERS, SECONDS, describe,
};

use crate::{App, listener::Peer, network};

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const TRANSPORTS: [&str; 3] = ["plain", "polling", "websocket"];

/// The process's one recorder. Locked while it is read, so that the gauges are those of the host that is asked.
static RECORDER: Mutex<Option<PrometheusHandle>> = Mutex::new(None);

/// Begins to count: for the whole process, so only the first call does anything.
pub(crate) fn install() -> Result<(), BuildError> {
    let mut installed = RECORDER.lock();
    if installed.is_some() {
        return Ok(());
    }
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Full(BROADCAST_RECEIVERS.into()), &RECEIVERS)?
        .build_recorder();
    *installed = Some(recorder.handle());
    if metrics::set_global_recorder(recorder).is_err() {
        tracing::warn!("something else counts in this process: /metrics stays empty");
    }
    describe();
    Ok(())
}

/// Adds up what was measured since the last time; until then each value is kept.
pub(crate) fn add_up() {
    if let Some(recorder) = &*RECORDER.lock() {
        recorder.run_upkeep();
    }
}

pub(crate) async fn serve(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    if !is_local(peer.address.ip(), &parts.headers)
        && let Err(problem) = must_be_admin(&parts, &app.cx).await
    {
        return problem.say(network::language(&parts.headers, &parts.uri, &Value::Null));
    }
    ([(header::CONTENT_TYPE, TEXT)], read(&app)).into_response()
}

/// Whether who asks is on this machine. Behind a proxy here everybody seems to be: one that says for whom it asks, or
/// passes on the name that it was asked under, is told from who asks for himself.
fn is_local(peer: IpAddr, headers: &HeaderMap) -> bool {
    let forwarded = headers.keys().any(|name| {
        let name = name.as_str();
        name.starts_with("x-forwarded") || matches!(name, "forwarded" | "x-real-ip" | "via")
    });
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()?.parse::<Uri>().ok());
    let host = host.as_ref().and_then(Uri::host).map(|host| host.trim_matches(['[', ']']));
    let is_own = |host: &str| {
        host.eq_ignore_ascii_case("localhost")
            || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    };
    peer.to_canonical().is_loopback() && !forwarded && host.is_none_or(is_own)
}

#[expect(clippy::cast_precision_loss, reason = "no queue is that long")]
fn read(app: &App) -> String {
    let recorder = RECORDER.lock();
    let connections = app.hub.all();
    for transport in TRANSPORTS {
        let count =
            connections.iter().filter(|connection| connection.transport() == transport).count();
        gauge!(CONNECTIONS, "transport" => transport).set(count as f64);
    }
    let depths = |queue: &'static str, depths: &[usize]| {
        gauge!(QUEUE_DEPTH, "queue" => queue).set(depths.iter().sum::<usize>() as f64);
        let most = depths.iter().max().copied().unwrap_or_default();
        gauge!(QUEUE_DEPTH_MAX, "queue" => queue).set(most as f64);
    };
    let outgoing: Vec<usize> = connections.iter().filter_map(|one| one.waiting()).collect();
    depths("outgoing", &outgoing);
    depths("inbox", &app.inboxes());
    depths("channel_log", &app.cx.log.waiting());
    recorder.as_ref().map(PrometheusHandle::render).unwrap_or_default()
}
