//! What the programs that we run see of the shell: nothing that would make them do something else than what we mean.
//! Which engine, proxy, mirror, account or colour it is, is the user's matter, and goes through.

use std::{env, path::Path, process::Command, sync::OnceLock};

/// For some programs, what is removed and what is set. Names that end in `*` stand for all that begin so.
struct Rule {
    programs: &'static str,
    removed: &'static str,
    set: &'static [(&'static str, &'static str)],
}

/// What belongs to one repository, and what git sets in hooks: `git rev-parse --local-env-vars`, without `GIT_CONFIG_*`,
/// which may say how the network is reached.
const OF_A_REPOSITORY: &str = "GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_COMMON_DIR GIT_DIR GIT_GRAFT_FILE \
    GIT_IMPLICIT_WORK_TREE GIT_INDEX_FILE GIT_INTERNAL_SUPER_PREFIX GIT_NAMESPACE GIT_NO_REPLACE_OBJECTS \
    GIT_OBJECT_DIRECTORY GIT_PREFIX GIT_QUARANTINE_PATH GIT_REPLACE_REF_BASE GIT_SHALLOW_FILE GIT_WORK_TREE";

const RULES: [Rule; 4] = [
    Rule {
        programs: "docker docker-compose",
        // Images are compared by their platform and date, and have to arrive in the engine.
        removed: "COMPOSE_* DOCKER_BUILDKIT DOCKER_DEFAULT_PLATFORM BUILDKIT_HOST BUILDX_BUILDER \
            BUILDX_NO_DEFAULT_ATTESTATIONS BUILDX_NO_DEFAULT_LOAD SOURCE_DATE_EPOCH",
        set: &[],
    },
    // What our tests do in repositories of their own would else be done in the user's.
    Rule { programs: "git cargo", removed: OF_A_REPOSITORY, set: &[] },
    Rule {
        programs: "terraform tofu",
        removed: "TF_CLI_ARGS* TF_DATA_DIR TF_VAR_* TF_WORKSPACE",
        // It has no terminal to ask on; its hints name commands that are not ours; it would ask its maker for news.
        set: &[("TF_INPUT", "0"), ("TF_IN_AUTOMATION", "1"), ("CHECKPOINT_DISABLE", "1")],
    },
    Rule {
        programs: "aws",
        removed: "AWS_DEFAULT_OUTPUT",
        // A pager waits for a key, a prompt for an answer; without credentials it would look for a cloud machine's, for
        // seconds. An empty pager is the one way to turn it off that both major versions accept.
        set: &[("AWS_PAGER", ""), ("AWS_CLI_AUTO_PROMPT", "off"), ("AWS_EC2_METADATA_DISABLED", "true")],
    },
];

static OURS: OnceLock<Vec<&str>> = OnceLock::new();

/// Names the variables that compose files refer to: Compose would prefer the shell's value to ours. To be called once,
/// before anything is started.
pub fn are_ours(names: impl Iterator<Item = &'static str>) {
    _ = OURS.set(names.collect());
}

/// Gives a command the environment that its program is to have. What it was given by name stays.
pub(crate) fn prepare(command: &mut Command) {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default().to_owned();
    let is_compose = program == "docker" && command.get_args().next().is_some_and(|it| it == "compose");
    let ours = OURS.get().filter(|_| is_compose).map_or(&[][..], Vec::as_slice);
    let rules = || RULES.iter().filter(|it| it.programs.split(' ').any(|name| program == name));
    let removed: Vec<&str> = rules().flat_map(|it| it.removed.split(' ')).chain(ours.iter().copied()).collect();
    let is_removed =
        |name: &str| removed.iter().any(|it| it.strip_suffix('*').map_or(name == *it, |start| name.starts_with(start)));
    let given: Vec<_> = command.get_envs().map(|(name, _)| name.to_owned()).collect();
    let is_given = |name: &str| given.iter().any(|it| it == name);
    let inherited = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    inherited.filter(|it| is_removed(it) && !is_given(it)).for_each(|it| _ = command.env_remove(it));
    rules().flat_map(|it| it.set).filter(|(name, _)| !is_given(name)).for_each(|(name, value)| {
        command.env(name, value);
    });
}
