//! `cargo xtask`: the development lifecycle of the Temporal SRE Copilot.

use std::{env, ffi::OsString, path::PathBuf, process::ExitCode};

use xshell::Shell;

use xtask::cli::flags::{Xtask, XtaskCmd};
use xtask::cli::help;
use xtask::images::missing;
use xtask::machine::{children, exit, interrupt, term};
use xtask::settings;
use xtask::stack::mode::Mode;

fn main() -> ExitCode {
    let args = help::split_equals(env::args_os().skip(1));
    if args.is_empty() {
        let next = shell().map_or("cargo xtask doctor", |sh| missing::next_step(&sh));
        term::out(&format!("{}\nNext:\n  {next}\n", help::overview()));
        return ExitCode::SUCCESS;
    }
    let command = match Xtask::from_vec(args.clone()) {
        Ok(it) => it.subcommand,
        Err(e) if e.is_help() => {
            term::out(&help::for_args(&args));
            return ExitCode::SUCCESS;
        }
        Err(e) => return usage_error(&args, &e),
    };
    match run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            let text = format!("{e:#}");
            if !text.is_empty() {
                term::say(&format!("error: {text}"));
            }
            ExitCode::from(exit::code(&e))
        }
    }
}

fn run(command: XtaskCmd) -> anyhow::Result<()> {
    children::are_ours(xtask::variables());
    interrupt::watch()?;
    let sh = shell()?;
    settings::stand_ins::choose(stand_ins(&sh, &command));
    match command {
        XtaskCmd::DevUp(it) => it.run(&sh),
        XtaskCmd::DevWatch(it) => it.run(&sh),
        XtaskCmd::DevDown(it) => it.run(&sh),
        XtaskCmd::DevPs(it) => it.run(&sh),
        XtaskCmd::DevStatus(it) => it.run(&sh),
        XtaskCmd::DevLoad(it) => it.run(&sh),
        XtaskCmd::DevFault(it) => it.run(&sh),
        XtaskCmd::DevSnapshot(it) => it.run(&sh),
        XtaskCmd::DevLogs(it) => it.run(&sh),
        XtaskCmd::DevRestart(it) => it.run(&sh),
        XtaskCmd::DevExec(it) => it.run(&sh),
        XtaskCmd::DevBuild(it) => it.run(&sh),
        XtaskCmd::Doctor(it) => it.run(&sh),
        XtaskCmd::Render(it) => it.run(&sh),
        XtaskCmd::Schema(it) => it.run(&sh),
        XtaskCmd::Check(it) => it.run(&sh),
        XtaskCmd::EnvCheck(it) => it.run(&sh),
        XtaskCmd::EnvInit(it) => it.run(&sh),
        XtaskCmd::EnvSync(it) => it.run(&sh),
        XtaskCmd::InfraApply(it) => it.run(&sh),
        XtaskCmd::InfraDestroy(it) => it.run(&sh),
        XtaskCmd::InfraOutput(it) => it.run(&sh),
        XtaskCmd::InfraStatus(it) => it.run(&sh),
        XtaskCmd::KbIngest(it) => it.run(&sh),
        XtaskCmd::KbJobs(it) => it.run(&sh),
        XtaskCmd::KbPopulate(it) => it.run(&sh),
        XtaskCmd::KbStatus(it) => it.run(&sh),
        XtaskCmd::KbSync(it) => it.run(&sh),
        XtaskCmd::Support(it) => it.run(&sh),
        XtaskCmd::Test(it) => it.run(&sh),
    }
}

/// Whether a command is about the stack of stand-ins: as the last `dev-up` was, unless this one says otherwise.
fn stand_ins(sh: &Shell, command: &XtaskCmd) -> bool {
    match command {
        XtaskCmd::DevUp(it) if it.stand_ins || it.local || it.dsql => it.stand_ins,
        _ => Mode::stood_in(sh),
    }
}

/// A shell in the workspace root.
fn shell() -> anyhow::Result<Shell> {
    let sh = Shell::new()?;
    sh.change_dir(workspace_root());
    Ok(sh)
}

/// The checkout that cargo runs us in; where the binary is started without cargo, the one that it was built in. By its
/// real name: under a symlink's it would be another compose project with other mounts.
fn workspace_root() -> PathBuf {
    let by_cargo = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).filter(|it| it.ends_with("xtask"));
    let xtask = by_cargo.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let root = xtask.parent().expect("the xtask folder has a parent");
    root.canonicalize().unwrap_or_else(|_| root.to_path_buf())
}

fn usage_error(args: &[OsString], error: &xflags::Error) -> ExitCode {
    let name = args[0].to_string_lossy();
    if help::command(&name).is_some() {
        let error = help::explain(&error.to_string());
        term::say(&format!("error: {error}\n\nTry `cargo xtask {name} --help`."));
    } else {
        let hint = help::suggest(&name, help::names()).map_or(String::new(), |it| format!(" Did you mean `{it}`?"));
        term::say(&format!("error: unknown command `{name}`.{hint}\n\nTry `cargo xtask` for the list of commands."));
    }
    ExitCode::from(exit::USAGE)
}
