//! The embedded engine beside itself: what it does by a way of its own is what it does when asked as `DynamoDB` is.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::{
    error::ProvideErrorMetadata,
    operation::{
        put_item::{PutItemError, PutItemInput, builders::PutItemInputBuilder},
        query::QueryInput,
        transact_write_items::{TransactWriteItemsError, TransactWriteItemsInput},
    },
    primitives::Blob,
    types::{AttributeValue, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem},
};
use futures_util::future::join_all;
use shared::{
    clock::Timestamp,
    store::{Engine as _, Store},
};
use tertulia::dynamodb::{Engine, Location};

const TABLE: &str = "tertulia";
const NEW: &str = "attribute_not_exists(pk)";

type Item = HashMap<String, AttributeValue>;

/// An engine with the table as the host makes it.
async fn engine(location: &Location) -> Engine {
    let engine = Engine::open(location).expect("an engine");
    Store::new(engine.client(), TABLE).create_table().await.expect("a table");
    engine
}

fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

fn number(number: impl ToString + Copy) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn item<const N: usize>(pk: &str, sk: &str, rest: [(&str, AttributeValue); N]) -> Item {
    let keys = [("pk", text(pk)), ("sk", text(sk))];
    keys.into_iter().chain(rest).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Asks for an item to be put that must be new.
fn new(item: Item) -> PutItemInputBuilder {
    PutItemInput::builder()
        .table_name(TABLE)
        .set_item(Some(item))
        .condition_expression(NEW)
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
}

/// The same of several, all or none.
fn all_new(items: impl IntoIterator<Item = Item>) -> TransactWriteItemsInput {
    let put = |item| {
        let put = Put::builder()
            .table_name(TABLE)
            .set_item(Some(item))
            .condition_expression(NEW)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        TransactWriteItem::builder().put(put.build().expect("a put")).build()
    };
    let writes = items.into_iter().map(put).collect();
    let request = TransactWriteItemsInput::builder().set_transact_items(Some(writes));
    request.build().expect("a request")
}

/// What becomes of an insert: the code of a refusal, and the item in the way.
type Outcome = Result<(), (String, Option<Item>)>;

fn refused(error: &PutItemError) -> (String, Option<Item>) {
    let old = match error {
        PutItemError::ConditionalCheckFailedException(failed) => failed.item.clone(),
        _ => None,
    };
    (error.code().expect("a code").to_owned(), old)
}

/// As a store puts it: directly.
async fn insert(engine: &Engine, item: &Item) -> Outcome {
    let put = engine.put_item(new(item.clone()).build().expect("a request")).await;
    put.map(drop).map_err(|error| refused(&error))
}

/// As against `DynamoDB`: through the SDK, in JSON, by the engine's own operation.
async fn insert_by_sdk(engine: &Engine, item: &Item) -> Outcome {
    let put = new(item.clone()).send_with(&engine.client()).await;
    put.map(drop).map_err(|error| refused(&error.into_service_error()))
}

/// All of the table, by key.
async fn all(engine: &Engine) -> BTreeMap<(String, String), Item> {
    let scan = engine.client().scan().table_name(TABLE).into_paginator().items().send();
    let items: Vec<Item> = scan.try_collect().await.expect("the table");
    let key = |item: &Item, name: &str| item[name].as_s().expect("a text").clone();
    items.into_iter().map(|item| ((key(&item, "pk"), key(&item, "sk")), item)).collect()
}

/// The sort keys of what the index has under a key, in its order.
async fn indexed(engine: &Engine, key: &str) -> Vec<String> {
    let query = QueryInput::builder()
        .table_name(TABLE)
        .index_name("by-room")
        .key_condition_expression("ipk = :key")
        .expression_attribute_values(":key", text(key));
    let found = engine.query(query.build().expect("a request")).await.expect("an answer");
    found.items().iter().map(|item| item["sk"].as_s().expect("a text").clone()).collect()
}

/// Items of every kind: such as messages are, and such as only the engine itself can keep.
fn assorted() -> Vec<Item> {
    let numbers = [
        "0",
        "-0",
        "7",
        "-7",
        "007",
        "+7",
        "1.50",
        "0.001",
        "1e3",
        "123456789012345678",
        "1234567890123456789",
        "12345678901234567890123456789012345678",
    ];
    let blob = |bytes: &[u8]| Blob::new(bytes);
    let values = [
        text(""),
        text("¿Qué? \"quoted\" \\ back\u{0}\u{1f}\u{2028}🦀"),
        text("x".repeat(100_000)),
        // Beyond what is put directly.
        text("y".repeat(350_000)),
        AttributeValue::Bool(false),
        AttributeValue::Null(true),
        AttributeValue::B(blob(&[0, 255, 128])),
        AttributeValue::B(blob(&[])),
        // Of one each, for sets have no order.
        AttributeValue::Ss(vec!["a".into()]),
        AttributeValue::Ns(vec!["1.0".into()]),
        AttributeValue::Bs(vec![blob(&[1])]),
        AttributeValue::L(vec![]),
        AttributeValue::M(HashMap::new()),
        AttributeValue::L(vec![
            number("1.50"),
            AttributeValue::M([("deep".to_owned(), AttributeValue::L(vec![text("")]))].into()),
        ]),
    ];
    let values = numbers.into_iter().map(number).chain(values);
    let odd = values.enumerate().map(|(at, value)| {
        item("ODD", &format!("{at:02}"), [("beside", text("it")), ("value", value)])
    });
    let keys = ["\"", "'; DROP TABLE tertulia; --", "a\u{0}b", "#%:", "ñ🦀"];
    let keys = keys.into_iter().map(|key| item(key, key, [("n", number(1))]));
    odd.chain(keys)
        .chain([
            item("LONG", &"k".repeat(1024), []),
            item("INDEXED", "member", [("ipk", text("room")), ("isk", text("1"))]),
            item("INDEXED", "half", [("ipk", text("room"))]),
        ])
        .collect()
}

#[tokio::test]
async fn an_item_put_directly_is_as_one_put_by_the_sdk() {
    let (direct, by_sdk) = (engine(&Location::Memory).await, engine(&Location::Memory).await);
    let items = assorted();
    for item in &items {
        assert_eq!(insert(&direct, item).await, Ok(()));
        assert_eq!(insert_by_sdk(&by_sdk, item).await, Ok(()));
    }
    let kept = all(&direct).await;
    let kept_by_sdk = all(&by_sdk).await;
    assert_eq!(kept.len(), items.len());
    assert!(kept.keys().eq(kept_by_sdk.keys()));
    // One by one, for some are long.
    for (key, item) in &kept {
        assert!(*item == kept_by_sdk[key], "{key:?} differs");
    }
    for engine in [&direct, &by_sdk] {
        assert_eq!(indexed(engine, "room").await, ["member"]);
    }

    // Again: what is there is told, and stays.
    for item in &items {
        let key = |name: &str| item[name].as_s().expect("a text").clone();
        let old = kept[&(key("pk"), key("sk"))].clone();
        let mut other = item.clone();
        other.insert("beside".to_owned(), text("another"));
        let failed = Err(("ConditionalCheckFailedException".to_owned(), Some(old)));
        assert!(insert(&direct, &other).await == failed, "{} {}", key("pk"), key("sk"));
        assert!(insert_by_sdk(&by_sdk, &other).await == failed, "{} {}", key("pk"), key("sk"));
    }
    assert!(all(&direct).await == kept, "a refused item is written");
}

/// What `DynamoDB` does not take is not taken.
#[tokio::test]
async fn what_cannot_be_put_is_refused_either_way() {
    let engine = engine(&Location::Memory).await;
    let mut keyless = item("P", "s", []);
    keyless.remove("sk");
    let wrong = [
        item("", "s", []),
        item("P", "", []),
        item("P", &"k".repeat(1025), []),
        item("P", "s", [("sk", number(1))]),
        item("P", "s", [("text", text("x".repeat(420_000)))]),
        item("P", "s", [("n", number("many"))]),
        item("P", "s", [("ipk", number(1))]),
        item("P", "s", [("", text("nameless"))]),
        keyless,
    ];
    for item in &wrong {
        let refused = insert(&engine, item).await;
        assert_eq!(refused, Err(("ValidationException".to_owned(), None)));
        assert_eq!(refused, insert_by_sdk(&engine, item).await);
    }
    let nowhere = || new(item("P", "s", [])).table_name("nowhere");
    let missing = engine.put_item(nowhere().build().expect("a request")).await;
    let missing = missing.map_err(|error| refused(&error)).expect_err("no table");
    assert_eq!(missing.0, "ResourceNotFoundException");
    assert_eq!(all(&engine).await, BTreeMap::new());
}

#[tokio::test]
async fn a_transaction_of_new_items_is_all_or_nothing() {
    let engine = engine(&Location::Memory).await;
    let old = item("T", "2", [("text", text("first"))]);
    insert(&engine, &old).await.expect("new");
    let before = all(&engine).await;
    let items = |value: &str| {
        ["0", "1", "2", "3"].map(|sk| item("T", sk, [("text", text(value)), ("n", number(1))]))
    };

    let canceled = |error: &TransactWriteItemsError| {
        let TransactWriteItemsError::TransactionCanceledException(canceled) = error else {
            panic!("{error:?}");
        };
        let reasons = canceled.cancellation_reasons().iter();
        reasons.map(|why| (why.code.clone().expect("a code"), why.item.clone())).collect::<Vec<_>>()
    };
    let fine = || ("None".to_owned(), None);
    let told = [fine(), fine(), ("ConditionalCheckFailed".to_owned(), Some(old.clone())), fine()];
    let error = engine.transact_write_items(all_new(items("second"))).await.expect_err("refused");
    assert_eq!(canceled(&error), told);
    let by_sdk = engine.client().transact_write_items();
    let by_sdk = by_sdk.set_transact_items(all_new(items("second")).transact_items).send().await;
    assert_eq!(canceled(&by_sdk.expect_err("refused").into_service_error()), told);
    assert_eq!(all(&engine).await, before);

    // Nor is anything written that DynamoDB does not take: one item twice, none, too many, too much.
    let (twice, many, much) = (["9", "9"], (0..101), (0..20));
    let wrong: [Vec<Item>; 4] = [
        twice.map(|sk| item("T", sk, [])).into(),
        Vec::new(),
        many.map(|sk| item("MANY", &sk.to_string(), [])).collect(),
        much.map(|sk| item("MUCH", &sk.to_string(), [("text", text("x".repeat(250_000)))]))
            .collect(),
    ];
    for items in wrong {
        let refused = engine.transact_write_items(all_new(items)).await;
        assert_eq!(refused.expect_err("refused").code(), Some("ValidationException"));
    }
    assert_eq!(all(&engine).await, before);

    let [zero, one, _, three] = items("third");
    let member = item("T", "4", [("ipk", text("room")), ("isk", text("1"))]);
    let rest = [zero, one, three, member];
    engine.transact_write_items(all_new(rest.clone())).await.expect("all are new");
    let now = all(&engine).await;
    let wanted: Vec<&Item> = [&rest[0], &rest[1], &old, &rest[2], &rest[3]].into();
    assert_eq!(now.values().collect::<Vec<_>>(), wanted);
    assert_eq!(indexed(&engine, "room").await, ["4"]);
}

/// Writers at the same time share commits; who is refused must not take others along, and what was answered is kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_at_the_same_time_get_each_what_is_theirs() {
    const KEYS: usize = 60;
    const WRITERS: usize = 5;
    let directory = tempfile::tempdir().expect("a directory");
    let location = Location::Directory(directory.path().into());
    let engine = engine(&location).await;

    // Each writer wants a key that others want as well; some want one of their own with it, and would have both.
    let writers = (0..KEYS * WRITERS).map(|at| {
        let engine = engine.clone();
        tokio::spawn(async move {
            let key = at / WRITERS;
            // Each kind comes first somewhere.
            let writer = (at + key) % WRITERS;
            let wanted = item("SHARED", &format!("{key:03}"), [("writer", number(writer))]);
            let own = item("OWN", &format!("{key:03}/{writer}"), []);
            let won = match writer {
                0 => insert_by_sdk(&engine, &wanted).await.is_ok(),
                1 | 2 => match insert(&engine, &wanted).await {
                    Ok(()) => true,
                    Err((code, old)) => {
                        assert_eq!(code, "ConditionalCheckFailedException");
                        assert_ne!(old.expect("the one in the way")["writer"], wanted["writer"]);
                        false
                    }
                },
                _ => engine.transact_write_items(all_new([own, wanted.clone()])).await.is_ok(),
            };
            if won {
                let found = all(&engine).await;
                assert_eq!(found.get(&("SHARED".into(), format!("{key:03}"))), Some(&wanted));
            }
            (key, writer, won)
        })
    });
    let outcomes = join_all(writers).await.into_iter().map(|done| done.expect("it is done"));
    let won: BTreeMap<usize, Vec<usize>> = outcomes.fold(BTreeMap::new(), |mut won, outcome| {
        let (key, writer, one) = outcome;
        let winners: &mut Vec<usize> = won.entry(key).or_default();
        winners.extend(one.then_some(writer));
        won
    });

    drop(engine);
    let engine = Engine::open(&location).expect("an engine");
    let mut expected = BTreeMap::new();
    for (key, winners) in &won {
        let [winner] = winners[..] else { panic!("{key:03} was won by {winners:?}") };
        let shared = format!("{key:03}");
        let wanted = item("SHARED", &shared, [("writer", number(winner))]);
        expected.insert(("SHARED".to_owned(), shared), wanted);
        if winner > 2 {
            let own = format!("{key:03}/{winner}");
            expected.insert(("OWN".to_owned(), own.clone()), item("OWN", &own, []));
        }
    }
    assert_eq!(won.len(), KEYS);
    assert_eq!(all(&engine).await, expected);
}

/// Whoever's time is over goes, from the index too; all others stay, also such as only look like it.
#[tokio::test]
async fn a_sweep_takes_what_is_over_and_nothing_else() {
    const EACH: usize = 40;
    let engine = engine(&Location::Memory).await;
    let now = Timestamp::now().seconds();
    let (over, later) = (number(now - 1), number(now + 3600));
    let mut stay = BTreeMap::new();
    for round in 0..EACH {
        let partition = format!("P{}", round % 7);
        let put = |kind: &str, rest: [(&str, AttributeValue); 3]| {
            item(&partition, &format!("{round:02} {kind}"), rest)
        };
        let indexed = |expires: &AttributeValue| {
            [("ipk", text("room")), ("isk", text("1")), ("expiresAt", expires.clone())]
        };
        let plain = |expires: &AttributeValue| {
            [("a", text("expiresAt")), ("b", number(now - 1)), ("expiresAt", expires.clone())]
        };
        let gone = [put("over", plain(&over)), put("over, indexed", indexed(&over))];
        let kept = [
            put("later", plain(&later)),
            put("later, indexed", indexed(&later)),
            put("no number", plain(&text((now - 1).to_string()))),
            put("for ever", [("a", text("expiresAt")), ("b", over.clone()), ("c", text(""))]),
        ];
        for item in gone.iter().chain(&kept) {
            insert(&engine, item).await.expect("new");
        }
        for item in kept {
            let key = |name: &str| item[name].as_s().expect("a text").clone();
            stay.insert((key("pk"), key("sk")), item);
        }
    }
    assert_eq!(indexed(&engine, "room").await.len(), 2 * EACH);

    assert_eq!(engine.sweep().await.expect("a sweep"), 2 * EACH);
    assert_eq!(all(&engine).await, stay);
    let mut members = indexed(&engine, "room").await;
    members.sort_unstable();
    let kept: Vec<String> = (0..EACH).map(|round| format!("{round:02} later, indexed")).collect();
    assert_eq!(members, kept);
    assert_eq!(engine.sweep().await.expect("a sweep"), 0);
}
