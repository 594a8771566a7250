//! Ways to break the repository.

/// One edit, and the finding that it must lead to.
pub(super) struct Mutation {
    /// The file that is edited; `from` must stand in it, and is replaced once.
    pub file: &'static str,
    pub from: &'static str,
    pub to: &'static str,
    /// The file that the finding names.
    pub found_in: &'static str,
    /// A part of the line that the finding names; empty where it is about the whole file.
    pub at: &'static str,
    pub says: &'static str,
    pub remedy: &'static str,
}

const BASE: &str = "dev/docker-compose.yml";
const LOCAL: &str = "dev/docker-compose.local.yml";
const TEMPLATE: &str = "dev/docker/persistence-dsql-elasticsearch.template.yaml";
const EXAMPLE: &str = "dev/.env.example";
const DYNAMIC: &str = "dev/dynamicconfig/development-dsql.yaml";
const ALLOY: &str = "dev/config/alloy.alloy";
const SOURCES: &str = "dev/config/grafana-datasources.yaml";
const SERVER: &str = "grafana/server/server.json";
const GUIDE: &str = "dev/README.md";

/// A mutation whose finding is in the file that was edited.
const fn here(
    file: &'static str,
    from: &'static str,
    to: &'static str,
    at: &'static str,
    says: &'static str,
    remedy: &'static str,
) -> Mutation {
    Mutation { file, from, to, found_in: file, at, says, remedy }
}

impl Mutation {
    /// The same, found in another file.
    const fn found_in(mut self, file: &'static str) -> Mutation {
        self.found_in = file;
        self
    }
}

#[rustfmt::skip]
pub(super) const ALL: &[Mutation] = &[
    // Services.
    here(BASE, "\"127.0.0.1:3100:3100\"", "\"0.0.0.0:3100:3100\"", "0.0.0.0:3100", "loki publishes `0.0.0.0:3100:3100` beyond this machine", "write \"127.0.0.1:3100:3100\""),
    here(BASE, "\"127.0.0.1:8082:8080\"", "\"127.0.0.1:8080:8080\"", "127.0.0.1:8080", "copilot-ui publishes port 8080, which temporal-ui publishes already", "another host port"),
    here(BASE, "\"127.0.0.1:3000:3000\"", "\"127.0.0.1:3000:3001\"", "3000:3001", "grafana publishes its port 3001, but it listens on 3000", "correct"),
    here(BASE, "grafana/loki:3.7.6", "grafana/loki:latest", "loki:latest", "`grafana/loki:latest`, is not pinned", "exact tag"),
    here(LOCAL, "postgres:17.11", "postgres:17", "postgres:17", "`postgres:17`, is not pinned", "exact tag"),
    here(BASE, "image: ${COPILOT_IMAGE:-temporal-sre-copilot:dev}\n  pull_policy: never", "image: ${COPILOT_IMAGE:-temporal-sre-copilot:dev}", "COPILOT_IMAGE", "copilot-api would pull", "pull_policy: never"),
    here(LOCAL, "[copilot-local.dsql.eu-west-1.on.aws]", "[copilot.dsql.eu-west-1.on.aws]", "copilot.dsql", "nothing asks for `copilot.dsql.eu-west-1.on.aws`", "copilot-local.dsql"),
    here(BASE, "infinity-datasource@3.11.1", "infinity-datasource", "GF_PLUGINS_PREINSTALL", "the plugin `yesoreyeram-infinity-datasource` is not pinned", "@VERSION"),

    // Identity.
    here(BASE, "target: /aws\n  read_only: true", "target: /aws\n  read_only: false", "AWS_MOUNT_DIR", "copilot-api could write to the AWS directory", "read_only: true"),
    here(BASE, "  AWS_DEFAULT_REGION: ${AWS_REGION:-eu-west-1}\n", "", "AWS_REGION", "copilot-api has AWS_REGION, but not the same AWS_DEFAULT_REGION", "set both"),

    // Mounts, volumes, networks.
    here(BASE, "source: ./config/loki.yaml", "source: ./config/lokki.yaml", "lokki.yaml", "loki mounts dev/config/lokki.yaml, which is not there", "correct the path"),
    here(BASE, "./.rendered/persistence-copilot.yaml", "./.rendered/copilot.yaml", "copilot.yaml", "copilot-temporal mounts dev/.rendered/copilot.yaml, which nothing generates", "dev/.rendered/persistence-copilot.yaml"),
    here(BASE, "target: /etc/mimir/mimir.yaml\n        read_only: true", "target: /etc/mimir/mimir.yaml", "./config/mimir.yaml", "mimir could write to ./config/mimir.yaml", "read_only: true"),
    here(BASE, "target: /var/lib/grafana/dashboards/dsql", "target: /var/lib/grafana/dashboards/server", "dashboards/server", "grafana mounts two things at /var/lib/grafana/dashboards/server", "of its own"),
    here(BASE, "target: /etc/loki/loki.yaml", "target: /etc/loki/local.yaml", "-config.file", "loki is told to read /etc/loki/loki.yaml, where nothing is mounted", "mount it there"),
    here(BASE, "loki-data:/loki", "./loki-data:/loki", "./loki-data", "loki mounts `./loki-data:/loki` in the short form", "type: bind"),
    here(BASE, "loki-data:/loki", "mimir-data:/loki", "  loki-data:", "no service uses `loki-data`", "remove it"),
    here(TEMPLATE, "dynamicconfig/development-dsql.yaml", "dynamicconfig/development.yaml", "filepath", "and the file is dev/dynamicconfig/development-dsql.yaml", "write /etc/temporal"),

    // Ready.
    here(BASE, "x-ready: { port: 9009", "x-ready: { port: 9008", "x-ready: { port: 9008", "its port 9008 is not published", "publish it"),

    // Ports.
    here(BASE, "-addr=temporal-history:7234", "-addr=temporal-history:7235", "temporal-history:7235", "the health check of temporal-history asks port 7235, but it listens on 7234, 9090", "correct the port"),
    here(BASE, "-addr=temporal-matching:7235", "-addr=temporal-history:7235", "-addr=temporal-history:7235", "the health check of temporal-matching asks temporal-history", "ask temporal-matching itself"),
    here(BASE, "v1.MatchingService", "v1.HistoryService", "temporal-matching:7235", "the health check of temporal-matching asks for `temporal.api.workflowservice.v1.HistoryService`", "--service"),
    here(BASE, "http://temporal-frontend:8233", "http://localhost:8233", "localhost:8233", "asks localhost, where a Temporal server does not listen", "ask temporal-frontend:8233"),
    here(BASE, "TEMPORAL_ADDRESS: temporal-frontend:7233", "TEMPORAL_ADDRESS: temporal-frontend:7243", "temporal-frontend:7243", "TEMPORAL_ADDRESS of temporal-ui is port 7243 of temporal-frontend", "correct the port"),
    here(BASE, "PROMETHEUS_ENDPOINT: http://mimir:", "PROMETHEUS_ENDPOINT: http://mimr:", "mimr", "PROMETHEUS_ENDPOINT of copilot-worker is at mimr, which is no service", "`mimir` meant"),
    here(TEMPLATE, "grpcPort: 7239", "grpcPort: 7240", "127.0.0.1:7239", "temporal-worker publishes its port 7239, but it listens on 7240", "the configuration").found_in(BASE),
    here(TEMPLATE, "rpcAddress: 127.0.0.1:7233", "rpcAddress: 127.0.0.1:7234", "rpcAddress", "the frontend's grpcPort 7233", "write 127.0.0.1:7233"),
    here("dev/config/loki.yaml", "http_listen_port: 3100", "http_listen_port: 3101", "127.0.0.1:3100", "loki publishes its port 3100, but it listens on 3101", "the configuration").found_in(BASE),

    // Variables.
    here(TEMPLATE, ":$TEMPORAL_SQL_PORT", ":$TEMPORAL_SQL_PRT", "$TEMPORAL_SQL_PRT", "`$TEMPORAL_SQL_PRT` is not a variable", "`$TEMPORAL_SQL_PORT` meant"),
    here(BASE, "${TEMPORAL_SQL_USER:-admin}", "${TEMPORAL_SQL_USR:-admin}", "TEMPORAL_SQL_USR", "`TEMPORAL_SQL_USR` is not a variable", "`TEMPORAL_SQL_USER` meant"),
    here(BASE, "${AWS_PROFILE:-default}", "${AWS_PROFILE:-dev}", "AWS_PROFILE", "`AWS_PROFILE` is `dev` by default here, and `default` in", "${AWS_PROFILE:-default}"),
    here(BASE, "${GRAFANA_ADMIN_PASSWORD:-admin}", "${GRAFANA_ADMIN_PASSWORD}", "GRAFANA_ADMIN_PASSWORD", "`GRAFANA_ADMIN_PASSWORD` has no default here", "${GRAFANA_ADMIN_PASSWORD:-admin}"),
    here(EXAMPLE, "#TEMPORAL_SQL_MAX_CONNS=50", "#TEMPORAL_SQL_MAX_CONNS=40", "MAX_CONNS=40", "is not what xtask/src/settings/variables.rs says of TEMPORAL_SQL_MAX_CONNS", "write `#TEMPORAL_SQL_MAX_CONNS=50`"),
    here(EXAMPLE, "#TEMPORAL_LOG_LEVEL=info\n", "", "", "TEMPORAL_LOG_LEVEL is missing", "add `#TEMPORAL_LOG_LEVEL=info`"),
    here(EXAMPLE, "# Port of the database.\n", "", "TEMPORAL_SQL_PORT", "nothing says what TEMPORAL_SQL_PORT means", "comment above"),
    here(EXAMPLE, "#AWS_PROFILE=default", "#AWS_PROFILE=default\n#AWS_PROFIL=x", "AWS_PROFIL=x", "`AWS_PROFIL` is not a variable", "`AWS_PROFILE` meant"),
    here(SOURCES, "${AWS_REGION}", "${AWS_REGIO}", "AWS_REGIO}", "grafana has no variable AWS_REGIO", "environment of grafana"),
    here(ALLOY, "sys.env(\"COMPOSE_PROJECT_NAME\")", "sys.env(\"PROJECT_NAME\")", "PROJECT_NAME", "alloy has no variable PROJECT_NAME", "environment of alloy"),

    // Dynamic configuration.
    here(DYNAMIC, "system.enableNexus:", "system.enableNexsus:", "enableNexsus", "does not know the key `system.enableNexsus`", "`system.enablenexus` meant"),
    here(DYNAMIC, "system.enableNexus:\n  - value: false", "system.enableNexus:\n  - value: never", "enableNexus", "`system.enableNexus` is `never`, which the server would ignore", "`true` or `false`"),
    here(DYNAMIC, "system.enableNexus:\n  - value: false", "system.enableNexus: false", "enableNexus", "`system.enableNexus` is not a list of values", "- value:"),

    // Observability.
    here(SERVER, "\"title\": \"At a glance\"", "\"title\": \"At one glance\"", "server.png", "server.png was drawn from another grafana/server/server.json", "tests/pictures/dashboards").found_in("dev/pictures/drawn-from"),
    here(BASE, "source: ../grafana/dsql", "source: ../grafana/server", "volumes:", "the dashboards of grafana/dsql are not mounted", "mount ../grafana/dsql"),


    // Documents and their tables.
    here("README.md", "http://127.0.0.1:8082", "http://127.0.0.1:8083", "127.0.0.1:8083", "no service publishes `127.0.0.1:8083`", "8082"),
    here("README.md", "cargo xtask dev-status", "cargo xtask dev-state", "dev-state", "there is no command `dev-state`", "`dev-status` meant"),
    here("README.md", "cargo xtask dev-up --local", "cargo xtask dev-up --lokal", "--lokal", "`dev-up` has no flag `--lokal`", "`--local` meant"),
    here("README.md", "dev-logs copilot-worker", "dev-logs copilot-wroker", "copilot-wroker", "there is no service `copilot-wroker`", "`copilot-worker` meant"),
    here(GUIDE, "`dev-up` remembers", "`dev-upp` remembers", "dev-upp", "there is no command `dev-upp`", "`dev-up` meant"),
    here(GUIDE, "| grafana | 3000 |", "| grafana | 3001 |", "services:start", "the table of services is not what the compose files hold", "cargo xtask check --fix"),
    here(GUIDE, "| grafana | 3000 |", "| grafna | 3000 |", "services:start", "the table of services is not what the compose files hold", "cargo xtask check --fix"),
    here(GUIDE, "| `TEMPORAL_LOG_LEVEL` |", "| `LOG_LEVEL` |", "variables:start", "the table of variables is not what xtask/src/settings/variables.rs holds", "cargo xtask check --fix"),
    here(GUIDE, "| `TEMPORAL_HISTORY_SHARDS` | 4 |", "| `TEMPORAL_HISTORY_SHARDS` | 8 |", "variables:start", "the table of variables is not what xtask/src/settings/variables.rs holds", "cargo xtask check --fix"),
    here(GUIDE, "`TEMPORAL_SQL_PORT` †", "`TEMPORAL_SQL_PORT`", "variables:start", "the table of variables is not what xtask/src/settings/variables.rs holds", "cargo xtask check --fix"),
    here(GUIDE, "set `COMPOSE_PROJECT_NAME`", "set `COMPOSE_PROJECT`", "`COMPOSE_PROJECT`", "`COMPOSE_PROJECT` is not a variable", "`COMPOSE_PROJECT_NAME` meant"),
    here(GUIDE, "`elasticsearch-data`", "`elastic-data`", "elastic-data", "there is no volume `elastic-data`", "elasticsearch-data"),
    here(GUIDE, "(#architecture)", "(#architektur)", "#architektur", "the link to `#architektur` leads nowhere", "correct it"),
    here(GUIDE, "15 services in three groups", "14 services in three groups", "14 services", "the stack has 15 services, not 14", "correct the number"),
    here("AGENTS.md", "`xtask/src/main.rs`", "`xtask/src/mains.rs`", "mains.rs", "`xtask/src/mains.rs` is not there", "correct the path"),
    here("Justfile", "cargo xtask dev-ps", "cargo xtask dev-sp", "dev-sp", "there is no command `dev-sp`", "`dev-ps` meant"),
    here("Justfile", "cargo xtask dev-ps", "cargo xtask dev-status", "dev-status", "the recipe `dev-ps` runs the command `dev-status`", "rename the recipe"),
    here("dev/docker/elasticsearch-setup.sh", "cargo xtask schema --only es-monitored", "cargo xtask schema --ony es-monitored", "--ony", "`schema` has no flag `--ony`", "`--only` meant"),
    here("xtask/src/stack/diagnosis.rs", "cargo xtask dev-logs", "cargo xtask dev-log", "dev-log ", "there is no command `dev-log`", "`dev-logs` meant"),
    here(SERVER, "\"title\": \"Servers scraped\"", "\"title\": \"Servers seen\"", "panels:start", "the table of panels is not what the dashboards hold", "cargo xtask check --fix").found_in(GUIDE),

    // Files that cannot be read.
    here(BASE, "services:\n", "services: [\n", "<<: *service", "it is not YAML", "mend its syntax"),
    here(SERVER, "\"uid\": \"temporal-server-health\",", "\"uid\": \"temporal-server-health\"", "title", "it is not JSON", "mend its syntax"),
];
