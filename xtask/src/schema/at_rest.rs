//! What a snapshot says of the databases: read from their volumes while nothing runs, and compared with what the
//! checkouts and the settings at hand say.

use anyhow::{Result, bail};

use super::source::number;
use super::{Context, steps};
use crate::cli::flags::Step;
use crate::docker::engine::CHANGE;
use crate::machine::few;
use crate::machine::finding::{At, Finding, finding};
use crate::machine::process;
use crate::settings::ENV_FILE;
use crate::stack::snapshots::volumes::{DataVolume, Volumes};
use crate::stack::snapshots::{Database, Manifest};

/// Starts each database for itself, where nobody else reaches it, and asks. What has no tables yet answers nothing.
const ASK: &str = "ask() { psql -h /tmp -U admin -d postgres -XAtqc \"$1\" 2>/dev/null; }; for it in /v/*; do \
    [ -s $it/PG_VERSION ] || continue; \
    pg_ctl -s -w -D $it -l /tmp/log -o \"-c listen_addresses='' -c unix_socket_directories=/tmp\" start || \
    { tail -n 1 /tmp/log >&2; exit 1; }; \
    echo ${it#/v/} $(ask 'SELECT curr_version FROM schema_version') $(ask 'SELECT count(*) FROM shards'); \
    pg_ctl -s -w -D $it -m fast stop; done";

/// What the clusters' databases hold; those that have no volume are left out.
pub(crate) fn look(
    context: &Context<'_>,
    volumes: &Volumes,
    declared: &[DataVolume],
) -> Result<Vec<(String, Database)>> {
    let of = |step: Step| {
        let service = steps::database(context, step).service().to_owned();
        declared.iter().find(|it| it.services.contains(&service)).filter(|it| volumes.names.contains_key(&it.key))
    };
    let names =
        steps::CLUSTERS.iter().filter_map(|(step, _)| Some((step.as_str().to_owned(), of(*step)?.name.clone())));
    let names = few::map(names);
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let volumes = Volumes { names, ..volumes.clone() };
    let printed = process::read_within(&mut volumes.command(context.sh, "postgres", "", ASK), CHANGE);
    let Ok(printed) = printed else {
        bail!("a database does not start by itself: {:#}", printed.unwrap_err());
    };
    Ok(printed.lines().filter_map(database).collect())
}

/// Reads `STEP [VERSION [SHARDS]]`.
fn database(line: &str) -> Option<(String, Database)> {
    let mut words = line.split(' ').map(str::to_owned);
    let step = words.next().filter(|it| !it.is_empty())?;
    let schema = words.next();
    let shards = words.next().and_then(|it| it.parse().ok()).filter(|it| *it > 0);
    Some((step, Database { schema, shards }))
}

/// Why the databases of a snapshot cannot take the place of this stack's.
pub(crate) fn misfits(context: &Context<'_>, manifest: &Manifest) -> Vec<Finding> {
    let mut all = Vec::new();
    for (step, variable) in steps::CLUSTERS {
        let Some(there) = few::get(&manifest.databases, step.as_str()) else {
            continue;
        };
        let name = step.as_str();
        // Whatever is restored is brought up to the checkout's schema, which has to be there for that.
        match steps::schema(context, step) {
            Err(e) => all.push(steps::checkout(context, step).err().unwrap_or_else(|| finding(format!("{e:#}"), ""))),
            Ok(schema) => {
                let newest = schema.newest().map_or("0.0", |it| &it.version);
                let version = there.schema.as_deref().unwrap_or("0.0");
                if number(version) > number(newest) {
                    let what = format!("{name} has schema version {version}, the checkout only {newest}");
                    all.push(finding(what, "git -C \"$TEMPORAL_DSQL_PATH\" pull  # and `cargo xtask dev-build`"));
                }
            }
        }
        let now = context.settings.get(variable);
        if let Some(shards) = there.shards.filter(|it| it.to_string() != now) {
            let what = format!("{name} has {shards} shards, which is fixed, and {variable} is {now}");
            let fix = format!("echo {variable}={shards} >> {ENV_FILE}");
            all.push(finding(what, fix).at(At::Variable(variable)));
        }
    }
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_says_what_it_holds_or_nothing() {
        let of = |line: &str| database(line).map(|(step, it)| (step, it.schema, it.shards));
        let (step, version) = ("temporal-copilot".to_owned(), Some("1.13".to_owned()));
        assert_eq!(of("temporal-copilot 1.13 4"), Some((step.clone(), version.clone(), Some(4))));
        assert_eq!(of("temporal-copilot 1.13 0"), Some((step.clone(), version, None)));
        assert_eq!(of("temporal-copilot"), Some((step, None, None)));
        assert_eq!(of(""), None);
    }
}
