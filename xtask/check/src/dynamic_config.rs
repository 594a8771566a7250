//! The dynamic configuration: keys that the server registers, with values of their kind. The server itself only warns
//! about an unknown key in its log, and then goes on with the default.

use std::collections::BTreeMap;

use xtask::machine::yaml::Yaml;
use xtask::settings::variables::seconds;

use crate::repo::{DYNAMIC, Repo};
use crate::{Finding, meant};

/// The function that registers a setting, what its values are, and how they are written.
type Kind = (&'static str, fn(&Yaml) -> bool, &'static str);

const KINDS: &[Kind] = &[
    ("BoolSetting", is_bool, "write `true` or `false`"),
    ("IntSetting", is_number, "write a number"),
    ("FloatSetting", is_number, "write a number"),
    ("DurationSetting", is_duration, "write a duration, such as `30s`"),
    ("Setting", |_| true, ""),
];

fn is_bool(value: &Yaml) -> bool {
    matches!(value, Yaml::Plain(it) if it == "true" || it == "false")
}

fn is_number(value: &Yaml) -> bool {
    matches!(value, Yaml::Plain(_)) && !is_bool(value)
}

fn is_duration(value: &Yaml) -> bool {
    is_number(value) || value.as_str().is_some_and(|it| seconds(it).is_some())
}

/// Every key of the file. Without a checkout of the server nobody can tell which of them it knows.
pub(crate) fn check(repo: &Repo) -> Vec<Finding> {
    let file = repo.get(DYNAMIC);
    let known: BTreeMap<String, &Kind> = repo.settings.iter().flat_map(|it| registered(it)).collect();
    let mut found = Vec::new();
    for (key, items) in file.value.pairs() {
        let mut wrong = |what: String, fix: &str| found.push(file.at(&format!("{key}:"), what, fix));
        let lower = key.to_lowercase();
        let kind = known.get(&lower);
        if kind.is_none() && !known.is_empty() {
            let fix = meant(&lower, known.keys().map(String::as_str), "the log of the server names each such key");
            wrong(format!("the server does not know the key `{key}`"), &fix);
        }
        let values: Vec<&Yaml> = items.items().iter().map(|it| &it["value"]).collect();
        if values.is_empty() || values.iter().any(|it| **it == Yaml::Null) {
            let fix = "write under it `- value: …`, with `constraints:` where it is for some only";
            wrong(format!("`{key}` is not a list of values"), fix);
        }
        for (value, (_, fits, fix)) in values.into_iter().filter_map(|it| Some((it, kind?))) {
            if !fits(value) && *value != Yaml::Null {
                let shown = value.text().unwrap_or_default();
                wrong(format!("`{key}` is `{shown}`, which the server would ignore"), fix);
            }
        }
    }
    found
}

/// The keys, in lower case as the server compares them: each stands in the line after its `NewGlobalBoolSetting(`.
fn registered(text: &str) -> impl Iterator<Item = (String, &'static Kind)> {
    text.lines().zip(text.lines().skip(1)).filter_map(|(call, key)| {
        let kind = KINDS.iter().find(|it| call.contains(it.0))?;
        Some((key.trim().strip_prefix('"')?.strip_suffix("\",")?.to_lowercase(), kind))
    })
}
