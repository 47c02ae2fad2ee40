//! `tessera policy validate` and `tessera policy tree`.

use std::path::PathBuf;

use clap::Args;

use super::draw::Tree;
use super::{Failure, print, refused};
use crate::policy::engine::model::{Model, Relation, Rewrite};
use crate::policy::model_file;

/// Arguments of `validate`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    /// Models: `.fga`, OpenFGA's `.json`, or `fga.mod` with the files it lists
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Arguments of `tree`.
#[derive(Args, Debug)]
pub(in crate::cli) struct TreeArguments {
    /// The model
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Prints every fault of every file, or one line a file that has none.
pub(super) fn validate(arguments: &Arguments) -> Result<(), Failure> {
    let mut count = 0;
    for file in &arguments.files {
        match model_file::read(file) {
            Ok(model) => {
                let relations: usize = model.types.iter().map(|of| of.relations.len()).sum();
                let (shown, types) = (file.display(), model.types.len());
                print::out(&format!("{shown}: {types} types, {relations} relations\n"))?;
            }
            Err(faults) => {
                count += faults.len();
                for fault in faults {
                    print::out(&format!("{fault}\n"))?;
                }
            }
        }
    }
    match count {
        0 => Ok(()),
        1 => Err(refused("1 fault; correct it and validate again")),
        _ => Err(refused(format!(
            "{count} faults; correct them and validate again"
        ))),
    }
}

/// Draws types, their relations, and how those are made.
pub(super) fn tree(arguments: &TreeArguments) -> Result<(), Failure> {
    let model = super::model(&arguments.file)?;
    print::out(&drawn(&model).to_string())
}

fn drawn(model: &Model) -> Tree {
    let mut root = Tree::new(format!("model, schema {}", model.schema.as_str()));
    for definition in &model.types {
        let mut of_type = Tree::new(format!("type {}", definition.name));
        for (name, relation) in &definition.relations {
            of_type.add(rewrite(&relation.rewrite, relation).under(name));
        }
        root.add(of_type);
    }
    for (name, condition) in &model.conditions {
        let parameters = condition.parameters.iter();
        let parameters: Vec<String> = parameters
            .map(|(name, kind)| format!("{name}: {kind}"))
            .collect();
        let mut of_condition = Tree::new(format!("condition {name}({})", parameters.join(", ")));
        of_condition.add(Tree::new(condition.expression.trim()));
        root.add(of_condition);
    }
    root
}

fn rewrite(rewrite: &Rewrite, relation: &Relation) -> Tree {
    let (label, children) = match rewrite {
        Rewrite::This => {
            let restrictions = relation.restrictions.iter();
            let names: Vec<String> = restrictions.map(ToString::to_string).collect();
            (format!("[{}]", names.join(", ")), Vec::new())
        }
        Rewrite::Computed(name) => (name.clone(), Vec::new()),
        Rewrite::TupleToUserset { tupleset, computed } => {
            (format!("{computed} from {tupleset}"), Vec::new())
        }
        Rewrite::Union(children) => ("any of".to_owned(), children.iter().collect()),
        Rewrite::Intersection(children) => ("all of".to_owned(), children.iter().collect()),
        Rewrite::Exclusion { base, subtract } => {
            let mut tree = Tree::new("the first but not the second");
            tree.add(self::rewrite(base, relation));
            tree.add(self::rewrite(subtract, relation));
            return tree;
        }
    };
    let mut tree = Tree::new(label);
    for child in children {
        tree.add(self::rewrite(child, relation));
    }
    tree
}
