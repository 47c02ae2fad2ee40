//! The text of a model.

use crate::policy::engine::model::{Model, Relation, Rewrite};

/// Prints a model. The same model prints the same text, and the text parses to the same model.
pub fn print(model: &Model) -> String {
    let mut out = format!("model\n  schema {}\n", model.schema.as_str());
    for definition in &model.types {
        out.push_str("\ntype ");
        out.push_str(&definition.name);
        out.push('\n');
        if !definition.relations.is_empty() {
            out.push_str("  relations\n");
        }
        for (name, relation) in &definition.relations {
            let rewrite = print_rewrite(&relation.rewrite, relation, true);
            out.push_str(&format_args!("    define {name}: {rewrite}\n").to_string());
        }
    }
    for (name, condition) in &model.conditions {
        let parameters: Vec<String> = condition
            .parameters
            .iter()
            .map(|(name, kind)| format!("{name}: {kind}"))
            .collect();
        let parameters = parameters.join(", ");
        let expression = &condition.expression;
        out.push_str(
            &format_args!("\ncondition {name}({parameters}) {{\n  {expression}\n}}\n").to_string(),
        );
    }
    out
}

fn print_rewrite(rewrite: &Rewrite, relation: &Relation, is_top: bool) -> String {
    let join = |children: &[Rewrite], word: &str| {
        children
            .iter()
            .map(|child| print_rewrite(child, relation, false))
            .collect::<Vec<_>>()
            .join(word)
    };
    let text = match rewrite {
        Rewrite::This => {
            let list: Vec<String> = relation
                .restrictions
                .iter()
                .map(ToString::to_string)
                .collect();
            return format!("[{}]", list.join(", "));
        }
        Rewrite::Computed(name) => return name.clone(),
        Rewrite::TupleToUserset { tupleset, computed } => {
            return format!("{computed} from {tupleset}");
        }
        Rewrite::Union(children) => join(children, " or "),
        Rewrite::Intersection(children) => join(children, " and "),
        Rewrite::Exclusion { base, subtract } => format!(
            "{} but not {}",
            print_rewrite(base, relation, false),
            print_rewrite(subtract, relation, false)
        ),
    };
    if is_top { text } else { format!("({text})") }
}
