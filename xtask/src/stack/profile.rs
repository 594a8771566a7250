//! What the Copilot is told of the cluster that it watches: its deployment profile, rendered from the compose file.

use anyhow::Result;
use serde_json::{Value, json};
use xshell::Shell;

use crate::machine::{files, term};
use crate::settings::PROJECT;
use crate::stack::Stack;
use crate::stack::environment::PROFILE;

/// The Copilot's own presets, and for how many state transitions a second each one is meant.
const PRESETS: [(&str, u32, Option<u32>); 3] =
    [("starter", 0, Some(50)), ("mid-scale", 50, Some(500)), ("high-throughput", 500, None)];

impl Stack {
    /// Writes [`PROFILE`]. A workflow that runs goes on with the one that it was started with, which is said.
    pub(super) fn write_profile(&self, sh: &Shell) -> Result<()> {
        let path = sh.current_dir().join(PROFILE);
        let text = format!("{:#}\n", self.profile(sh));
        let old = std::fs::read_to_string(&path).ok();
        files::replace(&path, &text, 0o644)?;
        if old.is_some_and(|it| it != text) {
            let ui = self.service("copilot-ui").and_then(|it| it.ports.first()).map_or(0, |it| it.host);
            term::say(&format!(
                "note: the deployment profile has changed. The Copilot judges by the old one until its observe workflow is \
                 started anew:\n  once it is up, terminate copilot-observe-cluster at http://127.0.0.1:{ui}, then \
                 `cargo xtask dev-restart copilot-worker`"
            ));
        }
        Ok(())
    }

    fn profile(&self, sh: &Shell) -> Value {
        let mut topology = json!({ "autoscaler_type": "fixed" });
        for name in ["history", "matching", "frontend", "worker"] {
            let service = self.service(&format!("temporal-{name}"));
            let cpu = service.and_then(|it| it.millicores).filter(|_| self.limits_cpus(sh));
            let memory = service.and_then(|it| it.memory.as_deref()).and_then(mebibytes);
            let limits = json!({ "cpu_millicores": cpu, "memory_mib": memory });
            topology[name] = json!({ "min_replicas": 1, "max_replicas": 1, "resource_limits": limits });
        }
        let preset = &self.environment["COPILOT_PRESET"];
        let (_, least, most) = PRESETS.iter().find(|it| it.0 == preset).unwrap_or(&PRESETS[0]);
        json!({
            "preset_name": preset,
            "throughput_range_min": least,
            "throughput_range_max": most,
            "scaling_topology": topology,
            "resource_identity": {
                "dsql_endpoint": self.environment["TEMPORAL_SQL_HOST"],
                "platform_identifier": self.environment[PROJECT],
                "platform_type": "compose",
            },
        })
    }
}

/// As the compose file writes memory: `512m` or `1g`.
fn mebibytes(memory: &str) -> Option<u64> {
    let (number, unit) = memory.split_at_checked(memory.len().checked_sub(1)?)?;
    let factor = match unit {
        "m" => 1,
        "g" => 1024,
        _ => return None,
    };
    Some(number.parse::<u64>().ok()? * factor)
}
