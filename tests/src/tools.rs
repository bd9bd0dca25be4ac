//! Tools from `PyPI`, each in an environment of its own, installed on the first run and again when its list has changed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

/// The folder with what deploying and emulating takes.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cloud")
}

/// Where `sam` and `cfn-lint` are.
pub(crate) fn sam() -> &'static Path {
    static BIN: OnceLock<PathBuf> = OnceLock::new();
    BIN.get_or_init(|| install(&folder().join("sam.txt")))
}

/// Where `ministack` is.
pub(crate) fn ministack() -> &'static Path {
    static BIN: OnceLock<PathBuf> = OnceLock::new();
    BIN.get_or_init(|| install(&folder().join("ministack.txt")))
}

/// Installs a list of packages beside it, and says where their commands are.
pub(crate) fn install(list: &Path) -> PathBuf {
    let name = list.file_stem().expect("a name").display();
    let environment = list.with_file_name(format!(".venv-{name}"));
    let wanted = fs::read(list).expect("the list of packages");
    let stamp = environment.join("installed-from");
    if fs::read(&stamp).ok().as_ref() != Some(&wanted) {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment));
        let pip = environment.join("bin/pip");
        run(Command::new(pip)
            .args(["install", "--quiet", "--disable-pip-version-check", "-r"])
            .arg(list));
        fs::write(&stamp, wanted).expect("a stamp");
    }
    environment.join("bin")
}

/// Runs a command that must succeed, and returns what it printed.
pub(crate) fn run(command: &mut Command) -> String {
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
