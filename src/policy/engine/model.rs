//! An authorization model as a value: types, their relations, and how each relation is made of others.
//!
//! Text and JSON both parse to this (`dsl`, `json`); whether it makes sense is decided by `validate`.

use std::collections::BTreeMap;

/// The language version a model is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// `1.1`: type restrictions on every direct relation.
    V1_1,
    /// `1.2`: 1.1 with modules.
    V1_2,
}

impl Schema {
    /// Parses the version as both forms write it.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "1.1" => Some(Self::V1_1),
            "1.2" => Some(Self::V1_2),
            _ => None,
        }
    }

    /// The version's text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1_1 => "1.1",
            Self::V1_2 => "1.2",
        }
    }
}

/// An authorization model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// The language version.
    pub schema: Schema,
    /// The types, in the order they were written.
    pub types: Vec<TypeDefinition>,
    /// The conditions by name.
    pub conditions: BTreeMap<String, Condition>,
}

/// A condition: an expression over typed parameters that must hold for a tuple to count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Its parameters by name.
    pub parameters: BTreeMap<String, ParameterType>,
    /// The expression, in CEL.
    pub expression: String,
    /// Where it was written, in a modular model.
    pub origin: Origin,
}

/// The type of a condition's parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParameterType {
    /// `bool`
    Bool,
    /// `string`
    String,
    /// `int`: 64 bits, signed.
    Int,
    /// `uint`: 64 bits, unsigned.
    Uint,
    /// `double`
    Double,
    /// `duration`, written as Go does: `1h30m`.
    Duration,
    /// `timestamp`, written as RFC 3339 says.
    Timestamp,
    /// `ipaddress`, of version 4 or 6.
    IpAddress,
    /// `any`: whatever was given.
    Any,
    /// `list<T>`
    List(Box<ParameterType>),
    /// `map<T>`: texts to values of one type.
    Map(Box<ParameterType>),
}

/// Where a part of a modular model was written. Empty texts in a model that is not modular.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The module.
    pub module: String,
    /// The file, such as `core.fga`.
    pub file: String,
}

/// A type of object, such as `document`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeDefinition {
    /// Its name.
    pub name: String,
    /// Its relations by name. Sorted, so that printing is stable whichever form it was read from.
    pub relations: BTreeMap<String, Relation>,
    /// Where it was written, in a modular model.
    pub origin: Origin,
}

/// A relation of a type, such as `viewer`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// How it is computed.
    pub rewrite: Rewrite,
    /// Who may be written into it directly; empty unless the rewrite contains [`Rewrite::This`].
    pub restrictions: Vec<Restriction>,
    /// Where it was written, if another module than the type's did (`extend type`).
    pub origin: Origin,
}

/// How a relation is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rewrite {
    /// The tuples written on the relation itself: `[user, group#member]`.
    This,
    /// Another relation of the same object: `editor`.
    Computed(String),
    /// A relation of related objects: `viewer from parent`.
    TupleToUserset {
        /// The relation that leads to the other objects: `parent`.
        tupleset: String,
        /// The relation asked of them: `viewer`.
        computed: String,
    },
    /// Any of them: `a or b`.
    Union(Vec<Rewrite>),
    /// All of them: `a and b`.
    Intersection(Vec<Rewrite>),
    /// The first without the second: `a but not b`.
    Exclusion {
        /// Who is in.
        base: Box<Rewrite>,
        /// Who is out again.
        subtract: Box<Rewrite>,
    },
}

/// One kind of subject that may be written into a relation directly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restriction {
    /// The subject's type.
    pub type_name: String,
    /// Which form of subject of that type.
    pub form: SubjectForm,
    /// The condition that such a tuple must name.
    pub condition: Option<String>,
}

/// The forms of subject that a restriction can allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubjectForm {
    /// One object: `user`.
    Object,
    /// Every object of the type: `user:*`.
    Wildcard,
    /// Everybody in a relation of an object: `group#member`.
    Userset(String),
}

impl Model {
    /// The type of that name.
    pub fn find_type(&self, name: &str) -> Option<&TypeDefinition> {
        self.types.iter().find(|definition| definition.name == name)
    }

    /// The relation of that name on that type.
    pub fn find_relation(&self, type_name: &str, relation: &str) -> Option<&Relation> {
        self.find_type(type_name)?.relations.get(relation)
    }
}

impl Rewrite {
    /// The rewrites that this one is made of.
    pub fn children(&self) -> Vec<&Self> {
        match self {
            Self::This | Self::Computed(_) | Self::TupleToUserset { .. } => Vec::new(),
            Self::Union(children) | Self::Intersection(children) => children.iter().collect(),
            Self::Exclusion { base, subtract } => vec![base, subtract],
        }
    }

    /// This rewrite and all below it, each before its children.
    pub fn walk(&self) -> Vec<&Self> {
        let mut all = vec![self];
        let mut next = 0;
        while let Some(children) = all.get(next).map(|rewrite| rewrite.children()) {
            all.extend(children);
            next += 1;
        }
        all
    }

    /// How many levels it has: 1 for a leaf.
    pub fn depth(&self) -> usize {
        1 + self
            .children()
            .into_iter()
            .map(Self::depth)
            .max()
            .unwrap_or(0)
    }
}

impl Origin {
    /// Whether the part belongs to no module.
    pub const fn is_empty(&self) -> bool {
        self.module.is_empty() && self.file.is_empty()
    }
}

impl ParameterType {
    /// The type's name in the text form, without what is in it: `list` of `list<string>`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::String => "string",
            Self::Int => "int",
            Self::Uint => "uint",
            Self::Double => "double",
            Self::Duration => "duration",
            Self::Timestamp => "timestamp",
            Self::IpAddress => "ipaddress",
            Self::Any => "any",
            Self::List(_) => "list",
            Self::Map(_) => "map",
        }
    }

    /// The type of that name; `list` and `map` need what is in them.
    pub fn parse(name: &str, inner: Option<Self>) -> Option<Self> {
        Some(match (name, inner) {
            ("bool", None) => Self::Bool,
            ("string", None) => Self::String,
            ("int", None) => Self::Int,
            ("uint", None) => Self::Uint,
            ("double", None) => Self::Double,
            ("duration", None) => Self::Duration,
            ("timestamp", None) => Self::Timestamp,
            ("ipaddress", None) => Self::IpAddress,
            ("any", None) => Self::Any,
            ("list", Some(inner)) => Self::List(Box::new(inner)),
            ("map", Some(inner)) => Self::Map(Box::new(inner)),
            _ => return None,
        })
    }
}

impl std::fmt::Display for ParameterType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::List(inner) | Self::Map(inner) => write!(f, "{}<{inner}>", self.name()),
            _ => f.write_str(self.name()),
        }
    }
}

impl TypeDefinition {
    /// Whether `relation` is used on the right side of a `from` in this type.
    pub fn is_tupleset(&self, relation: &str) -> bool {
        self.relations.values().any(|definition| {
            definition.rewrite.walk().into_iter().any(
                |rewrite| matches!(rewrite, Rewrite::TupleToUserset { tupleset, .. } if tupleset == relation),
            )
        })
    }
}

impl std::fmt::Display for Restriction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.form {
            SubjectForm::Object => f.write_str(&self.type_name)?,
            SubjectForm::Wildcard => write!(f, "{}:*", self.type_name)?,
            SubjectForm::Userset(relation) => write!(f, "{}#{relation}", self.type_name)?,
        }
        match &self.condition {
            Some(condition) => write!(f, " with {condition}"),
            None => Ok(()),
        }
    }
}
