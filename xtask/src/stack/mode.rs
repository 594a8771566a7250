//! How the stack was last started, so that the other commands need not be told again.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use xshell::Shell;

use crate::cli::flags::Platform;
use crate::docker::containers;
use crate::machine::files;
use crate::settings::Settings;
use crate::stack::{LOCAL, Stack};

/// Where the mode is kept, from the workspace root.
pub(crate) const PATH: &str = "dev/.rendered/mode.json";

/// What `dev-up` was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mode {
    /// Local PostgreSQL in place of Aurora DSQL.
    pub local: bool,
    /// Images made from this repository in the place of all others; with `local` alone.
    pub stand_ins: bool,
    /// Added to every host port.
    pub port_offset: u16,
    /// The images' platform, where it was chosen by hand.
    pub platform: Option<Platform>,
    /// The Copilot runs from its checkout, and not from its image.
    pub live: bool,
}

impl Mode {
    /// The mode of the last `dev-up`; before the first, Aurora DSQL on the ports of the compose file.
    pub(crate) fn last(sh: &Shell) -> Result<Mode> {
        Ok(Mode::saved(sh)?.unwrap_or_default())
    }

    /// The mode of the last `dev-up`, as its file says, or where that is gone (`git clean -fdX`) as the containers do;
    /// `None` before the first.
    pub(crate) fn saved(sh: &Shell) -> Result<Option<Mode>> {
        Ok(Mode::written(sh)?.or_else(|| Mode::running(sh)))
    }

    /// Whether PostgreSQL stands in: as the flag says, else as the last `dev-up`. With a flag no container is asked.
    pub(crate) fn is_local(sh: &Shell, flag: Option<bool>) -> Result<bool> {
        let written = Mode::written(sh)?;
        Ok(flag.unwrap_or_else(|| written.or_else(|| Mode::running(sh)).unwrap_or_default().local))
    }

    /// Whether the last `dev-up` was with `--stand-ins`, as far as its file says.
    pub fn stood_in(sh: &Shell) -> bool {
        Mode::written(sh).ok().flatten().is_some_and(|it| it.stand_ins)
    }

    fn written(sh: &Shell) -> Result<Option<Mode>> {
        let Some(text) = files::read(&sh.current_dir().join(PATH))? else { return Ok(None) };
        let parsed = serde_json::from_str(&text).ok().and_then(|it| Mode::from_json(&it));
        parsed
            .map(Some)
            .with_context(|| format!("{PATH} is damaged: delete it, and give `--local` or `--dsql` once more"))
    }

    /// What the containers of this checkout were started with: Compose labels each with its files. The newest counts:
    /// what a switch leaves as it is keeps its label.
    fn running(sh: &Shell) -> Option<Mode> {
        let label = format!("project.working_dir={}", sh.current_dir().join("dev").display());
        // Where no engine answers, whoever needs one says so.
        let containers = containers::labelled(sh, &label, Duration::from_secs(5)).ok()?;
        let newest = containers.iter().filter(|it| !it.files.is_empty()).max_by_key(|it| &it.created)?;
        let mode = Mode { local: newest.files.split(',').any(|it| it.ends_with(LOCAL)), ..Mode::default() };
        let live = containers.iter().any(|it| it.is_live);
        let stack = Stack::load(sh, &Settings::load(sh, mode.local), mode, None).ok()?;
        let moved = containers.iter().find_map(|it| {
            let ports = &stack.service(&it.service)?.ports;
            it.ports.iter().find_map(|(inside, host)| {
                let port = ports.iter().find(|it| it.container == *inside)?;
                host.checked_sub(port.host)
            })
        });
        Some(Mode { port_offset: moved.unwrap_or(0), live, ..mode })
    }

    /// The same mode, with the database that a flag names, and then with the images that are said with it.
    pub(crate) fn with(self, local: Option<bool>) -> Mode {
        Mode { local: local.unwrap_or(self.local), stand_ins: self.stand_ins && local.is_none(), ..self }
    }

    pub(crate) fn save(self, sh: &Shell) -> Result<()> {
        let platform = self.platform.map(Platform::as_str);
        let text = json!({ "local": self.local, "standIns": self.stand_ins, "portOffset": self.port_offset, "platform": platform, "live": self.live });
        files::replace(&sh.current_dir().join(PATH), &format!("{text:#}\n"), 0o644)?;
        Ok(())
    }

    fn from_json(value: &Value) -> Option<Mode> {
        let platform = match &value["platform"] {
            Value::Null => None,
            word => Some(word.as_str()?.parse().ok()?),
        };
        let port_offset = value["portOffset"].as_u64()?.try_into().ok()?;
        let stand_ins = value["standIns"].as_bool().unwrap_or(false);
        let live = value["live"].as_bool().unwrap_or(false);
        Some(Mode { local: value["local"].as_bool()?, stand_ins, port_offset, platform, live })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_read_back_as_it_was_saved_and_a_damaged_file_says_what_to_do() {
        let sh = Shell::new().unwrap();
        let folder = sh.create_temp_dir().unwrap();
        sh.change_dir(folder.path());
        assert_eq!(Mode::last(&sh).unwrap(), Mode::default());
        let mode =
            Mode { local: true, stand_ins: true, port_offset: 1000, platform: Some(Platform::LinuxAmd64), live: true };
        mode.save(&sh).unwrap();
        assert_eq!(Mode::last(&sh).unwrap(), mode);
        sh.write_file(PATH, "{\"local\":1}").unwrap();
        assert!(Mode::last(&sh).unwrap_err().to_string().contains("delete it"));
    }
}
