//! What commands write where: no escape codes in pipes, no complaint about a reader that went away, and no need for
//! anything of the user's that a script may not have.

use std::{
    fs::{self, File},
    io::{Read, Write},
    process::{Command, Stdio},
};

use tests::{
    checkout::{Outcome, run, xtask},
    fakes::{self, Fakes},
};

/// Command lines that end well or badly, with what there is to say about a stack of two services.
const LINES: [(&str, i32); 14] = [
    ("", 0),
    ("--help", 0),
    ("dev-up --help", 0),
    ("dev-nothing", 2),
    ("dev-up --local loki mimir", 0),
    ("dev-up --local --dry-run", 3),
    ("dev-ps", 0),
    ("dev-status", 4),
    ("dev-status --json", 4),
    ("dev-restart loki", 0),
    ("schema --local --only es-monitored", 1),
    ("render --local", 0),
    ("render --local --stdout", 0),
    ("dev-down", 0),
];

fn words(fakes: &Fakes, line: &str) -> Vec<String> {
    let offset = fakes.checkout.offset.to_string();
    let mut words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    if line.starts_with("dev-up --local") {
        words.extend(["--port-offset".to_owned(), offset]);
    }
    words
}

/// Runs all of [`LINES`], each prepared by `with`.
fn run_all(with: impl Fn(&mut Command)) -> Vec<Outcome> {
    let fakes = Fakes::new();
    let run_one = |(line, code): &(&str, i32)| {
        let mut command = fakes.command();
        // Colours for everybody who asks for them, and then for nobody without a terminal.
        command
            .env_remove("NO_COLOR")
            .env("TERM", "xterm-256color")
            .env("CLICOLOR_FORCE", "1")
            .args(words(&fakes, line));
        with(&mut command);
        let done = run(&mut command);
        assert_eq!(done.code, *code, "{line}\n{}", done.err);
        let readable = |it: &str| it.replace(&fakes.checkout.project, "PROJECT");
        Outcome { out: readable(&done.out), err: readable(&done.err), ..done }
    };
    LINES.iter().map(run_one).collect()
}

#[test]
fn there_is_no_escape_code_where_there_is_no_terminal() {
    for ((line, _), done) in LINES.iter().zip(run_all(|_| ())) {
        let codes = |text: &str| text.chars().filter(|it| it.is_control() && !matches!(it, '\n' | '\t')).count();
        assert_eq!((codes(&done.out), codes(&done.err)), (0, 0), "{line}: {:?}", done.out + &done.err);
    }
}

#[test]
fn a_missing_home_a_tiny_window_a_strange_locale_and_a_dumb_terminal_change_nothing() {
    let lines = |all: Vec<Outcome>| -> Vec<(i32, String)> { all.into_iter().map(|it| (it.code, it.out)).collect() };
    let plain = lines(run_all(|_| ()));
    let bare = lines(run_all(|it| {
        for name in ["HOME", "TERM", "LANG", "USER", "TMPDIR"] {
            it.env_remove(name);
        }
        it.env("COLUMNS", "1").env("LINES", "1").env("LC_ALL", "tlh").env("NO_COLOR", "1").env("RUST_BACKTRACE", "1");
    }));
    let ports = |it: &[(i32, String)]| it.iter().map(|(code, out)| (*code, digitless(out))).collect::<Vec<_>>();
    assert_eq!(ports(&bare), ports(&plain));
}

/// Two checkouts differ in their ports, and in how wide a column of them is.
fn digitless(text: &str) -> String {
    text.split_whitespace().map(|it| it.trim_matches(|c: char| c.is_ascii_digit())).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_reader_that_goes_away_is_no_error_and_no_panic() {
    let fakes = Fakes::new();
    for (line, _) in LINES {
        for closed in ["stdout", "stderr", "both"] {
            let mut command = fakes.command();
            command.args(words(&fakes, line)).stdout(Stdio::piped()).stderr(Stdio::piped());
            if closed != "stderr" {
                command.stdout(closed_pipe());
            }
            if closed != "stdout" {
                command.stderr(closed_pipe());
            }
            let done = run(&mut command);
            assert_ne!(done.code, 101, "{line}, {closed}: a panic\n{}", done.err);
            assert_ne!(done.code, -1, "{line}, {closed}: a signal, or a panic that aborts\n{}", done.err);
            for complaint in ["panicked", "Broken pipe", "os error 32"] {
                assert!(!done.err.contains(complaint), "{line}, {closed}: {}", done.err);
            }
        }
    }
}

#[test]
fn no_command_panics_where_nobody_hears_it() {
    let fakes = Fakes::with_checkouts();
    // There is something to destroy, and to ask about.
    fakes.tell("state", "aws_s3_bucket.documents\n");
    fakes.tell("volumes", "data\n");
    let terraform = fakes.checkout.root.join("terraform/dev");
    fs::write(terraform.join("terraform.tfstate"), "{}").unwrap();
    fs::write(terraform.join("dev.auto.tfvars.json"), r#"{"project_name": "demo"}"#).unwrap();
    let overview = fakes.xtask(&[]).expect(0).out;
    let names = overview.lines().filter_map(|it| it.strip_prefix("  ")?.split_whitespace().next());
    let names: Vec<&str> = names.filter(|it| *it != "cargo").collect();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        let more: &[&str] = match name {
            "dev-down" => &["--volumes"],
            "dev-exec" | "dev-watch" => &["loki"],
            "schema" => &["--local", "--overwrite"],
            "dev-up" | "render" | "doctor" => &["--local"],
            _ => &[],
        };
        let mut command = fakes.command();
        command.arg(name).args(more).stdout(closed_pipe()).stderr(closed_pipe());
        let code = run(&mut command).code;
        assert!((0..=5).contains(&code), "{name}: {code}");
    }
}

/// The writing end of a pipe that nobody reads.
fn closed_pipe() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

#[test]
fn logs_end_well_where_their_reader_went_away_and_in_no_other_way_that_compose_fails() {
    let fakes = Fakes::new();
    fakes.tell("running", "loki\n");
    fakes.tell("fail", "*\\ logs\\ *\n");
    assert_eq!(fakes.xtask(&["dev-logs"]).expect(7).out, "");
    fs::remove_file(fakes.bin().with_file_name("fail")).unwrap();
    // It goes on for as long as somebody reads.
    fakes.tell("follow", "");
    let done = run(fakes.command().arg("dev-logs").stdout(closed_pipe()).stderr(Stdio::piped())).expect(0);
    assert!(!done.err.contains("error:"), "{}", done.err);
}

#[test]
fn head_gets_its_line_and_the_pipe_ends_well() {
    let fakes = Fakes::new();
    let mut command = Command::new("sh");
    let program = xtask().display();
    command.args(["-c", &format!("'{program}' render --local --stdout | head -n 1; '{program}' | head -n 1")]);
    let like = fakes.command();
    command.current_dir(&fakes.checkout.root).envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("PATH", std::env::var_os("PATH").unwrap());
    let done = run(&mut command).expect(0);
    let lines: Vec<&str> = done.out.lines().collect();
    assert_eq!((lines[0], lines.len()), ("---", 2));
    assert!(lines[1].starts_with("Usage: cargo xtask COMMAND"), "{}", done.out);
    assert_eq!(done.err, "");
}

#[test]
fn without_stdin_everything_works_and_nothing_is_confirmed() {
    let fakes = Fakes::new();
    fakes.tell("running", "loki\n");
    fakes.tell("volumes", "data\n");
    for (line, code) in [("dev-ps", 0), ("render --local", 0), ("dev-exec loki", 0), ("dev-down --volumes", 5)] {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("exec '{}' {line} <&-", xtask().display())]);
        let like = fakes.command();
        command
            .current_dir(&fakes.checkout.root)
            .envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
        run(&mut command).expect(code);
    }
    assert!(!fakes.calls().iter().any(|it| it.contains(" down ")), "{:#?}", fakes.calls());
    // What is piped in is no answer: only a terminal is asked.
    let mut command = fakes.command();
    command.args(["dev-down", "--volumes"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    _ = child.stdin.take().unwrap().write_all(b"y\n");
    assert_eq!(child.wait().unwrap().code(), Some(5));
}

#[test]
fn stdin_reaches_the_program_in_the_container() {
    let fakes = Fakes::new();
    fakes.tell("running", "loki\n");
    let sql = fakes.checkout.home().join("query.sql");
    fs::write(&sql, "SELECT 1;\n").unwrap();
    let mut command = fakes.command();
    run(command.args(["dev-exec", "loki", "--", "psql", "x"]).stdin(File::open(&sql).unwrap())).expect(0);
    assert_eq!(fakes.told("sql"), "SELECT 1;\n");
}

#[test]
fn on_a_terminal_a_question_is_asked_and_only_yes_is_yes() {
    if fakes::find("script").is_none() {
        tests::left_out("there is no `script` to make a terminal with");
        return;
    }
    for (answer, goes_on) in [("n", false), ("", false), ("yes please", false), ("y", true), ("yes", true)] {
        let fakes = Fakes::new();
        fakes.tell("volumes", "data\n");
        let (text, code) = on_terminal(&fakes, "dev-down --volumes", &format!("{answer}\n"), true);
        assert!(text.contains("this removes the data in data. Go on? [y/N] "), "{text}");
        assert_eq!(code, if goes_on { 0 } else { 5 }, "{answer:?}: {text}");
        assert_eq!(fakes.calls().len(), usize::from(goes_on), "{answer:?}: {:#?}", fakes.calls());
    }
}

#[test]
fn on_a_terminal_progress_is_drawn_in_place_and_in_colour_unless_colour_is_not_wanted() {
    if fakes::find("script").is_none() {
        tests::left_out("there is no `script` to make a terminal with");
        return;
    }
    for colour in [true, false] {
        let fakes = Fakes::new();
        let line = format!("dev-up --local loki --port-offset {}", fakes.checkout.offset);
        let (text, code) = on_terminal(&fakes, &line, "", colour);
        assert_eq!(code, 0, "{text}");
        // Redrawing is no colour: it begins by clearing the line.
        assert!(text.contains("\u{1b}[2K") && text.contains("✓ ready"), "{text:?}");
        assert_eq!(text.contains("\u{1b}[32m✓ ready\u{1b}[0m"), colour, "{text:?}");
    }
}

/// Runs a line on a terminal of its own and returns all that was written there, and the exit code.
fn on_terminal(fakes: &Fakes, line: &str, typed: &str, colour: bool) -> (String, i32) {
    let mut command = Command::new(fakes::find("script").unwrap());
    command.args(["--quiet", "--return", "--command", &format!("'{}' {line}", xtask().display()), "/dev/null"]);
    let like = fakes.command();
    command.current_dir(&fakes.checkout.root).envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("TERM", "xterm").env("SHELL", "/bin/sh");
    if colour {
        command.env_remove("NO_COLOR");
    }
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(typed.as_bytes()).unwrap();
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    let code = child.wait().unwrap().code().unwrap();
    drop(stdin);
    (text, code)
}
