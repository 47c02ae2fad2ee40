//! An explanation as text for terminals, the tree drawn with box characters.

use super::{Explanation, Outcome, Reason, Step};

/// Draws an explanation, one step a line.
pub fn draw(explanation: &Explanation) -> String {
    let mut text = String::new();
    text.push_str(if explanation.allowed {
        "allowed\n"
    } else {
        "denied\n"
    });
    branch(&explanation.root, "", true, &mut text);
    if !explanation.would_allow.is_empty() {
        text.push_str("any one of these tuples would allow it:\n");
        for tuple in &explanation.would_allow {
            text.push_str("  ");
            text.push_str(&tuple.to_string());
            text.push('\n');
        }
    }
    text
}

fn branch(step: &Step, indent: &str, is_last: bool, text: &mut String) {
    let (corner, below) = if is_last {
        ("└─ ", "   ")
    } else {
        ("├─ ", "│  ")
    };
    text.push_str(indent);
    text.push_str(corner);
    text.push_str(&line(step));
    text.push('\n');
    let indent = format!("{indent}{below}");
    let last = step.children.len().saturating_sub(1);
    for (at, child) in step.children.iter().enumerate() {
        branch(child, &indent, at == last, text);
    }
}

fn line(step: &Step) -> String {
    match &step.outcome {
        Outcome::Holds => format!("✓ {}", step.what),
        // The branches below say it.
        Outcome::Fails(Reason::Parts) => format!("✗ {}", step.what),
        Outcome::Fails(reason) => format!("✗ {}: {reason}", step.what),
    }
}
