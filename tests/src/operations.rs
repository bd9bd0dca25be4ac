//! What those who run the host rely on: readiness, health, the configuration in force, completion.

use std::{
    collections::BTreeMap,
    path::Path,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::json;
use shared::store::Store;
use tertulia::{
    app_over,
    dynamodb::{Engine, Location},
};
use tokio::process::Command;

use crate::{
    binary::{Process, command, ends},
    client::get,
    faults::{Fault, Tap},
    host::{Host, SECRET, config},
};

/// A host that has lost its table lives, and says that it is not ready until the table is back.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_without_its_table_is_not_ready() {
    let engine = Engine::open(&Location::Memory).expect("an engine");
    Store::new(engine.client(), "tertulia").create_table().await.expect("a table");
    let lost = Arc::new(AtomicBool::new(false));
    let plan = Arc::clone(&lost);
    let (client, _tap) = Tap::on(&engine.client(), move |_, _| {
        if plan.load(Ordering::SeqCst) { Fault::Before } else { Fault::Fine }
    });
    let host = Host::run(app_over(config(&[]), client).await.expect("a host")).await;
    assert_eq!(get(host.address, "/ready", "").await, (200, json!({ "status": "ready" })));

    lost.store(true, Ordering::SeqCst);
    let answer = reqwest::get(format!("{}/ready", host.url())).await.expect("an answer");
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let problem = json!({
        "type": "about:blank",
        "title": "Servicio no disponible",
        "status": 503,
        "detail": "No se puede usar el almacén",
        "errorCode": "INTERNAL",
    });
    assert_eq!(answer.json::<serde_json::Value>().await.expect("JSON"), problem);
    assert_eq!(get(host.address, "/health", "").await, (200, json!({ "status": "ok" })));

    lost.store(false, Ordering::SeqCst);
    assert_eq!(get(host.address, "/ready", "").await.0, 200);
    host.stop().await;
}

/// What a command prints that succeeds.
async fn told(arguments: &[&str], vars: &[(&str, &str)]) -> String {
    let directory = tempfile::tempdir().expect("a directory");
    let mut command = command(directory.path(), vars).await;
    let output = ends(command.args(arguments)).await;
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    assert!(!directory.path().join("data").exists(), "{arguments:?} leaves files");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// What `config` prints: value and source, by variable.
async fn in_force(vars: &[(&str, &str)]) -> BTreeMap<String, (String, String)> {
    let told = told(&["config"], vars).await;
    let lines = told.lines().map(|line| {
        let (assignment, source) = line.rsplit_once(" # ").expect("a comment");
        let (name, value) = assignment.split_once('=').expect("an assignment");
        (name.to_owned(), (value.trim_end().to_owned(), source.to_owned()))
    });
    lines.collect()
}

/// The words between backticks.
fn code(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The README's table, what the parsing reads, and what is printed are one list, with the same defaults.
#[tokio::test(flavor = "multi_thread")]
async fn config_prints_the_variables_of_the_readme() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = std::fs::read_to_string(readme).expect("the README");
    let (_, section) = readme.split_once("\n## Configuration\n").expect("its section");
    let (section, _) = section.split_once("\n## ").expect("an end");
    let mut documented = BTreeMap::new();
    for row in section.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let (names, defaults) = (code(cells[1]), code(cells[2]));
        for (at, name) in names.iter().enumerate() {
            let default = match cells[2] {
                "none" => (String::new(), "not set".to_owned()),
                // By the key and the address: here there is no key, and the address is a loopback one.
                "see below" => ("jwt,session,anonymous".into(), "default".into()),
                _ => {
                    assert_eq!(names.len(), defaults.len(), "{row}");
                    (defaults[at].clone(), "default".into())
                }
            };
            documented.insert(name.clone(), default);
        }
    }
    assert_eq!(in_force(&[("PORT", "")]).await, documented);
}

/// What is given is told as such, and what follows from it.
#[tokio::test(flavor = "multi_thread")]
async fn config_tells_what_is_in_force() {
    let vars = [
        ("JWT_ISSUER", "ana"),
        ("JWT_SECRET", SECRET),
        ("RATE_BURST", "7"),
        ("STORE", "dynamodb"),
        ("TABLE_NAME", ""),
    ];
    let settings = in_force(&vars).await;
    let expected = [
        ("AUTH_MODES", "jwt", "default"),
        ("JWT_ISSUER", "ana", "environment"),
        ("OPEN_ROOMS", "false", "default"),
        ("PORT", "0", "environment"),
        ("RATE_BURST", "7", "environment"),
        ("STORE", "dynamodb", "environment"),
        ("TABLE_NAME", "tertulia", "default"),
    ];
    for (name, value, source) in expected {
        assert_eq!(settings[name], (value.into(), source.into()), "{name}");
    }
}

const PRIVATE: &str = include_str!("identity/keys/p256.pem");
const PUBLIC: &str = include_str!("identity/keys/p256.pub.pem");

/// A secret is never printed: not the secret itself, not a password in an address, not a private key in a wrong place,
/// not even as what is wrong.
#[tokio::test(flavor = "multi_thread")]
async fn config_masks_what_is_secret() {
    let vars = [
        ("AWS_ENDPOINT_URL", "http://ana:hunter2@127.0.0.1:8000"),
        ("JWT_AUDIENCE", PRIVATE),
        ("JWT_ISSUER", "https://luis:hunt@r/2@example.com/path"),
        ("JWT_JWKS_URL", "https://example.com/keys?token=hunter2"),
        ("JWT_SECRET", SECRET),
        ("REDIS_URL", "redis://:hunter2@127.0.0.1:6379/1"),
        ("STORE", "dynamodb"),
    ];
    let settings = in_force(&vars).await;
    for (name, masked) in [
        ("AWS_ENDPOINT_URL", "http://ana:********@127.0.0.1:8000"),
        ("JWT_AUDIENCE", "********"),
        ("JWT_ISSUER", "https://luis:********@example.com/path"),
        ("JWT_JWKS_URL", "https://example.com/keys?********"),
        ("JWT_SECRET", "********"),
        ("REDIS_URL", "redis://:********@127.0.0.1:6379/1"),
    ] {
        assert_eq!(settings[name], (masked.into(), "environment".into()), "{name}");
    }

    let directory = tempfile::tempdir().expect("a directory");
    let mut refused = command(directory.path(), &[("JWT_PUBLIC_KEY", PRIVATE)]).await;
    let refused = ends(refused.arg("config")).await;
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && told.starts_with("tertulia: JWT_PUBLIC_KEY: "), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(!told.contains(PRIVATE.lines().nth(1).expect("a line of the key")), "{told}");
}

/// A shell reads the lines back as what they say, and they mean the same again.
#[tokio::test(flavor = "multi_thread")]
async fn a_shell_reads_what_config_prints() {
    let issuer = r#"it's "$HOME" `id` # \ñ"#;
    let printed = told(&["config"], &[("JWT_ISSUER", issuer), ("JWT_PUBLIC_KEY", PUBLIC)]).await;
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("env"), &printed).expect("a file");
    let script = r#"set -a; . ./env; printf '%s\n%s' "$JWT_ISSUER" "$JWT_PUBLIC_KEY""#;
    let read = ends(shell("sh", script).current_dir(directory.path())).await;
    let read = String::from_utf8(read.stdout).expect("UTF-8");
    let (read_issuer, key) = read.split_once('\n').expect("two lines");
    assert_eq!(read_issuer, issuer);
    let again = told(&["config"], &[("JWT_ISSUER", issuer), ("JWT_PUBLIC_KEY", key)]).await;
    assert_eq!(again, printed);
}

fn shell(name: &str, script: &str) -> Command {
    let mut shell = Command::new(name);
    shell.args(["-c", script]).stdin(Stdio::null()).kill_on_drop(true);
    shell
}

/// `health` succeeds while the host lives, also where it listens on every address, and says in one line when it does not.
#[tokio::test(flavor = "multi_thread")]
async fn health_asks_the_running_host() {
    for address in ["127.0.0.1", "0.0.0.0", "::1", "::"] {
        let directory = tempfile::tempdir().expect("a directory");
        let vars = [("HOST", address), ("DATA_DIR", ":memory:"), ("JWT_SECRET", SECRET)];
        let mut host = Process::start(directory.path(), &vars).await;
        let port = host.address.port().to_string();
        let mut vars = vars.to_vec();
        vars.extend([("PORT", port.as_str()), ("HTTP_PROXY", "http://127.0.0.1:1")]);
        assert_eq!(told(&["health"], &vars).await, "", "{address}");
        host.kill().await;
        let dead = ends(command(directory.path(), &vars).await.arg("health")).await;
        let why = String::from_utf8_lossy(&dead.stderr).into_owned();
        assert_eq!((dead.status.code(), why.lines().count()), (Some(1), 1), "{why}");
        assert!(why.contains("/health"), "{why}");
    }
    let directory = tempfile::tempdir().expect("a directory");
    let nowhere = ends(command(directory.path(), &[]).await.arg("health")).await;
    assert!(
        String::from_utf8_lossy(&nowhere.stderr).starts_with("tertulia: PORT: "),
        "{nowhere:?}"
    );
}

/// There is a script for every shell, and the one for bash completes.
#[tokio::test(flavor = "multi_thread")]
async fn completion_completes() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = told(&["completion", shell], &[]).await;
        assert!(
            ["token", "username", "config"].iter().all(|word| script.contains(word)),
            "{shell}"
        );
    }
    let script = told(&["completion", "bash"], &[]).await;
    let complete = r#"
        COMP_WORDS=(tertulia token --us); COMP_CWORD=2
        _tertulia tertulia --us token
        echo "${COMPREPLY[@]}"
    "#;
    let completed = ends(&mut shell("bash", &(script + complete))).await;
    let completed = String::from_utf8(completed.stdout).expect("UTF-8");
    assert_eq!(completed.split_whitespace().collect::<Vec<_>>(), ["--user", "--username"]);
}
