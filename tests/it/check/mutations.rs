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
const AMD64: &str = "dev/docker-compose.amd64.yml";
const TEMPLATE: &str = "dev/docker/persistence-dsql-elasticsearch.template.yaml";
const EXAMPLE: &str = "dev/.env.example";
const DYNAMIC: &str = "dev/dynamicconfig/development-dsql.yaml";
const ALLOY: &str = "dev/config/alloy.alloy";
const SOURCES: &str = "dev/config/grafana-datasources.yaml";
const PROVIDERS: &str = "dev/config/grafana-dashboards.yaml";
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
    here(BASE, "image: grafana/loki:3.7.6", "image: grafana/loki:3.7.6\n    container_name: loki", "container_name", "loki has a `container_name`", "remove it"),
    here(BASE, "image: grafana/mimir:3.0.6", "image: grafana/mimir:3.0.6\n    platform: linux/amd64", "platform: linux/amd64", "the platform of mimir is linux/amd64", "platform: linux/arm64"),
    here(LOCAL, "  dsql-copilot:\n", "  dsql-copilot:\n    platform: linux/arm64\n", "platform:", "dsql-copilot has a platform", "remove it"),
    here(AMD64, "  loki: *amd64\n", "", "services:", "loki is missing", "add `  loki: *amd64`"),
    here(AMD64, "  loki: *amd64\n", "  loki: *amd64\n  lokii: *amd64\n", "lokii", "no service lokii", "remove it"),
    here(LOCAL, "[copilot-local.dsql.eu-west-1.on.aws]", "[copilot.dsql.eu-west-1.on.aws]", "copilot.dsql", "nothing asks for `copilot.dsql.eu-west-1.on.aws`", "copilot-local.dsql"),
    here(BASE, "infinity-datasource@3.11.1", "infinity-datasource", "GF_PLUGINS_PREINSTALL", "the plugin `yesoreyeram-infinity-datasource` is not pinned", "@VERSION"),

    // Identity.
    here(BASE, "target: /aws\n  read_only: true", "target: /aws\n  read_only: false", "AWS_MOUNT_DIR", "copilot-api could write to the AWS directory", "read_only: true"),
    here(BASE, "      - *aws-directory\n      - type: bind\n        source: ./docker/copilot-worker-health.py", "      - type: bind\n        source: ./docker/copilot-worker-health.py", "COPILOT_DSQL_HOST", "copilot-worker refers to COPILOT_DSQL_HOST and does not mount the AWS directory", "*aws-directory"),
    here(BASE, "  AWS_DEFAULT_REGION: ${AWS_REGION:-eu-west-1}\n", "", "AWS_REGION", "copilot-api has AWS_REGION, but not the same AWS_DEFAULT_REGION", "set both"),

    // Mounts, volumes, networks.
    here(BASE, "source: ./config/loki.yaml", "source: ./config/lokki.yaml", "lokki.yaml", "loki mounts dev/config/lokki.yaml, which is not there", "correct the path"),
    here(BASE, "./.rendered/persistence-copilot.yaml", "./.rendered/copilot.yaml", "copilot.yaml", "copilot-temporal mounts dev/.rendered/copilot.yaml, which nothing generates", "dev/.rendered/persistence-copilot.yaml"),
    here(BASE, "target: /etc/mimir/mimir.yaml\n        read_only: true", "target: /etc/mimir/mimir.yaml", "./config/mimir.yaml", "mimir could write to ./config/mimir.yaml", "read_only: true"),
    here(BASE, "target: /etc/loki/loki.yaml", "target: /etc/loki/local.yaml", "-config.file", "loki is told to read /etc/loki/loki.yaml, where nothing is mounted", "mount it there"),
    here(BASE, "loki-data:/loki", "./loki-data:/loki", "./loki-data", "loki mounts `./loki-data:/loki` in the short form", "type: bind"),
    here(BASE, "  mimir-data:\n  loki-data:", "  mimir-data:", "loki-data", "loki uses `loki-data`, which is not declared", "declare it"),
    here(BASE, "loki-data:/loki", "mimir-data:/loki", "  loki-data:", "no service uses `loki-data`", "remove it"),
    here(BASE, "networks: [temporal-network]", "networks: [temporal-net]", "temporal-net]", "grafana uses `temporal-net`, which is not declared", "declare it"),
    here(TEMPLATE, "dynamicconfig/development-dsql.yaml", "dynamicconfig/development.yaml", "filepath", "and the file is dev/dynamicconfig/development-dsql.yaml", "write /etc/temporal"),

    // Starting.
    here(BASE, "temporal-worker: { condition", "temporal-workers: { condition", "temporal-workers", "alloy depends on temporal-workers, which is no service", "`temporal-worker` meant"),
    here(BASE, "mimir: { condition: service_started }", "mimir: { condition: service_healthy }", "mimir: {", "alloy waits for mimir to become healthy, which has no health check", "service_started"),
    here(BASE, "elasticsearch: { condition: service_healthy }", "temporal-ui: { condition: service_healthy }", "depends_on", "waits for itself", "remove one"),
    here(BASE, "    x-ready: { port: 9009, path: /ready }\n", "", "  mimir:", "nobody can tell when mimir is ready", "x-ready"),
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
    here("dev/config/loki.yaml", "http_listen_port: 3100", "http_listen_port: 3101", "loki:3100", "the data source Loki is port 3100 of loki, but it listens on 3101", "correct the port").found_in(SOURCES),

    // Variables.
    here(TEMPLATE, ":$TEMPORAL_SQL_PORT", ":$TEMPORAL_SQL_PRT", "$TEMPORAL_SQL_PRT", "`$TEMPORAL_SQL_PRT` is not a variable", "`$TEMPORAL_SQL_PORT` meant"),
    here(BASE, "${TEMPORAL_SQL_USER:-admin}", "${TEMPORAL_SQL_USR:-admin}", "TEMPORAL_SQL_USR", "`TEMPORAL_SQL_USR` is not a variable", "`TEMPORAL_SQL_USER` meant"),
    here(BASE, "${AWS_PROFILE:-default}", "${AWS_PROFILE:-dev}", "AWS_PROFILE", "`AWS_PROFILE` is `dev` by default here, and `default` in", "${AWS_PROFILE:-default}"),
    here(BASE, "${GRAFANA_ADMIN_PASSWORD:-admin}", "${GRAFANA_ADMIN_PASSWORD}", "GRAFANA_ADMIN_PASSWORD", "`GRAFANA_ADMIN_PASSWORD` has no default here", "${GRAFANA_ADMIN_PASSWORD:-admin}"),
    here(EXAMPLE, "#TEMPORAL_SQL_MAX_CONNS=50", "#TEMPORAL_SQL_MAX_CONNS=40", "MAX_CONNS=40", "is not what xtask/src/settings/variables.rs says of TEMPORAL_SQL_MAX_CONNS", "write `#TEMPORAL_SQL_MAX_CONNS=50`"),
    here(EXAMPLE, "#TEMPORAL_LOG_LEVEL=info\n", "", "", "TEMPORAL_LOG_LEVEL is missing", "add `#TEMPORAL_LOG_LEVEL=info`"),
    here(EXAMPLE, "# Port of the database.\n", "", "TEMPORAL_SQL_PORT", "nothing says what TEMPORAL_SQL_PORT means", "comment above"),
    here(EXAMPLE, "#AWS_PROFILE=default", "#AWS_PROFILE=default\n#AWS_PROFIL=x", "AWS_PROFIL=x", "`AWS_PROFIL` is not a variable", "`AWS_PROFILE` meant"),
    here(TEMPLATE, "numHistoryShards: $TEMPORAL_HISTORY_SHARDS", "numHistoryShards: 4", "", "nothing reads TEMPORAL_HISTORY_SHARDS", "or use it").found_in("xtask/src/settings/variables.rs"),
    here(SOURCES, "${AWS_REGION}", "${AWS_REGIO}", "AWS_REGIO}", "grafana has no variable AWS_REGIO", "environment of grafana"),
    here(ALLOY, "sys.env(\"COMPOSE_PROJECT_NAME\")", "sys.env(\"PROJECT_NAME\")", "PROJECT_NAME", "alloy has no variable PROJECT_NAME", "environment of alloy"),

    // Dynamic configuration.
    here(DYNAMIC, "system.enableNexus:", "system.enableNexsus:", "enableNexsus", "does not know the key `system.enableNexsus`", "`system.enablenexus` meant"),
    here(DYNAMIC, "system.enableNexus:\n  - value: false", "system.enableNexus:\n  - value: never", "enableNexus", "`system.enableNexus` is `never`, which the server would ignore", "`true` or `false`"),
    here(DYNAMIC, "system.enableNexus:\n  - value: false", "system.enableNexus: false", "enableNexus", "`system.enableNexus` is not a list of values", "- value:"),

    // Observability.
    here(ALLOY, "temporal-history:9090", "temporal-history:9091", "temporal-history:9091", "the scrape target temporal-history is port 9091 of temporal-history", "correct the port"),
    here(ALLOY, "\t\t{\"__address__\" = \"temporal-matching:9090\", \"job\" = \"temporal-matching\"},\n", "", "prometheus.scrape", "temporal-matching is not scraped", "\"temporal-matching:9090\""),
    here(ALLOY, "\"job\" = \"temporal-worker\"", "\"job\" = \"worker\"", "\"worker\"", "the metrics of temporal-worker would be those of the job worker", "\"job\" = \"temporal-worker\""),
    here(ALLOY, "{\"__address__\" = \"mimir:9009\", \"job\" = \"mimir\"},", "{\"__address__\" = \"copilot-temporal:9090\", \"job\" = \"copilot-temporal\"},", "copilot-temporal", "copilot-temporal is scraped", "remove this target"),
    here(ALLOY, "http://mimir:9009/api", "http://mimr:9009/api", "mimr", "a URL is at mimr, which is no service", "`mimir` meant"),
    here(SOURCES, "http://copilot-api:8080", "http://copilot-api:8081", "copilot-api:8081", "the data source Copilot API is port 8081 of copilot-api, but it listens on 8080", "correct the port"),
    here(SOURCES, "uid: cloudwatch", "uid: loki", "uid: loki", "two data sources have the uid `loki`", "its own"),
    here(SOURCES, "isDefault: true", "isDefault: false", "isDefault", "0 data sources are the default", "isDefault: true"),
    here(PROVIDERS, "dashboards/dsql", "dashboards/database", "dashboards/database", "nothing is mounted at `/var/lib/grafana/dashboards/database`", "/var/lib/grafana/dashboards/dsql"),
    here(BASE, "source: ../grafana/dsql", "source: ../grafana/server", "volumes:", "the dashboards of grafana/dsql are not mounted", "mount ../grafana/dsql"),

    // Dashboards.
    here(SERVER, "rate(service_requests_total{", "rate(service_request_total{", "service_request_total", "asks for `service_request_total`, which no server emits", "`service_requests_total` meant"),
    here(SERVER, "(rate(service_latency_milliseconds_bucket{", "(rate(service_latency_milliseconds{", "service_latency_milliseconds{", "asks for `service_latency_milliseconds`, which no server emits", "service_latency_milliseconds_"),
    here(SERVER, "label_values(num_goroutines,", "label_values(num_gorotines,", "num_gorotines", "the variable `service` asks for `num_gorotines`", "`num_goroutines` meant"),
    here(SERVER, "operation=~\\\"$operation\\\"", "operation=~\\\"$operations\\\"", "$operations", "uses `$operations`, which is no variable", "templating"),
    here(SERVER, "\"id\": 3,", "\"id\": 2,", "State transitions", "the id of the panel `State transitions`, 2, is none or another's", "give it"),
    here(SERVER, "\"uid\": \"prometheus\"", "\"uid\": \"P1809F7CD0C75ACF3\"", "P1809F7CD0C75ACF3", "asks the data source `P1809F7CD0C75ACF3`", "`prometheus` (prometheus)"),
    here(SERVER, "/d/dsql-persistence", "/d/dsql", "/d/dsql\"", "a link leads to `dsql`", "dsql-persistence"),
    here("grafana/metrics.tsv", "action_total\tcounter", "action_total\tnumber", "action_total", "`action_total` has not five columns, or no type", "tabs"),

    // Documents.
    here("README.md", "http://127.0.0.1:8082", "http://127.0.0.1:8083", "127.0.0.1:8083", "no service publishes `127.0.0.1:8083`", "8082"),
    here("README.md", "cargo xtask dev-status", "cargo xtask dev-state", "dev-state", "there is no command `dev-state`", "`dev-status` meant"),
    here("README.md", "cargo xtask dev-up --local", "cargo xtask dev-up --lokal", "--lokal", "`dev-up` has no flag `--lokal`", "`--local` meant"),
    here("README.md", "dev-logs copilot-worker", "dev-logs copilot-wroker", "copilot-wroker", "there is no service `copilot-wroker`", "`copilot-worker` meant"),
    here(GUIDE, "`dev-up` remembers", "`dev-upp` remembers", "dev-upp", "there is no command `dev-upp`", "`dev-up` meant"),
    here(GUIDE, "| grafana | 3000 |", "| grafana | 3001 |", "| grafana |", "the host ports of grafana are 3000, not 3001", "dev/docker-compose.yml"),
    here(GUIDE, "| grafana | 3000 |", "| grafna | 3000 |", "| grafna |", "there is no service `grafna`", "`grafana` meant"),
    here(GUIDE, "| `TEMPORAL_LOG_LEVEL` |", "| `LOG_LEVEL` |", "| variable |", "the variable TEMPORAL_LOG_LEVEL is missing", "add a line"),
    here(GUIDE, "| `TEMPORAL_HISTORY_SHARDS` | 4 |", "| `TEMPORAL_HISTORY_SHARDS` | 8 |", "TEMPORAL_HISTORY_SHARDS", "the default of TEMPORAL_HISTORY_SHARDS is `4`, not `8`", "xtask/src/settings/variables.rs"),
    here(GUIDE, "`TEMPORAL_SQL_PORT` †", "`TEMPORAL_SQL_PORT`", "TEMPORAL_SQL_PORT", "TEMPORAL_SQL_PORT has a value of its own under `--local`", "†"),
    here(GUIDE, "set `COMPOSE_PROJECT_NAME`", "set `COMPOSE_PROJECT`", "`COMPOSE_PROJECT`", "`COMPOSE_PROJECT` is not a variable", "`COMPOSE_PROJECT_NAME` meant"),
    here(GUIDE, "`elasticsearch-data`", "`elastic-data`", "elastic-data", "there is no volume `elastic-data`", "elasticsearch-data"),
    here(GUIDE, "(#architecture)", "(#architektur)", "#architektur", "the link to `#architektur` leads nowhere", "correct it"),
    here(GUIDE, "15 services in three groups", "14 services in three groups", "14 services", "the stack has 15 services, not 14", "correct the number"),
    here("AGENTS.md", "`xtask/src/stack.rs`", "`xtask/src/stacks.rs`", "stacks.rs", "`xtask/src/stacks.rs` is not there", "correct the path"),
    here("Justfile", "cargo xtask dev-ps", "cargo xtask dev-sp", "dev-sp", "there is no command `dev-sp`", "`dev-ps` meant"),
    here("Justfile", "cargo xtask dev-ps", "cargo xtask dev-status", "dev-status", "the recipe `dev-ps` runs the command `dev-status`", "rename the recipe"),
    here("dev/docker/elasticsearch-setup.sh", "cargo xtask schema --only es-monitored", "cargo xtask schema --ony es-monitored", "--ony", "`schema` has no flag `--ony`", "`--only` meant"),
    here("xtask/src/stack/diagnosis.rs", "cargo xtask dev-logs", "cargo xtask dev-log", "dev-log ", "there is no command `dev-log`", "`dev-logs` meant"),
    here(SERVER, "\"title\": \"Servers scraped\"", "\"title\": \"Servers seen\"", "panels:start", "the table of panels is not what the dashboards hold", "cargo xtask check --fix").found_in(GUIDE),

    // Files that cannot be read.
    here(BASE, "services:\n", "services: [\n", "<<: *service", "it is not YAML", "mend its syntax"),
    here(SERVER, "\"uid\": \"temporal-server-health\",", "\"uid\": \"temporal-server-health\"", "title", "it is not JSON", "mend its syntax"),
];
