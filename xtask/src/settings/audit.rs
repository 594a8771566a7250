//! A second look at the variables and at `dev/.env`: everything that the settings find, and what only the file shows.

use std::{env, fs, os::unix::fs::PermissionsExt};

use xshell::Shell;

use crate::cli::help;
use crate::machine::finding::{At, Finding, finding};
use crate::machine::{files, term};
use crate::settings::dotenv::{self, Entry};
use crate::settings::variables::{self, Variable};
use crate::settings::{ENV_FILE, EXAMPLE, Origin, Settings};

/// Names that start like this are meant for us: one that we do not know is a slip.
const FAMILIES: [&str; 5] = ["TEMPORAL_", "COPILOT_", "DSQL_", "AWS_", "GRAFANA_"];

/// What is wrong with the variables and their file, and what is only worth knowing.
pub(crate) fn look(sh: &Shell, settings: &Settings) -> (Vec<Finding>, Vec<String>) {
    let read = |file: &str| files::read_but_comments(&sh.current_dir().join(file)).ok().flatten().unwrap_or_default();
    let environment = |name: &str| env::var(name).ok();
    // What cannot be read stands among the settings' problems.
    let entries = dotenv::parse(ENV_FILE, &read(ENV_FILE), &environment).unwrap_or_default();
    let samples = dotenv::parse(EXAMPLE, &read(EXAMPLE), &environment).unwrap_or_default();
    let (findings, mut notes) = check(settings, &entries, &samples);
    let mode = fs::metadata(sh.current_dir().join(ENV_FILE)).map_or(0, |it| it.permissions().mode());
    if mode & 0o077 != 0 {
        notes.push(format!("others can read {ENV_FILE}, which may hold passwords: `chmod 600 {ENV_FILE}`"));
    }
    (findings, notes)
}

fn check(settings: &Settings, entries: &[Entry], samples: &[Entry]) -> (Vec<Finding>, Vec<String>) {
    let mut findings = placeholders(settings, samples);

    // A placeholder is invalid as a value as well; once is enough.
    let is_new = |it: &&Finding| !matches!(it.at, At::Variable(_)) || findings.iter().all(|left| left.at != it.at);
    let other: Vec<Finding> = settings.problems.iter().filter(is_new).cloned().collect();
    findings.extend(other);
    findings.extend(region(settings));
    let mut notes = Vec::new();
    for (i, entry) in entries.iter().enumerate() {
        if let Some(later) = entries[i + 1..].iter().find(|it| it.key == entry.key) {
            let Entry { key, line, .. } = entry;
            notes.push(format!("{ENV_FILE}, line {line}: `{key}` is set again in line {}, which counts", later.line));
        } else if variables::find(&entry.key).is_none() {
            let ours = FAMILIES.iter().any(|it| entry.key.starts_with(it));
            let text = format!("`{}` ({ENV_FILE}, line {}) is read by nothing", entry.key, entry.line);
            match help::suggest(&entry.key.to_uppercase(), variables::ALL.iter().map(|it| it.name)) {
                Some(it) => findings.push(finding(format!("{text}: did you mean `{it}`?"), "")),
                None if ours => findings.push(finding(format!("{text}: {EXAMPLE} lists every variable there is"), "")),
                None => notes.push(text),
            }
        }
    }
    (findings, notes)
}

/// Values that still are the example's, where the example can only show what a user's own looks like.
fn placeholders(settings: &Settings, samples: &[Entry]) -> Vec<Finding> {
    let sample = |name: &str| samples.iter().rfind(|it| it.key == name).map(|it| &*it.value);
    let is_left = |it: &&Variable| {
        let value = settings.get(it.name);
        let is_sample = sample(it.name) == Some(value) && (it.default.is_none() || value.contains('<'));
        !value.is_empty() && (is_sample || (value.starts_with('<') && value.ends_with('>')))
    };
    let own = |it: &&Variable| matches!(settings.origin(it.name), Some(Origin::File(_) | Origin::Environment));
    variables::ALL.iter().filter(own).filter(is_left).map(|it| describe(settings, it)).collect()
}

fn describe(settings: &Settings, variable: &Variable) -> Finding {
    let name = variable.name;
    let origin = settings.origin(name).unwrap_or(Origin::Default);
    let synced = variables::fills(name);
    let remedy = match (synced, variable.default) {
        (true, _) => "`cargo xtask env-sync` fills it in once `cargo xtask infra-apply` has run".to_owned(),
        (false, Some(it)) if !it.is_empty() => format!("set it, or delete the line: it is then `{it}`"),
        (false, Some(_)) => "set it, or delete the line".to_owned(),
        (false, None) => "set it".to_owned(),
    };
    let value = term::shorten(settings.get(name));
    finding(format!("`{name}` is still the example's `{value}` ({origin}): {remedy}"), settings.unset(&[name]))
        .at(At::Variable(name))
}

/// That the Copilot can work in the region. Under `--local` the region is fixed.
fn region(settings: &Settings) -> Option<Finding> {
    let region = settings.get("AWS_REGION");
    let valid = !settings.problems.iter().any(|it| it.concerns("AWS_REGION"));
    let why = variables::check_copilot_region(region).err().filter(|_| valid)?;
    Some(settings.wrong("AWS_REGION", &why))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE_TEXT: &str = "TEMPORAL_SQL_HOST=<id>.dsql.eu-west-1.on.aws\nCOPILOT_DSQL_HOST=sample.dsql.eu-west-1.on.aws\n\
                                AWS_REGION=eu-west-1\nTEMPORAL_SRE_COPILOT_PATH=<path>\n";
    const GOOD: &str = "TEMPORAL_SQL_HOST=a.dsql.eu-west-1.on.aws\nCOPILOT_DSQL_HOST=b.dsql.eu-west-1.on.aws\n";

    fn found(local: bool, file: &str) -> (Vec<String>, Vec<String>) {
        let read = |text: &str| dotenv::parse(ENV_FILE, text, &|_| None).unwrap();
        let entries = read(file);
        let settings = Settings::resolve(local, &entries, &|_| None);
        let (findings, notes) = check(&settings, &entries, &read(EXAMPLE_TEXT));
        (findings.into_iter().map(|it| it.what).collect(), notes)
    }

    fn assert_one(file: &str, parts: &[&str]) {
        let (findings, _) = found(false, file);
        assert_eq!(findings.len(), 1, "{findings:#?}");
        for part in parts {
            assert!(findings[0].contains(part), "{part}: {}", findings[0]);
        }
    }

    #[test]
    fn the_copied_example_is_told_apart_from_a_filled_file_once_per_placeholder() {
        let (findings, _) = found(false, EXAMPLE_TEXT);
        assert_eq!(findings.len(), 3, "{findings:#?}");
        assert!(
            findings[0].contains("`<id>.dsql.eu-west-1.on.aws` (dev/.env, line 1): `cargo xtask env-sync`"),
            "{}",
            findings[0]
        );
        assert!(findings[1].contains("COPILOT_DSQL_HOST") && findings[2].contains("`<path>`"), "{findings:#?}");
        assert_eq!(found(false, GOOD), (Vec::new(), Vec::new()));
    }

    #[test]
    fn local_does_not_ask_for_what_it_fixes_itself() {
        let (findings, _) = found(true, "TEMPORAL_SQL_HOST=<endpoint>\nAWS_REGION=us-east-1\n");
        assert_eq!(findings, [""; 0]);
    }

    #[test]
    fn a_misspelt_name_is_a_finding_and_a_name_of_ones_own_is_not() {
        assert_one(&format!("{GOOD}TEMPORAL_SQL_PROT=1\n"), &["line 3", "did you mean `TEMPORAL_SQL_PORT`"]);
        assert_one(&format!("{GOOD}aws_region=eu-west-1\n"), &["did you mean `AWS_REGION`"]);
        assert_one(&format!("{GOOD}COPILOT_FAVOURITE_COLOUR=1\n"), &["is read by nothing", EXAMPLE]);
        let (findings, notes) =
            found(false, &format!("{GOOD}MY_EDITOR=vi\nTEMPORAL_LOG_LEVEL=warn\nTEMPORAL_LOG_LEVEL=info\n"));
        assert_eq!((findings.len(), notes.len()), (0, 2), "{findings:?} {notes:?}");
        assert!(notes[1].contains("line 4") && notes[1].contains("line 5"), "{}", notes[1]);
    }

    #[test]
    fn regions_that_cannot_work_together_are_found() {
        assert_one(
            &format!(
                "{GOOD}AWS_REGION=us-east-1\nTEMPORAL_SQL_HOST=a.dsql.us-east-1.on.aws\nCOPILOT_DSQL_HOST=b.dsql.us-east-1.on.aws\n"
            ),
            &["EU inference profiles"],
        );
        assert_one(
            &format!("{GOOD}COPILOT_DSQL_HOST=b.dsql.eu-west-2.on.aws\n"),
            &["COPILOT_DSQL_HOST", "a host in AWS_REGION, `eu-west-1`"],
        );
        assert_one(&format!("{GOOD}TEMPORAL_SQL_AWS_REGION=eu-west-2\n"), &["TEMPORAL_SQL_AWS_REGION"]);
        assert_one(
            &format!("{GOOD}AWS_REGION=nowhere\n").replace("eu-west-1", "nowhere"),
            &["AWS_REGION", "expected a commercial AWS region"],
        );
    }
}
