//! The whole command line. Each command's struct has its `run` in the file of that name.

mod choices;

pub use choices::*;
use std::path::PathBuf;

xflags::xflags! {
    /// Develop the Temporal SRE Copilot: the stack, its images, its schemas.
    cmd xtask {
        /// Start everything and wait until it is ready. Safe to repeat: only what changed is recreated.
        cmd dev-up {
            /// Start only these services and what they depend on.
            repeated service: String
            /// Use local PostgreSQL in place of Aurora DSQL: no AWS account, no network.
            optional --local
            /// With `--local`: make the images from this repository, with no registry and no checkout. A stack of its own.
            optional --stand-ins
            /// Use Aurora DSQL, also where the last `dev-up` was `--local`.
            optional --dsql
            /// Build the images first.
            optional --build
            /// Clone, pull, build, install and start what is missing, each named first, without asking.
            optional -y, --yes
            /// Give up waiting after this many seconds (default 300).
            optional --timeout secs: u64
            /// Move every host port up by this much, for a second checkout on one machine.
            optional --port-offset n: PortOffset
            /// Run images of this platform: `linux/arm64` or `linux/amd64` (default: the engine's own).
            optional --platform p: Platform
            /// Stay in the foreground with the logs; Ctrl-C stops the stack and keeps its data.
            optional --attach
            /// Leave the schemas alone: services that need one will not become ready without.
            optional --no-schema
            /// Print what would run; change nothing.
            optional --dry-run
        }
        /// Stop the stack. Data is kept unless `--volumes` is given.
        cmd dev-down {
            /// Remove the data volumes too; names them and asks.
            optional --volumes
            /// Do not ask.
            optional -y, --yes
            /// Print what would run; change nothing.
            optional --dry-run
        }
        /// List the services: state, health and ports.
        cmd dev-ps {}
        /// Show what runs and what has changed since it started.
        cmd dev-status {
            /// Print JSON (`schemaVersion` 1) instead of a table.
            optional --json
        }
        /// Follow the logs.
        cmd dev-logs {
            /// Only these services.
            repeated service: String
            /// Print what there is and stop.
            optional --no-follow
            /// Start with the last lines only.
            optional -n, --tail n: u64
            /// Start at this time: `10m`, `2h` or a timestamp.
            optional --since t: String
        }
        /// Give the monitored cluster work and show what the Copilot says. Ctrl-C ends it and leaves nothing behind.
        cmd dev-load {
            /// What kind: `steady`, `spike`, `errors`, `backlog` or `soak`.
            required scenario: Scenario
            /// Start so many workflows a second; of `spike` those of the spike.
            optional --rate n: Rate
            /// Go on for this long (`90s`, `10m`); of `spike` each spike.
            optional --duration d: Span
            /// Let so many of 100 workflows fail.
            optional --fail-percent p: Percent
            /// Let them fail by `exception` or `timeout`.
            optional --mode m: FailMode
            /// Fail unless the Copilot says `happy`, `stressed` or `critical` by 90 s after the load.
            optional --expect state: Verdict
            /// Print JSON (`schemaVersion` 1) instead of tables.
            optional --json
            /// Do not ask, on Aurora DSQL.
            optional -y, --yes
        }
        /// Pause, kill or cut off one service for a time, and undo it. Healed at Ctrl-C and by `dev-up` as well.
        cmd dev-fault {
            /// What: `pause`, `kill` or `cut` (off from its network).
            required fault: Fault
            /// Which service.
            required service: String
            /// For this long (`90s`, `10m`).
            required --for-time d: Span
        }
        /// Restart services.
        cmd dev-restart {
            /// Only these services (default: all).
            repeated service: String
            /// Build their images first.
            optional --build
        }
        /// Run a command in a service's container: `dev-exec SERVICE -- CMD…` (default: a shell).
        cmd dev-exec {
            /// The service.
            required service: String
            /// The command and its arguments, after `--`.
            repeated cmd: String
        }
        /// Build the images from the checkouts: `temporal`, `copilot` or `all` (default).
        cmd dev-build {
            /// What to build.
            optional what: BuildTarget
            /// The temporal-dsql checkout (default: TEMPORAL_DSQL_PATH, else `../temporal-dsql`).
            optional --temporal-dsql path: PathBuf
            /// The Copilot checkout (default: TEMPORAL_SRE_COPILOT_PATH, else this repo or `../temporal-sre-copilot`).
            optional --copilot path: PathBuf
            /// Build for this architecture: `arm64` or `amd64` (default: the engine's own).
            optional --arch arch: Arch
            /// Ignore the build cache.
            optional --no-cache
            /// Push them to IMAGE_REGISTRY; without `--arch` for both architectures, where the engine can build for both.
            optional --push
            /// Print what would run; change nothing.
            optional --dry-run
        }
        /// Check everything that the stack needs, each with its fix. Changes nothing.
        cmd doctor {
            /// Print JSON (`schemaVersion` 1) instead of lines.
            optional --json
            /// What `--local` needs.
            optional --local
            /// What Aurora DSQL needs.
            optional --dsql
        }
        /// Write one file to attach to an issue: versions, doctor, status, logs, what was rendered; without secrets.
        cmd support {
            /// Print it instead of writing a file.
            optional --stdout
            /// Do not ask.
            optional -y, --yes
        }
        /// Render the persistence template for both clusters into `dev/.rendered/`.
        cmd render {
            /// Only this cluster: `monitored` or `copilot`.
            optional --cluster cluster: Cluster
            /// Print the result instead of writing files.
            optional --stdout
            /// Render for the local PostgreSQL.
            optional --local
            /// Render for Aurora DSQL.
            optional --dsql
        }
        /// Apply, repeat or repair the schemas of both databases and Elasticsearch.
        cmd schema {
            /// Only this step: `temporal-monitored`, `temporal-copilot`, `copilot-app`, `es-monitored` or `es-copilot`.
            repeated --only step: Step
            /// On the local PostgreSQL.
            optional --local
            /// On Aurora DSQL.
            optional --dsql
            /// Drop what a step owns, with its data, and make it anew; asks.
            optional --overwrite
            /// Do not ask.
            optional -y, --yes
            /// The temporal-dsql checkout (default: TEMPORAL_DSQL_PATH, else `../temporal-dsql`).
            optional --temporal-dsql path: PathBuf
            /// The Copilot checkout (default: TEMPORAL_SRE_COPILOT_PATH, else this repo or `../temporal-sre-copilot`).
            optional --copilot path: PathBuf
            /// Print JSON (`schemaVersion` 1) instead of a table.
            optional --json
            /// Print what would run; change nothing.
            optional --dry-run
        }
        /// Create `dev/.env` from the example; one that is there is kept.
        cmd env-init {}
        /// Fill `dev/.env` from Terraform's outputs. Your own keys, order and comments stay.
        cmd env-sync {
            /// Show what would change; write nothing.
            optional --dry-run
        }
        /// Report everything that is missing or wrong in `dev/.env`.
        cmd env-check {
            /// Check for the local PostgreSQL instead of Aurora DSQL.
            optional --local
        }
        /// Make the AWS environment: two Aurora DSQL clusters and a knowledge base. Shows its plan and asks.
        cmd infra-apply {
            /// Start every name with this. Needed once; remembered.
            optional --project-name name: ProjectName
            /// Make everything in this region (default eu-west-1). Remembered.
            optional --region region: Region
            /// Do not ask, unless the plan destroys something.
            optional -y, --yes
            /// With `--yes`: also where the plan destroys or replaces something, with its data.
            optional --replace
            /// Print what would run; change nothing.
            optional --dry-run
        }
        /// Destroy the AWS environment with all its data. Asks for its name.
        cmd infra-destroy {
            /// The project's name (default: the remembered one).
            optional --project-name name: ProjectName
            /// The project's region (default: the remembered one).
            optional --region region: Region
            /// Do not ask.
            optional -y, --yes
            /// Print what would run; change nothing.
            optional --dry-run
        }
        /// Show what exists in AWS, and whether `dev/.env` agrees.
        cmd infra-status {
            /// Print JSON (`schemaVersion` 1) instead of tables.
            optional --json
        }
        /// Show the AWS environment's endpoints and ids.
        cmd infra-output {
            /// Print JSON (`schemaVersion` 1) instead of a table.
            optional --json
        }
        /// Fill the knowledge base: upload the documents, ingest them, wait.
        cmd kb-populate {
            /// The folder of documents (default: `docs/rag` of the Copilot checkout).
            optional --source dir: PathBuf
            /// Also remove uploaded documents that are not in the folder: names them and asks.
            optional --delete
            /// Do not ask.
            optional -y, --yes
            /// Upload to this bucket (default: Terraform's output).
            optional --bucket bucket: String
            /// The knowledge base's id (default: Terraform's output).
            optional --kb-id id: String
            /// The data source's id (default: Terraform's output).
            optional --ds-id id: String
            /// Their region (default: Terraform's output, else AWS_REGION).
            optional --region region: Region
            /// Stop waiting after this many seconds (default 900); the ingestion goes on.
            optional --timeout secs: u64
            /// Print what would run; change nothing.
            optional --dry-run
        }
        /// Upload the documents (`*.md`) to the knowledge base's bucket.
        cmd kb-sync {
            /// The folder of documents (default: `docs/rag` of the Copilot checkout).
            optional --source dir: PathBuf
            /// Also remove uploaded documents that are not in the folder: names them and asks.
            optional --delete
            /// Do not ask.
            optional -y, --yes
            /// Upload to this bucket (default: Terraform's output).
            optional --bucket bucket: String
            /// Its region (default: Terraform's output, else AWS_REGION).
            optional --region region: Region
            /// Print what would run; change nothing.
            optional --dry-run
        }
        /// Have the knowledge base read its bucket, and wait. Joins an ingestion that runs already.
        cmd kb-ingest {
            /// The knowledge base's id (default: Terraform's output).
            optional --kb-id id: String
            /// The data source's id (default: Terraform's output).
            optional --ds-id id: String
            /// Their region (default: Terraform's output, else AWS_REGION).
            optional --region region: Region
            /// Stop waiting after this many seconds (default 900); the ingestion goes on.
            optional --timeout secs: u64
            /// Print what would run; change nothing.
            optional --dry-run
        }
        /// Show the knowledge base and its last ingestion.
        cmd kb-status {
            /// The knowledge base's id (default: Terraform's output).
            optional --kb-id id: String
            /// The data source's id (default: Terraform's output).
            optional --ds-id id: String
            /// Their region (default: Terraform's output, else AWS_REGION).
            optional --region region: Region
            /// Print JSON (`schemaVersion` 1) instead of a table.
            optional --json
        }
        /// List the knowledge base's ingestions, the newest first.
        cmd kb-jobs {
            /// The knowledge base's id (default: Terraform's output).
            optional --kb-id id: String
            /// The data source's id (default: Terraform's output).
            optional --ds-id id: String
            /// Their region (default: Terraform's output, else AWS_REGION).
            optional --region region: Region
            /// List at most this many (default 10).
            optional --limit n: u32
            /// Print JSON (`schemaVersion` 1) instead of a table.
            optional --json
        }
        /// Compare the repository with itself: compose files, variables, configurations, dashboards, documents.
        cmd check {
            /// Write what is generated: the tables of services, variables and panels in dev/README.md.
            optional --fix
        }
        /// Make what the tests need and run all of them; without Docker, all but the engine tests.
        cmd test {
            /// Fail with code 3 where the engine tests cannot run.
            optional --engine
            /// Install and start what is missing of Docker, without asking.
            optional -y, --yes
            /// Passed to the test runner, after `--`.
            repeated arg: String
        }
    }
}

/// The generated help of every command, which [`crate::cli::help`] cuts up.
pub const HELP: &str = Xtask::HELP_;
