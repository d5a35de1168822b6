//! `POST /-/reload`: the configuration is read again, as on SIGHUP.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use tokio::sync::{mpsc, oneshot};

use super::Context;
use super::problem::{Kind, Problem};

/// A wish for a reload, and where to tell what came of it: nothing, or why the configuration
/// is refused.
pub type Wish = oneshot::Sender<Result<(), String>>;

/// Wishes that wait; one reload serves one wish, and they are quick.
const MAX_WAITING: usize = 4;

/// How long a reload may take, on file systems that hang for a while.
const DEADLINE: Duration = Duration::from_secs(30);

/// The two ends of wishes for a reload.
pub fn wishes() -> (mpsc::Sender<Wish>, mpsc::Receiver<Wish>) {
    mpsc::channel(MAX_WAITING)
}

/// Answers once the new configuration is in force, or is refused.
pub(super) async fn reload(State(context): State<Arc<Context>>) -> Result<&'static str, Problem> {
    let busy = |detail: &str| Problem::new(Kind::Unavailable, detail);
    let wishes = context.reloads.as_ref();
    let wishes = wishes.ok_or_else(|| Problem::new(Kind::Internal, "nothing here reads a configuration"))?;
    let (tell, told) = oneshot::channel();
    wishes.try_send(tell).map_err(|_| busy("a reload is under way; try again in a moment"))?;
    match tokio::time::timeout(DEADLINE, told).await {
        Ok(Ok(Ok(()))) => Ok("the configuration was read again and is in force\n"),
        Ok(Ok(Err(refusal))) => {
            let detail =
                format!("the new configuration is refused, and the old one stays in force: {refusal}");
            Err(Problem::new(Kind::Configuration, detail))
        }
        Ok(Err(_)) => Err(busy("dockmeter is stopping")),
        Err(_) => Err(busy("reading the configuration takes long; the log tells what comes of it")),
    }
}
