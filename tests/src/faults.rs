//! Between the SDK and the engine: a tap that counts calls, and makes some of them go wrong as a network does.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use aws_sdk_dynamodb::Client;
use aws_smithy_runtime_api::{
    client::{
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings,
            SharedHttpClient, SharedHttpConnector,
        },
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use parking_lot::Mutex;
use serde_json::json;

use crate::client::eventually;

/// What becomes of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing happens to it.
    Fine,
    /// It is slow.
    Delay,
    /// It fails before anything was done.
    Before,
    /// It is done, but the answer is lost.
    After,
    /// It times out, and is done a while later all the same.
    Late,
    /// The table is busy.
    Throttle,
    /// Another transaction has one of the items.
    Conflict,
}

/// One call of the SDK.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) operation: String,
    pub(crate) body: String,
    pub(crate) fault: Fault,
}

impl Call {
    /// Whether it changes, or may change, the table.
    pub(crate) fn writes(&self) -> bool {
        ["Put", "Update", "Delete", "TransactWrite", "BatchWrite"]
            .iter()
            .any(|kind| self.operation.starts_with(kind))
    }

    /// Whether it puts an entry into a channel's log.
    pub(crate) fn appends(&self) -> bool {
        self.writes() && self.body.contains("\"LOG#")
    }
}

type Plan = dyn Fn(&Call, u64) -> Fault + Send + Sync;

struct Inner {
    client: SharedHttpClient,
    plan: Box<Plan>,
    count: AtomicU64,
    calls: Mutex<Vec<Call>>,
    late: AtomicUsize,
}

/// A client's calls, and what is done to them.
#[derive(Clone)]
pub(crate) struct Tap(Arc<Inner>);

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tap")
    }
}

impl Tap {
    /// The same client with a tap on its wire. The plan says what becomes of a call, given its number.
    pub(crate) fn on(
        client: &Client,
        plan: impl Fn(&Call, u64) -> Fault + Send + Sync + 'static,
    ) -> (Client, Self) {
        let tap = Self(Arc::new(Inner {
            client: client.config().http_client().expect("the engine's connector"),
            plan: Box::new(plan),
            count: AtomicU64::new(0),
            calls: Mutex::default(),
            late: AtomicUsize::new(0),
        }));
        let config = client.config().to_builder().http_client(tap.clone()).build();
        (Client::from_conf(config), tap)
    }

    /// A tap that only counts.
    pub(crate) fn counting(client: &Client) -> (Client, Self) {
        Self::on(client, |_, _| Fault::Fine)
    }

    /// The calls since this was asked last.
    pub(crate) fn take(&self) -> Vec<Call> {
        std::mem::take(&mut self.0.calls.lock())
    }

    /// Waits until every call that was late is done.
    pub(crate) async fn settle(&self) {
        eventually("late calls are done", async || self.0.late.load(Ordering::SeqCst) == 0).await;
    }
}

impl HttpClient for Tap {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.0.client.http_connector(settings, components);
        SharedHttpConnector::new(Connector { tap: self.clone(), inner })
    }
}

#[derive(Debug)]
struct Connector {
    tap: Tap,
    inner: SharedHttpConnector,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let mut call = Call {
            operation: target.rsplit('.').next().unwrap_or_default().to_owned(),
            body: String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned(),
            fault: Fault::Fine,
        };
        let shared = Arc::clone(&self.tap.0);
        call.fault = (shared.plan)(&call, shared.count.fetch_add(1, Ordering::SeqCst));
        let (fault, operation) = (call.fault, call.operation.clone());
        shared.calls.lock().push(call);
        let inner = self.inner.clone();
        HttpConnectorFuture::new(async move {
            match fault {
                Fault::Fine => inner.call(request).await,
                Fault::Delay => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    inner.call(request).await
                }
                Fault::Before => Err(ConnectorError::io("the connection broke".into())),
                Fault::After => {
                    inner.call(request).await?;
                    Err(ConnectorError::timeout("no answer in time".into()))
                }
                Fault::Late => {
                    shared.late.fetch_add(1, Ordering::SeqCst);
                    tokio::spawn(async move {
                        tokio::time::sleep(Duration::from_millis(30)).await;
                        // Its answer is for nobody.
                        let _ = inner.call(request).await;
                        shared.late.fetch_sub(1, Ordering::SeqCst);
                    });
                    Err(ConnectorError::timeout("no answer in time".into()))
                }
                Fault::Throttle => Ok(refusal("ProvisionedThroughputExceededException")),
                Fault::Conflict if operation == "TransactWriteItems" => {
                    Ok(refusal("TransactionCanceledException"))
                }
                Fault::Conflict => Ok(refusal("TransactionConflictException")),
            }
        })
    }
}

fn refusal(exception: &str) -> HttpResponse {
    let mut body = json!({
        "__type": format!("com.amazonaws.dynamodb.v20120810#{exception}"),
        "message": "injected",
    });
    if exception == "TransactionCanceledException" {
        body["CancellationReasons"] =
            json!([{ "Code": "TransactionConflict" }, { "Code": "None" }]);
    }
    HttpResponse::new(StatusCode::try_from(400).expect("a status"), body.to_string().into())
}

/// A number that looks random and is the same in every run.
pub(crate) fn scattered(seed: u64, number: u64) -> u64 {
    let mut mixed = (seed << 32).wrapping_add(number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A plan in which about three calls in ten go wrong, each in one of all ways.
pub(crate) fn stormy(seed: u64) -> impl Fn(&Call, u64) -> Fault + Send + Sync {
    const WAYS: [Fault; 6] =
        [Fault::Delay, Fault::Before, Fault::After, Fault::Late, Fault::Throttle, Fault::Conflict];
    // Among any twenty calls in a row each way comes once, at changing places.
    move |_, number| match (number * 7 + scattered(seed, number / 20)) % 20 {
        way @ 0..6 => WAYS[usize::try_from(way).expect("small")],
        _ => Fault::Fine,
    }
}
