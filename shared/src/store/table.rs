//! The table itself.

use aws_sdk_dynamodb::{
    operation::create_table::CreateTableError,
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType,
        Projection, ProjectionType, ScalarAttributeType, TimeToLiveSpecification,
    },
};

use super::{EXPIRES, PARTITION, SORT, Store, failed, key};
use crate::error::{Error, Result};

/// The sparse index: only memberships carry its keys.
pub(super) const INDEX: &str = "by-room";
pub(super) const INDEX_PARTITION: &str = "ipk";
pub(super) const INDEX_SORT: &str = "isk";

impl Store {
    /// Makes the table, with its index and TTL, unless it exists.
    ///
    /// # Errors
    /// `INTERNAL` when DynamoDB refuses, or cannot be reached.
    pub async fn create_table(&self) -> Result<()> {
        let text = |name: &str| {
            AttributeDefinition::builder()
                .attribute_name(name)
                .attribute_type(ScalarAttributeType::S)
                .build()
                .map_err(Error::internal)
        };
        let keys = |partition: &str, sort: &str| {
            [(partition, KeyType::Hash), (sort, KeyType::Range)]
                .into_iter()
                .map(|(name, kind)| {
                    KeySchemaElement::builder().attribute_name(name).key_type(kind).build()
                })
                .collect::<std::result::Result<Vec<_>, _>>()
                .map_err(Error::internal)
        };
        let index = GlobalSecondaryIndex::builder()
            .index_name(INDEX)
            .set_key_schema(Some(keys(INDEX_PARTITION, INDEX_SORT)?))
            .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
            .build()
            .map_err(Error::internal)?;
        let made = self
            .client
            .create_table()
            .table_name(&*self.table)
            .billing_mode(BillingMode::PayPerRequest)
            .set_attribute_definitions(Some(vec![
                text(PARTITION)?,
                text(SORT)?,
                text(INDEX_PARTITION)?,
                text(INDEX_SORT)?,
            ]))
            .set_key_schema(Some(keys(PARTITION, SORT)?))
            .global_secondary_indexes(index)
            .send()
            .await;
        match made {
            Ok(_) => self.enable_ttl().await,
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(CreateTableError::is_resource_in_use_exception) =>
            {
                Ok(())
            }
            Err(error) => Err(failed(error)),
        }
    }

    async fn enable_ttl(&self) -> Result<()> {
        let ttl = TimeToLiveSpecification::builder().attribute_name(EXPIRES).enabled(true);
        self.client
            .update_time_to_live()
            .table_name(&*self.table)
            .time_to_live_specification(ttl.build().map_err(Error::internal)?)
            .send()
            .await
            .map_err(failed)?;
        Ok(())
    }

    /// Whether the table can be used now.
    ///
    /// # Errors
    /// `INTERNAL` when it is missing or DynamoDB cannot be reached.
    pub async fn check(&self) -> Result<()> {
        self.get(key(&["CHECK"]), "-".into()).await.map(drop)
    }
}
