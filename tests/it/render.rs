//! `render` on the real template: what it writes, what it refuses, and that it never leaves half of anything.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::PathBuf,
    process::Command,
};

use tests::{
    checkout::{self, Outcome, run},
    fakes::Fakes,
};

const MONITORED: &str = "dev/.rendered/persistence-monitored.yaml";
const COPILOT: &str = "dev/.rendered/persistence-copilot.yaml";
const HOSTS: &str = "TEMPORAL_SQL_HOST=one.dsql.eu-west-1.on.aws\nCOPILOT_DSQL_HOST=two.dsql.eu-west-1.on.aws\n";

fn read(fakes: &Fakes, file: &str) -> String {
    fs::read_to_string(fakes.checkout.root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn write_env(fakes: &Fakes, bytes: &[u8]) {
    fs::write(fakes.checkout.root.join("dev/.env"), bytes).unwrap();
}

fn parse(text: &str) -> serde_yaml::Value {
    serde_yaml::from_str(text).unwrap()
}

/// The names of the files in `dev/.rendered`.
fn files(fakes: &Fakes) -> Vec<String> {
    let folder = fs::read_dir(fakes.checkout.root.join("dev/.rendered"));
    let mut names: Vec<String> =
        folder.into_iter().flatten().map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|it| it != "lock");
    names.sort();
    names
}

#[test]
fn both_clusters_are_rendered_each_with_its_own_values_typed() {
    let fakes = Fakes::new();
    write_env(&fakes, HOSTS.as_bytes());
    let first = fakes.xtask(&["render"]).expect(0);
    assert_eq!(first.err, format!("{MONITORED} written\n{COPILOT} written\n"));
    assert_eq!(files(&fakes), ["persistence-copilot.yaml", "persistence-monitored.yaml"]);
    let sql = |file: &str| parse(&read(&fakes, file))["persistence"]["datastores"]["dsql"]["sql"].clone();
    for (file, host, connections) in [(MONITORED, "one", 50), (COPILOT, "two", 10)] {
        let sql = sql(file);
        assert_eq!(sql["connectAddr"], format!("{host}.dsql.eu-west-1.on.aws:5432").as_str());
        assert_eq!((&sql["maxConns"], &sql["tls"]["enabled"]), (&connections.into(), &true.into()));
        assert!(!read(&fakes, file).contains('$'), "{file} holds a placeholder");
    }
    assert_eq!(fakes.xtask(&["render"]).expect(0).err, format!("{MONITORED} unchanged\n{COPILOT} unchanged\n"));

    let printed = fakes.xtask(&["render", "--stdout", "--cluster", "copilot"]).expect(0);
    assert_eq!((printed.out, printed.err), (format!("---\n{}", read(&fakes, COPILOT)), String::new()));
    assert_eq!(fakes.calls(), [""; 0], "rendering starts nothing; how a stack was started its containers may say");
    fakes.forget();
    fakes.xtask(&["render", "--local", "--stdout"]).expect(0);
    assert_eq!(fakes.log(), [""; 0], "with a flag rendering needs no other program");
}

#[test]
fn three_missing_and_two_wrong_variables_are_five_findings_and_the_old_rendering_stays() {
    let fakes = Fakes::new();
    write_env(&fakes, HOSTS.as_bytes());
    fakes.xtask(&["render"]).expect(0);
    let before = [read(&fakes, MONITORED), read(&fakes, COPILOT)];
    write_env(
        &fakes,
        b"# two hosts and a port are missing\nTEMPORAL_SQL_PORT=\nTEMPORAL_LOG_LEVEL=loud\nTEMPORAL_HISTORY_SHARDS=none\n",
    );
    let refused = fakes.xtask(&["render"]).expect(3);
    let expected = "error: cannot render:
  - `TEMPORAL_SQL_HOST` is not set in the process environment or dev/.env: expected a host name, without scheme or port
  - `TEMPORAL_SQL_PORT` is empty (dev/.env, line 2): expected a port, 1 to 65535; without the line it is `5432`
  - `TEMPORAL_LOG_LEVEL` is `loud` (dev/.env, line 3): expected `debug` or `info` or `warn` or `error`
  - `TEMPORAL_HISTORY_SHARDS` is `none` (dev/.env, line 4): expected a whole number above 0
  - `COPILOT_DSQL_HOST` is not set in the process environment or dev/.env: expected a host name, without scheme or port
";
    assert_eq!((refused.err.as_str(), refused.out.as_str()), (expected, ""));
    assert_eq!([read(&fakes, MONITORED), read(&fakes, COPILOT)], before);
    assert_eq!(files(&fakes), ["persistence-copilot.yaml", "persistence-monitored.yaml"]);

    let fakes = Fakes::new();
    fakes.xtask(&["render"]).expect(3);
    assert_eq!(files(&fakes), [""; 0]);
}

#[test]
fn only_what_concerns_the_named_cluster_has_to_be_there() {
    let fakes = Fakes::new();
    write_env(&fakes, b"TEMPORAL_SQL_HOST=one.example\n");
    fakes.xtask(&["render", "--cluster", "monitored"]).expect(0);
    let refused = fakes.xtask(&["render", "--cluster", "copilot"]).expect(3);
    assert!(refused.err.contains("`COPILOT_DSQL_HOST` is not set"), "{}", refused.err);
    assert_eq!(files(&fakes), ["persistence-monitored.yaml"]);
}

#[test]
fn the_process_environment_goes_before_the_file_and_local_before_both() {
    let fakes = Fakes::new();
    write_env(&fakes, format!("{HOSTS}TEMPORAL_LOG_LEVEL=warn\n").as_bytes());
    let level = |command: &mut Command| {
        let printed = run(command.args(["render", "--stdout", "--cluster=monitored"])).expect(0).out;
        let document = parse(&printed);
        let address = document["persistence"]["datastores"]["dsql"]["sql"]["connectAddr"].clone();
        (document["log"]["level"].as_str().unwrap().to_owned(), address.as_str().unwrap().to_owned())
    };
    let (host, local) = ("one.dsql.eu-west-1.on.aws:5432", "monitored-local.dsql.eu-west-1.on.aws:5432");
    assert_eq!(level(&mut fakes.command()), ("warn".to_owned(), host.to_owned()));
    let with = |name: &str, value: &str| {
        let mut command = fakes.command();
        command.env(name, value);
        command
    };
    assert_eq!(level(&mut with("TEMPORAL_LOG_LEVEL", "debug")).0, "debug");
    assert_eq!(level(&mut with("TEMPORAL_SQL_HOST", "other.example")).1, "other.example:5432");
    let mut command = with("TEMPORAL_SQL_HOST", "other.example");
    let printed = run(command.args(["render", "--local", "--stdout", "--cluster=monitored"])).expect(0).out;
    assert!(printed.contains(local), "{printed}");
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_do_not_reach_the_values() {
    let fakes = Fakes::new();
    write_env(&fakes, format!("\u{feff}{HOSTS}TEMPORAL_LOG_LEVEL=\"warn\"\n").replace('\n', "\r\n").as_bytes());
    let printed = fakes.xtask(&["render", "--stdout"]).expect(0).out;
    assert!(printed.contains("two.dsql.eu-west-1.on.aws:5432") && printed.contains("level: warn"), "{printed}");
    assert!(!printed.contains('\r'), "{printed:?}");
}

#[test]
fn a_comment_may_be_in_any_encoding() {
    let fakes = Fakes::new();
    write_env(
        &fakes,
        b"# Z\xfcrich\n  # \xe9t\xe9\nTEMPORAL_LOG_LEVEL=warn # pr\xeat\r\nGRAFANA_ADMIN_PASSWORD=\xc3\xbc#x\n",
    );
    let printed = fakes.xtask(&["render", "--local", "--stdout"]).expect(0).out;
    assert!(printed.contains("level: warn"), "{printed}");
}

#[test]
fn an_env_file_that_is_none_is_one_finding_and_never_a_panic() {
    let fakes = Fakes::new();
    let path = fakes.checkout.root.join("dev/.env");
    let refused = |says: &str| {
        let refused = fakes.xtask(&["render", "--local"]).expect(3);
        assert!(refused.err.contains("dev/.env") && refused.err.contains(says), "{}", refused.err);
        assert_eq!(refused.err.matches("\n  - ").count(), 1, "{}", refused.err);
        assert_eq!(files(&fakes), [""; 0]);
    };
    write_env(&fakes, &[0xff, 0xfe, 0x00, b'A', b'=', 0x9f]);
    refused("dev/.env, line 1, is not UTF-8 (it is UTF-16): save it as UTF-8");
    write_env(&fakes, b"A=1\nGRAFANA_ADMIN_PASSWORD='a # \xfc' # \xfc\n");
    refused("dev/.env, line 2, is not UTF-8 (another encoding, or no text)");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    refused("Is a directory");
    fs::remove_dir(&path).unwrap();
    write_env(&fakes, b"A=\0\nTEMPORAL_LOG_LEVEL=\0");
    let nul = fakes.xtask(&["render", "--local"]).expect(3);
    assert!(nul.err.contains(r"`TEMPORAL_LOG_LEVEL` is `\0` (dev/.env, line 2)"), "{}", nul.err);
}

#[test]
fn ten_megabytes_of_env_file_are_read_in_a_moment() {
    let fakes = Fakes::new();
    let line = format!("FILLER=\"{}\"\n", "x $ # \\\" ".repeat(120));
    let mut text = line.repeat(10_000_000 / line.len());
    text.push_str("TEMPORAL_LOG_LEVEL=loud\n");
    write_env(&fakes, text.as_bytes());
    let began = std::time::Instant::now();
    let refused = fakes.xtask(&["render", "--local"]).expect(3);
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    assert!(refused.err.contains(&format!("line {})", text.lines().count())), "{}", refused.err);
    assert!(refused.err.len() < 1000, "{} bytes of error", refused.err.len());

    write_env(&fakes, format!("A={}\n", "$".repeat(10_000_000)).as_bytes());
    fakes.xtask(&["render", "--local"]).expect(0);
}

/// A user who is not the superuser, to whom no file is closed: that of this test, or one made for it.
struct User {
    id: Option<u32>,
    program: PathBuf,
}

impl User {
    fn of(fakes: &Fakes) -> User {
        let program = checkout::xtask().to_path_buf();
        if fs::metadata("/proc/self").map(|it| std::os::unix::fs::MetadataExt::uid(&it)).unwrap_or(1) != 0 {
            return User { id: None, program };
        }
        // The target folder may lie where nobody else can go.
        let copy = fakes.checkout.home().with_file_name("xtask");
        tests::write_program(&copy, fs::read(program).unwrap());
        User { id: Some(65534), program: copy }
    }

    fn render(&self, fakes: &Fakes) -> Option<Outcome> {
        let like = fakes.command();
        let mut command = Command::new(&self.program);
        command.env_clear().envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.current_dir(&fakes.checkout.root).args(["render", "--local"]);
        if let Some(id) = self.id {
            command.uid(id).gid(id);
        }
        if let Err(error) = command.output() {
            tests::left_out(&format!("the superuser cannot start a program as another user here: {error}"));
            return None;
        }
        Some(run(&mut command))
    }
}

fn set_mode(path: &std::path::Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn an_unreadable_env_file_is_a_finding() {
    let fakes = Fakes::new();
    write_env(&fakes, HOSTS.as_bytes());
    set_mode(&fakes.checkout.root.join("dev/.env"), 0o000);
    let user = User::of(&fakes);
    let Some(refused) = user.render(&fakes) else { return };
    let refused = refused.expect(3);
    assert!(refused.err.contains("dev/.env: it belongs to another user"), "{}", refused.err);
}

#[test]
fn a_folder_that_cannot_be_written_is_said_and_what_was_there_stays() {
    let fakes = Fakes::new();
    let dev = fakes.checkout.root.join("dev");
    fakes.xtask(&["render", "--local"]).expect(0);
    let before = read(&fakes, COPILOT);
    let user = User::of(&fakes);
    write_env(&fakes, b"TEMPORAL_LOG_LEVEL=debug\n");
    set_mode(&dev.join(".env"), 0o644);
    set_mode(&dev.join(".rendered/lock"), 0o666);
    set_mode(&dev.join(".rendered"), 0o555);
    let Some(failed) = user.render(&fakes) else { return };
    let failed = failed.expect(3);
    assert!(failed.err.contains("cannot write ") && failed.err.contains("what was there is kept"), "{}", failed.err);
    assert!(failed.err.contains("sudo chown -R"), "{}", failed.err);
    assert_eq!(read(&fakes, COPILOT), before);
    set_mode(&dev.join(".rendered"), 0o755);
    assert_eq!(files(&fakes), ["persistence-copilot.yaml", "persistence-monitored.yaml"]);

    fs::remove_dir_all(dev.join(".rendered")).unwrap();
    set_mode(&dev, 0o555);
    let failed = user.render(&fakes).expect("it could be started before").expect(3);
    assert!(failed.err.contains("cannot make ") && failed.err.contains("sudo chown -R"), "{}", failed.err);
    set_mode(&dev, 0o755);

    fs::write(dev.join(".rendered"), "in the way").unwrap();
    let failed = fakes.xtask(&["render", "--local"]).expect(1);
    assert!(failed.err.contains("dev/.rendered") && failed.err.contains("Not a directory"), "{}", failed.err);
    assert_eq!(fs::read_to_string(dev.join(".rendered")).unwrap(), "in the way");
}
