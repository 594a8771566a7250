//! The reader held against Docker Compose's own: the same file, read by both, has to mean the same. Needs the Compose
//! plugin, and no engine.

use std::{collections::BTreeMap, env, path::Path, process::Command, sync::OnceLock, time::Duration};

use proptest::{collection::vec, prelude::*, sample::select};
use xshell::{Shell, cmd};

use super::parse;
use crate::machine::process;

/// The names that the tests' files give values to.
const NAMES: [&str; 4] = ["A", "B", "C", "D"];
/// Set in the environment of both readers; `EMPTY` is set and empty.
const ENVIRONMENT: [(&str, &str); 2] = [("OUTER", "from $outside"), ("EMPTY", "")];
const UNSET: &str = "(not set)";
const MINUTE: Duration = Duration::from_secs(60);

type Values = BTreeMap<String, String>;

/// What xtask makes of a file; the error is its text.
fn ours(text: &str) -> Result<Values, String> {
    let lookup = |name: &str| ENVIRONMENT.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned());
    let entries = parse("f", text, &lookup).map_err(|it| format!("{it:?}"))?;
    let known = entries.into_iter().filter(|it| NAMES.contains(&it.key.as_str()));
    Ok(known.map(|it| (it.key, it.value)).collect())
}

/// What Compose makes of it when a compose file refers to [`NAMES`].
fn composes(folder: &Path, text: &str) -> Result<Values, String> {
    let sh = Shell::new().unwrap();
    sh.change_dir(folder);
    sh.write_file("file.env", text).unwrap();
    let refers: String = NAMES.iter().map(|it| format!("      {it}: \"${{{it}-{UNSET}}}\"\n")).collect();
    sh.write_file("compose.yml", format!("services:\n  a:\n    image: a\n    environment:\n{refers}")).unwrap();
    let mut command: Command =
        cmd!(sh, "docker compose --env-file file.env --file compose.yml config --format json").into();
    for name in NAMES {
        command.env_remove(name);
    }
    let output = process::capture_within(command.envs(ENVIRONMENT), MINUTE).unwrap().unwrap();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let environment = document["services"]["a"]["environment"].as_object().unwrap();
    // `config` prints a compose file, in which a dollar is two.
    let read = environment.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().replace("$$", "$")));
    Ok(read.filter(|(_, value)| value != UNSET).collect())
}

/// What the two make of a file, where that is not the same. xtask may refuse more than Compose does, but only for the
/// reasons that it states.
fn difference(folder: &Path, text: &str) -> Option<String> {
    let (ours, theirs) = (ours(text), composes(folder, text));
    let same = match (&ours, &theirs) {
        (Ok(ours), Ok(theirs)) => ours == theirs,
        (Err(_), Err(_)) => true,
        // Compose 2.26 trips over a name without a value where the file ends with it.
        (Ok(_), Err(why)) => why == "setenv: invalid argument\n" && !text.ends_with('\n'),
        (Err(why), Ok(_)) => why.contains("follows the closing") || why.contains("there is no variable name"),
    };
    (!same).then(|| format!("{text:?}\n  xtask   {ours:?}\n  compose {theirs:?}"))
}

/// Says why the caller's test is skipped where Compose is missing; on CI that is a failure.
fn is_there() -> bool {
    static THERE: OnceLock<bool> = OnceLock::new();
    *THERE.get_or_init(|| {
        let sh = Shell::new().unwrap();
        let there = process::read_within(&mut cmd!(sh, "docker compose version").into(), MINUTE).is_ok();
        assert!(there || env::var_os("CI").is_none(), "there is no Docker Compose");
        if !there {
            eprintln!("skipped: there is no Docker Compose to compare with");
        }
        there
    })
}

#[test]
fn tricky_files_mean_what_they_mean_to_compose() {
    if !is_there() {
        return;
    }
    let folder = Shell::new().unwrap().create_temp_dir().unwrap();
    let mut wrong = Vec::new();
    for text in [
        "A=1",
        "A = spaces around  \nB=after",
        "export A=x\nexport\tB=y\n  export C=z",
        "A=\nB=\"\"\nC=''",
        "A=#x\nB= #x\nC=x#y\nD=x #y",
        "A=x\t# after a tab\nB=x  # after two spaces",
        "A: yaml\nB:x\nC = y: z\nD=a=b",
        "# first\n\n   # indented\nA=x\n#B=y\n",
        "A='single $OUTER \\n # kept'\nB=\"double $OUTER \\t # kept\"",
        "A='it\\'s'\nB=\"say \\\"hi\\\"\"\nC=it's\nD=say \"hi\"",
        "A=\"two\nlines\"\nB='three\n\nlines'\nC=after",
        "A=x\r\nB=\"y\"\r\nC='z'\r\nD=w\r\n",
        "A=\"two\r\nlines\"\r\nB=x",
        "\u{feff}A=after a byte order mark",
        "A=$OUTER\nB=${OUTER}x\nC=$OUTERx\nD=$OUTER-x",
        "A=1\nB=$A\nC=${A}2\nD=$B$C",
        "A=$D\nD=later",
        "A=${NONE:-default}\nB=${NONE-default}\nC=${EMPTY:-default}\nD=${EMPTY-default}",
        "A=${OUTER:+set}\nB=${NONE:+set}\nC=${EMPTY:+set}\nD=${EMPTY+set}",
        "A=${NONE:-${OUTER}}\nB=${NONE:-a b}\nC=${NONE:-}\nD=${NONE:-${NONE:-deep}}",
        "A=\"${NONE:-in quotes}\"\nB='${NONE:-in quotes}'",
        "A=$$OUTER\nB=\\$OUTER\nC=\"\\$OUTER\"\nD='$$'",
        "A=$\nB=a$\nC=$1\nD=$ x",
        "A=back\\slash\nB=\"back\\slash\"\nC='back\\slash'\nD=tail\\",
        "A=\"\\\\n\"\nB=\"\\r\\n\"\nC=\"a\\\\\"",
        "A=naïve ✓ 日本\nB=\"naïve ✓\"",
        "A=first\nA=second",
        "A=x\nB",
        "OUTER\nA=$OUTER",
        "A=x   \n  B=y",
        "A =x\nB\t=\ty",
        "A=`x`\nB=!x\nC=%x%\nD=~/x",
        "A={\"json\": [1, 2]}\nB=[x]\nC=<x>\nD=a;b",
        "A=p@ss'word\nB=p@ss\"word\nC=x'y'z",
        "A=x\n\n\n\nB=y\n\n",
        "A=x\u{a0}\nB=\u{a0}x",
        "A=x\u{b}y\nB=\u{b}",
        "A=\"x\" # comment\nB='y' # comment\nC=z",
        "A='x'\nB=\"#y\"\nC='#z'",
        "A=${OUTER:?needed}",
        "A=${NONE:?needed}",
        "A=${NONE?needed}",
        "A=\"open\nB=x",
        "A='open\nB=x",
        "A B=x",
        "=x",
        "A=${\nB=x",
        "A=${}",
        "A=x ${OUTER\nB=y",
        "Ä=x\nA=y",
        "A=\"a${OUTER}b\"\nB=\"${A}\"\nC='${A}'",
        "A=\"\\x41\\u0041\\101\"",
        "A=\"\\a\\b\\f\\v\\0\\'\"",
        "A=\"tab\\tnew\\nline\"",
        "A=a\\tb\\nc",
        "A=\"a\\$b\"\nB=\"a\\\\$OUTER\"\nC=\"a\\\\\\$OUTER\"",
        "A=${NONE:-x}}\nB=${NONE:-{}}",
        "A=${OUTER:-x}${NONE:-y}z",
        "A=${NONE:-#x} # c\nB=${NONE:- #x}",
        "exportA=x\nA=y",
        "export=x\nA=y",
        "export A\nB=x",
        "A.B=x\nA=y",
        "A-B=x\nA=y",
        "A[0]=x\nA=y",
        "1A=x\nA=y",
        "A=x;B=y",
        "A='a' 'b'",
        "A=\"a\"b",
    ] {
        wrong.extend(difference(folder.path(), text));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A piece of a value that some reader might take for more than text.
fn piece() -> impl Strategy<Value = &'static str> {
    select(vec![
        "x",
        "é",
        "0",
        " ",
        "\t",
        "#",
        " #",
        "=",
        ":",
        "'",
        "\"",
        "{",
        "}",
        "$",
        "$$",
        "\\",
        "\\\\",
        "\\n",
        "\\$",
        "\\\"",
        "\\'",
        "\\0101",
        "\\c",
        "\r",
        "$OUTER",
        "${OUTER}",
        "${NONE:-d}",
        "${EMPTY-d}",
        "${OUTER:+$A}",
        "${NONE:-${A}}",
        "$A",
        "${A}",
    ])
}

fn line() -> impl Strategy<Value = String> {
    let separator = select(vec!["=", "=", " = ", ": ", "=\t"]);
    let quote = select(vec!["", "", "'", "\""]);
    let end = select(vec!["", "", " ", " # c", "\r"]);
    (select(vec!["", "export "]), select(NAMES.to_vec()), separator, quote, vec(piece(), 0..6), end).prop_map(
        |(export, name, separator, quote, pieces, end)| {
            format!("{export}{name}{separator}{quote}{}{quote}{end}", pieces.concat())
        },
    )
}

proptest! {
    // Each case starts Compose once.
    #![proptest_config(ProptestConfig { max_shrink_iters: 200, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn generated_files_mean_what_they_mean_to_compose(lines in vec(line(), 1..5)) {
        if is_there() {
            let folder = Shell::new().unwrap().create_temp_dir().unwrap();
            let difference = difference(folder.path(), &lines.join("\n"));
            prop_assert!(difference.is_none(), "{}", difference.unwrap_or_default());
        }
    }
}
