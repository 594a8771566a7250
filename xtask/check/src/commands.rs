//! A command line that somebody is told to type: the command exists, and so do its flags and the services it names.

use std::collections::BTreeMap;

use xtask::cli::help;

use crate::{list, meant, pattern};

/// What is wrong with a command line, and what to do.
pub(crate) type Wrong = (String, String);

/// Commands whose arguments are services.
const TAKE_SERVICES: &[&str] = &["dev-up", "dev-logs", "dev-restart", "dev-exec"];
const LIST: &str = "`cargo xtask` lists the commands";

/// Each text after `cargo xtask ` in a line, up to what ends a command there.
pub(crate) fn mentioned(line: &str) -> impl Iterator<Item = &str> {
    line.split("cargo xtask ").skip(1).filter_map(|it| it.split(['`', '"', '\'', ')', '\\']).next())
}

/// What is wrong with a command line, from the command's name on. Words in capitals and in braces stand for others. The
/// names of services are looked at where they are given: prose may follow a command that is not set off as code.
pub(crate) fn check(line: &str, services: Option<&[&str]>) -> Vec<Wrong> {
    let is_word = |it: &str| pattern!(r"^[a-z][a-z0-9-]*\*?$").is_match(it);
    let mut words = line.split_whitespace().map(clean).take_while(|it| !ends(it));
    let Some(name) = words.next().filter(|it| is_word(it)) else { return Vec::new() };
    if name.ends_with('*') {
        let wrong = (format!("no command begins with `{}`", name.trim_end_matches('*')), LIST.to_owned());
        return if is_name(name) { Vec::new() } else { vec![wrong] };
    }
    let Some(flags) = flags(name) else {
        return vec![(format!("there is no command `{name}`"), meant(name, help::names(), LIST))];
    };
    let mut wrong = Vec::new();
    while let Some(word) = words.next() {
        if word.starts_with('-') {
            let flag = word.split('=').next().unwrap_or(word);
            match flags.get(flag) {
                Some(takes_value) if *takes_value && !word.contains('=') => _ = words.next(),
                Some(_) => {}
                None => {
                    let known = flags.keys().map(String::as_str);
                    let fix = meant(flag, known, &format!("`cargo xtask {name} --help` lists them"));
                    wrong.push((format!("`{name}` has no flag `{flag}`"), fix));
                }
            }
        } else if let Some(services) = services.filter(|it| TAKE_SERVICES.contains(&name) && !it.contains(&word))
            && is_word(word)
        {
            let fix = meant(word, services.iter().copied(), &format!("they are {}", list(services)));
            wrong.push((format!("there is no service `{word}`"), fix));
        }
    }
    wrong
}

/// Whether this is a command's name, or the beginning of several with a `*`.
pub(crate) fn is_name(word: &str) -> bool {
    help::names().any(|it| it == word || word.strip_suffix('*').is_some_and(|start| it.starts_with(start)))
}

/// A word without the brackets of a synopsis and the punctuation of a sentence.
fn clean(word: &str) -> &str {
    word.trim_matches(['[', ']', ',', ';', ':', '(', ')', '.', '…'])
}

/// What follows is for another program.
fn ends(word: &str) -> bool {
    matches!(word, "--" | "|" | "||" | "&&" | "&" | ">" | "#") || word.starts_with("2>")
}

/// The flags of a command, from its help, each with whether it takes a value; `None` where there is no such command.
fn flags(name: &str) -> Option<BTreeMap<String, bool>> {
    let help = help::command(name)?;
    let mut all: BTreeMap<String, bool> = [("--help", false), ("-h", false)].map(|(it, v)| (it.to_owned(), v)).into();
    for line in help.lines().filter_map(|it| it.strip_prefix("    ")).filter(|it| it.starts_with('-')) {
        let (names, value) = line.split_once(" <").map_or((line, false), |(names, _)| (names, true));
        all.extend(names.split(", ").map(|it| (it.trim().to_owned(), value)));
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVICES: Option<&[&str]> = Some(&["grafana", "copilot-api"]);

    #[test]
    fn command_lines_that_can_be_typed_are_let_pass() {
        for line in [
            "dev-up --local --timeout 5 grafana",
            "dev-up [SERVICE…] [--local] [--port-offset N]",
            "dev-up --timeout=5 && frobnicate --x",
            "dev-exec grafana -- psql --no-such",
            "dev-* ",
            "COMMAND --help",
            "{name} --help",
            "dev-logs --tail 5 copilot-api | less --x",
            "--help",
            "",
        ] {
            assert_eq!(check(line, SERVICES), [], "{line}");
        }
    }

    #[test]
    fn each_slip_is_named_with_what_was_meant() {
        for (line, text, remedy) in [
            ("dev-pu --local", "there is no command `dev-pu`", "is `dev-up` meant?"),
            ("dev-up --lokal", "`dev-up` has no flag `--lokal`", "is `--local` meant?"),
            ("dev-logs grafna", "there is no service `grafna`", "is `grafana` meant?"),
            ("up-*", "no command begins with `up-`", "`cargo xtask` lists the commands"),
        ] {
            assert_eq!(check(line, SERVICES), [(text.to_owned(), remedy.to_owned())], "{line}");
        }
        assert_eq!(check("dev-up adds this", None), []);
    }

    #[test]
    fn a_command_ends_where_its_quotes_end() {
        let all: Vec<_> = mentioned("say `cargo xtask render` and (\"cargo xtask schema --only x\")").collect();
        assert_eq!(all, ["render", "schema --only x"]);
    }
}
