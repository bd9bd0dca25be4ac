#!/usr/bin/env bash
# Makes the table for `STORE=dynamodb cargo run`, unless it exists: `Table` of template.yaml, less the backups.
set -euo pipefail

if ! awslocal dynamodb describe-table --table-name tertulia >/dev/null 2>&1; then
    awslocal dynamodb create-table --cli-input-json '{
        "TableName": "tertulia",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            { "AttributeName": "pk", "AttributeType": "S" },
            { "AttributeName": "sk", "AttributeType": "S" },
            { "AttributeName": "ipk", "AttributeType": "S" },
            { "AttributeName": "isk", "AttributeType": "S" }
        ],
        "KeySchema": [
            { "AttributeName": "pk", "KeyType": "HASH" },
            { "AttributeName": "sk", "KeyType": "RANGE" }
        ],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": "by-room",
                "KeySchema": [
                    { "AttributeName": "ipk", "KeyType": "HASH" },
                    { "AttributeName": "isk", "KeyType": "RANGE" }
                ],
                "Projection": { "ProjectionType": "KEYS_ONLY" }
            }
        ],
        "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "NEW_IMAGE" }
    }' >/dev/null
    awslocal dynamodb wait table-exists --table-name tertulia
fi

ttl=$(awslocal dynamodb describe-time-to-live --table-name tertulia --query TimeToLiveDescription.TimeToLiveStatus --output text)
if [[ $ttl != ENABL* ]]; then
    awslocal dynamodb update-time-to-live --table-name tertulia \
        --time-to-live-specification Enabled=true,AttributeName=expiresAt >/dev/null
fi
echo "The table tertulia is ready."
