//! Several hosts over one table, joined by Redis: what any of them does, the clients of all of them see.

mod crash;
mod javascript;
mod log;
mod rooms;
mod storm;

use std::net::SocketAddr;

use reqwest::Method;
use serde_json::{Value, json};
use tertulia::{
    app_over,
    dynamodb::{Engine, Location},
};

use crate::{
    client::{DEADLINE, eventually, get, token},
    host::{Host, config},
    redis::Redis,
};

/// Hosts over one engine and one Redis.
struct Hosts {
    redis: Redis,
    engine: Engine,
    hosts: Vec<Host>,
}

impl Hosts {
    async fn start(vars: &[(&str, &str)]) -> Self {
        let redis = Redis::start(&[]).await;
        let engine = Engine::open(&Location::Memory).expect("an engine");
        let mut hosts = Vec::new();
        for _ in 0..2 {
            hosts.push(host(&engine, &redis, vars).await);
        }
        let all = Self { redis, engine, hosts };
        all.joined().await;
        all
    }

    fn address(&self, host: usize) -> SocketAddr {
        self.hosts[host].address
    }

    /// Waits until every host has the bus.
    async fn joined(&self) {
        for host in &self.hosts {
            eventually("the bus is joined", async || {
                get(host.address, "/ready", "").await.1 == json!({ "status": "ready" })
            })
            .await;
        }
    }

    /// Waits until every host knows that the bus is lost.
    async fn lost(&self) {
        for host in &self.hosts {
            eventually("the bus is lost", async || {
                get(host.address, "/ready", "").await.1["bus"] == "lost"
            })
            .await;
        }
    }

    async fn stop(self) {
        for host in self.hosts {
            host.stop().await;
        }
    }
}

async fn host(engine: &Engine, redis: &Redis, vars: &[(&str, &str)]) -> Host {
    let url = redis.url();
    let mut all =
        vec![("STORE", "dynamodb"), ("AWS_ENDPOINT_URL", "http://local"), ("REDIS_URL", &url)];
    all.extend(vars);
    Host::run(app_over(config(&all), engine.client()).await.expect("a host")).await
}

/// REST with the role that may do it all; the status and the body.
async fn call(
    address: SocketAddr,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> (u16, Value) {
    let by = token("boss", &["admin", "service"]);
    let call = reqwest::Client::new().request(method, format!("http://{address}{path}"));
    let call = body.iter().fold(call.bearer_auth(by), reqwest::RequestBuilder::json);
    let answer = call.timeout(DEADLINE).send().await.expect("an answer");
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

/// Sends an event to a room or, with the path `broadcast`, to all; says to how many it went.
async fn emit(address: SocketAddr, path: &str, body: Value) -> u64 {
    let (status, answer) = call(address, Method::POST, path, Some(body)).await;
    assert_eq!(status, 202, "{answer}");
    answer["delivered"].as_u64().expect("a number")
}
