//! Reading the configuration again: the same way for SIGHUP and for `x2godirector reload`.

use std::path::PathBuf;
use std::sync::PoisonError;

use super::daemon::{Daemon, Fixed};
use super::systemd::Reloading;
use super::{StartError, clock, snapshot};
use crate::admin::{LastReload, ReloadReport};
use crate::audit::AuditFile;
use crate::config::{self, Configuration, Diagnostic};
use crate::http::certificate::{self, Served};

/// What a reload leaves to the next start.
const NEEDS_RESTART: &str = "[server] and [ssh]: all but the certificate and `request_timeout` takes effect at the next \
     restart";
/// The same where a restart alone would stop the broker.
const NEEDS_OTHER_SOCKET: &str = "`listen` in [server]: systemd listens for the broker, so change ListenStream= as well \
     (`systemctl edit x2godirector.socket`) before the next `systemctl restart x2godirector.socket x2godirector.service`, \
     or the broker will not start";

/// Who wants a reload.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wish {
    /// SIGHUP.
    Signal,
    /// Somebody with this user id, at the admin socket.
    Admin(u32),
}

/// Everything of a new configuration that is read from files.
struct Fresh {
    configuration: Configuration,
    certificate: Served,
    audit_file: Option<AuditFile>,
}

impl Daemon {
    /// Reads the configuration again. If anything in it is wrong, the one in use stays, certificate included.
    /// Reloads that are wanted at the same time happen one after the other.
    pub(super) async fn reload(&self, wish: Wish) -> ReloadReport {
        let _turn = self.reloading.lock().await;
        let _told = Reloading::begin(self);
        let mut report = ReloadReport {
            taken: false,
            configuration: String::new(),
            diagnostics: Vec::new(),
            summary: None,
            certificate: None,
            cause: None,
            needs_restart: None,
        };
        let cause = match self.renew(&mut report).await {
            Ok(()) => {
                tracing::info!("configuration reloaded");
                report.taken = true;
                None
            }
            Err(error) => Some(refuse(error, &mut report)),
        };
        report.configuration = self.broker.snapshot().configuration.to_string();
        self.remember(wish, cause);
        report
    }

    async fn renew(&self, report: &mut ReloadReport) -> Result<(), StartError> {
        let folders = self.folders.clone();
        let fresh = tokio::task::spawn_blocking(move || read(&folders))
            .await
            .map_err(std::io::Error::other)??;
        let Fresh {
            configuration,
            certificate,
            audit_file,
        } = fresh;
        report.summary = Some(config::summary(Ok(&configuration)));
        report.diagnostics = config::told(&configuration.warnings).collect();
        let needs_restart = self.needs_restart(&Fixed::of(&configuration));
        let current = self.broker.snapshot();
        let farms = Some(&current.farms);
        let snapshot = snapshot::build(
            configuration,
            &self.store,
            &self.checks,
            &self.agents,
            farms,
            &self.disbelief,
        )
        .await?;
        if let Some(directory) = &snapshot.directory {
            directory.try_service_account().await?;
        }
        self.records.audit.turn_to(audit_file);
        self.broker.replace(snapshot);
        report.certificate = certificate.doubt().map(ToOwned::to_owned);
        self.front.reload(certificate);
        if let Some(what) = needs_restart {
            tracing::warn!("{what}");
            report.needs_restart = Some(what.to_owned());
        }
        Ok(())
    }

    /// What of a new configuration counts only after a restart.
    fn needs_restart(&self, fresh: &Fixed) -> Option<&'static str> {
        let is_elsewhere = self.fixed.server.listen != fresh.server.listen;
        if self.is_activated && is_elsewhere {
            return Some(NEEDS_OTHER_SOCKET);
        }
        self.fixed.differs_from(fresh).then_some(NEEDS_RESTART)
    }

    /// Tells the numbers, the audit log and the next `status`.
    fn remember(&self, wish: Wish, cause: Option<String>) {
        let now = clock::now();
        self.records.metrics.reload(cause.is_none(), now);
        let by_uid = match wish {
            Wish::Signal => None,
            Wish::Admin(uid) => Some(uid),
        };
        self.note("reload", by_uid, None, cause.clone().map_or(Ok(()), Err));
        let mut last = self.last_reload.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some(LastReload {
            at: now.to_string(),
            taken: cause.is_none(),
            cause,
        });
    }
}

/// Reads and tries everything that can be tried without the network. Blocks.
fn read(folders: &[PathBuf]) -> Result<Fresh, StartError> {
    let configuration = super::read(folders)?;
    let certificate = certificate::load(&configuration.server.key_pair, clock::now())?;
    let audit_file = configuration
        .audit_file
        .clone()
        .map(AuditFile::open)
        .transpose()?;
    Ok(Fresh {
        configuration,
        certificate,
        audit_file,
    })
}

/// Logs and reports why a configuration was not taken, and gives the reason in one line.
fn refuse(error: StartError, report: &mut ReloadReport) -> String {
    let cause = match error {
        StartError::Configuration(problems) => {
            for told in config::told(&problems) {
                tracing::error!("{told}");
            }
            report.summary = Some(config::summary(Err(&problems)));
            report.diagnostics = config::told(&problems).collect();
            in_one_line(&problems)
        }
        error => {
            tracing::error!("{error}");
            report.cause = Some(error.to_string());
            error.to_string()
        }
    };
    tracing::error!("not reloaded: the configuration in use stays");
    cause
}

/// The first of them, and how many more there are.
fn in_one_line(problems: &[Diagnostic]) -> String {
    let first = problems.first().map(ToString::to_string).unwrap_or_default();
    let first = first.lines().next().unwrap_or_default();
    match problems.len() {
        0 | 1 => first.to_owned(),
        all => format!("{first} (and {} more)", all - 1),
    }
}
