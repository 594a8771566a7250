//! The command line itself: what is accepted, what is refused, and what is said about it.

use std::process::Command;

use tests::{checkout::run, fakes::Fakes, repo_root};

#[test]
fn a_wrong_command_line_ends_with_code_2_says_what_is_allowed_and_runs_nothing() {
    let fakes = Fakes::new();
    for (line, says) in [
        ("dev-pu", "unknown command `dev-pu`. Did you mean `dev-up`?\n\nTry `cargo xtask` for the list of commands."),
        ("dev_status", "unknown command `dev_status`. Did you mean `dev-status`?"),
        ("frobnicate --help", "unknown command `frobnicate`.\n\nTry `cargo xtask`"),
        ("-x", "unknown command `-x`."),
        ("--", "unknown command `--`."),
        ("dev-up --lokal", "unexpected flag: `--lokal`\n\nTry `cargo xtask dev-up --help`."),
        ("dev-up --local --dsql", "`--local` and `--dsql` exclude each other"),
        ("dev-up --stand-ins --dsql", "`--stand-ins` goes with `--local` alone"),
        ("dev-up --local --stand-ins --build", "`--stand-ins` goes with `--local` alone"),
        ("render --local --dsql", "`--local` and `--dsql` exclude each other"),
        ("schema --local --dsql", "`--local` and `--dsql` exclude each other"),
        ("dev-up --local --local", "flag specified more than once: `--local`"),
        ("dev-up --timeout", "expected a value for `--timeout`"),
        ("dev-up --timeout soon", "can't parse `--timeout`, expected a whole number"),
        ("dev-up --timeout=", "can't parse `--timeout`, expected a whole number"),
        ("dev-up --timeout -5", "can't parse `--timeout`, expected a whole number"),
        ("dev-up --port-offset 53191", "expected a number from 0 to 53190, got `53191`"),
        ("dev-up --port-offset 99999", "expected a number from 0 to 53190, got `99999`"),
        ("dev-up --port-offset=-1", "expected a number from 0 to 53190, got `-1`"),
        ("dev-up --platform linux/s390x", "expected `linux/arm64` or `linux/amd64`, got `linux/s390x`"),
        ("dev-up lokii", "there is no service `lokii`. Did you mean `loki`?\nThe services are: elasticsearch, "),
        ("dev-up --local grafna dsql", "there is no service `grafna`. Did you mean `grafana`?"),
        ("dev-up -- --local", "there is no service `--local`."),
        ("dev-logs mimri", "there is no service `mimri`. Did you mean `mimir`?"),
        ("dev-logs --tail many", "can't parse `--tail`, expected a whole number"),
        ("dev-restart nothing-like-it", "there is no service `nothing-like-it`."),
        ("dev-exec", "SERVICE is missing"),
        ("dev-exec lok", "there is no service `lok`. Did you mean `loki`?"),
        ("dev-exec loki ls -la", "unexpected flag: `-la`"),
        ("dev-build everything", "expected `temporal` or `copilot` or `all`, got `everything`"),
        ("dev-build --arch x86", "expected `arm64` or `amd64`, got `x86`"),
        ("render --cluster mine", "expected `monitored` or `copilot`, got `mine`"),
        ("render extra", "unexpected argument: \"extra\""),
        ("render --local=yes", "unexpected argument: \"yes\""),
        (
            "schema --only temporal",
            "expected `temporal-monitored` or `temporal-copilot` or `copilot-app` or `es-monitored` or `es-copilot`, got `temporal`",
        ),
        ("test --nocapture", "unexpected flag: `--nocapture`"),
    ] {
        let refused = fakes.line(line);
        assert_eq!(refused.code, 2, "{line}: {}", refused.err);
        assert!(refused.err.starts_with("error: ") && refused.err.contains(says), "{line}: {}", refused.err);
        assert_eq!(refused.out, "", "{line}");
    }
    assert_eq!(fakes.calls(), [""; 0]);
    assert!(!fakes.checkout.root.join("dev/.rendered/mode.json").exists());
}

#[test]
fn every_command_explains_itself_and_the_overview_lists_every_command() {
    let fakes = Fakes::new();
    let first = fakes.line("").expect(0).out;
    let (overview, next) = first.split_once("\nNext:\n").expect("without arguments it says what to do next");
    assert!(next.starts_with("  cargo xtask dev-up --local --yes"), "{next}");
    for asks in ["--help", "-h", "--help dev-nothing"] {
        assert_eq!(fakes.line(asks).expect(0).out, overview, "{asks}");
    }
    let commands: Vec<&str> = overview
        .lines()
        .filter_map(|it| it.strip_prefix("  "))
        .map(|it| it.split_whitespace().next().expect("a command has a name"))
        .collect();
    for expected in ["dev-up", "dev-down", "dev-ps", "dev-status", "dev-logs", "dev-restart", "dev-exec", "dev-build"] {
        assert!(commands.contains(&expected), "{expected} is not in\n{overview}");
    }
    for command in commands {
        let help = fakes.line(&format!("{command} --help")).expect(0);
        assert!(help.out.starts_with(&format!("cargo xtask {command} [OPTIONS]")), "{}", help.out);
        assert!(help.out.lines().nth(1).is_some_and(|it| it.ends_with('.')), "{}", help.out);
        assert_eq!(help.err, "", "{command}");
        for asks in [format!("{command} -h"), format!("--help {command}"), format!("-h {command}")] {
            assert_eq!(fakes.line(&asks).expect(0).out, help.out, "{asks}");
        }
    }
    assert_eq!(fakes.log(), [""; 0]);
}

#[test]
fn the_help_of_render_reads_as_it_should() {
    let help = Fakes::new().line("render --help").expect(0).out;
    let expected = "cargo xtask render [OPTIONS]
  Render the persistence template for both clusters into `dev/.rendered/`.

  OPTIONS:
    --cluster <cluster>
      Only this cluster: `monitored` or `copilot`.

    --stdout
      Print the result instead of writing files.

    --local
      Render for the local PostgreSQL.

    --dsql
      Render for Aurora DSQL.
";
    assert_eq!(help, expected);
}

#[test]
fn a_flag_s_value_may_stand_behind_an_equals_sign() {
    let fakes = Fakes::new();
    let apart = fakes.xtask(&["render", "--local", "--stdout", "--cluster", "copilot"]).expect(0);
    let joined = fakes.xtask(&["render", "--local", "--stdout", "--cluster=copilot"]).expect(0);
    assert!(apart.out.contains("copilot-local.dsql"), "{}", apart.out);
    assert_eq!(joined.out, apart.out);
}

#[test]
fn on_windows_the_compiler_and_the_guide_name_wsl_2() {
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition=2024", "--crate-type=lib", "--emit=metadata", "--out-dir"]).arg(std::env::temp_dir());
    rustc.args(["-A", "explicit-builtin-cfgs-in-flags", "--cfg", "windows"]).arg(repo_root().join("xtask/src/lib.rs"));
    let refused = run(&mut rustc).err;
    assert!(refused.starts_with("error: ") && refused.lines().next().unwrap().contains("WSL 2"), "{refused}");
    assert!(std::fs::read_to_string(repo_root().join("README.md")).unwrap().contains("WSL 2"));
}
