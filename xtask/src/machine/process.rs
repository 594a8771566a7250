//! Runs other programs: echoed so that a reader learns the tool beneath, with their failures never swallowed.

use std::borrow::Cow;
use std::io::{self, ErrorKind, IsTerminal, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::machine::exit::{FAILED, PREREQUISITE, exit};
use crate::machine::interrupt::{self, Tracked};
use crate::machine::{children, term};

/// How long a child may run. What is asked silently always has a limit: nobody sees why it takes so long.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    /// As long as it takes: the user sees what it does, and ends it with Ctrl-C.
    Watched,
    Within(Duration),
}

/// Echoes a command and runs it with our own stdin. What it prints is narration, and goes to our stderr: `docker stop`
/// names on stdout whom it stopped. Another exit code than 0 is an error, and so is no end in time.
pub(crate) fn run(command: &mut Command, limit: Limit) -> Result<()> {
    term::say(&format!("$ {}", line(command)));
    let (mut child, _tracked) = spawn(command.stdout(io::stderr()))?;
    let status = match limit {
        Limit::Watched => Some(child.wait()?),
        Limit::Within(limit) => interrupt::wait(&mut child, limit)?,
    };
    let Some(status) = status else {
        interrupt::end(&mut child)?;
        bail!("`{}` has not ended in time, and was ended", line(command));
    };
    succeeded(command, status)
}

/// Echoes a command and runs it, and keeps what it prints to itself unless it fails.
pub(crate) fn run_quietly(command: &mut Command, limit: Duration) -> Result<()> {
    term::say(&format!("$ {}", line(command)));
    read_within(command, limit).map(drop)
}

/// Echoes a command and runs it as long as it takes. What it prints and its exit code become ours, and nothing is added.
/// A reader that goes away (`| head`) ends both quietly, which Compose would call a failure.
pub(crate) fn pass_on(command: &mut Command) -> Result<()> {
    term::say(&format!("$ {}", line(command)));
    if !io::stdout().is_terminal() {
        command.stdout(Stdio::piped());
    }
    let (mut child, _tracked) = spawn(command)?;
    if let Some(mut stdout) = child.stdout.take()
        && let Err(e) = io::copy(&mut stdout, &mut io::stdout().lock())
    {
        interrupt::end(&mut child)?;
        return if e.kind() == ErrorKind::BrokenPipe { Ok(()) } else { Err(e.into()) };
    }
    let status = child.wait()?;
    // As a shell reports a program that a signal has ended.
    let code = status.code().or_else(|| Some(128 + status.signal()?)).and_then(|it| it.try_into().ok());
    if status.success() { Ok(()) } else { Err(exit(code.unwrap_or(FAILED), "")) }
}

/// As [`run`], as long as it takes, with a text on the command's stdin; `shown` follows the command in the echo.
pub(crate) fn run_with_input(command: &mut Command, input: &str, shown: &str) -> Result<()> {
    term::say(&format!("$ {}{shown}", line(command)));
    let (mut child, _tracked) = spawn(command.stdin(Stdio::piped()).stdout(io::stderr()))?;
    feed(&mut child, input);
    let status = child.wait()?;
    succeeded(command, status)
}

/// Runs a command silently for at most this long, and returns what it printed, whatever its exit code; `None` where it
/// had not ended by then and was ended. What it has started itself is not waited for.
pub(crate) fn capture_within(command: &mut Command, limit: Duration) -> Result<Option<Output>> {
    capture_with_input_within(command, "", limit)
}

pub(crate) fn capture_with_input_within(command: &mut Command, input: &str, limit: Duration) -> Result<Option<Output>> {
    let deadline = Instant::now() + limit;
    let (mut child, _tracked) = spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    feed(&mut child, input);
    let stdout = collect(Box::new(child.stdout.take().expect("stdout is a pipe")));
    let stderr = collect(Box::new(child.stderr.take().expect("stderr is a pipe")));
    let rest = || deadline.saturating_duration_since(Instant::now());
    if let (Ok(stdout), Ok(stderr)) = (stdout.recv_timeout(rest()), stderr.recv_timeout(rest()))
        // Its pipes are closed, so it is about to end, unless it closed them itself.
        && let Some(status) = interrupt::wait(&mut child, rest())?
    {
        return Ok(Some(Output { status, stdout, stderr }));
    }
    interrupt::end(&mut child)?;
    Ok(None)
}

/// Reads a pipe to its end on a thread of its own, which a grandchild that keeps the pipe open may outlive.
fn collect(mut pipe: Box<dyn Read + Send>) -> mpsc::Receiver<Vec<u8>> {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        _ = pipe.read_to_end(&mut bytes);
        _ = send.send(bytes);
    });
    receive
}

/// Runs a command silently for at most this long, and returns its stdout as text. An error holds what it wrote to
/// stderr.
pub(crate) fn read_within(command: &mut Command, limit: Duration) -> Result<String> {
    read_with_input_within(command, "", limit)
}

pub(crate) fn read_with_input_within(command: &mut Command, input: &str, limit: Duration) -> Result<String> {
    let output = capture_with_input_within(command, input, limit)?;
    let output = output.with_context(|| format!("`{}` gave no answer within {} s", line(command), limit.as_secs()))?;
    text(command, output)
}

fn text(command: &Command, output: Output) -> Result<String> {
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` ended with {}: {}", line(command), output.status, stderr.trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{}` printed no UTF-8", line(command)))
}

/// Starts a command that ends with us: hold on to the second value for as long as it may run. Whoever calls this sees
/// to its end.
pub(crate) fn spawn(command: &mut Command) -> Result<(Child, Tracked)> {
    // Go programs trust PWD, and would see a symlinked checkout under the name by which the user came here.
    if let Some(folder) = command.get_current_dir().map(Path::to_path_buf) {
        command.env("PWD", folder);
    }
    children::prepare(command);
    interrupt::start(command).map_err(|e| cannot_start(command, e))
}

/// Writes to a child's stdin on a thread of its own, so that a child which writes before it has read everything does
/// not wait for ever. A child that ends before it has read everything is judged by its exit code.
fn feed(child: &mut Child, input: &str) {
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    if !input.is_empty() {
        let input = input.to_owned();
        thread::spawn(move || stdin.write_all(input.as_bytes()));
    }
}

fn succeeded(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("`{}` ended with {status}", line(command));
    }
    Ok(())
}

/// A command as one line that a POSIX shell would read back as the same words.
pub(crate) fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|it| quote(&it.to_string_lossy()).into_owned()).collect::<Vec<_>>().join(" ")
}

pub(crate) fn quote(word: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into()
    } else {
        format!("'{}'", word.replace('\'', "'\\''")).into()
    }
}

fn cannot_start(command: &Command, error: io::Error) -> anyhow::Error {
    let program = command.get_program().to_string_lossy();
    if error.kind() != ErrorKind::NotFound {
        return anyhow::Error::new(error).context(format!("cannot start `{program}`"));
    }
    let remedy = match &*program {
        "docker" => "install Docker Engine or Docker Desktop: https://docs.docker.com/get-docker/",
        "aws" => {
            "install the AWS CLI v2: https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html"
        }
        _ => "install it, or add its folder to PATH",
    };
    exit(PREREQUISITE, format!("`{program}` is not on PATH; {remedy}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn what_is_over_its_time_is_told_so_and_can_tidy_up_before_it_is_ended() {
        let sh = xshell::Shell::new().unwrap();
        let folder = sh.create_temp_dir().unwrap();
        let tidied = folder.path().join("tidied");
        let script = format!("trap 'touch {}; exit 0' TERM; while :; do sleep 0.05; done", tidied.display());
        let shell = || {
            let mut command = Command::new("sh");
            command.args(["-c", &script]);
            command
        };
        let limit = Duration::from_millis(300);
        assert!(capture_within(&mut shell(), limit).unwrap().is_none());
        assert!(sh.path_exists(&tidied));
        sh.remove_path(&tidied).unwrap();
        let error = run(&mut shell(), Limit::Within(limit)).unwrap_err().to_string();
        assert!(error.ends_with(" has not ended in time, and was ended") && sh.path_exists(&tidied), "{error}");
        run(&mut Command::new("true"), Limit::Within(MINUTE)).unwrap();
        run(&mut Command::new("true"), Limit::Watched).unwrap();
    }

    #[test]
    fn an_echoed_command_can_be_pasted_into_a_shell() {
        let mut command = Command::new("printf");
        command.args(["%s|", "plain", "", "two words", "it's", "$HOME", "a\nb", "*"]);
        let direct = read_within(&mut command, MINUTE).unwrap();
        let pasted = read_within(Command::new("sh").args(["-c", &line(&command)]), MINUTE).unwrap();
        assert_eq!(direct, pasted);
    }

    #[test]
    fn a_failing_child_is_reported_with_its_code_and_its_words() {
        let mut command = Command::new("sh");
        let error = read_within(command.args(["-c", "echo no luck >&2; exit 7"]), MINUTE).unwrap_err().to_string();
        assert!(error.contains("exit status: 7") && error.contains("no luck"), "{error}");
    }

    #[test]
    fn a_command_that_hangs_is_ended_in_time_even_if_something_else_holds_its_output() {
        for script in ["exec sleep 60", "sleep 60 & sleep 60", "exec >&- 2>&-; exec sleep 60"] {
            let began = Instant::now();
            let ended = capture_within(Command::new("sh").args(["-c", script]), Duration::from_millis(100)).unwrap();
            assert!(ended.is_none() && began.elapsed() < Duration::from_secs(5), "{script}: {:?}", began.elapsed());
        }
    }

    #[test]
    fn a_command_that_ends_in_time_is_captured_whole() {
        let script = "i=0; while [ $i -lt 9000 ]; do echo 0123456789; echo 0123456789 >&2; i=$((i+1)); done; exit 3";
        let output = capture_within(Command::new("sh").args(["-c", script]), Duration::from_secs(60)).unwrap().unwrap();
        let lengths = (output.stdout.len(), output.stderr.len());
        assert_eq!((output.status.code(), lengths), (Some(3), (99_000, 99_000)));
    }

    #[test]
    fn a_missing_program_is_a_missing_prerequisite() {
        let error = read_within(&mut Command::new("no-such-program-here"), MINUTE).unwrap_err();
        assert_eq!(crate::machine::exit::code(&error), PREREQUISITE);
    }
}
