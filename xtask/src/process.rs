//! Runs other programs: echoed so that a reader learns the tool beneath, with their failures never swallowed.

use std::{
    borrow::Cow,
    io::{ErrorKind, Write},
    process::{Command, ExitStatus, Output, Stdio},
    thread,
};

use anyhow::{Context, Result, bail};

use crate::{
    exit::{PREREQUISITE, exit},
    term,
};

/// Echoes a command and runs it with our own stdin, stdout and stderr.
///
/// # Errors
/// The program is missing, or ends with another code than 0 (the code is in the text).
pub fn run(command: &mut Command) -> Result<()> {
    term::say(&format!("$ {}", line(command)));
    let status = command.status().map_err(|e| cannot_start(command, e))?;
    succeeded(command, status)
}

/// As [`run`], with a text on the command's stdin; `shown` follows the command in the echo.
///
/// # Errors
/// As [`run`].
pub fn run_with_input(command: &mut Command, input: &str, shown: &str) -> Result<()> {
    term::say(&format!("$ {}{shown}", line(command)));
    let mut child = command.stdin(Stdio::piped()).spawn().map_err(|e| cannot_start(command, e))?;
    // A child that ends before it has read everything is judged by its exit code.
    _ = child.stdin.take().expect("stdin is a pipe").write_all(input.as_bytes());
    let status = child.wait()?;
    succeeded(command, status)
}

fn succeeded(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("`{}` ended with {status}", line(command));
    }
    Ok(())
}

/// Runs a command silently and returns what it printed, whatever its exit code.
///
/// # Errors
/// The program is missing or cannot be started.
pub fn capture(command: &mut Command) -> Result<Output> {
    command.output().map_err(|e| cannot_start(command, e))
}

/// As [`capture`], with a text on the command's stdin.
///
/// # Errors
/// As [`capture`].
pub fn capture_with_input(command: &mut Command, input: &str) -> Result<Output> {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().map_err(|e| cannot_start(command, e))?;
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    let input = input.to_owned();
    // On a thread of its own, so that a child which writes before it has read everything does not wait for ever.
    let writer = thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output()?;
    _ = writer.join();
    Ok(output)
}

/// Runs a command silently and returns its stdout as text.
///
/// # Errors
/// As [`run`]; the text holds what the command wrote to stderr.
pub fn read(command: &mut Command) -> Result<String> {
    let output = capture(command)?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` ended with {}: {}", line(command), output.status, stderr.trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{}` printed no UTF-8", line(command)))
}

/// A command as one line that a POSIX shell would read back as the same words.
pub fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|it| quote(&it.to_string_lossy()).into_owned()).collect::<Vec<_>>().join(" ")
}

fn quote(word: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into()
    } else {
        format!("'{}'", word.replace('\'', "'\\''")).into()
    }
}

fn cannot_start(command: &Command, error: std::io::Error) -> anyhow::Error {
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

    #[test]
    fn an_echoed_command_can_be_pasted_into_a_shell() {
        let mut command = Command::new("printf");
        command.args(["%s|", "plain", "", "two words", "it's", "$HOME", "a\nb", "*"]);
        let direct = read(&mut command).unwrap();
        let pasted = read(Command::new("sh").args(["-c", &line(&command)])).unwrap();
        assert_eq!(direct, pasted);
    }

    #[test]
    fn a_failing_child_is_reported_with_its_code_and_its_words() {
        let error = read(Command::new("sh").args(["-c", "echo no luck >&2; exit 7"])).unwrap_err().to_string();
        assert!(error.contains("exit status: 7") && error.contains("no luck"), "{error}");
    }

    #[test]
    fn a_missing_program_is_a_missing_prerequisite() {
        let error = read(&mut Command::new("no-such-program-here")).unwrap_err();
        assert_eq!(crate::exit::code(&error), PREREQUISITE);
    }
}
