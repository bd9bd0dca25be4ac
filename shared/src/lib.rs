//! What every function of Tertulia shares: the table of events, the store, who is calling, how to reach the others.
//!
//! This crate knows no event and no transport's library. A host gives it a [`push::Push`] and a [`later::Later`].

pub mod access;
pub mod api;
pub mod auth;
pub mod aws;
pub mod clock;
pub mod config;
pub mod context;
pub mod engineio;
pub mod error;
pub mod fields;
pub mod ids;
pub mod language;
pub mod later;
pub mod limits;
pub mod log;
pub mod metrics;
pub mod plain;
pub mod push;
pub mod signal;
pub mod store;
pub mod telemetry;
pub mod text;
pub mod user;

// With a second backend, even an empty one, the macro packs the texts; else it makes code of each, which is larger.
rust_i18n::i18n!("locales", backend = rust_i18n::SimpleBackend::new());
