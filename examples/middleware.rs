//! A web service that measures itself: its routes, users and database calls, on its own page.
//!
//! `cargo run --no-default-features --features middleware --example middleware`, then
//! `curl -H 'x-user: ann' http://127.0.0.1:3000/orders/17` and `curl http://127.0.0.1:3000/metrics`.

use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::get;
use axum::{Router, serve};
use dockmeter::middleware::{DbMetrics, DbTimer, HttpMetrics, User};
use prometheus::{Registry, TextEncoder};
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let registry = Registry::new();
    let db = DbMetrics::new("postgresql").service("shop").register(&registry)?;
    let http = HttpMetrics::new()
        .service("shop")
        .route(MatchedPath::as_str)
        .user(User::as_str)
        .register(&registry)?;

    let app = Router::new()
        .route("/orders/{id}", get(order))
        .with_state(db)
        .layer(http)
        // Outside the layer, since it names the user.
        .layer(from_fn(login))
        .route("/metrics", get(async move || page(&registry)));
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    serve(listener, app).await?;
    Ok(())
}

/// Names the user of a request; a real service would look at a session or a token.
async fn login(mut request: Request, next: Next) -> Response {
    let name = request.headers().get("x-user").and_then(|name| name.to_str().ok());
    if let Some(user) = name.map(User::new) {
        request.extensions_mut().insert(user);
    }
    next.run(request).await
}

async fn order(State(db): State<DbTimer>) -> Result<String, StatusCode> {
    let price = db.query("SELECT", "orders").time(price()).await;
    price.map(|price| format!("{price} EUR\n")).map_err(|_| StatusCode::SERVICE_UNAVAILABLE)
}

/// Stands for a call of a database's client.
async fn price() -> Result<u64, std::io::Error> {
    tokio::time::sleep(Duration::from_millis(3)).await;
    Ok(42)
}

fn page(registry: &Registry) -> Result<String, StatusCode> {
    TextEncoder::new().encode_to_string(&registry.gather()).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}
