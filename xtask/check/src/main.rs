//! `cargo xtask check`: the repository held against itself. It reads files and nothing else: no engine, no network.

#![warn(unreachable_pub)]

mod addresses;
mod code;
mod commands;
mod compose;
mod dashboards;
mod docs;
mod dynamic_config;
mod grafana;
mod identity;
mod markdown;
mod mounts;
mod panels;
mod ports;
mod promql;
mod repo;
mod start;
mod tables;
mod variables;

use std::{env, fmt, path::PathBuf, process::ExitCode};

use repo::Repo;
use xtask::machine::{
    exit::{FAILED, USAGE},
    term,
};

/// Two places of the repository that contradict each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// From the workspace root.
    pub file: String,
    /// From 1; `None` where it is about the whole file.
    pub line: Option<usize>,
    pub text: String,
    /// What to do; never empty.
    pub remedy: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line.map_or(String::new(), |it| format!(":{it}"));
        write!(f, "{}{line}: {}\n    {}", self.file, self.text, self.remedy)
    }
}

/// One subject: from the repository's files to what is wrong with them.
type Check = fn(&Repo) -> Vec<Finding>;

const CHECKS: &[Check] = &[
    compose::check,
    identity::check,
    mounts::check,
    ports::check,
    start::check,
    addresses::check,
    variables::check,
    dynamic_config::check,
    grafana::check,
    dashboards::check,
    docs::check,
    tables::check,
    code::check,
    panels::check,
];

/// What the command hands over: the checkout to look at, where the sources of the server are looked for, `--fix`.
fn main() -> ExitCode {
    let args: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let [root, _temporal, rest @ ..] = &args[..] else {
        term::say("error: this is the program behind `cargo xtask check`");
        return ExitCode::from(USAGE);
    };
    if !rest.is_empty()
        && let Ok(repo) = Repo::read(root)
    {
        match panels::fix(&repo) {
            Ok(written) => written.iter().for_each(|it| term::say(&format!("{it} written"))),
            Err(e) => {
                term::say(&format!("error: {e:#}"));
                return ExitCode::from(FAILED);
            }
        }
    }
    let findings = find(&Repo::read(root));
    for finding in &findings {
        term::out(&format!("{finding}\n"));
    }
    match findings.len() {
        0 => {
            term::out("The repository agrees with itself.\n");
            return ExitCode::SUCCESS;
        }
        1 => term::say("error: 1 finding"),
        many => term::say(&format!("error: {many} findings")),
    }
    ExitCode::from(FAILED)
}

/// All findings, in the order of the files, each once. Files that cannot be read are found alone: what they would have
/// said cannot be compared.
fn find(repo: &Result<Repo, Vec<Finding>>) -> Vec<Finding> {
    let mut findings = match repo {
        Ok(repo) => CHECKS.iter().flat_map(|check| check(repo)).collect(),
        Err(unreadable) => unreadable.clone(),
    };
    findings.sort();
    findings.dedup();
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{prelude::*, sample::Index};
    use serde_yaml::Value;
    use std::{cell::RefCell, path::Path};

    /// One of the documents, by number.
    fn document(repo: &mut Repo, number: usize) -> &mut Value {
        let all = [
            &mut repo.base.value,
            &mut repo.local.value,
            &mut repo.amd64.value,
            &mut repo.template.value,
            &mut repo.mimir.value,
            &mut repo.loki.value,
            &mut repo.sources.value,
            &mut repo.providers.value,
            &mut repo.dynamic.value,
        ];
        let count = all.len();
        all.into_iter().nth(number % count).expect("there are documents")
    }

    /// Puts `value` somewhere below a node.
    fn replace(node: &mut Value, way: &[Index], value: Value) {
        let children: Vec<&mut Value> = match node {
            Value::Mapping(it) => it.values_mut().collect(),
            Value::Sequence(it) => it.iter_mut().collect(),
            _ => Vec::new(),
        };
        match way.split_first() {
            Some((first, rest)) if !children.is_empty() => {
                let at = first.index(children.len());
                replace(children.into_iter().nth(at).expect("an index below the length"), rest, value);
            }
            _ => *node = value,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn no_shape_of_a_document_makes_a_check_panic(
            number in 0_usize..9,
            way in proptest::collection::vec(any::<Index>(), 0..7),
            value in prop_oneof![
                Just("null"), Just("7"), Just("-1.5"), Just("true"), Just("[]"), Just("{}"), Just("[[]]"), Just("{7: 7}"),
                Just("''"), Just("\"a:$ {\""), Just("127.0.0.1:99999:1"), Just("é:é"), Just("[null, 1, {source: 1}]"),
            ],
        ) {
            thread_local!(static REPO: RefCell<Repo> = {
                let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
                let mut repo = Repo::read(root).unwrap_or_else(|findings| panic!("{findings:?}"));
                // They are texts, which have properties of their own, and take most of the time.
                repo.sources_of_text.clear();
                repo.docs.clear();
                repo.dashboards.clear();
                RefCell::new(repo)
            });
            REPO.with_borrow_mut(|repo| {
                let before = document(repo, number).clone();
                replace(document(repo, number), &way, serde_yaml::from_str(value).unwrap());
                for check in CHECKS {
                    check(repo).iter().for_each(|it| assert!(!it.text.is_empty() && !it.remedy.is_empty(), "{it}"));
                }
                *document(repo, number) = before;
            });
        }
    }
}
