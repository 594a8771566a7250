//! The same made up schemas, tried on a PostgreSQL server and its `psql`, in a container of their own.

use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{TestCaseResult, TestRunner};

use super::generate::{Made, join, schema};
use super::*;

const IMAGE: &str = "standin/postgres:17.11";

/// A server in a container, which is removed with it.
struct Server {
    container: String,
}

impl Server {
    fn start() -> Server {
        let run = ["run", "--detach", "--rm", "--env", "POSTGRES_HOST_AUTH_METHOD=trust", IMAGE];
        let output = Command::new("docker").args(run).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let server = Server { container: String::from_utf8(output.stdout).unwrap().trim().to_owned() };
        // Only the initialised server listens on TCP.
        let deadline = Instant::now() + Duration::from_secs(60);
        while !server.docker_exec(&[], &["pg_isready", "--quiet", "--host=127.0.0.1"]).status().unwrap().success() {
            assert!(Instant::now() < deadline, "{IMAGE} does not start");
            thread::sleep(Duration::from_millis(200));
        }
        server
    }

    fn docker_exec(&self, options: &[&str], command: &[&str]) -> Command {
        let mut docker = Command::new("docker");
        docker.arg("exec").args(options).arg(&self.container).args(command);
        docker
    }

    /// What psql says, on stdout and stderr together, when it gets `script`.
    fn psql(&self, options: &[&str], script: &str) -> String {
        // A loaded engine was seen to lose the end of stdin, and any text must do: so the length is told.
        let both = format!(
            "head --bytes={} | psql --username=postgres --no-psqlrc --quiet --file=- \"$@\" 2>&1",
            script.len()
        );
        let both = ["sh", "-c", &both, "psql"];
        // Notices would stand between the answers, such as that a long name is cut off.
        let quiet = "PGOPTIONS=-c client_min_messages=error";
        let mut child = self
            .docker_exec(
                &["--interactive", "--env", "PGCLIENTENCODING=UTF8", "--env", quiet],
                &[&both, options].concat(),
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = Command::new("docker").args(["rm", "--force", "--volumes", &self.container]).output();
    }
}

/// Tries 256 values, eight with one start of psql, which takes longer than the rest; the first that fails is shown, made
/// as small as it gets.
fn check<S: Strategy>(strategy: S, test: impl Fn(Vec<S::Value>) -> TestCaseResult) {
    let config = ProptestConfig { cases: 32, source_file: Some(file!()), ..ProptestConfig::default() };
    if let Err(error) = TestRunner::new(config).run(&prop::collection::vec(strategy, 8), test) {
        panic!("{error}");
    }
}

/// Drops what statements answer: a row that they return can look like anything, also like what [`LOOK`] shows.
const QUIET: &str = "\\o /dev/null\n";

/// Shows the numbers of tables, indexes beside the primary keys, and rows, and the rows themselves as a hash.
const LOOK: &str = r"
\o
SELECT '@' || concat_ws(' ',
  (SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'dialect'::regnamespace),
  (SELECT count(*) FROM pg_index JOIN pg_class ON oid = indexrelid
    WHERE relnamespace = 'dialect'::regnamespace AND NOT indisprimary),
  (SELECT count(*) FROM base),
  (SELECT md5(string_agg(base::text, ' ' ORDER BY k)) FROM base));
";

/// Tokens in any order, nearly all of them whole, none of which begins a command.
fn tokens() -> impl Strategy<Value = String> {
    let whole =
        "a é e E U& a1e 1 1.5 .5 1. 'b' ';' '' ':b' '$' \"b;\" \"\"\"'\" + - * / < & . , :: [ ] ; ; N B'1' x'F'";
    let wild = "1e5 1e E' U&' $ $b$ \\ /* : := ' \" -- ( )";
    let [mut whole, wild] = [whole, wild].map(|it| it.split(' ').collect::<Vec<_>>());
    whole.extend([" ", " ", "\n", "\r\n", "\t", "\x0c", "-- ; '\n", "--\r", "( b; )", "( ", " b )"]);
    whole.push("\"a name of 64 letters, of which PostgreSQL drops one and says so;\"");
    let piece = prop_oneof![40 => prop::sample::select(whole), 1 => prop::sample::select(wild)];
    prop::collection::vec(piece, 0..25).prop_map(|pieces| pieces.concat())
}

fn texts(sql: &str) -> Vec<Vec<&str>> {
    let statements = sql::split(sql).unwrap();
    statements.iter().map(|tokens| tokens.iter().map(|token| token.text).collect()).collect()
}

/// Feature: standalone-dev, Property 6: a real server takes every translation, whole, interrupted anywhere and
/// once more, and has at the end what the schema says, once.
#[test]
#[ignore = "needs a Docker engine"]
fn any_translation_can_be_interrupted_and_repeated_on_a_server() {
    let server = Server::start();
    check((schema(), any::<Index>()), |schemas| {
        let mut script = String::new();
        for (schema, stop) in &schemas {
            let statements = translate(Dialect::Postgres, &schema.sql).unwrap();
            let part = join(&statements[..stop.index(statements.len() + 1)]);
            let whole = join(&statements);
            let begin = "BEGIN; CREATE SCHEMA dialect; SET LOCAL search_path = dialect;";
            script += &format!("{begin}\n{QUIET}{part}{whole}{LOOK}{QUIET}{whole}{LOOK}{QUIET}ROLLBACK;\n");
        }
        let said = server.psql(&["-v", "ON_ERROR_STOP=1", "--no-align", "--tuples-only"], &script);
        let looks: Vec<_> = said.lines().filter_map(|line| line.strip_prefix('@')).collect();
        prop_assert_eq!(looks.len(), 2 * schemas.len(), "{}\n{}", said, script);
        for ((schema, _), looks) in schemas.iter().zip(looks.chunks(2)) {
            prop_assert_eq!(looks[0], looks[1]);
            let Made { tables, indexes, rows } = schema.made;
            prop_assert!(looks[0].starts_with(&format!("{tables} {indexes} {rows}")), "{}\n{}", looks[0], script);
        }
        Ok(())
    });
}

/// What this module takes for one statement psql takes for one, and sends as it is.
#[test]
#[ignore = "needs a Docker engine"]
fn any_text_without_faults_is_cut_where_psql_cuts_it() {
    let server = Server::start();
    let ends = regex::Regex::new(r"\npsql:<stdin>:\d+: ERROR:  \w+\n").unwrap();
    let is_free = |it: &String| sql::split(it).is_ok();
    check(tokens().prop_filter("has a fault", is_free), |all| {
        let text = all.join("\n;\n");
        // Nothing here is SQL, so that each statement ends in an error, which tells them apart in the echo.
        let said = server.psql(&["--echo-queries", "-v", "VERBOSITY=sqlstate"], &text);
        let sent: Vec<_> = ends.split(&said).flat_map(texts).collect();
        prop_assert_eq!(&sent, &texts(&text), "{}", said);
        prop_assert_eq!(ends.find_iter(&said).count(), sent.len());
        Ok(())
    });
}
