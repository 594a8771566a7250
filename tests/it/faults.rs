//! What goes wrong around `dev-up` without its doing: it is said, nothing is lost, and the next run goes on.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tests::{
    checkout::{Outcome, run, xtask},
    fakes::{self, Fakes},
};

const NO_ENGINE: &str =
    "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?";

fn dev_up(fakes: &Fakes, arguments: &[&str]) -> Outcome {
    fakes.xtask(&[&["dev-up", "--local"][..], arguments].concat())
}

#[test]
fn an_engine_that_stops_during_dev_up_is_named_and_the_next_run_goes_on() {
    let fakes = Fakes::new();
    fakes.tell("stops-at-up", NO_ENGINE);
    let failed = dev_up(&fakes, &["loki"]).expect(1);
    for part in ["error: the engine no longer answers", "`cargo xtask dev-up` goes on from here", NO_ENGINE] {
        assert!(failed.err.contains(part), "`{part}` is not in\n{}", failed.err);
    }
    // Until it is back, the same is found before anything starts.
    dev_up(&fakes, &["loki"]).expect(3).says(&["no Docker engine answers at "]);
    for file in ["stops-at-up", "no-engine"] {
        fs::remove_file(fakes.checkout.home().with_file_name("fakes").join(file)).unwrap();
    }
    dev_up(&fakes, &["loki"]).expect(0);
}

#[test]
fn what_is_paused_goes_on_and_nothing_else_is_told_to() {
    let fakes = Fakes::new();
    dev_up(&fakes, &["loki", "mimir"]).expect(0);
    fakes.forget();
    fakes.tell("paused", "loki\n");
    dev_up(&fakes, &["loki", "mimir"]).expect(0);
    let calls = fakes.calls();
    let at = |words: &str| calls.iter().position(|it| it.contains(words));
    let unpaused = at(" unpause loki").unwrap_or_else(|| panic!("{calls:#?}"));
    assert!(calls[unpaused].ends_with(" unpause loki"), "{calls:#?}");
    assert!(at(" up --no-start").is_some_and(|it| it > unpaused), "{calls:#?}");
    fakes.forget();
    dev_up(&fakes, &["loki", "mimir"]).expect(0);
    assert_eq!(fakes.calls(), [""; 0]);
}

/// A folder that is a mount of its own for as long as the value lives.
struct Mount(PathBuf);

impl Mount {
    /// `None`, with a note, where this user may not mount anything.
    fn new(folder: &Path, arguments: &[&str]) -> Option<Mount> {
        let mounted = Command::new("mount").args(arguments).arg(folder).output();
        if mounted.as_ref().is_ok_and(|it| it.status.success()) {
            return Some(Mount(folder.to_owned()));
        }
        tests::left_out("only the superuser can mount what this test needs");
        None
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        _ = Command::new("umount").arg(&self.0).status();
    }
}

fn read_all(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).filter(|it| it.is_file());
    // The lock says which process holds it.
    let files = files.filter(|it| !it.ends_with("lock"));
    let mut all: Vec<_> = files.map(|it| (it.clone(), fs::read(it).unwrap())).collect();
    all.sort();
    all
}

#[test]
fn a_full_disk_is_said_keeps_what_was_rendered_and_leaves_no_half_file() {
    let fakes = Fakes::new();
    let rendered = fakes.checkout.root.join("dev/.rendered");
    fs::create_dir_all(&rendered).unwrap();
    let Some(_mount) = Mount::new(&rendered, &["-t", "tmpfs", "-o", "size=256k", "tmpfs"]) else { return };
    dev_up(&fakes, &["loki"]).expect(0);
    fakes.forget();
    let ballast = rendered.join("ballast");
    _ = fs::write(&ballast, vec![b'x'; 1 << 20]);
    let before = read_all(&rendered);

    fakes.add_to_env("TEMPORAL_LOG_LEVEL=debug\n");
    let says = ["error: cannot write ", "what was there is kept: no space left on device", "\ndf -h "];
    dev_up(&fakes, &["loki"]).expect(3).says(&says);
    assert!(read_all(&rendered) == before, "a file has changed or is left: {:?}", fs::read_dir(&rendered));
    assert_eq!(fakes.calls(), [""; 0]);

    // Nor does it keep a stop from stopping, where not even the lock's holder can be written.
    fs::remove_file(rendered.join("lock")).unwrap();
    _ = fs::write(rendered.join("more"), vec![b'x'; 1 << 20]);
    fakes.xtask(&["dev-down"]).expect(0);

    fs::remove_file(ballast).unwrap();
    dev_up(&fakes, &["loki"]).expect(0);
}

#[test]
fn a_read_only_checkout_is_said_at_once_and_can_still_be_looked_at() {
    let fakes = Fakes::new();
    let root = fakes.checkout.root.clone();
    let Some(_mount) = Mount::new(&root, &["--bind", "-o", "ro", &root.display().to_string()]) else { return };
    if fs::write(root.join("probe"), "").is_ok() {
        tests::left_out("this machine's `mount` makes no read-only bind mount in one step");
        return;
    }
    let says = "read-only file system";
    dev_up(&fakes, &["loki"]).expect(3).says(&["error: cannot make ", says, "\nfindmnt --target "]);
    assert_eq!(fakes.calls(), [""; 0]);
    fakes.xtask(&["doctor", "--local"]).expect(3).says(&[says]);
    dev_up(&fakes, &["loki", "--dry-run"]).expect(0);
    fakes.xtask(&["dev-ps"]).expect(0);
    fakes.xtask(&["dev-down"]).expect(0);
}

#[test]
fn a_very_long_path_works_like_any_other() {
    let mut fakes = Fakes::new();
    let mut root = fakes.checkout.root.with_file_name("a".repeat(200));
    (0..4).for_each(|_| root.push("a long folder name ".repeat(10)));
    fs::create_dir_all(root.parent().unwrap()).unwrap();
    fs::rename(&fakes.checkout.root, &root).unwrap();
    fakes.checkout.root = root;
    dev_up(&fakes, &["loki"]).expect(0);
    fakes.xtask(&["dev-down"]).expect(0);
    assert_eq!(fakes.folders(), ["/".to_owned(), fakes.checkout.root.display().to_string()]);
}

#[test]
fn a_terminal_of_20_columns_shows_one_line_a_service() {
    let (Some(script), Some(stty)) = (fakes::find("script"), fakes::find("stty")) else {
        tests::left_out("there is no `script` or no `stty` to make a narrow terminal with");
        return;
    };
    let fakes = Fakes::new();
    let line = format!(
        "'{}' cols 20; exec '{}' dev-up --local loki mimir --port-offset {}",
        stty.display(),
        xtask().display(),
        fakes.checkout.offset
    );
    let mut command = Command::new(script);
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]).stdin(Stdio::null());
    let like = fakes.command();
    command.current_dir(&fakes.checkout.root).envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let done = run(command.env("TERM", "xterm").env("SHELL", "/bin/sh")).expect(0);
    // Without wrapping a line stays one line, and redrawing finds it where it was.
    for service in ["loki", "mimir"] {
        let drawn = format!("\u{1b}[2K\u{1b}[?7l  {service:<20} ");
        assert!(done.out.contains(&drawn), "{:?}", done.out);
    }
    assert_eq!(done.out.matches("\u{1b}[?7l").count(), done.out.matches("\u{1b}[?7h").count());
}
