//! What each function in the cloud may do. The template's roles are made of this, and the emulator that the tests run
//! on enforces them: what is missing here fails a test.

type Grants = &'static [&'static str];

/// Of every function that takes frames: reading the connection, counting its events, ending one that floods.
const FRAMES: Grants = &[
    "table:GetItem",
    "table:Query",
    "table:UpdateItem",
    "connections:DELETE",
    "later-queue:SendMessage",
];
/// Sending to others: to some at once, to many through the queue; whoever is gone is forgotten later.
const TELL: Grants =
    &["connections:POST", "deliver-queue:SendMessage", "later-queue:SendMessage", "table:Query"];
/// Putting connections into rooms, or out of them.
const ROOMS: Grants = &["table:BatchGetItem", "table:BatchWriteItem", "table:Query"];
const PUT: Grants = &["table:PutItem"];
const DELETE: Grants = &["table:DeleteItem"];
/// Finding members by name, among all of a room.
const NAMES: Grants = &["index:Query", "table:BatchGetItem"];

/// What a function may do, as `<resource>:<action>`, sorted.
#[allow(clippy::match_same_arms, reason = "a row for each function")]
pub(crate) fn grants(function: &str) -> Vec<&'static str> {
    let lists: &[Grants] = match function {
        "connect" => &[FRAMES, PUT, &["open-queue:SendMessage"]],
        "disconnect" => &[FRAMES, TELL, ROOMS, DELETE],
        "default" | "rest" => &[FRAMES, TELL, ROOMS, PUT, DELETE, NAMES, &["connections:GET"]],
        "open" => &[FRAMES, TELL, ROOMS, DELETE, &["open-queue:SendMessage"]],
        "later" => &[FRAMES, TELL, ROOMS, DELETE],
        "broadcast" | "deliver" => &[TELL],
        "heartbeat" => &[&["later-queue:SendMessage"]],
        "notify" => &[TELL, PUT],
        "sync_request" => &[FRAMES, TELL],
        "typing_start" | "typing_stop" | "mark_read" | "set_presence" | "group-activity" => {
            &[FRAMES, TELL]
        }
        "message" | "event_message" | "watch-episode" => &[FRAMES, TELL, PUT],
        "initialize" => &[FRAMES, TELL, ROOMS, PUT],
        "refresh_token" => &[FRAMES, ROOMS],
        "confirm-notification" => &[FRAMES, PUT, DELETE],
        "join_channel" | "join-group" => &[FRAMES, TELL, ROOMS, PUT],
        "leave_channel" | "leave-group" => &[FRAMES, TELL, ROOMS, DELETE],
        "join_thread" | "create_thread" => &[FRAMES, ROOMS, PUT],
        "leave_thread" => &[FRAMES, ROOMS, DELETE],
        "send_message" => &[FRAMES, ROOMS, PUT, NAMES],
        "edit_message" => &[FRAMES, PUT, NAMES],
        "delete_message" => &[FRAMES, PUT, &["table:BatchGetItem"]],
        "add_reaction" => &[FRAMES, PUT],
        "remove_reaction" => &[FRAMES, PUT, DELETE],
        other => panic!("what may {other} do?"),
    };
    let mut grants = lists.concat();
    grants.extend(calls(function));
    grants.sort_unstable();
    grants.dedup();
    grants
}

/// What the service that calls a function does in the function's name.
fn calls(function: &str) -> Grants {
    match function {
        "broadcast" => &[
            "stream:DescribeStream",
            "stream:GetRecords",
            "stream:GetShardIterator",
            "any:ListStreams",
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
