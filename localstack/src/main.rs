//! `cargo run` starts the host; `cargo run -- token` prints a token for it, `cargo run -- help` the other commands.

mod commands;

use std::{net::SocketAddr, process::ExitCode};

use clap::{CommandFactory as _, Parser, Subcommand};
use shared::{
    auth::{Auth, Claims},
    clock::Timestamp,
    config::{Config, ConfigError},
    ids::Id,
    language::Language,
    telemetry,
};
use tertulia::{Traces, app, development_secret, is_development};
use tokio::{
    net::TcpListener,
    runtime::Builder,
    signal::unix::{SignalKind, signal},
};

// A message allocates a hundred times: with this, a tenth less CPU than with the C library's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The realtime backend: group chat, series groups, presence, notifications.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Print a token signed with the configured, or the development, secret
    Token(TokenArgs),
    /// Print every variable with the value in force, and where it comes from; secrets are masked
    Config,
    /// Ask the running host whether it lives
    Health,
    /// Print a script that completes this command line
    Completion {
        /// The shell that it is for
        shell: clap_complete::Shell,
    },
}

#[derive(clap::Args)]
struct TokenArgs {
    /// The user's id; one that looks like an integer becomes one
    #[arg(long)]
    user: String,
    /// The user's name
    #[arg(long)]
    username: Option<String>,
    /// A role: admin, moderator, service; may be given several times
    #[arg(long)]
    role: Vec<String>,
    /// How long the token is good
    #[arg(long, default_value_t = 12)]
    hours: u32,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        None => start(),
        Some(Command::Token(args)) => print_token(args),
        Some(Command::Config) => commands::config(),
        Some(Command::Health) => commands::health(),
        Some(Command::Completion { shell }) => commands::completion(shell, &mut Cli::command()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tertulia: {error}");
            ExitCode::FAILURE
        }
    }
}

type Failure = Box<dyn std::error::Error>;

fn start() -> Result<(), Failure> {
    let config = Config::from_env()?;
    // Tokio's own single-threaded runtime spends a third more on each message than one worker of this one.
    let mut runtime = Builder::new_multi_thread();
    runtime.worker_threads(config.listen.workers.get()).enable_all();
    runtime.build()?.block_on(serve(config))
}

async fn serve(config: Config) -> Result<(), Failure> {
    let traces = Traces::new(&config.log)?;
    telemetry::start(&config.log, traces.layer())?;
    // Before anything is opened, so that a signal during the start ends it as well.
    let (mut terminated, mut interrupted) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let address = SocketAddr::new(config.listen.host, config.listen.port);
    let listener = TcpListener::bind(address).await.map_err(|error| {
        ConfigError::new("PORT", format!("cannot listen on {address}: {error}"))
    })?;
    let address = listener.local_addr()?;
    let development = is_development(&config);
    let token = if development { Some(token(&config, TokenArgs::developer())?) } else { None };
    let app = app(config).await?;
    println!("Tertulia listens on http://{address}");
    if let Some(token) = token {
        tracing::warn!("development: no key is configured, so anybody here may be anybody");
        println!("Open the page as ana: http://{address}/#token={token}");
    }
    let shutdown = async move {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
    };
    app.run(listener, shutdown).await?;
    traces.finish().await;
    Ok(())
}

impl TokenArgs {
    fn developer() -> Self {
        Self {
            user: "1".into(),
            username: Some("ana".into()),
            role: vec!["admin".into(), "service".into()],
            hours: 24 * 30,
        }
    }
}

fn print_token(args: TokenArgs) -> Result<(), Failure> {
    println!("{}", token(&Config::from_env()?, args)?);
    Ok(())
}

fn token(config: &Config, args: TokenArgs) -> Result<String, Failure> {
    let mut auth = config.auth.clone();
    if is_development(config) {
        auth.secret = Some(development_secret(config)?);
    }
    let user = match args.user.parse::<i64>() {
        Ok(number) if number.to_string() == args.user => Id::from_stored(&args.user, true),
        _ => Id::parse(&args.user)
            .map_err(|problem| format!("--user {}", problem.say(Language::En)))?,
    };
    let until = Timestamp::now().plus_seconds(u64::from(args.hours) * 3600);
    let mut claims = Claims::new(user, args.username, args.role, until);
    claims.iss.clone_from(&config.auth.issuer);
    claims.aud = config.auth.audience.clone().map(Into::into);
    let signed = Auth::new(&auth, 0)?.sign(&claims);
    signed.ok_or_else(|| "JWT_SECRET: tokens can only be signed with a secret".into())
}
