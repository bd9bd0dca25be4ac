//! Black-box tests: real hosts on port 0, real clients, one binary.
//!
//! What clients see is tested in `js/`, with the official clients, so that the same files run against any host;
//! [`javascript`] runs them. What only Rust can reach (faults in the store, signals, costs) is tested here.

#[cfg(test)]
mod contract;
#[cfg(test)]
mod host;
#[cfg(test)]
mod javascript;
