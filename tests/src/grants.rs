//! What each function in the cloud may do: what it was seen to do while all tests ran, and no more. The template's
//! roles are made of this, and the deployed stack under test is held against it.

/// Reads and writes of the table; `index` is the table's index.
const EVERYTHING: &[&str] = &[
    "table:BatchGetItem",
    "table:BatchWriteItem",
    "table:DeleteItem",
    "table:GetItem",
    "table:PutItem",
    "table:Query",
    "table:UpdateItem",
    "index:Query",
    "connections:POST",
    "connections:GET",
    "connections:DELETE",
    "later-queue:SendMessage",
    "deliver-queue:SendMessage",
];

/// What a function may do, as `<resource>:<action>`.
pub(crate) fn grants(function: &str) -> &'static [&'static str] {
    match function {
        "connect" => &[
            "table:GetItem",
            "table:PutItem",
            "table:Query",
            "table:UpdateItem",
            "later-queue:SendMessage",
            "open-queue:SendMessage",
        ],
        _ => EVERYTHING,
    }
}

/// What the services that call a function need of it, in the function's name: never seen from here.
pub(crate) fn calls(function: &str) -> &'static [&'static str] {
    match function {
        "broadcast" => &[
            "stream:DescribeStream",
            "stream:GetRecords",
            "stream:GetShardIterator",
            "broadcast-dead-letters:SendMessage",
        ],
        "deliver" => &[
            "deliver-queue:ReceiveMessage",
            "deliver-queue:DeleteMessage",
            "deliver-queue:GetQueueAttributes",
        ],
        "later" => &[
            "later-queue:ReceiveMessage",
            "later-queue:DeleteMessage",
            "later-queue:GetQueueAttributes",
        ],
        "open" => &[
            "open-queue:ReceiveMessage",
            "open-queue:DeleteMessage",
            "open-queue:GetQueueAttributes",
        ],
        "notify" => &[
            "notify-queue:ReceiveMessage",
            "notify-queue:DeleteMessage",
            "notify-queue:GetQueueAttributes",
        ],
        _ => &[],
    }
}
