//! Marked keys wherever a user may have them, and a look at all that others can see of the stack that runs on them.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use tests::{
    checkout::{Checkout, run},
    engine::{self, docker},
    fakes,
};

/// Begins every secret of this test, and nothing else on this machine.
const MARK: &str = "mArKeD";
const HOSTS: [&str; 2] = ["monitored.dsql.eu-west-1.on.aws", "copilot.dsql.eu-west-1.on.aws"];
/// All that holds a secret, and what it depends on.
const SERVICES: [&str; 4] = ["temporal-history", "copilot-worker", "copilot-api", "grafana"];

/// The keys of the shell, as the AWS CLI hands them on.
const AWS: &str = r#"
case "$*" in
  --version*) echo 'aws-cli/2.23.6 Python/3.12' ;;
  'configure export-credentials'*)
    printf '{"Version":1,"AccessKeyId":"%s","SecretAccessKey":"%s","SessionToken":"%s","Expiration":"2099-01-01T00:00:00Z"}' \
      "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" "$AWS_SESSION_TOKEN" ;;
  'dsql generate-db-connect-admin-auth-token'*) echo mArKeDtoken ;;
  *) echo '{"Account":"123456789012","Arn":"arn:aws:iam::123456789012:user/me"}' ;;
esac"#;

/// The names of Aurora DSQL are known in the stack's network only, and PostgreSQL makes indexes while one waits. The
/// container is looked at while it is there.
const DOCKER: &str = r#"
case "$*" in
  *' cat /etc/ssl/certs/ca-certificates.crt') cat "$STANDIN/server.crt" ;;
  'run '*' psql '*)
    shift
    id=$(DOCKER create --network "$STANDIN_NETWORK" "$@") || exit
    DOCKER inspect "$id" >>"$STANDIN/seen"
    sed 's/ INDEX ASYNC / INDEX /' | DOCKER start --attach --interactive "$id" ;;
  *) exec DOCKER "$@" ;;
esac"#;

#[test]
#[ignore = "needs a Docker engine"]
fn no_secret_can_be_seen_from_outside_a_stack_on_aurora_dsql() {
    let _turn = engine::alone();
    let machine = Machine::new();
    let (said, processes) = watching_processes(|| {
        machine.xtask(&["dev-up", "--dsql", "--no-schema", "--port-offset", &machine.offset(), "elasticsearch"]);
        machine.connect_database();
        let mut said = String::new();
        let lines = ["dev-up --dsql --dry-run", "dev-up --dsql", "dev-status", "dev-status --json", "dev-ps"];
        let more = [
            "dev-logs --no-follow",
            "doctor --dsql",
            "env-check",
            "schema --dry-run",
            "render --stdout",
            "support --stdout",
        ];
        for line in lines.iter().chain(&more) {
            let mut words: Vec<&str> = line.split(' ').collect();
            if line.starts_with("dev-up") {
                words.extend(SERVICES);
            }
            said += &machine.xtask(&words);
        }
        said
    });
    assert_eq!(processes, BTreeSet::new());
    assert_eq!(machine.leaks(&said), [""; 0]);
    assert!(said.contains("keys of arn:aws:iam::123456789012:user/me"), "{said}");
    assert!(machine.told("seen").contains("PGPASSFILE=/pgpass"), "no container of psql was seen");
    machine.containers_have_what_others_do_not_see();

    // What leaks on purpose is found, wherever it is.
    let label = format!("com.docker.compose.project={}", machine.checkout.project);
    let tail = ["--env", "LEAK=mArKeD", "standin/base:bookworm", "sh", "-c", "echo $0; sleep 600", "mArKeD"];
    docker(
        &[&["run", "--detach", "--label", &label, "--label", "com.docker.compose.service=leak"], &tail[..]].concat(),
    )
    .expect(0);
    fs::write(machine.checkout.root.join("dev/.rendered/leak"), MARK).unwrap();
    let (_, processes) = watching_processes(|| thread::sleep(Duration::from_millis(500)));
    assert_eq!(processes, BTreeSet::from(["sh -c echo $0; sleep 600 mArKeD".to_owned()]));
    let found = machine.leaks("keys of mArKeD\n");
    assert_eq!(found, ["output: keys of mArKeD", "the engine, of leak", "the log of leak", "dev/.rendered/leak"]);
}

struct Machine {
    checkout: Checkout,
    /// What stands in for the AWS CLI and the resolver, and what it saw.
    folder: PathBuf,
    /// The container of PostgreSQL that answers to both hosts.
    database: String,
}

impl Machine {
    fn new() -> Machine {
        let checkout = Checkout::copy("secrets");
        let folder = checkout.home().with_file_name("standin");
        fs::create_dir_all(folder.join("bin")).unwrap();
        let real = fakes::find("docker").unwrap();
        let programs =
            [("aws", AWS.to_owned()), ("docker", DOCKER.replace("DOCKER ", &format!("{} ", real.display())))];
        for (name, script) in programs {
            let path = folder.join("bin").join(name);
            let script = format!("#!/bin/sh\nprintf '%s\\n' \"$*\" >>\"$STANDIN/calls\"{script}\n");
            tests::write_program(&path, script);
        }
        let database = start_database(&checkout, &folder);
        let machine = Machine { checkout, folder, database };
        machine.mark();
        machine
    }

    /// Marked keys in the AWS folder and `dev/.env`, where every variable that is named like a secret has one too.
    fn mark(&self) {
        let aws = self.checkout.home().join(".aws");
        fs::create_dir_all(&aws).unwrap();
        let keys = "aws_access_key_id = mArKeD1\naws_secret_access_key = mArKeD2\naws_session_token = mArKeD3\n";
        fs::write(aws.join("credentials"), format!("[default]\n{keys}")).unwrap();
        let [monitored, copilot] = HOSTS;
        let mut env = format!("TEMPORAL_SQL_HOST={monitored}\nCOPILOT_DSQL_HOST={copilot}\nGRAFANA_CLOUDWATCH=true\n");
        env += "AWS_SECRET_ACCESS_KEY=mArKeD4\nPGPASSWORD=mArKeD5\n";
        let example = fs::read_to_string(self.checkout.root.join("dev/.env.example")).unwrap();
        let is_secret = |it: &&str| ["PASSWORD", "SECRET", "TOKEN", "_KEY"].iter().any(|end| it.ends_with(end));
        let names = example.lines().filter_map(|it| Some(it.trim_start_matches('#').split_once('=')?.0));
        let secrets: Vec<&str> = names.filter(is_secret).collect();
        assert_eq!(secrets, ["COPILOT_MODEL_KEY", "GRAFANA_ADMIN_PASSWORD"]);
        secrets.iter().for_each(|it| env += &format!("{it}=mArKeD6{it}\n"));
        fs::write(self.checkout.root.join("dev/.env"), env).unwrap();
        let mount = format!("{}:/dsql.crt:ro", self.folder.join("server.crt").display());
        let trusts = format!("{{ environment: {{ PGSSLROOTCERT: /dsql.crt }}, volumes: [\"{mount}\"] }}");
        let text = format!("services:\n  temporal-history: {trusts}\n  copilot-temporal: {trusts}\n");
        fs::write(self.checkout.root.join("dev/docker-compose.override.yml"), text).unwrap();
    }

    fn offset(&self) -> String {
        self.checkout.offset.to_string()
    }

    fn network(&self) -> String {
        format!("{}_temporal-network", self.checkout.project)
    }

    fn connect_database(&self) {
        let [monitored, copilot] = HOSTS;
        let aliases = ["--alias", monitored, "--alias", copilot];
        docker(&[&["network", "connect"], &aliases[..], &[&self.network(), &self.database]].concat()).expect(0);
    }

    /// All that a command says. Its keys come from the shell.
    fn xtask(&self, arguments: &[&str]) -> String {
        let path = std::env::var("PATH").unwrap();
        let mut command = self.checkout.command();
        command.env("PATH", format!("{}:{path}", self.folder.join("bin").display()));
        command.env("STANDIN", &self.folder).env("STANDIN_NETWORK", self.network());
        let keys = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_BEARER_TOKEN_BEDROCK"];
        keys.iter().chain(&["PGPASSWORD"]).for_each(|it| _ = command.env(it, format!("mArKeD7{it}")));
        let done = run(command.args(arguments));
        // The others say the more, the more they find.
        assert!(done.code == 0 || arguments[0] != "dev-up", "{arguments:?}\n{}\n{}", done.out, done.err);
        done.out + &done.err
    }

    fn told(&self, file: &str) -> String {
        fs::read_to_string(self.folder.join(file)).unwrap()
    }

    /// The places where somebody else sees a mark.
    fn leaks(&self, said: &str) -> Vec<String> {
        let mut found = BTreeSet::new();
        let texts = [("output", said), ("a call", &self.told("calls")), ("a container of psql", &self.told("seen"))];
        for (place, text) in texts {
            let lines = text.lines().filter(|it| it.contains(MARK));
            found.extend(lines.map(|it| (0, format!("{place}: {}", it.trim()))));
        }
        for (service, container) in engine::containers(&self.checkout.project) {
            if container.to_string().contains(MARK) {
                found.insert((1, format!("the engine, of {service}")));
            }
            let logs = docker(&["logs", container["Id"].as_str().unwrap()]);
            if (logs.out + &logs.err).contains(MARK) {
                found.insert((2, format!("the log of {service}")));
            }
        }
        let database = docker(&["logs", &self.database]);
        assert!(!(database.out + &database.err).contains(MARK));
        for file in files_below(&self.checkout.root.join("dev/.rendered")) {
            let is_open = file.metadata().unwrap().permissions().mode() & 0o077 != 0;
            if is_open && String::from_utf8_lossy(&fs::read(&file).unwrap()).contains(MARK) {
                found.insert((3, file.strip_prefix(&self.checkout.root).unwrap().display().to_string()));
            }
        }
        found.into_iter().map(|(_, it)| it).collect()
    }

    fn containers_have_what_others_do_not_see(&self) {
        let all = engine::containers(&self.checkout.project);
        let reads = |service: &str, file: &str| {
            docker(&["exec", all[service]["Id"].as_str().unwrap(), "cat", file]).expect(0).out
        };
        for service in SERVICES {
            assert!(reads(service, "/aws/credentials.json").contains("mArKeD7AWS_SECRET_ACCESS_KEY"), "{service}");
        }
        assert_eq!(reads("grafana", "/run/secrets/grafana-admin.password"), "mArKeD6GRAFANA_ADMIN_PASSWORD");
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        docker(&["rm", "--force", "--volumes", &self.database]);
    }
}

/// PostgreSQL with a certificate for both hosts. Leaves it in `server.crt` for those who are to trust it.
fn start_database(checkout: &Checkout, folder: &Path) -> String {
    let script = folder.join("database.sh");
    let text = fs::read_to_string(checkout.root.join("dev/docker/dsql-stand-in.sh")).unwrap();
    let names = HOSTS.map(|it| format!("DNS:{it}")).join(",");
    let named = text.replace("/CN=dsql-stand-in\"", &format!("/CN=dsql\" -addext subjectAltName={names}"));
    assert_ne!(named, text);
    fs::write(&script, named).unwrap();
    let mount = format!("{}:/database.sh:ro", script.display());
    let start = ["run", "--detach", "--volume", &mount, "--entrypoint", "sh", "postgres:17.11", "/database.sh"];
    let id = docker(&start).expect(0).out.trim().to_owned();
    // Aurora DSQL lists the indexes that are being built.
    let jobs = "CREATE SCHEMA sys CREATE TABLE jobs (status text)";
    let deadline = Instant::now() + Duration::from_secs(60);
    while docker(&["exec", &id, "psql", "host=127.0.0.1 user=admin dbname=postgres", "-qc", jobs]).code != 0 {
        assert!(Instant::now() < deadline, "{:?}", docker(&["logs", &id]));
        thread::sleep(Duration::from_millis(200));
    }
    fs::write(folder.join("server.crt"), docker(&["exec", &id, "cat", "/etc/dsql-stand-in/server.crt"]).expect(0).out)
        .unwrap();
    id
}

/// Does something, and returns with what it returned every command line that held a mark meanwhile.
fn watching_processes<T>(job: impl FnOnce() -> T) -> (T, BTreeSet<String>) {
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut found = BTreeSet::new();
            while !is_done.load(Ordering::Relaxed) {
                let all = fs::read_dir("/proc").unwrap().flatten();
                let lines = all.filter_map(|it| fs::read(it.path().join("cmdline")).ok());
                let lines = lines.map(|it| String::from_utf8_lossy(&it).trim_end_matches('\0').replace('\0', " "));
                found.extend(lines.filter(|it| it.contains(MARK)));
                thread::sleep(Duration::from_millis(20));
            }
            found
        });
        // Also where the job panics, or the scope would wait for the watcher for ever.
        let end = EndOnDrop(&is_done);
        let done = job();
        drop(end);
        (done, watcher.join().unwrap())
    })
}

struct EndOnDrop<'a>(&'a AtomicBool);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
    entries.flat_map(|it| if it.is_dir() { files_below(&it) } else { vec![it] }).collect()
}
