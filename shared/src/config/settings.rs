//! What each variable came to, for people who want to know why a host does what it does.

use std::fmt;

const MASK: &str = "********";
/// Where a line's comment begins, unless the value is longer.
const COLUMN: usize = 48;

/// A variable with the value in force. Displayed as a line `NAME=value  # source` that a shell can read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The variable.
    pub name: &'static str,
    /// The value in force; what is secret in it is masked.
    pub value: String,
    /// Where the value comes from.
    pub source: Source,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The variable is set.
    Environment,
    /// It is not set, and this is what that means.
    Default,
    /// It is not set, and that means nothing.
    Unset,
}

impl Setting {
    pub(super) fn new(name: &'static str, value: &str, source: Source) -> Self {
        Self { name, value: masked(name, value), source }
    }
}

/// The value without what is secret: a whole secret or private key, or the password and the query of an address.
fn masked(name: &str, value: &str) -> String {
    if value.is_empty() {
        return String::new();
    }
    if name.ends_with("_SECRET") || value.contains("PRIVATE KEY") {
        return MASK.to_owned();
    }
    let Some((scheme, rest)) = value.split_once("://") else { return value.to_owned() };
    // The last `@`, for a password may hold what nobody has encoded.
    let (user, address) = rest.rsplit_once('@').unwrap_or(("", rest));
    let (user, address) = (hidden_after(user, ':'), hidden_after(address, '?'));
    let at = if user.is_empty() { "" } else { "@" };
    format!("{scheme}://{user}{at}{address}")
}

fn hidden_after(text: &str, mark: char) -> String {
    match text.split_once(mark) {
        Some((shown, _)) => format!("{shown}{mark}{MASK}"),
        None => text.to_owned(),
    }
}

/// The value as a shell takes it, on one line. `\n` is how a PEM's line ends may be written.
fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:,@%+=*?".contains(c);
    if value.chars().all(plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', r"'\''").replace('\n', r"\n"))
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match self.source {
            Source::Environment => "environment",
            Source::Default => "default",
            Source::Unset => "not set",
        };
        let line = format!("{}={}", self.name, quoted(&self.value));
        write!(f, "{line:<COLUMN$} # {source}")
    }
}
