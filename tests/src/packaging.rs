//! What packages and runs the host elsewhere: the files agree with the workspace, and with the tools that read them.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use serde_json::Value;

use crate::{
    binary::{command, ends},
    tools,
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Where a linter is.
fn linter(name: &str) -> PathBuf {
    static BIN: OnceLock<PathBuf> = OnceLock::new();
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging.txt");
    BIN.get_or_init(|| tools::install(&list)).join(name)
}

/// The version of Rust that the workspace names.
fn rust_version() -> String {
    let manifest = read("Cargo.toml");
    let line = manifest.lines().find_map(|line| line.strip_prefix("rust-version = "));
    line.expect("a version").trim_matches('"').to_owned()
}

/// The instructions of the Dockerfile, comments left out and continued lines joined.
fn dockerfile() -> Vec<String> {
    let text: Vec<_> = read("Dockerfile").lines().map(str::to_owned).collect();
    let text: Vec<_> = text.into_iter().filter(|line| !line.starts_with('#')).collect();
    let joined = text.join("\n").replace("\\\n", " ");
    joined.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// The names of a workspace's packages.
fn packages(folder: &Path) -> BTreeSet<String> {
    let mut metadata = Command::new(env!("CARGO"));
    let metadata = metadata.args(["metadata", "--locked", "--offline", "--format-version=1"]);
    let told = tools::run(metadata.arg("--no-deps").current_dir(folder));
    let told: Value = serde_json::from_str(&told).expect("JSON");
    let packages = told["packages"].as_array().expect("packages").iter();
    packages.map(|package| package["name"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn hadolint_finds_nothing_in_the_dockerfile() {
    let mut hadolint = Command::new(linter("hadolint"));
    tools::run(hadolint.args(["--failure-threshold=style", "Dockerfile"]).current_dir(root()));
}

/// What is copied is there, gets past `.dockerignore`, and is a whole workspace.
#[test]
fn the_dockerfile_copies_what_the_build_needs() {
    let folder = tempfile::tempdir().expect("a folder");
    let ignored = read(".dockerignore");
    let instructions = dockerfile();
    let copied = instructions.iter().filter_map(|line| line.strip_prefix("COPY "));
    for paths in copied.filter(|line| !line.starts_with("--from=")) {
        let mut paths: Vec<_> = paths.split_whitespace().collect();
        let to = folder.path().join(paths.pop().expect("a destination"));
        for from in paths {
            assert!(ignored.lines().any(|line| line == format!("!{from}")), "{from} is ignored");
            let source = root().join(from).canonicalize().expect(from);
            symlink(source, if to.is_dir() { to.join(from) } else { to.clone() }).expect("a link");
        }
    }
    assert_eq!(packages(folder.path()), packages(&root()));
}

/// The image is built with the workspace's Rust, keeps what is built, and runs commands that there are, as nobody.
#[tokio::test(flavor = "multi_thread")]
async fn the_image_runs_the_binary() {
    let instructions = dockerfile();
    let one = |start: &str| {
        let mut found = instructions.iter().filter_map(|line| line.strip_prefix(start));
        found.next().unwrap_or_else(|| panic!("no {start}")).trim().to_owned()
    };
    assert!(one("FROM ").starts_with(&format!("rust:{}-", rust_version())));
    let build = one("RUN ");
    assert!(build.contains("cargo build --locked --release --package tertulia "), "{build}");
    assert!(build.contains("install -D target/release/tertulia /out/tertulia "), "{build}");
    assert_eq!(one("COPY --from=build /out/tertulia "), "/usr/local/bin/tertulia");
    assert!(one("COPY --from=build --chown=65532:65532 ").ends_with(" /data"));
    assert_eq!(one("USER "), "65532:65532");
    assert_eq!(one("ENTRYPOINT "), r#"["tertulia"]"#);
    assert!(one("HEALTHCHECK ").ends_with(r#"CMD ["tertulia", "health"]"#));

    // The image's own variables are variables, and with them the host wants a key and the default port.
    let environment = one("ENV ");
    let vars: Vec<_> = environment.split(' ').filter_map(|pair| pair.split_once('=')).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let refused = ends(command(folder.path(), &vars).await.arg("config")).await;
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(told.starts_with("tertulia: JWT_SECRET: "), "{told}");
    let mut with_key = command(folder.path(), &vars).await;
    let shown = ends(with_key.env("JWT_SECRET", crate::host::SECRET).arg("config")).await;
    let shown = String::from_utf8(shown.stdout).expect("UTF-8");
    for (name, value) in vars {
        let line = shown.lines().find(|line| line.starts_with(&format!("{name}={value} ")));
        assert!(line.is_some_and(|line| line.ends_with("# environment")), "{name}: {shown}");
    }
    assert!(shown.contains(&format!("PORT={} ", one("EXPOSE "))), "{shown}");
    assert!(shown.contains(&format!("DATA_DIR={} ", one("VOLUME "))), "{shown}");
}

/// systemd takes every line of the unit, and finds it well shut in: 2.0 of 10, where less is safer.
#[tokio::test(flavor = "multi_thread")]
async fn systemd_takes_the_unit() {
    let unit = read("packaging/tertulia.service");
    let folder = tempfile::tempdir().expect("a folder");
    // A command that is there, as the real one is once it is installed.
    let binary = command(folder.path(), &[]).await;
    let binary = binary.as_std().get_program().to_str().expect("UTF-8").to_owned();
    let here =
        unit.replace("\nExecStart=/usr/local/bin/tertulia\n", &format!("\nExecStart={binary}\n"));
    assert_ne!(here, unit);
    let path = folder.path().join("tertulia.service");
    fs::write(&path, here).expect("a file");
    let mut verify = Command::new("systemd-analyze");
    let verified =
        verify.args(["verify", "--man=no"]).arg(&path).output().expect("systemd-analyze");
    let told = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(verified.status.success() && told.is_empty(), "{told}");
    let mut security = Command::new("systemd-analyze");
    security.args(["security", "--offline=true", "--threshold=20", "--no-pager"]);
    tools::run(security.arg(&path));
}

#[test]
fn the_workflow_is_one_that_github_takes() {
    let workflow = read(".github/workflows/ci.yml");
    assert!(workflow.contains("run: .ci/run\n"), "{workflow}");
    assert!(workflow.contains(&format!("rustup toolchain install {} ", rust_version())));
    let mut check = Command::new(linter("check-jsonschema"));
    check.args(["--builtin-schema=vendor.github-workflows", ".github/workflows/ci.yml"]);
    tools::run(check.current_dir(root()));
}
