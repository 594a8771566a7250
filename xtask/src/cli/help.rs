//! What the argument parser lacks: `--flag=value`, help for one command, and suggestions.

use std::{ffi::OsString, fmt::Write};

use crate::cli::flags;

/// The overview's groups; every command stands in exactly one.
const GROUPS: &[(&str, &[&str])] = &[
    ("Every day", &["dev-up", "dev-watch", "dev-status", "dev-logs", "dev-restart", "dev-down"]),
    ("Look inside", &["doctor", "dev-ps", "dev-exec", "render", "schema", "support"]),
    ("Something to watch", &["dev-load", "dev-fault", "dev-snapshot"]),
    ("Configuration", &["env-init", "env-sync", "env-check"]),
    ("AWS", &["infra-apply", "infra-status", "infra-output", "infra-destroy"]),
    ("Knowledge base", &["kb-populate", "kb-sync", "kb-ingest", "kb-status", "kb-jobs"]),
    ("Build and test", &["dev-build", "check", "test"]),
];

/// `--for` as the parser has it, whose flags become fields, which cannot be called by a keyword of Rust.
const FOR: [&str; 2] = ["--for", "--for-time"];

/// Splits `--flag=value` into two arguments, up to a bare `--`.
pub fn split_equals(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut passthrough = false;
    let mut out = Vec::new();
    for arg in args {
        passthrough |= arg == "--";
        let arg = match arg.to_str().filter(|_| !passthrough).and_then(|it| it.strip_prefix(FOR[0])) {
            Some(rest) if rest.is_empty() || rest.starts_with('=') => format!("{}{rest}", FOR[1]).into(),
            _ => arg,
        };
        match arg.to_str().filter(|it| !passthrough && it.starts_with("--")).and_then(|it| it.split_once('=')) {
            Some((flag, value)) => out.extend([flag.into(), value.into()]),
            None => out.push(arg),
        }
    }
    out
}

/// The help that these arguments ask for: one command's where one is named, else the overview.
pub fn for_args(args: &[OsString]) -> String {
    let named = args.iter().filter_map(|it| it.to_str()).find(|it| !it.starts_with('-'));
    named.and_then(command).unwrap_or_else(overview)
}

/// One command's own help, or `None` where there is no such command.
pub fn command(name: &str) -> Option<String> {
    let block = blocks().find(|(it, _)| *it == name)?.1;
    let arguments = if block.contains("\n  ARGS:") { " [ARGS…]" } else { "" };
    let (head, rest) = block.split_once('\n')?;
    let rest = rest.trim_end().replace(FOR[1], FOR[0]);
    Some(format!("cargo {head} [OPTIONS]{arguments}\n{rest}\n"))
}

/// Every command with its first sentence, grouped by purpose.
pub fn overview() -> String {
    let mut text =
        String::from("Usage: cargo xtask COMMAND [OPTIONS]      `cargo xtask COMMAND --help` explains one\n");
    for (title, commands) in GROUPS {
        _ = write!(text, "\n{title}:\n");
        for name in *commands {
            let block = blocks().find(|(it, _)| it == name).map_or("", |(_, block)| block);
            _ = writeln!(text, "  {name:<14} {}", block.lines().nth(1).unwrap_or("").trim());
        }
    }
    text
}

/// The argument parser's error, with what is allowed in place of what Rust's parser of numbers says.
pub fn explain(error: &str) -> String {
    let error = &error.replace(FOR[1], FOR[0]);
    if let Some(name) = error.strip_prefix("flag is required: `").and_then(|it| it.strip_suffix('`')) {
        return format!("{} is missing", name.to_uppercase());
    }
    let numbers = [
        "invalid digit found in string",
        "number too large to fit in target type",
        "cannot parse integer from empty string",
    ];
    match numbers.iter().find_map(|it| error.strip_suffix(it)) {
        Some(flag) => format!("{flag}expected a whole number"),
        None => error.to_owned(),
    }
}

pub fn names() -> impl Iterator<Item = &'static str> {
    blocks().map(|(name, _)| name)
}

/// The known word closest to `word`, if it is close enough to be a slip of the hand.
pub fn suggest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters = |it: &str| it.chars().all(|c| it.matches(c).count() == word.matches(c).count());
    let near = known.into_iter().map(|it| (distance(word, it), !letters(it) || it.len() != word.len(), it));
    near.filter(|(d, _, it)| *d <= 1 + it.len() / 4).min().map(|(.., it)| it)
}

fn blocks() -> impl Iterator<Item = (&'static str, &'static str)> {
    flags::HELP.split("\n\n\n").flat_map(|it| it.split("SUBCOMMANDS:\n\n")).filter_map(|block| {
        let name = block.strip_prefix("xtask ")?.split_whitespace().next()?;
        Some((name, block))
    })
}

/// Edit distance where a swap of neighbours counts as one edit.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let substituted = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = substituted.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(args: &[&str]) -> Vec<String> {
        split_equals(args.iter().map(OsString::from)).into_iter().map(|it| it.into_string().unwrap()).collect()
    }

    #[test]
    fn a_flag_with_an_equals_sign_becomes_two_arguments() {
        assert_eq!(split(&["dev-up", "--timeout=5"]), ["dev-up", "--timeout", "5"]);
        assert_eq!(split(&["--since=a=b", "--x="]), ["--since", "a=b", "--x", ""]);
        assert_eq!(split(&["--for", "1s", "--for=2s", "--fore"]), ["--for-time", "1s", "--for-time", "2s", "--fore"]);
    }

    #[test]
    fn what_follows_a_bare_double_dash_is_left_alone() {
        assert_eq!(split(&["dev-exec", "api", "--", "env", "--a=b"]), ["dev-exec", "api", "--", "env", "--a=b"]);
    }

    #[test]
    fn every_command_stands_in_exactly_one_group_and_has_help() {
        let grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| *names).copied().collect();
        for name in names() {
            assert_eq!(grouped.iter().filter(|it| **it == name).count(), 1, "{name} in GROUPS");
            assert!(command(name).unwrap().starts_with(&format!("cargo xtask {name} ")), "help of {name}");
            assert!(overview().contains(name), "{name} in the overview");
        }
        assert_eq!(grouped.len(), names().count(), "a group names a command that does not exist");
    }

    #[test]
    fn a_slip_of_the_hand_is_recognised_and_another_word_is_not() {
        assert_eq!(suggest("dev-pu", names()), Some("dev-up"));
        assert_eq!(suggest("dev-biuld", names()), Some("dev-build"));
        assert_eq!(suggest("frobnicate", names()), None);
        assert_eq!(suggest("", names()), None);
    }
}
