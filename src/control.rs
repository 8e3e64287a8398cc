//! The control socket: how other commands reach a running daemon.
//!
//! `control.sock` in the state directory, mode 0660: whoever may read the state may ask. One line of JSON in (a
//! [`Request`]), one line out (a [`Response`]), then the connection closes. Requests are bounded in size and time.

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
};

use crate::{
    access_log::{AccessLog, Asker},
    engine::Engine,
    exit::Exit,
    health,
    queries::{self, Request, Response},
};

/// Longest request line.
const REQUEST_BYTES_MAX: u64 = 1024 * 1024;

/// Longest answer line.
const RESPONSE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// How long an asker may take to say what it wants.
const ASK_WITHIN: Duration = Duration::from_secs(5);

/// Where the socket of a state directory is.
pub fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("control.sock")
}

/// Binds the socket; one left by a dead process is replaced (the state directory's lock says that it is dead).
///
/// # Errors
/// I/O errors of the state directory.
pub fn bind(data_dir: &Path) -> std::io::Result<UnixListener> {
    let path = path(data_dir);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}

/// Answers askers one after another until the engine stops.
pub async fn serve(engine: Arc<Engine>, listener: UnixListener, log: AccessLog) {
    loop {
        let asker = tokio::select! {
            () = engine.stop.cancelled() => return,
            asker = listener.accept() => asker,
        };
        match asker {
            Ok((stream, _)) => {
                if let Err(error) = answer(&engine, &log, stream).await {
                    tracing::debug!(error = %error, "an asker went away");
                }
            }
            Err(error) => {
                tracing::warn!(error = %error, "the control socket does not accept");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn answer(engine: &Engine, log: &AccessLog, stream: UnixStream) -> std::io::Result<()> {
    let asker = Asker::peer(&stream.peer_cred()?);
    let (reading, mut writing) = stream.into_split();
    let mut line = String::new();
    let mut reader = BufReader::new(reading.take(REQUEST_BYTES_MAX));
    let read = tokio::time::timeout(ASK_WITHIN, reader.read_line(&mut line)).await;
    let response = match (read, serde_json::from_str::<Request>(&line)) {
        (Ok(Ok(_)), Ok(request)) => {
            let all = engine.links.iter();
            let health = all
                .map(|link| (link.connector.connection().to_string(), health::of(link)))
                .collect();
            queries::answer_to(&asker, log, engine, &health, &request).await
        }
        (Ok(Ok(_)), Err(error)) => {
            Response::failed(Exit::Usage, format!("the request cannot be read: {error}"))
        }
        (Ok(Err(error)), _) => return Err(error),
        (Err(_), _) => return Ok(()),
    };
    let mut text = serde_json::to_vec(&response)?;
    text.push(b'\n');
    writing.write_all(&text).await?;
    writing.shutdown().await
}

/// Asks a running daemon; `None` if none listens.
///
/// # Errors
/// I/O errors once it listens, and answers that cannot be read.
pub async fn ask(data_dir: &Path, request: &Request) -> std::io::Result<Option<Response>> {
    let Ok(mut stream) = UnixStream::connect(path(data_dir)).await else {
        return Ok(None);
    };
    let mut text = serde_json::to_vec(request)?;
    text.push(b'\n');
    stream.write_all(&text).await?;
    let mut answer = Vec::new();
    stream.take(RESPONSE_BYTES_MAX).read_to_end(&mut answer).await?;
    Ok(Some(serde_json::from_slice(&answer)?))
}
