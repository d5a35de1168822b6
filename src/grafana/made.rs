//! Dashboards that somebody makes of a template through the API, and changes in Grafana as he
//! likes.
//!
//! They are told from those of `apply`, which would remove what is not wanted, by a beginning of
//! the uid and a tag of their own. Of what they were made, and how they looked then, a hidden
//! variable of the dashboard says (`mark.rs`); nothing is kept here. Invariants: what was changed
//! in Grafana is overwritten only if somebody says so or has seen that very version; who is bound
//! to a team sees and makes only what is in its folder and pinned to it.

mod mark;
mod request;

use std::fmt;
use std::sync::Arc;

use futures_util::future::join_all;
use serde::Serialize;
use serde_json::{Value, json};

use super::client::{Grafana, GrafanaError};
use super::desired::{PLATFORM_FOLDER, is_of_tenants, pinned, team_folder};
use super::door::Door;
use super::object::{Found, Key, Kind, Wanted};
use super::read::{dashboard_found, pages, text};
use super::state::hex;
use super::write;
use crate::config::Alerting;
use crate::dashboards::{Fault, Shelf, Templates, listed_panels, listed_variables};
use crate::prometheus::connection::form_encoded;
use crate::tenant::Binding;
use mark::Mark;
use request::Request;

/// The beginning of the uid of a dashboard that was made here.
pub const MADE_PREFIX: &str = "dm-";

/// Its tag.
pub const MADE_TAG: &str = "dockmeter-made";

/// Random bytes of a uid.
const UID_BYTES: usize = 8;

/// How many dashboards are read at once.
const AT_ONCE: usize = 8;

/// How often a dashboard that is to be overwritten in any case is read again because somebody
/// has saved it in between.
const TRIES: usize = 3;

/// The label that an added panel of a pinned dashboard has to be narrowed to.
const TEAM: &str = "team";

/// Why no dashboard was made, changed or found.
#[derive(Debug, thiserror::Error)]
pub enum MadeError {
    /// Templates cannot be read.
    #[error("{0}")]
    Templates(String),
    /// The request asks for what cannot be had.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// There is no such object, or none that who asks may know of.
    #[error("{0}")]
    Missing(String),
    /// Who asks is bound to a part of a team's dashboards.
    #[error(
        "dashboards belong to teams, and this token is bound to a user or project; one that is bound to the team alone, or to nobody, makes them"
    )]
    NotATeam,
    /// A team has no folder yet.
    #[error(
        "Grafana has no folder `{folder}` of the team `{team}`; name the team in `grafana.teams` and run `dockmeter grafana apply`"
    )]
    NoFolder {
        /// Its uid.
        folder: String,
        /// Whose it would be.
        team: String,
    },
    /// Somebody has changed it since, or since it was read.
    #[error(
        "{}; read it again and send its `version`, or `\"overwrite\": true`, to replace it all the same",
        .0.why()
    )]
    Changed(Box<Changed>),
    /// Grafana does not answer as hoped.
    #[error(transparent)]
    Grafana(#[from] GrafanaError),
}

/// What stands in the way of a change.
#[derive(Debug)]
pub struct Changed {
    /// The dashboard.
    pub id: String,
    /// As it is now.
    pub version: u64,
    /// When it was saved last, RFC 3339, if Grafana says so.
    pub updated: Option<String>,
    /// By whom, likewise.
    pub updated_by: Option<String>,
    /// The version that the request names instead.
    named: Option<u64>,
}

impl Changed {
    fn why(&self) -> String {
        let by = self.updated_by.as_ref().map_or(String::new(), |by| format!(" by {by}"));
        let at = self.updated.as_ref().map_or(String::new(), |at| format!(" at {at}"));
        match self.named {
            Some(named) => {
                format!("`{}` is no more at version {named}, but at {}: saved{by}{at}", self.id, self.version)
            }
            None => {
                format!("`{}` was changed in Grafana{by}{at} and is at version {}", self.id, self.version)
            }
        }
    }
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// Who is bound to nobody.
    Anybody,
    /// Who is bound to a team and nothing else.
    Team(String),
    /// Who is bound to a user or project, for whom there are no folders.
    Other,
}

impl Who {
    /// Whoever is bound so.
    pub fn of(binding: &Binding) -> Who {
        match (&binding.user, &binding.project, &binding.team) {
            (None, None, None) => Who::Anybody,
            (None, None, Some(team)) => Who::Team(team.as_str().to_owned()),
            _ => Who::Other,
        }
    }
}

/// A dashboard that was made here, as it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Made {
    /// Grafana's uid.
    pub id: String,
    /// Where people open it.
    pub url: String,
    /// Its title.
    pub title: String,
    /// The template's uid, unless that was lost in Grafana.
    pub template: Option<String>,
    /// The team that it is pinned to.
    pub team: Option<String>,
    /// The folder's uid; `None` is the root.
    pub folder: Option<String>,
    /// What people call the folder.
    pub folder_title: Option<String>,
    /// Grafana counts what is saved.
    pub version: u64,
    /// When it was saved last, RFC 3339.
    pub updated: Option<String>,
    /// By whom, as far as Grafana says.
    pub updated_by: Option<String>,
    /// Whether it is not as it was made here last.
    pub changed: bool,
    /// Id, title and kind of each panel.
    pub panels: Vec<Value>,
    /// What was wanted otherwise than the template has it.
    pub customisation: Value,
}

/// Templates, and what was made of them.
#[derive(Clone, Debug, Serialize)]
pub struct Listed {
    templates: Vec<Value>,
    /// `None` where Grafana cannot be asked.
    dashboards: Option<Vec<Made>>,
    /// Why it cannot.
    reason: Option<String>,
}

/// Makes dashboards.
#[derive(Clone)]
pub struct Workshop {
    shelf: Arc<Shelf>,
    grafana: Option<Arc<Door>>,
    address: String,
}

impl fmt::Debug for Workshop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workshop").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Workshop {
    /// Of these templates, in this Grafana if there is one; people open it at `address`.
    pub fn new(shelf: Arc<Shelf>, grafana: Option<Door>, address: &str) -> Workshop {
        Workshop { shelf, grafana: grafana.map(Arc::new), address: address.trim_end_matches('/').to_owned() }
    }

    /// The same with templates for other alerts.
    #[must_use]
    pub fn renewed(&self, alerting: Alerting) -> Workshop {
        Workshop { shelf: Arc::new(self.shelf.renewed(alerting)), ..self.clone() }
    }

    /// What there is for who asks. Where Grafana cannot be asked there are templates still.
    ///
    /// # Errors
    /// Templates cannot be read.
    pub async fn list(&self, who: &Who) -> Result<Listed, MadeError> {
        let templates = self.templates().await?;
        let shown =
            templates.dashboards().iter().filter(|one| *who == Who::Anybody || is_of_tenants(&one.json));
        let template = |one: &crate::dashboards::Dashboard| {
            json!({
                "id": one.uid, "title": one.title, "description": one.question,
                "for_teams": is_of_tenants(&one.json),
                "variables": listed_variables(&one.json), "panels": listed_panels(&one.json),
            })
        };
        let templates = shown.map(template).collect();
        let (dashboards, reason) = match self.made(who).await {
            Ok(made) => (Some(made), None),
            Err(error) => {
                tracing::debug!(%error, "Grafana does not tell which dashboards were made");
                let reason = match (who, &error) {
                    (Who::Anybody, _) | (_, GrafanaError::Unnamed) => error.to_string(),
                    _ => "Grafana does not answer at the moment".to_owned(),
                };
                (None, Some(reason))
            }
        };
        Ok(Listed { templates, dashboards, reason })
    }

    /// One that was made.
    ///
    /// # Errors
    /// There is none, or Grafana does not answer.
    pub async fn find(&self, who: &Who, id: &str) -> Result<Made, MadeError> {
        self.read(who, id).await.map(|read| read.shown(&self.address))
    }

    /// Makes one, as the JSON of a request says it.
    ///
    /// # Errors
    /// The request is for what cannot be had, or Grafana refuses it.
    pub async fn create(&self, who: &Who, body: &[u8]) -> Result<Made, MadeError> {
        let grafana = self.grafana()?;
        if *who == Who::Other {
            return Err(MadeError::NotATeam);
        }
        let request = Request::read(&json_of(body)?, false)?;
        let templates = self.templates().await?;
        let team = team_of(who, request.team.clone().flatten())?;
        let wanted =
            request.template.clone().ok_or_else(|| Fault::new("/template", "a template is wanted here"))?;
        let (template, json) = composed(&templates, who, &wanted, team.as_deref(), &request)?;
        let folder = self.folder(who, team.as_deref(), request.folder.as_deref()).await?;
        let folder = match (folder, &team) {
            (Some(folder), _) => folder,
            (None, Some(team)) => self.folder_of(team).await?,
            (None, None) => match grafana.find(&format!("/api/folders/{PLATFORM_FOLDER}")).await? {
                Some(_) => PLATFORM_FOLDER.to_owned(),
                None => String::new(),
            },
        };
        let uid = uid()?;
        let json = Mark::new(template, team, &request).put(json, &uid);
        put(&grafana, &uid, &folder, json, None).await?;
        self.find(who, &uid).await
    }

    /// Makes one anew, as the request says it.
    ///
    /// # Errors
    /// As [`Workshop::create`], and if somebody has changed it since.
    pub async fn change(&self, who: &Who, id: &str, body: &[u8]) -> Result<Made, MadeError> {
        let grafana = self.grafana()?;
        let mut read = self.read(who, id).await?;
        let request = Request::read(&json_of(body)?, true)?;
        let templates = self.templates().await?;
        let before = read.mark.clone();
        let team = match request.team.clone() {
            Some(team) => team_of(who, team)?,
            None => team_of(who, before.as_ref().and_then(|mark| mark.team.clone()))?,
        };
        let lost =
            || Fault::new("/template", "of which template it was made was lost in Grafana; say it here");
        let wanted =
            request.template.clone().or_else(|| before.map(|mark| mark.template)).ok_or_else(lost)?;
        let (template, json) = composed(&templates, who, &wanted, team.as_deref(), &request)?;
        let folder = self.folder(who, team.as_deref(), request.folder.as_deref()).await?;
        let json = Mark::new(template, team, &request).put(json, id);
        for _ in 0..TRIES {
            read.may_be_replaced(&request)?;
            let folder = folder.clone().unwrap_or_else(|| text(&read.found.body["folder"]));
            match put(&grafana, id, &folder, json.clone(), Some(&read.found)).await {
                Ok(()) => return self.find(who, id).await,
                // Somebody has saved it in between.
                Err(error @ GrafanaError::Conflict { .. }) => {
                    let version = read.version();
                    read = self.read(who, id).await?;
                    if read.version() == version {
                        return Err(error.into());
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(read.changed(None))
    }

    /// Reads the templates, if that was not done yet; nobody else waits for it.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn prepare(&self) -> Result<(), MadeError> {
        self.templates().await.map(drop)
    }

    /// Whether there is a Grafana at all.
    ///
    /// # Errors
    /// None is named.
    pub fn check(&self) -> Result<(), GrafanaError> {
        self.grafana.as_ref().map(drop).ok_or(GrafanaError::Unnamed)
    }

    fn grafana(&self) -> Result<Grafana, GrafanaError> {
        self.grafana.as_ref().ok_or(GrafanaError::Unnamed)?.open()
    }

    /// Reading them takes a while, and is not to hold up others.
    async fn templates(&self) -> Result<Arc<Templates>, MadeError> {
        let shelf = self.shelf.clone();
        let read = tokio::task::spawn_blocking(move || shelf.templates()).await;
        read.unwrap_or_else(|error| Err(error.to_string())).map_err(MadeError::Templates)
    }

    async fn made(&self, who: &Who) -> Result<Vec<Made>, GrafanaError> {
        let grafana = self.grafana()?;
        if *who == Who::Other {
            return Ok(Vec::new());
        }
        let hits =
            pages(&grafana, &format!("/api/search?type=dash-db&tag={MADE_TAG}&"), Value::clone).await?;
        let seen = hits.iter().filter(|hit| may_be_seen(who, &text(&hit["folderUid"])));
        let uids: Vec<String> = seen.map(|hit| text(&hit["uid"])).collect();
        let mut made = Vec::new();
        for uids in uids.chunks(AT_ONCE) {
            let mut reads = Vec::new();
            for uid in uids {
                reads.push(self.read(who, uid));
            }
            for read in join_all(reads).await {
                match read {
                    Ok(read) => made.push(read.shown(&self.address)),
                    Err(MadeError::Grafana(error)) => return Err(error),
                    // It has gone in between, or only looks like ours.
                    Err(_) => {}
                }
            }
        }
        made.sort_by(|one, other| (&one.title, &one.id).cmp(&(&other.title, &other.id)));
        Ok(made)
    }

    async fn read(&self, who: &Who, id: &str) -> Result<Read, MadeError> {
        let grafana = self.grafana()?;
        let missing = || MadeError::Missing(format!("there is no dashboard `{id}` that was made here"));
        let plain = id.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
        if !id.starts_with(MADE_PREFIX) || !plain || *who == Who::Other {
            return Err(missing());
        }
        let answer = grafana.find(&format!("/api/dashboards/uid/{}", form_encoded(id))).await?;
        let read = Read::new(id, &answer.ok_or_else(missing)?);
        let tags = read.found.body["dashboard"]["tags"].as_array().into_iter().flatten();
        let is_ours = tags.into_iter().any(|tag| tag == MADE_TAG);
        let team = read.mark.as_ref().and_then(|mark| mark.team.as_deref());
        let is_theirs = match who {
            Who::Team(own) => team == Some(own) && may_be_seen(who, &text(&read.found.body["folder"])),
            _ => true,
        };
        if is_ours && is_theirs { Ok(read) } else { Err(missing()) }
    }

    /// The uid of the folder that somebody names by uid or title.
    async fn folder(
        &self,
        who: &Who,
        team: Option<&str>,
        named: Option<&str>,
    ) -> Result<Option<String>, MadeError> {
        let (grafana, Some(named)) = (self.grafana()?, named) else { return Ok(None) };
        if let (Who::Team(own), Some(_)) = (who, team) {
            let uid = self.folder_of(own).await?;
            let missing = || MadeError::Missing(format!("there is no folder `{named}`"));
            let is_it = named == uid || {
                let folder = grafana.find(&format!("/api/folders/{}", form_encoded(&uid))).await?;
                folder.is_some_and(|folder| folder["title"] == named)
            };
            return if is_it { Ok(Some(uid)) } else { Err(missing()) };
        }
        let plain = named.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
        if plain && grafana.find(&format!("/api/folders/{}", form_encoded(named))).await?.is_some() {
            return Ok(Some(named.to_owned()));
        }
        let folders = pages(&grafana, "/api/folders?", Value::clone).await?;
        let mut titled =
            folders.iter().filter(|folder| folder["title"] == named).map(|folder| text(&folder["uid"]));
        match (titled.next(), titled.next()) {
            (Some(uid), None) => Ok(Some(uid)),
            (Some(_), Some(_)) => {
                Err(Fault::new("/folder", format!("several folders are called `{named}`; give the uid"))
                    .into())
            }
            _ => Err(Fault::new("/folder", format!("Grafana has no folder with the uid or title `{named}`"))
                .into()),
        }
    }

    /// The uid of a team's folder, which has to be there.
    async fn folder_of(&self, team: &str) -> Result<String, MadeError> {
        let folder = team_folder(team);
        match self.grafana()?.find(&format!("/api/folders/{folder}")).await? {
            Some(_) => Ok(folder),
            None => Err(MadeError::NoFolder { folder, team: team.to_owned() }),
        }
    }
}

fn json_of(body: &[u8]) -> Result<Value, Fault> {
    serde_json::from_slice(body).map_err(|error| Fault::new("", format!("the body is not JSON: {error}")))
}

/// Whether somebody may see what is in a folder.
fn may_be_seen(who: &Who, folder: &str) -> bool {
    match who {
        Who::Anybody => true,
        Who::Team(team) => folder == team_folder(team),
        Who::Other => false,
    }
}

/// The team of a dashboard for which somebody names one, or none.
fn team_of(who: &Who, named: Option<String>) -> Result<Option<String>, MadeError> {
    match (who, named) {
        (Who::Team(own), Some(named)) if *own != named => {
            Err(MadeError::Missing(format!("there is no team `{named}`")))
        }
        (Who::Team(own), _) => Ok(Some(own.clone())),
        (_, named) => Ok(named),
    }
}

/// The uid of a template and the dashboard that comes of it, pinned to its team.
fn composed(
    templates: &Templates,
    who: &Who,
    wanted: &str,
    team: Option<&str>,
    request: &Request,
) -> Result<(String, Value), MadeError> {
    let found = templates.find(wanted);
    let found = found.filter(|found| !matches!(who, Who::Team(_)) || is_of_tenants(&found.json));
    let unknown =
        || Fault::new("/template", format!("there is no template `{wanted}`; `GET` lists what there is"));
    let template = found.ok_or_else(unknown)?;
    let Some(team) = team else {
        return Ok((template.uid.clone(), templates.customised(&template.uid, &request.customisation, &[])?));
    };
    if !is_of_tenants(&template.json) {
        let reason = format!("`{wanted}` is not about teams alone, so that it cannot be one's own");
        return Err(Fault::new("/template", reason).into());
    }
    if request.customisation.chooses(TEAM) {
        return Err(
            Fault::new("/variables/team", format!("the dashboard is `{team}`'s; leave this out")).into()
        );
    }
    let json = templates.customised(&template.uid, &request.customisation, &[TEAM])?;
    let copied = templates.dashboards().iter().filter(|one| is_of_tenants(&one.json));
    let copied = copied.map(|one| one.uid.as_str()).collect();
    Ok((template.uid.clone(), pinned(&json, team, &copied)))
}

async fn put(
    grafana: &Grafana,
    uid: &str,
    folder: &str,
    json: Value,
    found: Option<&Found>,
) -> Result<(), GrafanaError> {
    let title = text(&json["title"]);
    let body = json!({"folder": folder, "dashboard": json});
    let wanted = Wanted { key: Key::new(Kind::Dashboard, uid), title, body, secrets: None };
    write::put(grafana, &wanted, found).await
}

/// A uid that nothing else has.
fn uid() -> Result<String, MadeError> {
    let mut bytes = [0_u8; UID_BYTES];
    let read = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    match read {
        Ok(UID_BYTES) => Ok(format!("{MADE_PREFIX}{}", hex(&bytes))),
        _ => Err(MadeError::Templates("the system gives no random bytes".to_owned())),
    }
}

/// A dashboard as Grafana has it.
struct Read {
    id: String,
    found: Found,
    mark: Option<Mark>,
    path: String,
    folder_title: Option<String>,
}

impl Read {
    fn new(id: &str, answer: &Value) -> Read {
        let found = dashboard_found(id, answer);
        let mark = Mark::of(&found.body["dashboard"]);
        let said = |value: &Value| Some(text(value)).filter(|text| !text.is_empty());
        Read {
            id: id.to_owned(),
            mark,
            path: said(&answer["meta"]["url"]).unwrap_or_else(|| format!("/d/{id}")),
            folder_title: said(&answer["meta"]["folderTitle"]),
            found,
        }
    }

    fn version(&self) -> u64 {
        self.found.handle["version"].as_u64().unwrap_or_default()
    }

    fn updated(&self) -> Option<String> {
        self.found.saved.at.parse::<jiff::Timestamp>().ok().map(|at| at.to_string())
    }

    fn updated_by(&self) -> Option<String> {
        Some(self.found.saved.by.clone()).filter(|by| !by.is_empty())
    }

    fn is_changed(&self) -> bool {
        let mark = self.mark.as_ref();
        mark.is_none_or(|mark| !mark.is_as_made(&self.found.body["dashboard"]))
    }

    /// Whether a request may write over it.
    fn may_be_replaced(&self, request: &Request) -> Result<(), MadeError> {
        match request.version {
            _ if request.overwrite => Ok(()),
            Some(version) if version == self.version() => Ok(()),
            None if !self.is_changed() => Ok(()),
            version => Err(self.changed(version)),
        }
    }

    fn changed(&self, named: Option<u64>) -> MadeError {
        MadeError::Changed(Box::new(Changed {
            id: self.id.clone(),
            version: self.version(),
            updated: self.updated(),
            updated_by: self.updated_by(),
            named,
        }))
    }

    fn shown(&self, address: &str) -> Made {
        let dashboard = &self.found.body["dashboard"];
        // Grafana puts the path below which it is served before; the address has it, too.
        let path = self.path.find("/d/").and_then(|at| self.path.get(at..)).unwrap_or_default();
        let folder = Some(text(&self.found.body["folder"])).filter(|folder| !folder.is_empty());
        Made {
            id: self.id.clone(),
            url: format!("{address}{path}"),
            title: text(&dashboard["title"]),
            template: self.mark.as_ref().map(|mark| mark.template.clone()),
            team: self.mark.as_ref().and_then(|mark| mark.team.clone()),
            folder_title: self.folder_title.clone().filter(|_| folder.is_some()),
            folder,
            version: self.version(),
            updated: self.updated(),
            updated_by: self.updated_by(),
            changed: self.is_changed(),
            panels: listed_panels(dashboard),
            customisation: self.mark.as_ref().map_or_else(|| json!({}), |mark| mark.customisation.clone()),
        }
    }
}

#[cfg(test)]
mod tests;
