//! How the stack was last started, so that the other commands need not be told again.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use xshell::Shell;

use crate::{cli::flags::Platform, machine::files};

/// Where the mode is kept, from the workspace root.
pub(crate) const PATH: &str = "dev/.rendered/mode.json";

/// What `dev-up` was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mode {
    /// Local PostgreSQL in place of Aurora DSQL.
    pub local: bool,
    /// Added to every host port.
    pub port_offset: u16,
    /// The images' platform, where it was chosen by hand.
    pub platform: Option<Platform>,
}

impl Mode {
    /// The mode of the last `dev-up`; before the first, Aurora DSQL on the ports of the compose file.
    pub(crate) fn last(sh: &Shell) -> Result<Mode> {
        Ok(Mode::saved(sh)?.unwrap_or_default())
    }

    /// The mode of the last `dev-up`; `None` before the first.
    pub(crate) fn saved(sh: &Shell) -> Result<Option<Mode>> {
        let Some(text) = files::read(&sh.current_dir().join(PATH))? else { return Ok(None) };
        let parsed = serde_json::from_str(&text).ok().and_then(|it| Mode::from_json(&it));
        parsed
            .map(Some)
            .with_context(|| format!("{PATH} is damaged: delete it, and give `--local` or `--dsql` once more"))
    }

    /// The same mode, with the database that a flag names.
    pub(crate) fn with(self, local: Option<bool>) -> Mode {
        Mode { local: local.unwrap_or(self.local), ..self }
    }

    pub(crate) fn save(self, sh: &Shell) -> Result<()> {
        let platform = self.platform.map(Platform::as_str);
        let text = json!({ "local": self.local, "portOffset": self.port_offset, "platform": platform });
        files::replace(&sh.current_dir().join(PATH), &format!("{text:#}\n"), 0o644)?;
        Ok(())
    }

    fn from_json(value: &Value) -> Option<Mode> {
        let platform = match &value["platform"] {
            Value::Null => None,
            word => Some(word.as_str()?.parse().ok()?),
        };
        let port_offset = value["portOffset"].as_u64()?.try_into().ok()?;
        Some(Mode { local: value["local"].as_bool()?, port_offset, platform })
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
        let mode = Mode { local: true, port_offset: 1000, platform: Some(Platform::LinuxAmd64) };
        mode.save(&sh).unwrap();
        assert_eq!(Mode::last(&sh).unwrap(), mode);
        sh.write_file(PATH, "{\"local\":1}").unwrap();
        assert!(Mode::last(&sh).unwrap_err().to_string().contains("delete it"));
    }
}
