//! What of the Copilot's packages a service imports, as its sources say.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::machine::few;

/// Python modules by their dotted names.
pub(super) struct Modules(BTreeMap<String, PathBuf>);

impl Modules {
    /// Those among these files.
    pub(super) fn of<'a>(files: impl Iterator<Item = &'a PathBuf>) -> Modules {
        Modules(few::map(files.filter_map(|it| Some((name(it)?, it.clone())))))
    }

    /// The files that a module is made of, its own and those of all that it imports, wherever that stands in them.
    pub(super) fn reached(&self, module: &str) -> Vec<&Path> {
        let mut reached = Vec::new();
        let mut wanted = vec![module.to_owned()];
        while let Some(name) = wanted.pop() {
            // With a module come the packages that it is in.
            let ends = name.match_indices('.').map(|(at, _)| at).chain([name.len()]);
            for (name, path) in ends.filter_map(|end| self.0.get_key_value(&name[..end])) {
                if !reached.contains(&path.as_path()) {
                    reached.push(path.as_path());
                    let text = fs::read_to_string(path).unwrap_or_default();
                    wanted.extend(imports(name, path.ends_with("__init__.py"), &text));
                }
            }
        }
        reached
    }
}

/// The dotted name of a file's module: that of a package reaches as far up as there are `__init__.py`s.
fn name(path: &Path) -> Option<String> {
    let stem = path.file_name()?.to_str()?.strip_suffix(".py")?;
    let packages = path.ancestors().skip(1).take_while(|it| it.join("__init__.py").exists());
    let mut parts: Vec<&str> = packages.filter_map(|it| it.file_name()?.to_str()).collect();
    parts.reverse();
    parts.extend(Some(stem).filter(|it| *it != "__init__"));
    Some(parts.join("."))
}

/// What a module's text may import. A name that is no module's is among it, and does no harm.
fn imports(module: &str, is_package: bool, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = text.lines().map(|it| it.split('#').next().unwrap_or_default().trim());
    while let Some(line) = lines.next() {
        let first = |it: &str| it.split_whitespace().next().unwrap_or_default().to_owned();
        if let Some(rest) = line.strip_prefix("import ") {
            found.extend(rest.split(',').map(first));
        }
        let Some((from, names)) = line.strip_prefix("from ").and_then(|it| it.split_once(" import")) else { continue };
        let mut names = names.to_owned();
        while names.contains('(') && !names.contains(')') || names.ends_with('\\') {
            let Some(next) = lines.next() else { break };
            names = names.trim_end_matches('\\').to_owned() + " " + next;
        }
        let from = absolute(module, is_package, from.trim());
        found.extend(
            names.split([',', '(', ')']).map(first).filter(|it| !it.is_empty()).map(|it| format!("{from}.{it}")),
        );
        found.push(from);
    }
    found
}

/// What follows `from`, with its leading dots resolved.
fn absolute(module: &str, is_package: bool, from: &str) -> String {
    let rest = from.trim_start_matches('.');
    let Some(ups) = (from.len() - rest.len()).checked_sub(usize::from(is_package)) else { return rest.to_owned() };
    if from.len() == rest.len() {
        return rest.to_owned();
    }
    let base = (0..ups).fold(module, |it, _| it.rsplit_once('.').map_or("", |(base, _)| base));
    [base, rest].iter().filter(|it| !it.is_empty()).copied().collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use xshell::Shell;

    #[test]
    fn imports_are_found_in_every_form_that_python_has() {
        for (is_package, text, expected) in [
            (false, "import os, a.b as c", "os a.b"),
            (false, "    from a import b  # late", "a.b a"),
            (false, "from a.b import (\n    C,  # x\n    D as E,\n)\n", "a.b.C a.b.D a.b"),
            (false, "from a import b, \\\n    c\n", "a.b a.c a"),
            (false, "from . import b", "p.q.b p.q"),
            (false, "from ..m import b", "p.m.b p.m"),
            (true, "from .m import b", "p.q.r.m.b p.q.r.m"),
            (true, "from ..m import b", "p.q.m.b p.q.m"),
            (false, "important = 1\nfromage = 2", ""),
        ] {
            assert_eq!(imports("p.q.r", is_package, text).join(" "), expected, "{text}");
        }
    }

    #[test]
    fn a_service_reaches_what_its_module_imports_and_the_packages_that_it_is_in() {
        let sh = Shell::new().unwrap();
        let folder = sh.create_temp_dir().unwrap();
        let files = [
            ("one/src/one/__init__.py", ""),
            ("one/src/one/api.py", "from one.models import (\n  A,\n)\n"),
            ("one/src/one/worker.py", "def f():\n    import two.deep.inner\n"),
            ("one/src/one/models/__init__.py", "from .a import A\n"),
            ("one/src/one/models/a.py", "import one.api\n"),
            ("two/src/two/__init__.py", ""),
            ("two/src/two/deep/__init__.py", ""),
            ("two/src/two/deep/inner.py", ""),
            ("two/src/two/other.py", ""),
        ];
        let paths: Vec<PathBuf> = files.iter().map(|(path, _)| folder.path().join(path)).collect();
        files.iter().zip(&paths).for_each(|((_, text), path)| sh.write_file(path, text).unwrap());
        let modules = Modules::of(paths.iter());
        let reached = |name: &str| -> Vec<String> {
            let shown = |it: &Path| it.strip_prefix(folder.path()).unwrap().display().to_string();
            modules.reached(name).into_iter().map(shown).collect()
        };
        let api = ["one/__init__.py", "one/api.py", "one/models/__init__.py", "one/models/a.py"];
        assert_eq!(reached("one.api"), api.map(|it| format!("one/src/{it}")));
        let worker = ["one/src/one/__init__.py", "one/src/one/worker.py", "two/src/two/__init__.py"];
        let deep = ["two/src/two/deep/__init__.py", "two/src/two/deep/inner.py"];
        assert_eq!(reached("one.worker"), [&worker[..], &deep[..]].concat());
    }
}
