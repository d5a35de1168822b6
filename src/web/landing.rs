//! `/`: one plain page without scripts: version, engine, containers by tenant, links.
//!
//! Shows the last numbers and reads nothing. Names come from containers, so everything is
//! escaped, and the page's policy forbids whatever would slip through.

use std::fmt::{self, Display, Write};
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderName, header};
use axum::response::IntoResponse;

use super::Context;
use super::view::View;
use crate::inventory::{self, Container, Engine};
use crate::snapshot;

/// Containers shown; the API has them all.
const MAX_ROWS: usize = 500;

const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

const HEAD: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width\">
<title>dockmeter</title>
<style>
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { margin: 0 } h1 small { font-size: 1rem; font-weight: normal; opacity: .7 }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #8884 }
td { max-width: 14rem; overflow-wrap: break-word }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
.away { border-left: .25rem solid #c60; padding-left: .75rem }
nav a { margin-right: 1rem }
</style>
";

const LINKS: &str = "<nav><a href=\"/metrics\">metrics</a><a href=\"/api/containers\">containers</a>\
<a href=\"/api/containers/metrics/summary?group_by=user,project,team\">summary by tenant</a>\
<a href=\"/api/openapi.json\">OpenAPI</a><a href=\"/-/healthy\">healthy</a><a href=\"/-/ready\">ready</a></nav>\n";

/// `GET /`
pub(super) async fn page(State(context): State<Arc<Context>>, view: View) -> impl IntoResponse {
    let headers: [(HeaderName, &str); 4] = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, html(&view, &context.inventory.snapshot(), context.source.latest().as_deref()))
}

fn html(view: &View, inventory: &inventory::Snapshot, numbers: Option<&snapshot::Snapshot>) -> String {
    let mut page = String::from(HEAD);
    // Writing to a `String` does not fail.
    let _ = write_body(&mut page, view, inventory, numbers);
    page
}

fn write_body(
    page: &mut String,
    view: &View,
    inventory: &inventory::Snapshot,
    numbers: Option<&snapshot::Snapshot>,
) -> fmt::Result {
    writeln!(page, "<h1>dockmeter <small>{}</small></h1>", env!("CARGO_PKG_VERSION"))?;
    match view.is_bound() {
        true => write_engine_to_tenant(page, &inventory.engine)?,
        false => write_engine(page, &inventory.engine)?,
    }
    page.push_str(LINKS);
    let here = |container: &&Container| container.removed_at.is_none() && view.sees(container);
    let mut containers: Vec<&Container> =
        inventory.containers.values().map(Arc::as_ref).filter(here).collect();
    containers.sort_by(|a, b| (&a.tenant, &a.name, a.id).cmp(&(&b.tenant, &b.name, b.id)));
    write_table(page, &containers, numbers)
}

/// A tenant is told whether there is an engine, not what it is or how it is reached.
fn write_engine_to_tenant(page: &mut String, engine: &Engine) -> fmt::Result {
    match engine.connected {
        true => writeln!(page, "<p>Connected to the engine.</p>"),
        false => writeln!(page, "<p class=\"away\">The engine is not reachable; dockmeter keeps trying.</p>"),
    }
}

fn write_engine(page: &mut String, engine: &Engine) -> fmt::Result {
    let version = engine.version.as_deref().unwrap_or("the engine");
    if engine.connected {
        return writeln!(page, "<p>Connected to {}.</p>", Escaped(version));
    }
    writeln!(page, "<div class=\"away\"><p>The Docker engine is not reachable.")?;
    if let Some(error) = &engine.last_error {
        writeln!(page, "<br>Last answer: <code>{}</code>", Escaped(error))?;
    }
    let shown = if engine.ever_connected { "What was known before is still shown. " } else { "" };
    writeln!(
        page,
        "<p>{shown}dockmeter keeps trying and needs no restart. See that Docker runs \
         (<code>docker info</code>), that dockmeter may read its socket (membership in the group \
         <code>docker</code>, or the socket mounted into its container), and that \
         <code>--docker.host</code> names it.</div>"
    )
}

fn write_table(
    page: &mut String,
    containers: &[&Container],
    numbers: Option<&snapshot::Snapshot>,
) -> fmt::Result {
    if containers.is_empty() {
        return writeln!(page, "<p>No containers.</p>");
    }
    writeln!(
        page,
        "<table><thead><tr><th>user<th>project<th>team<th>container<th>state\
         <th class=\"n\">cores<th class=\"n\">memory, MiB<tbody>"
    )?;
    for container in containers.iter().take(MAX_ROWS) {
        write_row(page, container, numbers)?;
    }
    writeln!(page, "</table>")?;
    match containers.len().saturating_sub(MAX_ROWS) {
        0 => Ok(()),
        more => writeln!(page, "<p>and {more} more: <a href=\"/api/containers\">all containers</a></p>"),
    }
}

fn write_row(page: &mut String, container: &Container, numbers: Option<&snapshot::Snapshot>) -> fmt::Result {
    let state = &container.state;
    let reading = numbers
        .filter(|_| state.is_live())
        .and_then(|numbers| numbers.containers.iter().find(|reading| reading.container.id == container.id));
    let memory = reading.and_then(|reading| reading.stats.as_ref()?.memory).map(|memory| memory.working_set);
    let tenant = &container.tenant;
    write!(page, "<tr>")?;
    for text in [&tenant.user, &tenant.project, &tenant.team, &container.name] {
        write!(page, "<td>{}", Escaped(text.as_str()))?;
    }
    write!(page, "<td>{}", Escaped(state.status.as_str()))?;
    if let Some(health) = state.health {
        write!(page, ", {}", health.as_str())?;
    }
    write_number(page, reading.and_then(|reading| reading.usage_cores), 3)?;
    write_number(page, memory.map(|bytes| bytes as f64 / f64::from(1 << 20)), 1)?;
    writeln!(page)
}

/// A number, or an empty cell for one that is not known.
fn write_number(page: &mut String, number: Option<f64>, decimals: usize) -> fmt::Result {
    match number {
        Some(number) => write!(page, "<td class=\"n\">{number:.decimals$}"),
        None => write!(page, "<td class=\"n\">"),
    }
}

/// Text made safe between tags.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            other => f.write_char(other),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenant::{LabelValue, Tenant};
    use crate::web::fixture;

    #[test]
    fn the_page_shows_every_container_and_whose_it_is() {
        let page = html(&View::default(), &fixture::inventory().snapshot(), Some(&fixture::snapshot()));
        assert!(page.contains("Connected to Docker Engine 28.5.2."), "{page}");
        assert!(
            page.contains(
                "<td>ann<td>shop<td>core<td>shop-api-1<td>running, healthy\
                 <td class=\"n\">0.125<td class=\"n\">476.8\n"
            ),
            "{page}"
        );
        assert!(page.contains("<td>idle-1<td>exited<td class=\"n\"><td class=\"n\">\n"), "{page}");
        assert!(!page.contains("old-1"), "a removed container is shown: {page}");
    }

    #[test]
    fn without_an_engine_the_page_says_what_is_missing_and_what_to_do() {
        let engine = Engine { last_error: Some("no such file: <sock>".to_owned()), ..Engine::default() };
        let inventory = inventory::Snapshot { engine: engine.into(), ..Default::default() };
        let page = html(&View::default(), &inventory, None);
        assert!(page.contains("The Docker engine is not reachable."), "{page}");
        assert!(page.contains("no such file: &lt;sock&gt;"), "{page}");
        assert!(page.contains("--docker.host"), "{page}");
        assert!(page.contains("No containers."), "{page}");
    }

    #[test]
    fn a_name_cannot_break_out_of_its_cell() {
        let mut inventory = inventory::Snapshot::default();
        let tenant = Tenant::claimed(Some("<script>alert('1')</script>"), Some("\"&"), None);
        let mut container = fixture::container("aa", "x", tenant);
        container.name = LabelValue::clean("</table><img src=x>");
        inventory.containers.insert(container.id, Arc::new(container));
        let page = html(&View::default(), &inventory, None);
        assert!(!page.contains("<script") && !page.contains("<img"), "{page}");
        assert!(page.contains("&lt;script&gt;alert(&#39;1&#39;)"), "{page}");
    }

    #[test]
    fn a_long_list_is_cut_and_says_so() {
        let mut inventory = inventory::Snapshot::default();
        for index in 0..MAX_ROWS + 3 {
            let mut container = fixture::container("aa", "x", Tenant::unknown());
            container.id = format!("{index:064x}").parse().unwrap();
            inventory.containers.insert(container.id, Arc::new(container));
        }
        let page = html(&View::default(), &inventory, None);
        assert_eq!(page.matches("<tr><td>").count(), MAX_ROWS);
        assert!(page.contains("and 3 more"), "{page}");
    }
}
