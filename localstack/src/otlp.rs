//! Exporting the events' spans by OTLP over HTTP, from a thread of the SDK's own: nothing here ever waits for the
//! collector. Where to, how often and how much at once are `OTEL_*` variables that the SDK reads.

use std::{
    fmt,
    time::{Duration, Instant},
};

use opentelemetry::{
    KeyValue,
    trace::{Status, TracerProvider as _},
};
use opentelemetry_otlp::SpanExporter as Otlp;
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{SdkTracerProvider, SpanData, SpanExporter},
};
use parking_lot::Mutex;
use shared::{
    config::{ConfigError, LogConfig},
    error::Code,
    telemetry::{SpanLayer, events_only},
};
use tracing_subscriber::Layer;

const SERVICE: &str = "tertulia";
/// How often at most it is logged that spans were lost.
const COMPLAIN_EVERY: Duration = Duration::from_mins(1);
/// How long the last spans may take when the host goes down: what the contract leaves of its ten seconds.
const LAST_SPANS: Duration = Duration::from_millis(700);

/// The export of spans.
pub struct Traces(Option<SdkTracerProvider>);

impl Traces {
    /// Begins to export, if that is configured.
    ///
    /// # Errors
    /// When the exporter cannot be made of what is configured.
    pub fn new(config: &LogConfig) -> Result<Self, ConfigError> {
        if !config.export {
            return Ok(Self(None));
        }
        let otlp = Otlp::builder().with_http().build();
        let otlp = otlp.map_err(|error| ConfigError::new("OTEL_EXPORTER_OTLP_ENDPOINT", error))?;
        let exporter = Exporter { otlp, complained: Mutex::default() };
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource())
            .build();
        Ok(Self(Some(provider)))
    }

    /// What gives spans to the export.
    #[must_use]
    pub fn layer(&self) -> Option<SpanLayer> {
        let tracer = self.0.as_ref()?.tracer(SERVICE);
        let layer = tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false);
        Some(layer.with_filter(events_only()).boxed())
    }

    /// Exports what is left, if that can be done soon.
    pub async fn finish(self) {
        let Some(provider) = self.0 else { return };
        let finished =
            tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(LAST_SPANS)).await;
        if !matches!(finished, Ok(Ok(()))) {
            tracing::warn!("the last spans were not exported");
        }
    }
}

/// Who we are, unless `OTEL_SERVICE_NAME` or `OTEL_RESOURCE_ATTRIBUTES` says otherwise.
fn resource() -> Resource {
    const NAME: &str = "service.name";
    let told = Resource::builder().build();
    let name = told.get(&NAME.into()).map(|name| name.to_string());
    let ours = KeyValue::new(NAME, SERVICE);
    // So the SDK calls who has no name.
    if name.is_none_or(|name| name.starts_with("unknown_service")) {
        return Resource::builder().with_attribute(ours).build();
    }
    told
}

/// OTLP, with spans named by their event, and failures logged once in a while.
struct Exporter {
    otlp: Otlp,
    complained: Mutex<Option<Instant>>,
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exporter")
    }
}

impl Exporter {
    fn complain(&self, lost: usize, error: &dyn fmt::Display) {
        let mut complained = self.complained.lock();
        if complained.is_none_or(|last| last.elapsed() >= COMPLAIN_EVERY) {
            *complained = Some(Instant::now());
            tracing::warn!(lost, %error, "spans cannot be exported");
        }
    }
}

impl SpanExporter for Exporter {
    async fn export(&self, mut batch: Vec<SpanData>) -> OTelSdkResult {
        batch.iter_mut().for_each(name_by_event);
        let count = batch.len();
        if let Err(error) = self.otlp.export(batch).await {
            self.complain(count, &error);
        }
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.otlp.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.otlp.set_resource(resource);
    }
}

/// A span is found by its name, and one that failed by its status.
fn name_by_event(span: &mut SpanData) {
    let value = |key: &str| {
        let found = span.attributes.iter().find(|attribute| attribute.key.as_str() == key);
        found.map(|attribute| attribute.value.to_string())
    };
    if value("code").as_deref() == Some(Code::Internal.as_str()) {
        span.status = Status::error("");
    }
    if let Some(event) = value("event") {
        span.name = event.into();
    }
}
