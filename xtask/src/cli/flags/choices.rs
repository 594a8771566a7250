//! The types of flags whose values are checked while they are read.

use std::{fmt, ops::RangeInclusive, str::FromStr, time::Duration};

use crate::machine::exit::{USAGE, exit};
use crate::machine::term::shorten;

/// A choice among fixed words. `FromStr` lists them when a value is refused.
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $word:literal),+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($variant),+ }

        impl $name {
            /// Every value, in the order of the declaration.
            pub const ALL: &[$name] = &[$($name::$variant),+];

            /// The word a user types.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(word: &str) -> Result<Self, String> {
                Self::ALL.iter().copied().find(|it| it.as_str() == word).ok_or_else(|| {
                    let allowed: Vec<String> = Self::ALL.iter().map(|it| format!("`{}`", it.as_str())).collect();
                    format!("expected {}, got `{word}`", allowed.join(" or "))
                })
            }
        }
    };
}

choice! {
    Cluster { Monitored = "monitored", Copilot = "copilot" }
}
choice! {
    /// One step of `schema`, in the order in which they run.
    Step {
        TemporalMonitored = "temporal-monitored",
        TemporalCopilot = "temporal-copilot",
        CopilotApp = "copilot-app",
        EsMonitored = "es-monitored",
        EsCopilot = "es-copilot"
    }
}
choice! {
    BuildTarget { Temporal = "temporal", Copilot = "copilot", All = "all" }
}
choice! {
    /// A processor architecture, in Docker's and Go's spelling.
    Arch { Arm64 = "arm64", Amd64 = "amd64" }
}
choice! {
    /// A platform, in Docker's spelling.
    Platform { LinuxArm64 = "linux/arm64", LinuxAmd64 = "linux/amd64" }
}

choice! {
    /// What kind of load.
    Scenario { Steady = "steady", Spike = "spike", Errors = "errors", Backlog = "backlog", Soak = "soak" }
}
choice! {
    /// How the workflows of a load fail.
    FailMode { Exception = "exception", Timeout = "timeout" }
}
choice! {
    /// What the Copilot says of the cluster.
    Verdict { Happy = "happy", Stressed = "stressed", Critical = "critical" }
}

choice! {
    /// What is done to a service.
    Fault { Pause = "pause", Kill = "kill", Cut = "cut" }
}

choice! {
    /// What is done with a snapshot.
    SnapshotAction { Save = "save", Restore = "restore", List = "list", Remove = "remove" }
}

/// A value of a flag, and the function that reads it; its error says what was expected.
macro_rules! value {
    ($(#[$meta:meta])* $name:ident($inner:ty) = $read:expr) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name(pub $inner);

        impl FromStr for $name {
            type Err = String;

            fn from_str(word: &str) -> Result<Self, String> {
                $read(word).map($name)
            }
        }
    };
}

value! {
    /// What a snapshot is called: a folder of that name, and a word of a shell.
    SnapshotName(String) = snapshot_name
}
value! {
    /// A time from a second to a day: `90s`, `10m`, `2h`.
    #[derive(Copy)]
    Span(Duration) = span
}
value! {
    /// Workflows a second.
    #[derive(Copy)]
    Rate(f64) = |it| number(it, 0.1..=1000.0)
}
value! {
    /// So many of 100.
    #[derive(Copy)]
    Percent(f64) = |it| number(it, 0.0..=100.0)
}
value! {
    #[derive(Copy)]
    PortOffset(u16) = port_offset
}
value! {
    /// A name that AWS will accept everywhere we use it: the rule of `terraform/dev/variables.tf`.
    ProjectName(String) = project_name
}
value! {
    /// The code of a commercial AWS region: the rule of `terraform/dev/variables.tf`.
    Region(String) = region
}

/// The highest host port of the compose file, Alloy's: an offset must not move it beyond the last one that there is.
pub const HIGHEST_PORT: u16 = 12_345;

fn snapshot_name(word: &str) -> Result<String, String> {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "._-".contains(it);
    if (1..=64).contains(&word.len()) && word.chars().all(is_plain) && !word.starts_with(['.', '-']) {
        return Ok(word.to_owned());
    }
    let rule = "at most 64 letters, digits, `.`, `_` and `-`, and begins with none of `.` and `-`";
    Err(format!("a name is made of {rule}, got `{}`", shorten(word)))
}

fn span(word: &str) -> Result<Duration, String> {
    let read = || {
        let (number, unit) = word.split_at_checked(word.len().checked_sub(1)?)?;
        let unit = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return None,
        };
        let plain = number.bytes().all(|it| it.is_ascii_digit());
        let seconds = number.parse::<u64>().ok().filter(|_| plain)?.checked_mul(unit)?;
        (1..=86_400).contains(&seconds).then(|| Duration::from_secs(seconds))
    };
    read().ok_or_else(|| format!("expected a time such as `90s` or `10m`, at most `24h`, got `{word}`"))
}

fn number(word: &str, range: RangeInclusive<f64>) -> Result<f64, String> {
    let wrong = || format!("expected a number from {} to {}, got `{word}`", range.start(), range.end());
    word.parse().ok().filter(|it| range.contains(it)).ok_or_else(wrong)
}

fn port_offset(word: &str) -> Result<u16, String> {
    let most = u16::MAX - HIGHEST_PORT;
    let offset = word.parse().ok().filter(|it| *it <= most);
    offset.ok_or_else(|| format!("expected a number from 0 to {most}, got `{word}`"))
}

fn project_name(name: &str) -> Result<String, String> {
    let word = |it: &str| !it.is_empty() && it.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if name.len() > 32 || !name.split('-').all(word) {
        let form = "1 to 32 lower-case letters, digits and single hyphens between them, such as `sre-copilot-dev`";
        return Err(format!("expected {form}, got `{}`", name.escape_debug()));
    }
    let reserved = ["xn--", "sthree-", "amzn-s3-demo-"].into_iter().find(|it| format!("{name}-").starts_with(it));
    match reserved {
        Some(it) => Err(format!("`{name}` starts with `{it}`, which S3 keeps for itself")),
        None => Ok(name.to_owned()),
    }
}

fn region(region: &str) -> Result<String, String> {
    let parts: Vec<&str> = region.split('-').collect();
    // China's have the same form, but another partition: no Aurora DSQL, and neither our ARNs nor our endpoints.
    let lower = |it: &str| it.bytes().all(|b| b.is_ascii_lowercase());
    let known = matches!(parts[..], [area, place, number]
        if area.len() == 2 && lower(area) && area != "cn"
            && (4..=9).contains(&place.len()) && lower(place)
            && number.len() == 1 && ("1"..="9").contains(&number));
    if known {
        Ok(region.to_owned())
    } else {
        Err(format!("expected a commercial AWS region, such as `eu-west-1`, got `{}`", region.escape_debug()))
    }
}

impl Fault {
    /// What the service then is.
    pub fn as_participle(self) -> &'static str {
        match self {
            Fault::Pause => "is paused",
            Fault::Kill => "is killed",
            Fault::Cut => "is cut off from its network",
        }
    }
}

impl Platform {
    pub fn arch(self) -> &'static str {
        &self.as_str()["linux/".len()..]
    }
}

impl fmt::Display for ProjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `--local` and `--dsql` as one answer: `Some(local?)`, `None` for neither, exit code 2 for both.
pub fn mode_flag(local: bool, dsql: bool) -> anyhow::Result<Option<bool>> {
    match (local, dsql) {
        (true, true) => Err(exit(USAGE, "`--local` and `--dsql` exclude each other")),
        (false, false) => Ok(None),
        _ => Ok(Some(local)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_number_and_a_unit() {
        let seconds = |word: &str| word.parse::<Span>().ok().map(|it| it.0.as_secs());
        assert_eq!(["1s", "90s", "10m", "24h"].map(seconds), [1, 90, 600, 86_400].map(Some));
        for word in ["", "s", "0s", "10", "-1s", "+1s", "1.5m", "10 m", "25h", "99999999999999999999s", "1é", "1d"] {
            assert_eq!(seconds(word), None, "{word}");
        }
        assert!("nan".parse::<Rate>().is_err() && "inf".parse::<Percent>().is_err() && "0.5".parse::<Rate>().is_ok());
    }
}
