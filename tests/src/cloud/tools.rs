//! Tools from `PyPI`, each in an environment of its own, installed on the first run and again when its list has changed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

/// The folder with what deploying and emulating takes.
pub(super) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cloud")
}

/// Where `sam` and `cfn-lint` are.
pub(super) fn sam() -> &'static Path {
    static BIN: OnceLock<PathBuf> = OnceLock::new();
    BIN.get_or_init(|| install("sam"))
}

/// Where `ministack` is.
pub(super) fn ministack() -> &'static Path {
    static BIN: OnceLock<PathBuf> = OnceLock::new();
    BIN.get_or_init(|| install("ministack"))
}

fn install(tool: &str) -> PathBuf {
    let environment = folder().join(format!(".venv-{tool}"));
    let list = folder().join(format!("{tool}.txt"));
    let wanted = fs::read(&list).expect("the list of packages");
    let stamp = environment.join("installed-from");
    if fs::read(&stamp).ok().as_ref() != Some(&wanted) {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment));
        let pip = environment.join("bin/pip");
        run(Command::new(pip)
            .args(["install", "--quiet", "--disable-pip-version-check", "-r"])
            .arg(&list));
        fs::write(&stamp, wanted).expect("a stamp");
    }
    environment.join("bin")
}

/// Runs a command that must succeed, and returns what it printed.
pub(super) fn run(command: &mut Command) -> String {
    let output =
        command.stdin(Stdio::null()).output().expect("it runs: Python 3 with venv is needed");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {told}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    told
}
