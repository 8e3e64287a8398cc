//! Serves one HubSpot account on a loopback port until interrupted: `serve [PORT] [PEOPLE] [SEED]`.
//!
//! Prints the ready line of `followupd sandbox`, for trying the server by hand and from scripts.

use followup_sandbox::{ClockMode, Sandbox, Switches, WorldConfig, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<u64> = std::env::args()
        .skip(1)
        .map(|text| text.parse())
        .collect::<Result<_, _>>()?;
    let argument = |at: usize, default: u64| arguments.get(at).copied().unwrap_or(default);
    let sandbox = Sandbox::new(WorldConfig {
        seed: argument(2, 1),
        people: u32::try_from(argument(1, 0))?,
        as_of: "2026-01-05T08:00:00Z".parse()?,
        limits: true,
        clock: ClockMode::Manual,
        switches: Switches::default(),
    });
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", u16::try_from(argument(0, 0))?)).await?;
    let access = sandbox.access();
    let ready = serde_json::json!({"schema": "sandbox-ready/1", "hubspot": {
        "base_url": format!("http://{}", listener.local_addr()?), "access_token": access.access_token,
        "client_id": access.client_id, "client_secret": access.client_secret, "refresh_token": access.refresh_token,
    }});
    #[expect(clippy::print_stdout, reason = "the ready line is what this program prints")]
    {
        println!("{ready}");
    }
    let interrupted = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::debug!(%error, "waiting for an interrupt");
        }
    };
    serve(sandbox, listener, interrupted).await?;
    Ok(())
}
