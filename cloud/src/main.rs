//! `bootstrap`: all functions in one binary. `_HANDLER` says which of them it is: an event's name, or one of the cloud's own.

mod address;
mod broadcast;
mod connect;
mod connections;
mod deliver;
mod disconnect;
mod emf;
mod frames;
mod heartbeat;
mod invocation;
mod later;
mod notify;
mod open;
mod post;
mod push;
mod queue;
mod rate;
mod rest;

use std::{
    panic::AssertUnwindSafe,
    process::ExitCode,
    sync::{Arc, atomic::AtomicU64},
    time::Instant,
};

use functions::rest::Origins;
use futures_util::FutureExt;
use lambda_runtime::{LambdaEvent, service_fn};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use shared::{
    api::Api,
    auth::Auth,
    aws::sdk_config,
    config::{CloudConfig, Config, ConfigError},
    context::Context,
    error::Error,
    log::ChannelLog,
    metrics::describe,
    store::Store,
    telemetry,
};

use self::{
    broadcast::Sent, emf::Emf, invocation::Failed, post::Posts, push::Gateway, queue::Queue,
    rate::Rate,
};

/// What the functions of the cloud are made of.
pub(crate) struct Cloud {
    pub(crate) cx: Context,
    pub(crate) api: Arc<Api>,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) origins: Origins,
    pub(crate) rate: Rate,
    pub(crate) sent: Sent,
    emf: Emf,
    endpoint: String,
    name: String,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bootstrap: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Failure> {
    let config = Config::from_env()?;
    telemetry::start(&config.log, None)?;
    let Some(settings) = config.cloud.clone() else {
        return Err(ConfigError::new("_HANDLER", "names no function").into());
    };
    let emf = Emf::default();
    metrics::set_global_recorder(emf.clone())?;
    describe();
    let cloud = Arc::new(Cloud::new(config, &settings, emf).await?);
    match settings.handler.as_str() {
        "connect" => serve(cloud, connect::handle).await,
        "disconnect" => serve(cloud, disconnect::handle).await,
        "open" => serve(cloud, open::handle).await,
        "broadcast" => serve(cloud, broadcast::handle).await,
        "deliver" => serve(cloud, deliver::handle).await,
        "later" => serve(cloud, later::handle).await,
        "heartbeat" => {
            serve(cloud, async |cloud, event| log(heartbeat::handle(cloud, event).await)).await
        }
        "notify" => serve(cloud, notify::handle).await,
        "rest" => {
            let router = rest::router(&cloud);
            serve(cloud, async |_, event| rest::handle(&router, event).await).await
        }
        name if name == "default" || cloud.api.names().any(|event| event == name) => {
            serve(cloud, frames::handle).await
        }
        other => {
            Err(ConfigError::new("_HANDLER", format!("no function is called `{other}`")).into())
        }
    }
}

/// Answers invocations for as long as the container lives. Never with a failure of the function: API Gateway would send
/// it to the client, and what it sends that is no packet ends a Socket.IO session.
async fn serve<E, A, H>(cloud: Arc<Cloud>, handle: H) -> Result<(), Failure>
where
    E: DeserializeOwned,
    A: Serialize + Failed,
    H: AsyncFn(&Cloud, E) -> A,
{
    let (cloud, handle) = (&*cloud, &handle);
    let answer = async |event: LambdaEvent<Value>| {
        let (started, request) = (Instant::now(), event.context.request_id);
        let answered = async {
            let event: E = serde_json::from_value(event.payload)?;
            Ok::<_, serde_json::Error>(handle(cloud, event).await)
        };
        let answer = match AssertUnwindSafe(answered).catch_unwind().await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => {
                // What is wrong with it would be said with a piece of it.
                tracing::error!("an invocation that cannot be read");
                A::failed()
            }
            Err(_) => {
                tracing::error!("a function panicked");
                A::failed()
            }
        };
        let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(function = cloud.name, request, milliseconds, "done");
        cloud.emf.print(&cloud.cx.config.store.table);
        Ok::<_, Failure>(answer)
    };
    lambda_runtime::run(service_fn(answer)).await
}

/// For functions that nobody waits for.
fn log(done: Result<(), Error>) {
    if let Err(error) = done {
        error.report("function");
    }
}

impl Cloud {
    async fn new(config: Config, settings: &CloudConfig, emf: Emf) -> Result<Self, Failure> {
        let sdk = sdk_config().await;
        let store = Store::new(aws_sdk_dynamodb::Client::new(&sdk), &config.store.table);
        let management = aws_sdk_apigatewaymanagement::config::Builder::from(&sdk)
            .endpoint_url(&settings.endpoint)
            .build();
        let queue = Arc::new(Queue {
            client: aws_sdk_sqs::Client::new(&sdk),
            later: settings.later_queue.clone(),
            deliver: settings.deliver_queue.clone(),
            open: settings.open_queue.clone(),
        });
        let gateway = Arc::new(Gateway {
            store: store.clone(),
            posts: Posts(aws_sdk_apigatewaymanagement::Client::from_conf(management)),
            queue: Arc::clone(&queue),
            evictions: AtomicU64::new(0),
        });
        let auth = Auth::new(&config.auth, config.presence.session_ttl.as_secs())?;
        Ok(Self {
            api: Arc::new(functions::api()),
            origins: Origins::new(&config.origins, None),
            cx: Context {
                log: ChannelLog::new(store.clone(), None),
                store,
                push: gateway.clone(),
                later: queue.clone(),
                auth: Arc::new(auth),
                host: "cloud".into(),
                config: Arc::new(config),
            },
            gateway,
            queue,
            rate: Rate::default(),
            sent: Sent::default(),
            emf,
            endpoint: settings.endpoint.clone(),
            name: settings.handler.clone(),
        })
    }

    /// Whether this is the stage that connections are managed at.
    pub(crate) fn is_stage(&self, stage: &str) -> bool {
        self.endpoint.rsplit('/').next() == Some(stage)
    }
}
