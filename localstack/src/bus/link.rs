//! The connections to Redis: one to publish, one that is subscribed. Either of them lost, both are made anew.

use std::{sync::Arc, time::Duration};

use redis::{
    AsyncConnectionConfig, Client, IntoConnectionInfo, Pipeline, RedisError, RedisResult,
    aio::{MultiplexedConnection, PubSubStream},
    io::tcp::TcpSettings,
};
use shared::config::{ConfigError, RedisUrl};
use tokio::time::timeout;

use super::outbox::Outgoing;

/// How long Redis may take to accept a connection, and to take what is published.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where Redis is.
pub(super) struct Redis(Client);

/// Both connections.
pub(super) struct Link {
    pub(super) publisher: Publisher,
    pub(super) messages: PubSubStream,
}

pub(super) struct Publisher(MultiplexedConnection);

impl Redis {
    /// # Errors
    /// When the address is none. It is not shown: it may carry a password.
    pub(super) fn at(url: &RedisUrl) -> Result<Self, ConfigError> {
        let problem = "is not redis://[user:password@]host[:port], nor rediss:// for TLS";
        let wrong = |_| ConfigError::new("REDIS_URL", problem);
        let info = url.0.as_str().into_connection_info().map_err(wrong)?;
        // Messages are small, and each one matters at once.
        let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(true));
        Client::open(info).map(Self).map_err(wrong)
    }

    /// Connects, and subscribes to the channels.
    pub(super) async fn connect(&self, channels: &[Arc<str>]) -> RedisResult<Link> {
        let connecting = async {
            let config = AsyncConnectionConfig::new()
                .set_connection_timeout(Some(PATIENCE))
                .set_response_timeout(Some(PATIENCE));
            let publisher = self.0.get_multiplexed_async_connection_with_config(&config).await?;
            let (mut sink, messages) = self.0.get_async_pubsub().await?.split();
            for channel in channels {
                sink.subscribe(&**channel).await?;
            }
            Ok(Link { publisher: Publisher(publisher), messages })
        };
        timeout(PATIENCE, connecting).await.unwrap_or_else(|_| Err(silent()))
    }
}

impl Publisher {
    /// Publishes in order. What failed may have been published, or a part of it.
    pub(super) async fn publish(&mut self, messages: &[Outgoing]) -> RedisResult<()> {
        let mut pipeline = Pipeline::with_capacity(messages.len());
        for (channel, message) in messages {
            pipeline.publish(&**channel, &**message).ignore();
        }
        pipeline.query_async(&mut self.0).await
    }
}

/// Redis says nothing.
pub(super) fn silent() -> RedisError {
    std::io::Error::from(std::io::ErrorKind::TimedOut).into()
}
