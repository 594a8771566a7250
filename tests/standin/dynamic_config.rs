//! The dynamic configuration file: every key holds a list of values with constraints.

use anyhow::{Context, bail};
use serde_yaml::Value;

const CONSTRAINTS: [&str; 8] = [
    "namespace",
    "namespaceid",
    "taskqueuename",
    "tasktype",
    "taskqueuetype",
    "shardid",
    "historytasktype",
    "destination",
];

/// Refuses a file that the server would refuse.
pub(crate) fn check(path: &str) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(path).with_context(|| format!("dynamic configuration: cannot read {path}"))?;
    check_text(&text).with_context(|| format!("dynamic configuration {path}"))
}

fn check_text(text: &str) -> anyhow::Result<()> {
    let document: Value = serde_yaml::from_str(text)?;
    let Value::Mapping(keys) = document else {
        if document.is_null() {
            return Ok(());
        }
        bail!("not a mapping of keys");
    };
    for (key, entries) in &keys {
        let Some(key) = key.as_str() else { bail!("a key is not text: {key:?}") };
        let Some(entries) = entries.as_sequence() else { bail!("{key}: not a list of values") };
        for entry in entries {
            check_entry(entry).with_context(|| key.to_owned())?;
        }
    }
    Ok(())
}

fn check_entry(entry: &Value) -> anyhow::Result<()> {
    let Some(fields) = entry.as_mapping() else { bail!("not of the form `value: …`") };
    for (name, field) in fields {
        match (name.as_str(), field) {
            (Some("value"), _) | (Some("constraints"), Value::Null) => {}
            (Some("constraints"), Value::Mapping(constraints)) => {
                for constraint in constraints.keys() {
                    let name = constraint.as_str().unwrap_or_default().to_lowercase();
                    if !CONSTRAINTS.contains(&name.as_str()) {
                        bail!("unknown constraint {constraint:?}");
                    }
                }
            }
            _ => bail!("unexpected field {name:?}"),
        }
    }
    if fields.get("value").is_none() {
        bail!("an entry has no value");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_holds_a_list_of_values() {
        check_text("a.b:\n- value: true\n- value: 3\n  constraints: {namespace: default}\n").unwrap();
        check_text("").unwrap();
        for bad in ["a.b: true", "a.b:\n- true", "a.b:\n- value: 1\n  constraints: {colour: red}", "- a", "a: ["] {
            assert!(check_text(bad).is_err(), "{bad}");
        }
    }
}
