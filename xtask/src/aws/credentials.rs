//! What containers get of AWS: the short-lived keys of one profile, never the user's folder. SDKs ask the
//! `credential_process` again when its keys end, so a renewed file reaches a running container.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::process::Output;
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use serde_json::Value;
use xshell::Shell;

use crate::aws::{awscli, errors};
use crate::machine::finding::{Finding, finding};
use crate::machine::json;
use crate::machine::{files, process, term, time};
use crate::settings::Settings;

/// The folder that containers mount, from the workspace root.
pub(crate) const FOLDER: &str = "dev/.rendered/aws";
/// Whose keys are in it. Beside it, as no SDK reads this.
const OWNER: &str = "dev/.rendered/aws-identity";
const KEYS: &str = "credentials.json";

/// AWS answers in well under a second; a network that swallows packets would let the CLI wait for minutes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// Keys may have to be fetched: an SSO session or another role is behind them.
const FETCHING: Duration = Duration::from_secs(20);
/// From when on it is a warning that keys end. The AWS CLI renews by itself what it can renew before this.
const SHORT: Duration = Duration::from_secs(15 * 60);

/// Keys, as a `credential_process` prints them, which is the form that every SDK reads.
pub(crate) struct Credentials {
    keys: Value,
    /// `None` where AWS has not answered.
    pub identity: Option<String>,
}

impl Credentials {
    /// The invented keys of `--local`.
    pub(crate) fn invented() -> Credentials {
        let keys = serde_json::json!({ "Version": 1, "AccessKeyId": "local", "SecretAccessKey": "local" });
        Credentials { keys, identity: None }
    }

    /// Those of the user's profile, and whose they are.
    pub(crate) fn get(sh: &Shell, settings: &Settings) -> Result<Credentials, Finding> {
        let other = sh.clone();
        let export = ["configure", "export-credentials", "--format", "process"];
        let (identity, keys) = thread::scope(|scope| {
            let identity = scope.spawn(move || call(&other, settings, &["sts", "get-caller-identity"], PATIENCE));
            let keys = call(sh, settings, &export, FETCHING);
            (identity.join().expect("a question to AWS does not panic"), keys)
        });
        let identity = match identity? {
            Some(it) if it.status.success() => {
                let parsed = json::read(&it.stdout).unwrap_or_default();
                Some(parsed["Arn"].as_str().unwrap_or("?").to_owned())
            }
            Some(it) => return Err(refused(settings, &["sts", "get-caller-identity"], &it.stderr)),
            None => None,
        };
        let keys = keys?.ok_or_else(|| {
            let what = format!("the AWS CLI has not handed its keys on within {} s", FETCHING.as_secs());
            finding(what, "aws configure export-credentials --format process >/dev/null  # shows why")
        })?;
        if !keys.status.success() {
            return Err(refused(settings, &export, &keys.stderr));
        }
        let parsed = json::read(&keys.stdout).unwrap_or_default();
        if parsed["AccessKeyId"].is_string() && parsed["SecretAccessKey"].is_string() {
            return Ok(Credentials { keys: parsed, identity });
        }
        let fix = "aws configure export-credentials --format process | cut -c 1-20  # shows what it is";
        Err(finding("the AWS CLI hands on something other than keys", fix))
    }

    /// Hands them to the containers.
    pub(crate) fn write(&self, sh: &Shell, region: &str) -> Result<()> {
        let root = sh.current_dir();
        let folder = root.join(FOLDER);
        // Invented ones are no secret, and containers of an engine that moves their users (userns-remap) read no others.
        let (closed, mode) = if self.keys == Credentials::invented().keys { (0o755, 0o644) } else { (0o700, 0o600) };
        fs::create_dir_all(&folder)
            .and_then(|()| fs::set_permissions(&folder, fs::Permissions::from_mode(closed)))
            .with_context(|| format!("cannot make {}", folder.display()))?;
        // Of an earlier version: SDKs would take its keys first.
        _ = fs::remove_file(folder.join("credentials"));
        let config = format!("[default]\nregion = {region}\ncredential_process = cat /aws/{KEYS}\n");
        let file = folder.join("config");
        files::replace(&file, &config, mode)?;
        // The same text may have been for other keys.
        fs::set_permissions(&file, fs::Permissions::from_mode(mode))?;
        files::replace(&root.join(OWNER), self.identity.as_deref().unwrap_or_default(), 0o600)?;
        let keys = folder.join(KEYS);
        files::replace(&keys, &self.keys.to_string(), mode)?;
        // Also where the same keys came again: their half-life counts from now.
        File::open(&keys)?.set_modified(SystemTime::now())?;
        Ok(())
    }

    fn until(&self) -> Option<SystemTime> {
        time::parse(self.keys["Expiration"].as_str()?)
    }

    /// Whose they are and until when, and whether that is soon.
    pub(crate) fn describe(&self) -> (String, bool) {
        let who = self.identity.as_deref().unwrap_or("somebody whom AWS has not named");
        let Some(until) = self.until() else {
            let end = if self.keys["SessionToken"].is_string() { "until nobody knows when" } else { "without an end" };
            return (format!("keys of {who}, {end}: after a change of them, `cargo xtask dev-restart`"), false);
        };
        let left = until.duration_since(SystemTime::now()).unwrap_or_default();
        if left.is_zero() {
            return (format!("keys of {who}, which have ended"), true);
        }
        (format!("keys of {who}, for another {}", time::words(left)), left < SHORT)
    }
}

/// What the containers have, where they were given anything; and when that was.
pub(crate) fn held(sh: &Shell) -> Option<(Credentials, SystemTime)> {
    let root = sh.current_dir();
    let path = root.join(FOLDER).join(KEYS);
    let keys = serde_json::from_str(&fs::read_to_string(&path).ok()?).ok()?;
    let identity = fs::read_to_string(root.join(OWNER)).ok().filter(|it| !it.is_empty());
    Some((Credentials { keys, identity }, path.metadata().ok()?.modified().ok()?))
}

/// Renews what the containers have, once less than half of its time is left. What keeps it from that is said, no more:
/// the command at hand may well not need AWS.
pub(crate) fn keep_fresh(sh: &Shell) {
    let Some((held, since)) = held(sh) else { return };
    let Some(until) = held.until() else { return };
    let left = until.duration_since(SystemTime::now()).unwrap_or_default();
    if left * 2 < until.duration_since(since).unwrap_or_default() || left.is_zero() {
        renew(sh, &Settings::load(sh, false));
    }
}

/// Gives the containers today's keys.
pub(crate) fn renew(sh: &Shell, settings: &Settings) {
    let renewed = Credentials::get(sh, settings).map_err(anyhow::Error::from);
    if let Err(e) = renewed.and_then(|it| it.write(sh, settings.get("AWS_REGION"))) {
        term::say(&format!("note: the containers' AWS keys could not be renewed: {e:#}"));
    }
}

/// What mends keys that end soon.
pub(crate) fn renewal(settings: &Settings) -> String {
    let profile = process::quote(settings.get("AWS_PROFILE")).into_owned();
    format!("aws sso login --profile {profile}  # or where they come from; then `cargo xtask dev-up` hands them on")
}

fn call(sh: &Shell, settings: &Settings, args: &[&str], limit: Duration) -> Result<Option<Output>, Finding> {
    let region = settings.get("AWS_REGION");
    let output = awscli::command(sh, region, args)
        .and_then(|mut it| process::capture_within(it.args(["--output", "json"]), limit));
    output.map_err(|e| finding(format!("{e:#}"), "cargo xtask doctor --dsql"))
}

fn refused(settings: &Settings, args: &[&str], stderr: &[u8]) -> Finding {
    let stderr = String::from_utf8_lossy(stderr);
    let profile = settings.get("AWS_PROFILE");
    errors::explain(&stderr, args, profile)
        .unwrap_or_else(|| finding(errors::message(&stderr), "aws sts get-caller-identity --debug  # says more"))
}
