//! Leases of hosts: a host that stops renewing is dead, and with it all its connections.

use aws_sdk_dynamodb::types::ReturnValue;

use super::{Store, failed, item, key, number};
use crate::{clock::Timestamp, error::Result};

fn partition() -> String {
    key(&["HOSTS"])
}

impl Store {
    /// Says that a host is alive until a moment; false when it is new, or was taken for dead.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn renew_host(&self, host: &str, until: Timestamp) -> Result<bool> {
        let mut row = item(partition(), key(&[host]));
        row.insert("until".into(), number(until.millis()));
        let put = self.put_item(row).return_values(ReturnValue::AllOld);
        let before = self.send(put).await.map_err(failed)?;
        Ok(before.attributes.is_some())
    }

    /// The hosts whose lease ended before a moment.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn hosts_ended(&self, before: Timestamp) -> Result<Vec<String>> {
        let hosts = self.collect(self.prefixed(partition(), ""), usize::MAX).await?;
        Ok(hosts
            .into_iter()
            .filter(|host| host.time("until").is_none_or(|until| until < before))
            .filter_map(|mut host| host.take("sk"))
            .collect())
    }

    /// Forgets a host whose connections are all removed.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn forget_host(&self, host: &str) -> Result<()> {
        self.delete(partition(), key(&[host])).await
    }
}
