//! Trees drawn with box characters.

use std::fmt;

/// A label with what hangs below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tree {
    label: String,
    children: Vec<Tree>,
}

impl Tree {
    /// A leaf.
    pub(super) fn new(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            children: Vec::new(),
        }
    }

    /// Hangs a tree below.
    pub(super) fn add(&mut self, child: Self) {
        self.children.push(child);
    }

    /// The same with a name before its label.
    pub(super) fn under(mut self, name: &str) -> Self {
        self.label = format!("{name}: {}", self.label);
        self
    }

    fn write_below(&self, f: &mut fmt::Formatter<'_>, indent: &str) -> fmt::Result {
        let mut children = self.children.iter().peekable();
        while let Some(child) = children.next() {
            let (branch, below) = if children.peek().is_some() {
                ("├─ ", "│  ")
            } else {
                ("└─ ", "   ")
            };
            let mut lines = child.label.lines();
            writeln!(f, "{indent}{branch}{}", lines.next().unwrap_or_default())?;
            for line in lines {
                writeln!(f, "{indent}{below}{}", line.trim())?;
            }
            child.write_below(f, &format!("{indent}{below}"))?;
        }
        Ok(())
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.label)?;
        self.write_below(f, "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_go_on_beside_what_hangs_below() {
        let mut inner = Tree::new("b");
        inner.add(Tree::new("c\n d"));
        let mut root = Tree::new("a");
        root.add(inner);
        root.add(Tree::new("f").under("e"));
        assert_eq!(root.to_string(), "a\n├─ b\n│  └─ c\n│     d\n└─ e: f\n");
    }
}
