//! What containers mount can be read, by them and by their engine, and what is generated is this user's.

use std::{
    fs,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::Path,
    process::Command,
};

use tests::{
    checkout::{Outcome, run, xtask},
    fakes::Fakes,
};

fn chmod(path: &Path, mode: &str) {
    run(Command::new("chmod").args(["-R", mode]).arg(path)).expect(0);
}

#[test]
#[cfg(target_os = "linux")]
fn what_other_users_may_not_read_is_found_with_the_folders_to_open_and_no_others() {
    let fakes = Fakes::with_checkouts();
    let root = &fakes.checkout.root;
    ["dev", "grafana"].iter().for_each(|it| chmod(&root.join(it), "go-rwx"));
    // What only containers of the checkout's owner mount is left out, and so is `dev/.env`.
    let fix = "\n    chmod -R go+rX dev/config dev/docker  # ";
    fakes.up_local("").expect(3).says(&["run as other users", fix]);
    fakes.line("doctor --local").expect(3).says(&[fix.trim()]);
    assert_eq!(fakes.calls(), [""; 0]);
    fakes.up_local("temporal-history --no-schema --dry-run").expect(3).says(&["chmod -R go+rX dev/docker  #"]);
    chmod(&root.join("dev/docker"), "go+rX");
    fakes.up_local("temporal-history --no-schema").expect(0);
}

#[test]
fn what_is_generated_can_be_read_by_containers_whatever_the_umask_says() {
    let fakes = Fakes::new();
    let mut command = Command::new("/bin/sh");
    let offset = fakes.checkout.offset;
    let script = format!("umask 077; exec '{}' dev-up --local loki --port-offset {offset}", xtask().display());
    let like = fakes.command();
    command.args(["-c", &script]).current_dir(&fakes.checkout.root);
    run(command.envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))))).expect(0);
    let mode =
        |it: &str| fs::metadata(fakes.checkout.root.join("dev/.rendered").join(it)).unwrap().permissions().mode();
    assert_eq!(mode("persistence-monitored.yaml") & 0o777, 0o644);
    assert_eq!(mode("compose.env") & 0o777, 0o600);
}

#[test]
fn a_script_with_the_line_ends_of_windows_is_found_and_its_fix_works() {
    let fakes = Fakes::new();
    let file = fakes.checkout.root.join("dev/docker/dsql-stand-in.sh");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace('\n', "\r\n")).unwrap();
    let refused = fakes.up_local("dsql-monitored --no-schema").expect(3);
    let fix = "perl -pi -e 's/\\r$//' dev/docker/dsql-stand-in.sh";
    let refused = refused.says(&["dev/docker/dsql-stand-in.sh: a shell in a container does not take", fix]);
    assert_eq!(refused.err.matches("\n  - ").count(), 1, "{}", refused.err);
    run(Command::new("sh").args(["-c", fix]).current_dir(&fakes.checkout.root)).expect(0);
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    fakes.up_local("dsql-monitored --no-schema").expect(0);
    let attributes = fs::read_to_string(tests::repo_root().join(".gitattributes")).unwrap();
    assert!(attributes.lines().any(|it| it == "* text=auto eol=lf"), "{attributes}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_checkout_whose_path_is_not_utf_8_is_a_finding() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let mut fakes = Fakes::new();
    let root = fakes.checkout.root.with_file_name(OsStr::from_bytes(b"caf\xe9"));
    fs::rename(&fakes.checkout.root, &root).unwrap();
    fakes.checkout.root = root;
    fakes.up_local("loki").expect(3).says(&["is not UTF-8: Compose would mount another one"]);
    fakes.line("doctor --local").expect(3).says(&["is not UTF-8"]);
    assert_eq!(fakes.calls(), [""; 0]);
}

/// Another user than the one who runs the tests, where those may become one: the owner of nothing, with a program and a
/// checkout that it can reach. Otherwise the same user, from whom the mode takes away as much.
fn as_stranger(fakes: &Fakes, words: &str) -> Outcome {
    stranger(fakes, &fakes.command(), words)
}

/// The same, in the environment of this command.
fn stranger(fakes: &Fakes, like: &Command, words: &str) -> Outcome {
    let program = fakes.checkout.home().join("xtask");
    tests::write_program(&program, fs::read(xtask()).unwrap());
    let mut command = Command::new(program);
    command.args(words.split(' ')).current_dir(&fakes.checkout.root);
    command.envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if fs::metadata("/proc/self").is_ok_and(|it| MetadataExt::uid(&it) == 0) {
        command.uid(65_534).gid(65_534);
    }
    run(&mut command)
}

#[test]
fn what_another_user_has_generated_is_a_missing_prerequisite_with_its_fix() {
    let fakes = Fakes::new();
    fakes.up_local("loki").expect(0);
    let rendered = fakes.checkout.root.join("dev/.rendered");
    chmod(&rendered, "u=rX,go=rX");
    chmod(&rendered.join("lock"), "000");
    chmod(&fakes.checkout.home().with_file_name("fakes"), "go+rwX");
    fakes.forget();
    let fix = format!("sudo chown -R \"$USER\" {}", fs::canonicalize(&rendered).unwrap().display());
    for words in ["dev-up --local loki", "schema --local"] {
        as_stranger(&fakes, words).expect(3).says(&["it belongs to another user", &fix]);
    }
    assert_eq!(fakes.calls(), [""; 0]);
    // What runs can be stopped all the same.
    for words in ["dev-restart loki", "dev-down"] {
        as_stranger(&fakes, words).expect(0).says(&["going on without the lock: ", "it belongs to another user", &fix]);
    }
}

#[test]
fn an_engine_that_does_not_see_this_machine_s_files_is_said_first_and_before_anything_starts() {
    for (file, text, says) in [
        (
            "blind",
            "Error response from daemon: invalid mount config for type \"bind\": bind source path does not exist: /x",
            "does not see this machine's files: Error response from daemon: invalid mount config",
        ),
        ("elsewhere", "", "sees something else at "),
    ] {
        let fakes = Fakes::new();
        fakes.tell(file, text);
        let refused = fakes.up_local("loki").expect(3).says(&[says, "\n    docker context ls  # choose an engine"]);
        assert!(refused.err.contains("error: cannot start:\n  - the engine at unix:///"), "{}", refused.err);
        assert_eq!(fakes.calls(), [""; 0]);
    }
}

#[test]
fn an_engine_is_asked_to_show_a_file_only_where_a_container_is_to_be_made() {
    let fakes = Fakes::new();
    let asked = || fakes.log().iter().filter(|it| it.starts_with("docker create ")).count();
    fakes.up_local("loki --dry-run").expect(0);
    fakes.line("doctor --local");
    assert_eq!(asked(), 0);
    fakes.up_local("loki").expect(0);
    assert_eq!(asked(), 1);
    let log = fakes.log();
    let removed = |it: &String| it.starts_with("docker rm --force --volumes ") && it.ends_with("-probe");
    assert!(log.iter().any(removed), "{log:#?}");
    fakes.tell("paused", "loki\n");
    fakes.up_local("loki").expect(0);
    assert_eq!(asked(), 1);
    // What a run left behind that was ended in between goes first.
    fakes.tell("probed", "");
    fakes.tell("elsewhere", "");
    fakes.up_local("mimir").expect(3).says(&["sees something else at "]);
    assert_eq!(asked(), 3);
    fs::remove_file(fakes.folder.join("elsewhere")).unwrap();
    // What else is mounted from the engine's machine is asked for with it.
    fakes.up_local("alloy --no-schema").expect(0);
    assert!(
        fakes.log().iter().any(|it| it.starts_with("docker create ") && it.contains("source=/var/run/docker.sock"))
    );
}

#[test]
fn where_the_generated_files_are_gone_the_containers_say_how_the_stack_was_started() {
    let fakes = Fakes::with_checkouts();
    fakes.up_local("loki").expect(0);
    let root = &fakes.checkout.root;
    fs::remove_dir_all(root.join("dev/.rendered")).unwrap();
    let at = |file: &str| root.join("dev").join(file).display().to_string();
    fakes.tell("config-files", &format!("{},{}\n", at("docker-compose.yml"), at("docker-compose.local.yml")));
    let bound = format!("{{\"PortBindings\":{{\"3100/tcp\":[{{\"HostPort\":\"{}\"}}]}}}}\n", fakes.checkout.port(3100));
    fakes.tell("host-config", &bound);
    let status = fakes.line("dev-status --json").expect(4).json();
    assert_eq!(status["mode"], "local");
    let loki = status["services"].as_array().unwrap().iter().find(|it| it["name"] == "loki").unwrap();
    assert_eq!(loki["ports"], serde_json::json!([fakes.checkout.port(3100)]));
    fakes.forget();

    // What a restart mounts is generated again, as it was.
    fakes.line("dev-restart loki").expect(0);
    let generated = fs::read_to_string(root.join("dev/.rendered/docker-compose.override.yml")).unwrap();
    assert!(generated.contains(&format!("127.0.0.1:{}:3100", fakes.checkout.port(3100))), "{generated}");
    assert!(root.join("dev/.rendered/persistence-monitored.yaml").exists());
    assert_eq!(fakes.calls().len(), 1, "{:?}", fakes.calls());
    fakes.forget();
    fakes.line("dev-up loki").expect(0);
    assert_eq!(fakes.calls(), [""; 0]);
}

#[test]
fn an_engine_of_the_user_s_own_gets_root_inside_for_the_user_outside() {
    let fakes = Fakes::new();
    let uid_for = |host: &str| {
        let offset = fakes.checkout.offset.to_string();
        let up = ["dev-up", "--local", "loki", "--port-offset", &offset];
        run(fakes.command().args(up).env("DOCKER_HOST", host)).expect(0);
        let variables = fs::read_to_string(fakes.checkout.root.join("dev/.rendered/compose.env")).unwrap();
        let of = |name: &str| variables.lines().find_map(|it| it.strip_prefix(name)).unwrap().to_owned();
        (of("HOST_UID="), of("HOST_GID="))
    };
    let root = (r#""0""#.to_owned(), r#""0""#.to_owned());
    assert_eq!(uid_for("unix:///run/user/1000/docker.sock"), root);
    assert_eq!(uid_for("unix:///run/user/1000/podman/podman.sock"), root);
    let owner = fs::metadata(fakes.checkout.root.join("dev/.rendered/aws")).unwrap();
    let owner = (format!("{:?}", owner.uid().to_string()), format!("{:?}", owner.gid().to_string()));
    assert_eq!(uid_for("unix:///var/run/docker.sock"), owner);
}

#[test]
fn who_containers_run_as_does_not_change_with_the_group_of_the_shell_that_made_the_files() {
    let fakes = Fakes::new();
    let rendered = fakes.checkout.root.join("dev/.rendered");
    let variables = || fs::read_to_string(rendered.join("compose.env")).unwrap();
    fakes.up_local("loki").expect(0);
    let first = variables();
    // As `sg docker -c 'cargo xtask dev-up'` leaves them.
    if ["aws", "lock"].iter().any(|it| chown(rendered.join(it), None, Some(4711)).is_err()) {
        tests::left_out("only root can give files to another group");
        return;
    }
    fakes.up_local("loki").expect(0);
    assert_eq!(variables(), first);
}

#[test]
fn containers_run_as_whoever_made_the_files_from_the_first_start_on() {
    let fakes = Fakes::new();
    let root = &fakes.checkout.root;
    let uid = || {
        let variables = fs::read_to_string(root.join("dev/.rendered/compose.env")).unwrap();
        variables.lines().find_map(|it| it.strip_prefix("HOST_UID=").map(str::to_owned)).unwrap()
    };
    // `sudo cargo xtask dev-up` in somebody's checkout.
    if chown(root, Some(4711), None).is_err() {
        tests::left_out("only root can give files to another user");
        return;
    }
    fakes.up_local("loki").expect(0);
    let first = uid();
    assert_ne!(first, "\"4711\"");
    fakes.up_local("loki mimir").expect(0);
    assert_eq!(uid(), first);
}

#[test]
#[cfg(target_os = "linux")]
fn a_user_whose_new_group_counts_in_no_shell_yet_gets_in_with_it_unasked() {
    let fakes = Fakes::new();
    let socket = fakes.checkout.home().join("docker.sock");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    chmod(&socket, "000");
    fakes.tell("no-engine", "permission denied while trying to connect to the Docker daemon socket\n");
    fakes.add("id", "case $* in -nG) echo me ;; '-nG me') echo me docker ;; -un) echo me ;; -u) echo 1000 ;; esac");
    fakes.add("sg", "echo \"sg $*\"; exit 5");
    chmod(&fakes.checkout.home().with_file_name("fakes"), "go+rwX");
    chmod(&fakes.checkout.root, "go+rwX");
    let mut like = fakes.command();
    like.env("DOCKER_HOST", format!("unix://{}", socket.display()));
    let line = format!("dev-up --local loki --port-offset {}", fakes.checkout.offset);
    let again = stranger(&fakes, &like, &line).expect(5).says(&["once more with it", "sg docker -c "]);
    assert!(again.out.contains(&line), "{}", again.out);
    assert_eq!(fakes.calls(), [""; 0]);
    // Who is no member for good is not let in.
    fakes.add("id", "case $* in -un) echo me ;; -u) echo 1000 ;; *) echo me ;; esac");
    stranger(&fakes, &like, &line).expect(3).says(&["permission denied"]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_rootless_engine_of_another_user_is_found_before_its_containers_cannot_read_a_thing() {
    let fakes = Fakes::new();
    let folder = std::path::PathBuf::from(format!("/run/user/test-{}", std::process::id()));
    let (socket, say) = (folder.join("docker.sock"), "is another user's: ");
    let made = fs::create_dir_all(&folder).and_then(|()| fs::write(&socket, ""));
    if made.is_err() || chown(&socket, Some(4711), None).is_err() {
        tests::left_out("only root can give files to another user");
        return;
    }
    let mut up = fakes.command();
    up.args(["dev-up", "--local", "loki"]).env("DOCKER_HOST", format!("unix://{}", socket.display()));
    let (refused, moved) = (run(&mut up), chown(&socket, Some(0), None));
    let same = run(&mut up);
    fs::remove_dir_all(&folder).unwrap();
    refused.expect(3).says(&[say, "unset DOCKER_HOST  # "]);
    moved.unwrap();
    same.expect(0);
}

#[test]
fn an_engine_that_moves_the_users_of_containers_gets_no_secret_and_what_is_none() {
    let fakes = Fakes::new();
    fakes.tell("info", "{\"SecurityOptions\":[\"name=seccomp,profile=builtin\",\"name=userns\"]}");
    fakes.up_local("loki").expect(0);
    let modes = ["aws", "aws/config", "aws/credentials.json"].map(|it| {
        let it = fakes.checkout.root.join("dev/.rendered").join(it);
        fs::metadata(it).unwrap().permissions().mode() & 0o777
    });
    assert_eq!(modes, [0o755, 0o644, 0o644]);
    fakes.add_to_env("GRAFANA_ADMIN_PASSWORD=x1");
    let says = "the engine moves the users of containers (userns-remap): ";
    fakes.up_local("loki").expect(3).says(&[says, "\n    docker context ls  # "]);
    fakes.xtask(&["doctor", "--local"]).expect(3).says(&[says]);
}
