//! What has to be sent to a database, given what is there.

use std::mem;

use super::Outcome;
use super::dialect::Statement;
use super::source::{Manifest, Schema, number};

#[derive(Clone, Debug, Default)]
pub(super) struct Catalogue {
    /// Tables and usable indexes of the schema `public`.
    pub objects: Vec<String>,
    pub version: Option<String>,
}

#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub statements: Vec<&'a Statement>,
    /// The versions to record after that, each with the one before it.
    pub record: Vec<(String, &'a Manifest)>,
    /// What it will have been, once it is done.
    pub outcome: Outcome,
}

/// Plans the way from what is there to the whole schema; an error where the recorded version is newer than that.
pub(super) fn plan<'a>(schema: &'a Schema, have: &Catalogue) -> Result<Plan<'a>, String> {
    let recorded = have.version.as_deref().unwrap_or("0.0");
    if let Some(newest) = schema.newest().filter(|it| number(recorded) > number(&it.version)) {
        let what = format!("the database has schema version {recorded}, the checkout only {}", newest.version);
        return Err(what + ": it was left alone\nupdate the checkout, or drop the schema with `--overwrite`");
    }
    let mut plan = Plan { statements: Vec::new(), record: Vec::new(), outcome: Outcome::AlreadyThere };
    let (mut begun, mut before) = (false, recorded.to_owned());
    let is_there = |it: &&Statement| it.creates.as_ref().is_some_and(|it| have.objects.contains(it));
    for version in &schema.versions {
        let pending = version.manifest.as_ref().filter(|it| number(recorded) < number(&it.version));
        let (there, missing): (Vec<_>, Vec<_>) = version.statements.iter().partition(is_there);
        // Seed rows create nothing: they go with the version, and change nothing where they are there.
        if pending.is_none() && missing.iter().all(|it| it.creates.is_none()) {
            continue;
        }
        begun |= !there.is_empty() || (pending.is_none() && version.manifest.is_some());
        plan.outcome = if begun { Outcome::Completed } else { Outcome::Applied };
        plan.statements.extend(missing);
        if let Some(manifest) = pending {
            plan.record.push((mem::replace(&mut before, manifest.version.clone()), manifest));
        }
    }
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{
        dialect::{Dialect, translate},
        source::Version,
    };

    fn version(number: Option<&str>, sql: &str) -> Version {
        let manifest = number.map(|it| Manifest {
            version: it.to_owned(),
            min_compatible: "1.0".to_owned(),
            description: String::new(),
            md5: String::new(),
        });
        Version { manifest, statements: translate(Dialect::Dsql, sql).unwrap() }
    }

    fn schema() -> Schema {
        let first = "CREATE TABLE a(x int); CREATE INDEX ASYNC a_x ON a(x); INSERT INTO a VALUES (1);";
        Schema { versions: vec![version(Some("1.0"), first), version(Some("1.1"), "CREATE TABLE \"B\"(x int);")] }
    }

    fn have(version: Option<&str>, objects: &[&str]) -> Catalogue {
        Catalogue { objects: objects.iter().map(|it| (*it).to_owned()).collect(), version: version.map(str::to_owned) }
    }

    /// Statements sent, versions recorded, outcome.
    fn planned(schema: &Schema, have: &Catalogue) -> (usize, Vec<String>, Outcome) {
        let plan = plan(schema, have).unwrap();
        let record = plan.record.iter().map(|(before, it)| format!("{before}-{}", it.version)).collect();
        (plan.statements.len(), record, plan.outcome)
    }

    fn steps(all: &[&str]) -> Vec<String> {
        all.iter().map(|it| (*it).to_owned()).collect()
    }

    #[test]
    fn an_empty_database_gets_everything() {
        assert_eq!(planned(&schema(), &have(None, &[])), (4, steps(&["0.0-1.0", "1.0-1.1"]), Outcome::Applied));
    }

    #[test]
    fn a_complete_database_gets_nothing() {
        assert_eq!(planned(&schema(), &have(Some("1.1"), &["a", "a_x", "B"])), (0, vec![], Outcome::AlreadyThere));
    }

    #[test]
    fn an_older_version_gets_only_the_newer_ones() {
        assert_eq!(planned(&schema(), &have(Some("1.0"), &["a", "a_x"])), (1, steps(&["1.0-1.1"]), Outcome::Applied));
    }

    #[test]
    fn an_interrupted_run_is_completed_wherever_it_stopped() {
        let all = ["a", "a_x", "B"];
        for i in 1..=all.len() {
            let (sent, record, outcome) = planned(&schema(), &have(None, &all[..i]));
            assert_eq!((sent, outcome), (4 - i, Outcome::Completed), "after {i}");
            assert_eq!(record, steps(&["0.0-1.0", "1.0-1.1"]));
        }
    }

    #[test]
    fn what_was_dropped_by_hand_is_made_again_without_a_new_record() {
        let (_, record, outcome) = planned(&schema(), &have(Some("1.1"), &["a", "B"]));
        assert_eq!((record, outcome), (vec![], Outcome::Completed));
    }

    #[test]
    fn a_newer_database_is_refused() {
        assert!(plan(&schema(), &have(Some("1.2"), &[])).unwrap_err().contains("was left alone"));
    }

    #[test]
    fn a_schema_without_versions_is_judged_by_its_objects() {
        let schema = Schema { versions: vec![version(None, "CREATE TABLE t(a int); CREATE INDEX i ON t(a);")] };
        assert_eq!(planned(&schema, &have(None, &["other"])), (2, vec![], Outcome::Applied));
        assert_eq!(planned(&schema, &have(None, &["t"])), (1, vec![], Outcome::Completed));
        assert_eq!(planned(&schema, &have(None, &["t", "i"])), (0, vec![], Outcome::AlreadyThere));
    }
}
