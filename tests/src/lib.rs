//! Black-box tests: real hosts on port 0, real clients, one binary.
//!
//! What clients see is tested in `js/`, with the official clients, so that the same files run against any host;
//! `javascript` runs them. What only Rust can reach (faults in the store, signals, costs) is tested here.

#[cfg(test)]
mod binary;
#[cfg(test)]
mod bus;
#[cfg(test)]
mod client;
#[cfg(test)]
mod cloud;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod cost;
#[cfg(test)]
mod durability;
#[cfg(test)]
mod engine;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod figures;
#[cfg(test)]
mod grants;
#[cfg(test)]
mod host;
#[cfg(test)]
mod hosts;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod javascript;
#[cfg(test)]
mod life;
#[cfg(test)]
mod log;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod operations;
#[cfg(test)]
mod packaging;
#[cfg(test)]
mod recipes;
#[cfg(test)]
mod recorder;
#[cfg(test)]
mod redis;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod socketio;
#[cfg(test)]
mod start;
#[cfg(test)]
mod template;
#[cfg(test)]
mod texts;
#[cfg(test)]
mod tools;
