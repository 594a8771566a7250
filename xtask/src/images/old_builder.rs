//! What the old builder cannot do: it knows no cache, so the compiler runs in a container that has one, and the builder
//! gets what that made.

use std::path::Path;
use std::process::Command;

use xshell::{Shell, cmd};

/// What the compiler makes, from the workspace root.
pub(super) const OUT: &str = "dev/.rendered/build";

/// The image of the recipe's first stage, this one as a shell script, and its last stage as a recipe for [`OUT`].
pub(super) fn split(dockerfile: &str) -> Option<(String, String, String)> {
    let (from, rest) = dockerfile.split_once(" AS build\n")?;
    let (build, last) = rest.split_once("\nFROM ")?;
    let mut script = String::from("set -eu\n");
    for step in build.replace("\\\n", " ").lines() {
        let (word, rest) = step.split_once(' ').unwrap_or_default();
        let rest: Vec<&str> = rest.split_whitespace().filter(|it| !it.starts_with("--mount=")).collect();
        let line = match word {
            "RUN" => rest.join(" "),
            "ENV" => format!("export {}", rest.join(" ")),
            "WORKDIR" => format!("cd {}", rest.join(" ")),
            _ => continue,
        };
        script += &format!("{line}\n");
    }
    Some((
        from.split(' ').next_back()?.to_owned(),
        script,
        format!("FROM {}", last.replace("COPY --from=build /out/ ", "COPY . ")),
    ))
}

/// Compiles the checkout for an architecture: the script comes on stdin.
pub(super) fn compile(sh: &Shell, image: &str, checkout: &Path, arch: &str, no_cache: bool) -> Command {
    let out = sh.current_dir().join(OUT);
    let bind = |from: &Path, to: &str| format!("type=bind,source={},target={to}", from.display());
    let (sources, out) = (bind(checkout, "/src,readonly"), bind(&out, "/out"));
    let caches = ["temporal-dsql-go-mod:/go/pkg/mod", "temporal-dsql-go-build:/root/.cache/go-build"];
    let caches = caches.into_iter().filter(|_| !no_cache).flat_map(|it| ["--volume", it]);
    let goarch = format!("TARGETARCH={arch}");
    cmd!(sh, "docker run --rm --interactive {caches...} --mount {sources} --mount {out} --env {goarch} {image} sh")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_becomes_a_script_and_a_recipe_of_one_stage() {
        let text = "ARG GO_VERSION\nFROM --platform=$BUILDPLATFORM golang:${GO}-slim AS build\nARG TARGETARCH\nENV A=0 B=$TARGETARCH\nWORKDIR /src\n# Why.\nRUN --mount=type=cache,target=/x --mount=type=cache,target=/y \\\n    go build \\\n    && go test\nCOPY . .\nRUN --mount=type=cache,target=/x go vet\n\nFROM debian\nCOPY --from=build /out/ /bin/\nUSER me\n";
        let (image, script, last) = split(text).unwrap();
        assert_eq!(image, "golang:${GO}-slim");
        assert_eq!(script, "set -eu\nexport A=0 B=$TARGETARCH\ncd /src\ngo build && go test\ngo vet\n");
        assert_eq!(last, "FROM debian\nCOPY . /bin/\nUSER me\n");
    }
}
