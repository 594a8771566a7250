//! The dynamic configuration: keys that the server registers, with values of their kind. The server itself only warns
//! about an unknown key in its log, and then goes on with the default.

use std::collections::BTreeMap;

use serde_yaml::Value;
use xtask::settings::variables::seconds;

use crate::repo::{DYNAMIC, Repo, list, text};
use crate::{Finding, meant};

/// The function that registers a setting, what its values are, and how they are written.
type Kind = (&'static str, fn(&Value) -> bool, &'static str);

const KINDS: &[Kind] = &[
    ("BoolSetting", Value::is_bool, "write `true` or `false`"),
    ("IntSetting", Value::is_number, "write a number"),
    ("FloatSetting", Value::is_number, "write a number"),
    ("DurationSetting", is_duration, "write a duration, such as `30s`"),
    ("Setting", |_| true, ""),
];

fn is_duration(value: &Value) -> bool {
    value.is_number() || value.as_str().is_some_and(|it| seconds(it).is_some())
}

/// Every key of the file. Without a checkout of the server nobody can tell which of them it knows.
pub(crate) fn check(repo: &Repo) -> Vec<Finding> {
    let file = repo.get(DYNAMIC);
    let known: BTreeMap<String, &Kind> = repo.settings.iter().flat_map(|it| registered(it)).collect();
    let mut found = Vec::new();
    for (key, items) in file.value.as_mapping().into_iter().flatten() {
        let key = key.as_str().unwrap_or_default();
        let mut wrong = |what: String, fix: &str| found.push(file.at(&format!("{key}:"), what, fix));
        let lower = key.to_lowercase();
        let kind = known.get(&lower);
        if kind.is_none() && !known.is_empty() {
            let fix = meant(&lower, known.keys().map(String::as_str), "the log of the server names each such key");
            wrong(format!("the server does not know the key `{key}`"), &fix);
        }
        let values: Vec<&Value> = list(items).map(|it| &it["value"]).collect();
        if values.is_empty() || values.iter().any(|it| it.is_null()) {
            let fix = "write under it `- value: …`, with `constraints:` where it is for some only";
            wrong(format!("`{key}` is not a list of values"), fix);
        }
        for (value, (_, fits, fix)) in values.into_iter().filter_map(|it| Some((it, kind?))) {
            if !fits(value) && !value.is_null() {
                let shown = text(value).unwrap_or_default();
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
