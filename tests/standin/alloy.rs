//! Alloy: `run [flags] FILE`; looks at its configuration's brackets and comments, and collects nothing.

use anyhow::{Context, bail, ensure};

use crate::{
    flag,
    http::{self, Response},
    mimir, serve_for_ever,
};

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    ensure!(arguments.first().is_some_and(|command| command == "run"), "usage: alloy run [FLAGS] FILE");
    let path = config_path(&arguments[1..]).context("the configuration file is missing")?;
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    check_brackets(&text).with_context(|| path.to_owned())?;
    let storage = flag(arguments, "storage.path").unwrap_or("data-alloy");
    mimir::check_writable(storage)?;
    let address = flag(arguments, "server.http.listen-addr").unwrap_or("127.0.0.1:12345");
    http::serve(address, |request| match request.path.as_str() {
        "/-/ready" => Response::text(200, "Alloy is ready. (stand-in)\n"),
        "/-/healthy" => Response::text(200, "All Alloy components are healthy. (stand-in)\n"),
        "/" => Response::page("Alloy"),
        _ => Response::not_found(),
    })?;
    serve_for_ever();
}

/// The one argument that is neither a flag nor a flag's value; switches of the real one that take no value are few.
fn config_path(arguments: &[String]) -> Option<&str> {
    let mut words = arguments.iter().map(String::as_str);
    while let Some(word) = words.next() {
        if !word.starts_with('-') {
            return Some(word);
        }
        if !word.contains('=') && word != "--disable-reporting" {
            words.next();
        }
    }
    None
}

fn check_brackets(text: &str) -> anyhow::Result<()> {
    let mut open = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let mut quoted = false;
        let mut previous = ' ';
        for character in line.chars() {
            match character {
                '"' if previous != '\\' => quoted = !quoted,
                _ if quoted => {}
                '/' if previous == '/' => break,
                '#' => bail!("line {}: comments begin with //", number + 1),
                '{' | '[' | '(' => open.push(character),
                '}' | ']' | ')' => {
                    let expected = open.pop().map(matching);
                    ensure!(expected == Some(character), "line {}: unexpected {character}", number + 1);
                }
                _ => {}
            }
            previous = character;
        }
    }
    ensure!(open.is_empty(), "{} brackets are left open", open.len());
    Ok(())
}

fn matching(bracket: char) -> char {
    match bracket {
        '{' => '}',
        '[' => ']',
        _ => ')',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_must_match_outside_strings_and_comments() {
        check_brackets("a \"b\" {\n  c = [\"}\", 1] // ]\n  d = \"http://x\"\n}\n").unwrap();
        for bad in ["a {", "a }", "a { b = [1 }", "# comment"] {
            assert!(check_brackets(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_configuration_is_found_among_the_flags() {
        let words = ["--server.http.listen-addr=0.0.0.0:1", "--storage.path", "/x", "--disable-reporting", "/c.alloy"];
        assert_eq!(config_path(&words.map(str::to_owned)), Some("/c.alloy"));
    }
}
