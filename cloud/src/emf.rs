//! The instruments, printed for CloudWatch: JSON lines in its embedded metric format, on standard output. CloudWatch makes
//! metrics of them as they come into the log, and nobody waits for it.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Label, Metadata, Recorder, SharedString,
    Unit,
};
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use shared::clock::Timestamp;

/// Values are told apart by a quarter of a power of two, so that 0.1 ms to a minute has fewer than the 100 that a line may have.
const STEPS: f64 = 4.0;

/// Keeps what is measured until it is printed. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Emf(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    counters: BTreeMap<Key, Arc<AtomicU64>>,
    histograms: BTreeMap<Key, Arc<Values>>,
    seconds: Vec<KeyName>,
}

/// How often each value came, rounded.
#[derive(Default)]
struct Values(Mutex<BTreeMap<Option<i16>, u64>>);

impl HistogramFn for Values {
    #[expect(clippy::cast_possible_truncation, reason = "a quarter step of an f64 is within ±4300")]
    fn record(&self, value: f64) {
        let step = (value > 0.0).then(|| (value.log2() * STEPS).round() as i16);
        *self.0.lock().entry(step).or_default() += 1;
    }
}

impl Values {
    fn take(&self) -> Option<Value> {
        let taken = std::mem::take(&mut *self.0.lock());
        let value = |step: &Option<i16>| step.map_or(0.0, |step| (f64::from(step) / STEPS).exp2());
        let values: Vec<f64> = taken.keys().map(value).collect();
        let counts: Vec<u64> = taken.into_values().collect();
        (!values.is_empty()).then(|| json!({ "Values": values, "Counts": counts }))
    }
}

impl Recorder for Emf {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, name: KeyName, unit: Option<Unit>, _: SharedString) {
        if unit == Some(Unit::Seconds) {
            self.0.lock().seconds.push(name);
        }
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(Arc::clone(self.0.lock().counters.entry(key.clone()).or_default()))
    }

    /// What a host knows of all its connections, no function knows.
    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Arc::clone(self.0.lock().histograms.entry(key.clone()).or_default()))
    }
}

impl Emf {
    /// Prints what was measured since the last time, in a namespace of CloudWatch's.
    pub(crate) fn print(&self, namespace: &str) {
        let lines = self.lines(namespace, Timestamp::now().millis());
        // In one piece, so that nothing else comes between.
        if let Err(error) = io::stdout().write_all(lines.as_bytes()) {
            tracing::warn!(%error, "metrics cannot be printed");
        }
    }

    /// A line for each set of labels: within a line each has one value.
    fn lines(&self, namespace: &str, at: i64) -> String {
        let kept = self.0.lock();
        let mut lines: BTreeMap<Vec<Label>, Vec<(&str, &str, Value)>> = BTreeMap::new();
        for (key, counter) in &kept.counters {
            let count = counter.swap(0, Ordering::Relaxed);
            if count > 0 {
                let line = lines.entry(key.labels().cloned().collect()).or_default();
                line.push((key.name(), "Count", count.into()));
            }
        }
        for (key, values) in &kept.histograms {
            if let Some(values) = values.take() {
                let seconds = kept.seconds.iter().any(|name| name.as_str() == key.name());
                let unit = if seconds { "Seconds" } else { "Count" };
                let line = lines.entry(key.labels().cloned().collect()).or_default();
                line.push((key.name(), unit, values));
            }
        }
        lines.iter().map(|(labels, values)| line(namespace, at, labels, values) + "\n").collect()
    }
}

fn line(namespace: &str, at: i64, labels: &[Label], values: &[(&str, &str, Value)]) -> String {
    let dimensions: Vec<&str> = labels.iter().map(Label::key).collect();
    let metrics: Vec<Value> =
        values.iter().map(|(name, unit, _)| json!({ "Name": name, "Unit": unit })).collect();
    let directive =
        json!({ "Namespace": namespace, "Dimensions": [dimensions], "Metrics": metrics });
    let mut line = Map::new();
    line.insert("_aws".into(), json!({ "Timestamp": at, "CloudWatchMetrics": [directive] }));
    line.extend(labels.iter().map(|label| (label.key().into(), label.value().into())));
    line.extend(values.iter().map(|(name, _, value)| ((*name).into(), value.clone())));
    Value::Object(line).to_string()
}
