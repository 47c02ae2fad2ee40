//! `fga.mod` on disk: the files that it lists are read beside it and merged.

use std::path::Path;

use super::{ModelFault, find, read_text};
use crate::policy::engine::model::Model;
use crate::policy::engine::modules::{ModuleFault, merge, parse_mod};
use crate::policy::engine::validate::{ModelError, validate};

/// Reads the model of a list, from the list's path and text; every fault of all files.
pub(super) fn parse(path: &Path, text: &str) -> Result<Model, Vec<ModelFault>> {
    let list = |fault: ModuleFault| ModelFault {
        file: path.display().to_string(),
        place: Some((fault.line, fault.column)),
        message: fault.message,
    };
    let (schema, names) = parse_mod(text).map_err(|fault| vec![list(fault)])?;
    let mut files = Vec::new();
    let mut faults = Vec::new();
    for name in names {
        match read_text(&path.with_file_name(&name)) {
            Ok(text) => files.push((name, text)),
            Err(fault) => faults.push(fault),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let shown = |file: &str| path.with_file_name(file).display().to_string();
    let model = merge(schema, &files).map_err(|faults| {
        let faults = faults.into_iter().map(|fault| ModelFault {
            file: shown(&fault.file),
            place: Some((fault.line, fault.column)),
            message: fault.message,
        });
        faults.collect::<Vec<_>>()
    })?;
    validate(&model).map_err(|errors| {
        let faults = errors.iter().map(|error| {
            let found = locate(&files, error);
            ModelFault {
                file: found.map_or_else(|| path.display().to_string(), |(file, _)| shown(file)),
                place: found.map(|(_, place)| place),
                message: error.to_string(),
            }
        });
        faults.collect::<Vec<_>>()
    })?;
    Ok(model)
}

/// The first file that has the name, and where.
fn locate<'a>(
    files: &'a [(String, String)],
    error: &ModelError,
) -> Option<(&'a str, (usize, usize))> {
    files
        .iter()
        .find_map(|(file, text)| Some((file.as_str(), find(text, error)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "schema: '1.2'\ncontents:\n  - core.fga\n  - sub/b.fga\n";
    const CORE: &str = "module core\ntype user\n";

    /// The faults of files in a directory, without the directory.
    fn faults(files: &[(&str, &str)]) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("sub")).unwrap();
        for (name, text) in files {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        let faults = super::super::read(&directory.path().join("fga.mod")).unwrap_err();
        let base = format!("{}/", directory.path().display());
        faults
            .iter()
            .map(|fault| fault.to_string().replace(&base, ""))
            .collect()
    }

    #[test]
    fn the_example_is_read_from_its_files() {
        let root = env!("CARGO_MANIFEST_DIR");
        let path = format!("{root}/policies/examples/modular/fga.mod");
        let model = super::super::read(Path::new(&path)).unwrap();
        let relation = model
            .find_relation("organization", "can_create_space")
            .unwrap();
        assert_eq!(relation.origin.file, "wiki.fga");
        assert_eq!(model.conditions["in_shift"].origin.module, "core");
    }

    #[test]
    fn faults_name_the_file_they_are_in() {
        let found = faults(&[("fga.mod", "schema: '1.2'\ncontents: [../a.fga]")]);
        assert!(found[0].starts_with("fga.mod:2:12: "), "{found:?}");
        let found = faults(&[("fga.mod", LIST)]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[1].starts_with("sub/b.fga: cannot read it: "),
            "{found:?}"
        );
        let twice = [
            ("fga.mod", LIST),
            ("core.fga", CORE),
            ("sub/b.fga", "module b\ntype user\n"),
        ];
        let found = faults(&twice);
        assert!(found[0].starts_with("sub/b.fga:2:6: "), "{found:?}");
    }

    #[test]
    fn what_makes_no_sense_is_shown_where_it_is_written() {
        let text = "module b\nextend type user\n  relations\n    define a: [group]\n";
        let found = faults(&[("fga.mod", LIST), ("core.fga", CORE), ("sub/b.fga", text)]);
        assert!(found[0].starts_with("sub/b.fga:4:12: "), "{found:?}");
    }
}
