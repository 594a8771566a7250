//! Runs programs that are watched while they run, as long as they take: what they do is shown as they do it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};

use anyhow::{Result, bail};

use crate::machine::{interrupt, process, term};

/// Echoes and runs a command that must be able to finish, without stdin. Returns the end of what it wrote to stderr.
pub(crate) fn run(command: &mut Command) -> Result<(ExitStatus, String)> {
    term::say(&format!("$ {}", process::line(command)));
    interrupt::let_children_finish();
    // In a group of its own, so that Ctrl-C reaches it once, through us: Terraform takes a second signal for an order
    // to give up without saving what it has made.
    let apart = command.process_group(0).stdin(Stdio::null()).stderr(Stdio::piped());
    let (mut child, _tracked) = process::spawn(apart)?;
    let stderr = copied(&mut child, Box::new(io::stderr()));
    let status = child.wait()?;
    Ok((status, text(stderr)))
}

/// Runs a command without stdin, and hands each line of its stdout to `each` as it comes. Returns as [`run`].
pub(crate) fn lines(command: &mut Command, each: &mut dyn FnMut(&str)) -> Result<(ExitStatus, String)> {
    let (mut child, _tracked) =
        process::spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    let stderr = copied(&mut child, Box::new(io::sink()));
    for line in BufReader::new(child.stdout.take().expect("stdout is a pipe")).split(b'\n') {
        each(&String::from_utf8_lossy(&line?));
    }
    let status = child.wait()?;
    Ok((status, text(stderr)))
}

/// Echoes and runs a command that reads all of `input` and then writes to `output`. What reaches it comes through us, so
/// that it ends early should we be killed.
///
/// # Errors
/// The output cannot be written; or as [`process::run`], with the first lines of what it wrote to stderr.
pub(crate) fn between(command: &mut Command, input: &mut impl Read, output: &mut impl Write) -> Result<()> {
    term::say(&format!("$ {}", process::line(command)));
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let (mut child, _tracked) = process::spawn(piped)?;
    let stderr = copied(&mut child, Box::new(io::sink()));
    // One that ends before it has read everything is judged by its exit code.
    _ = io::copy(input, &mut child.stdin.take().expect("stdin is a pipe"));
    let written = io::copy(&mut child.stdout.take().expect("stdout is a pipe"), output);
    if let Err(e) = written {
        interrupt::end(&mut child)?;
        return Err(e.into());
    }
    let (status, said) = (child.wait()?, text(stderr));
    if !status.success() {
        // What follows is that it gives up, or how it is called.
        bail!("{} ({status})", said.trim().lines().take(3).collect::<Vec<_>>().join("; "));
    }
    Ok(())
}

fn text(copied: JoinHandle<Vec<u8>>) -> String {
    String::from_utf8_lossy(&copied.join().unwrap_or_default()).into_owned()
}

/// Copies a child's stderr side by side: a child that fills one pipe while we read the other would wait for ever.
fn copied(child: &mut Child, mut to: Box<dyn Write + Send>) -> JoinHandle<Vec<u8>> {
    let mut stderr = child.stderr.take().expect("stderr is a pipe");
    thread::spawn(move || copy(&mut stderr, &mut to))
}

/// Copies everything and returns the end of it.
fn copy(from: &mut dyn Read, to: &mut dyn Write) -> Vec<u8> {
    const KEPT: usize = 64 * 1024;
    let (mut kept, mut chunk) = (Vec::new(), [0; 4096]);
    while let Ok(length @ 1..) = from.read(&mut chunk) {
        _ = to.write_all(&chunk[..length]);
        kept.extend_from_slice(&chunk[..length]);
        if kept.len() > 2 * KEPT {
            kept.drain(..kept.len() - KEPT);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_wrote_to_stderr_is_kept() {
        let (status, stderr) = run(Command::new("sh").args(["-c", "echo one; echo two >&2; exit 3"])).unwrap();
        assert_eq!((status.code(), &*stderr), (Some(3), "two\n"));
    }

    #[test]
    fn lines_come_one_by_one_and_a_flood_on_stderr_blocks_nothing() {
        let script = "i=0; while [ $i -lt 3000 ]; do echo $i; echo 0123456789012345678901234567890123456789 >&2; \
                      i=$((i+1)); done; printf last; exit 2";
        let mut all = Vec::new();
        let (status, stderr) =
            lines(Command::new("sh").args(["-c", script]), &mut |it| all.push(it.to_owned())).unwrap();
        assert_eq!((status.code(), all.len(), &*all[3000]), (Some(2), 3001, "last"));
        assert!(stderr.ends_with("0123456789\n"), "{} bytes of stderr", stderr.len());
    }

    #[test]
    fn a_program_between_two_ends_gets_and_gives_everything_and_says_why_it_failed() {
        let (input, mut output) = (vec![b'x'; 300_000], Vec::new());
        let shell = |script: &str, output: &mut Vec<u8>| {
            between(Command::new("sh").args(["-c", script]), &mut &*input, output).map_err(|e| e.to_string())
        };
        assert_eq!(shell("wc -c; echo end", &mut output), Ok(()));
        assert_eq!(String::from_utf8(output).unwrap().split_whitespace().collect::<Vec<_>>(), ["300000", "end"]);
        let refused = shell("echo one >&2; echo two >&2; exit 3", &mut Vec::new()).unwrap_err();
        assert_eq!(refused, "one; two (exit status: 3)");
    }

    #[test]
    fn only_the_end_of_a_flood_is_kept() {
        let kept = copy(&mut &vec![b'x'; 1_000_000][..], &mut io::sink());
        assert!((64 * 1024..=132 * 1024).contains(&kept.len()), "{}", kept.len());
    }
}
