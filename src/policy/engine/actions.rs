//! Which relations of a type are actions: what somebody may do, and not what somebody is.
//!
//! Relations whose name begins with `can_`, if the type has any; else those that nobody is written into directly; else all.

use super::model::Model;

/// How the name of an action begins, where a model tells actions from roles by name.
const PREFIX: &str = "can_";

/// The actions of a type, sorted by name; none for a type that the model does not have.
pub fn actions_of<'m>(model: &'m Model, type_name: &str) -> Vec<&'m str> {
    let Some(definition) = model.find_type(type_name) else {
        return Vec::new();
    };
    let named = |wanted: &dyn Fn(&str) -> bool| -> Vec<&'m str> {
        let names = definition.relations.keys().map(String::as_str);
        names.filter(|name| wanted(name)).collect()
    };
    let by_name = named(&|name| name.starts_with(PREFIX));
    if !by_name.is_empty() {
        return by_name;
    }
    let computed = named(&|name| {
        let relation = definition.relations.get(name);
        relation.is_some_and(|relation| relation.restrictions.is_empty())
    });
    if computed.is_empty() {
        named(&|_| true)
    } else {
        computed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::engine::dsl;

    #[track_caller]
    fn check(relations: &[&str], expect: &[&str]) {
        let mut text = String::from("model\n  schema 1.1\ntype user\ntype doc\n");
        for (n, relation) in relations.iter().enumerate() {
            if n == 0 {
                text.push_str("  relations\n");
            }
            text.push_str("    define ");
            text.push_str(relation);
            text.push('\n');
        }
        let model = dsl::parse(&text).unwrap();
        assert_eq!(actions_of(&model, "doc"), expect);
        assert!(actions_of(&model, "ghost").is_empty());
    }

    #[test]
    fn actions_are_told_by_name_then_by_what_is_computed() {
        check(&[], &[]);
        check(&["owner: [user]", "can_view: [user]"], &["can_view"]);
        check(
            &[
                "owner: [user]",
                "view: owner",
                "can_edit: owner",
                "can_a: owner",
            ],
            &["can_a", "can_edit"],
        );
        check(&["owner: [user]", "view: owner"], &["view"]);
        check(
            &["owner: [user]", "view: [user] or owner"],
            &["owner", "view"],
        );
    }
}
