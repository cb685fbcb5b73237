//! Reads a whole configuration: folders of files, then the environment.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::accounts::{self, Accounts};
use super::diagnostic::{Diagnostic, Problems, Severity};
use super::digest::Digest;
use super::document::{Document, VARIABLE_PREFIX};
use super::merge::merge;
use super::named_file::read_bounded;
use super::section::Section;
use super::source::{Place, Source};
use super::{
    agent, audit, authentication, client, directory, expectations, farms, hooks, keys, notices, pam,
    profiles, rules, server, ssh, unproven,
};
use crate::admin::Settings as AdminSettings;
use crate::agent::Settings as AgentSettings;
use crate::authenticate::{Method, Settings as AuthenticationSettings};
use crate::entitlement::{Notices, Policy};
use crate::grant::Settings as KeySettings;
use crate::hooks::Settings as HookSettings;
use crate::http::Settings as ServerSettings;
use crate::model::ConfigurationHash;
use crate::pam_worker::WorkerSettings;
use crate::placement::Farm;
use crate::ssh::Settings as SshSettings;
use crate::wire::ClientConfig;

/// What the files in `conf.d` end with; others (editors' and packages' leftovers) are not read.
const FILE_EXTENSION: &str = "toml";

/// A configuration without errors.
#[derive(Debug)]
pub struct Configuration {
    /// `[server]`
    pub server: ServerSettings,
    /// The SQLite file with tickets and leases.
    pub state: PathBuf,
    /// The admin socket, and who may use it.
    pub admin: AdminSettings,
    /// `[ssh]`; none if that door is shut.
    pub ssh: Option<SshSettings>,
    /// Longest time from the head of a request to its answer, and again from there until the client has taken the whole
    /// reply.
    pub request_timeout: Duration,
    /// Where metrics are to be had; nowhere if there is none.
    pub metrics_listen: Option<SocketAddr>,
    /// The file for decisions; the log if there is none.
    pub audit_file: Option<PathBuf>,
    /// `[authentication]`
    pub authentication: AuthenticationSettings,
    /// `[authentication.pam]`
    pub pam_worker: WorkerSettings,
    /// `[directory]`, with who checks the passwords.
    pub accounts: Accounts,
    /// `[agent]`
    pub agent: AgentSettings,
    /// `[farm.*]`, by name.
    pub farms: Vec<Farm>,
    /// `[keys]`
    pub keys: KeySettings,
    /// `[profile.*]` and `[rule.*]`, prepared.
    pub policy: Policy,
    /// How many `[[expect]]` there are; all of them hold.
    pub expectations: usize,
    /// `[hooks]`
    pub hooks: HookSettings,
    /// `[client]`
    pub client: ClientConfig,
    /// `[notices]`
    pub notices: Notices,
    /// What is legal but surely not meant.
    pub warnings: Vec<Diagnostic>,
    /// What all this was read from.
    pub hash: ConfigurationHash,
}

/// Reads the `*.toml` files of each folder in name order, folder after folder, then the variables whose names
/// begin with `X2GODIRECTOR__`, and the files that they name.
///
/// # Errors
/// All problems of all files in their order; at least one is an error.
pub fn load(
    folders: &[PathBuf],
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Configuration, Vec<Diagnostic>> {
    let problems = Problems::default();
    let (root, hash) = read_documents(folders, environment, &problems);
    let read = read_sections(root, hash);
    let found = problems.into_sorted();
    let wrong = found.iter().any(|problem| problem.severity() == Severity::Error);
    match read {
        Some(configuration) if !wrong => Ok(Configuration {
            warnings: found,
            ..configuration
        }),
        _ => Err(found),
    }
}

/// Reads only what the PAM worker needs of the same files: it has no right to what the others name.
///
/// # Errors
/// The problems of `[authentication.pam]`, and of files that cannot be read as TOML.
pub fn load_pam_worker(
    folders: &[PathBuf],
    environment: impl Iterator<Item = (String, String)>,
) -> Result<WorkerSettings, Vec<Diagnostic>> {
    let problems = Problems::default();
    let (mut root, _) = read_documents(folders, environment, &problems);
    let settings = pam::read(root.section("authentication").section("pam"));
    if problems.has_errors() {
        return Err(problems.into_sorted());
    }
    Ok(settings)
}

/// Reads only what the worker of the hooks needs of the same files: it has no right to what the others name.
///
/// # Errors
/// The problems of `[hooks]`, and of files that cannot be read as TOML.
pub fn load_hook_worker(
    folders: &[PathBuf],
    environment: impl Iterator<Item = (String, String)>,
) -> Result<HookSettings, Vec<Diagnostic>> {
    let problems = Problems::default();
    let (mut root, _) = read_documents(folders, environment, &problems);
    let settings = hooks::read(root.section("hooks"));
    if problems.has_errors() {
        return Err(problems.into_sorted());
    }
    Ok(settings)
}

/// Everything that was written, merged, for whoever takes the sections, and its hash.
fn read_documents<'p>(
    folders: &[PathBuf],
    environment: impl Iterator<Item = (String, String)>,
    problems: &'p Problems,
) -> (Section<'p>, ConfigurationHash) {
    let mut sources = Vec::new();
    let mut documents = Vec::new();
    let mut digest = Digest::default();
    for folder in folders {
        read_folder(folder, &mut sources, &mut documents, &mut digest, problems);
    }
    let mut variables: Vec<_> = environment
        .filter(|(name, _)| name.starts_with(VARIABLE_PREFIX))
        .collect();
    variables.sort();
    for (name, value) in variables {
        let source = Source::variable(sources.len(), &name);
        digest.variable(&name, &value);
        documents.push(Document::of_variable(&source, &name, &value));
        sources.push(source);
    }
    // Where nothing was given, there is a folder to name all the same.
    let first = sources
        .first()
        .cloned()
        .unwrap_or_else(|| Source::folder(0, Path::new("conf.d")));
    let tree = merge(documents, &sources, problems);
    (
        Section::root(tree, Place::whole(&first), problems),
        digest.finish(),
    )
}

/// The sections in the order in which they need each other.
fn read_sections(mut root: Section<'_>, hash: ConfigurationHash) -> Option<Configuration> {
    let has_directory = root.has("directory");
    let mut directory = root.section("directory");
    let source = directory::source(&mut directory);
    let authentication = authentication::read(root.section("authentication"), source.usual_methods());
    let unproven = authentication.unproven().cloned();
    // What is written is checked even where nobody is looked for in it.
    let directory = (has_directory || unproven.is_none()).then(|| directory::read(directory, source));
    let mut longest_step = directory
        .as_ref()
        .map_or(Duration::ZERO, |directory| directory.longest_step);
    let accounts = accounts::read(directory, &authentication, root.problems());
    if authentication.settings.methods.contains(&Method::Pam) {
        longest_step = longest_step.max(authentication.pam.client().longest_step());
    }
    let hooks = hooks::read(root.section("hooks"));
    longest_step = longest_step.max(hooks.longest_step());
    let server = server::read(root.section("server"), longest_step);
    let ssh = ssh::read(root.section("ssh"), unproven.as_ref());
    let client = client::read(root.section("client"));
    let notices = notices::read(root.section("notices"));
    let audit_file = audit::read(root.section("audit"));
    let agent = agent::read(root.section("agent"), &server.state);
    let farms = farms::read(&mut root);
    let keys = keys::read(root.section("keys"));
    let profiles = profiles::read(&mut root, &farms.names);
    let rules = rules::read(&mut root, &profiles.ids);
    let expected = expectations::read(&mut root, &profiles.ids);
    let problems = root.problems();
    root.finish();
    if let Some(place) = &unproven {
        unproven::check(place, &rules, &profiles.profiles, problems);
    }
    // Beside an error, a profile that seems to be given to nobody may be what the error is about.
    if problems.is_empty() {
        rules.warn_of_contradictions(&profiles.ids, problems);
    }
    if !problems.has_errors() {
        profiles.warn_of_autologin(&farms.farms, problems);
    }
    let policy = Policy::new(profiles.profiles, rules.rules);
    if !problems.has_errors() {
        expectations::run(&expected, &policy, problems);
    }
    let mut accounts = accounts?;
    accounts.ask_for(&policy);
    Some(Configuration {
        server: server.settings,
        state: server.state,
        admin: server.admin,
        ssh,
        request_timeout: server.request_timeout,
        metrics_listen: server.metrics_listen,
        audit_file,
        authentication: authentication.settings,
        pam_worker: authentication.pam,
        accounts,
        agent,
        farms: farms.farms,
        keys,
        policy,
        expectations: expected.len(),
        hooks,
        client,
        notices: notices?,
        warnings: Vec::new(),
        hash,
    })
}

/// Reads the files of one folder, in name order.
fn read_folder(
    folder: &Path,
    sources: &mut Vec<Arc<Source>>,
    documents: &mut Vec<Document>,
    digest: &mut Digest,
    problems: &Problems,
) {
    let source = Source::folder(sources.len(), folder);
    let place = Place::whole(&source);
    sources.push(source);
    let paths = match file_paths(folder) {
        Ok(paths) => paths,
        Err(error) => {
            let message = format!("this folder cannot be read: {error}");
            problems.add_unreadable(Diagnostic::error(&place, message));
            return;
        }
    };
    for path in paths {
        let rank = sources.len();
        let text = read_bounded(&path).and_then(|bytes| {
            String::from_utf8(bytes).map_err(|error| {
                io::Error::other(format!("byte {} is not UTF-8", error.utf8_error().valid_up_to()))
            })
        });
        let source = match text {
            Ok(text) => Source::file(rank, path, text),
            Err(error) => {
                let source = Source::file(rank, path, String::new());
                let problem = Diagnostic::error(&Place::whole(&source), format!("cannot be read: {error}"));
                problems.add_unreadable(problem);
                source
            }
        };
        digest.file(&source.file_name(), source.text());
        documents.push(Document::parse(&source, problems));
        sources.push(source);
    }
}

/// The files of a folder that are read, in name order.
fn file_paths(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path
            .file_name()
            .is_none_or(|name| name.to_string_lossy().starts_with('.'));
        if !hidden
            && path
                .extension()
                .is_some_and(|extension| extension == FILE_EXTENSION)
        {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
