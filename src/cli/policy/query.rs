//! `tessera policy check`, `list-objects`, `list-users` and `expand`.

use clap::Args;

use super::draw::Tree;
use super::source::{Source, SourceFlags};
use super::{Failure, Settings, misused, now, print, refused};
use crate::policy::engine::expand::{Branch, Expanded};
use crate::policy::engine::explain::draw::draw;
use crate::policy::engine::list::UsersFilter;
use crate::policy::engine::relationship::{Circumstances, Context};
use crate::policy::engine::tuple::{Object, Subject};

/// Arguments of `check`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Check {
    /// `user:anne`, `group:eng#member` or `user:*`
    user: String,
    /// `viewer`
    relation: String,
    /// `doc:plan`
    object: String,
    /// Tell why: the tuples that allow it, or the branches that were tried and what would have allowed it
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    common: Common,
}

/// Arguments of `list-objects`.
#[derive(Args, Debug)]
pub(in crate::cli) struct ListObjects {
    /// `user:anne`, `group:eng#member` or `user:*`
    user: String,
    /// `viewer`
    relation: String,
    /// `doc`
    r#type: String,
    #[command(flatten)]
    common: Common,
}

/// Arguments of `list-users`.
#[derive(Args, Debug)]
pub(in crate::cli) struct ListUsers {
    /// `user` or, for usersets, `group#member`
    user_type: String,
    /// `viewer`
    relation: String,
    /// `doc:plan`
    object: String,
    #[command(flatten)]
    common: Common,
}

/// Arguments of `expand`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Expand {
    /// `viewer`
    relation: String,
    /// `doc:plan`
    object: String,
    #[command(flatten)]
    source: SourceFlags,
}

/// What all questions have in common.
#[derive(Args, Debug)]
pub(super) struct Common {
    /// Values for the parameters of conditions, as a JSON object
    #[arg(long, value_name = "JSON")]
    pub(super) context: Option<String>,
    #[command(flatten)]
    pub(super) source: SourceFlags,
}

/// Prints `allowed` or `denied`.
pub(super) async fn check(settings: &Settings, asked: &Check) -> Result<(), Failure> {
    let subject = Subject::parse(&asked.user).map_err(misused)?;
    let object = Object::parse(&asked.object).map_err(misused)?;
    let context = context(asked.common.context.as_deref())?;
    let relation = asked.relation.as_str();
    if asked.explain {
        return explain(settings, asked, (&subject, &object), &context).await;
    }
    let allowed = match asked.common.source.open(settings).await? {
        Source::World(world) => world
            .check(&subject, (&object, relation), circumstances(&context))
            .map_err(refused)?,
        Source::Remote(remote) => {
            let on = (relation, asked.object.as_str());
            remote.check(&asked.user, on, &context).await?
        }
    };
    print::out(if allowed { "allowed\n" } else { "denied\n" })
}

/// Draws why; a server's explanation is printed as the JSON that it is.
async fn explain(
    settings: &Settings,
    asked: &Check,
    (subject, object): (&Subject, &Object),
    context: &Context,
) -> Result<(), Failure> {
    let relation = asked.relation.as_str();
    match asked.common.source.open(settings).await? {
        Source::World(world) => {
            let explanation = world
                .explain(subject, (object, relation), circumstances(context))
                .map_err(refused)?;
            print::out(&draw(&explanation))
        }
        Source::Remote(remote) => {
            let on = (relation, asked.object.as_str());
            let explanation = remote.explain(&asked.user, on, context).await?;
            print::out(&format!("{explanation:#}\n"))
        }
    }
}

/// Prints one object a line.
pub(super) async fn list_objects(settings: &Settings, asked: &ListObjects) -> Result<(), Failure> {
    let subject = Subject::parse(&asked.user).map_err(misused)?;
    let context = context(asked.common.context.as_deref())?;
    let (relation, type_name) = (asked.relation.as_str(), asked.r#type.as_str());
    let found = match asked.common.source.open(settings).await? {
        Source::World(world) => world
            .list_objects(&subject, (type_name, relation), circumstances(&context))
            .map_err(refused)?,
        Source::Remote(remote) => {
            let kind = (relation, type_name);
            remote.list_objects(&asked.user, kind, &context).await?
        }
    };
    lines(&found)
}

/// Prints one user a line.
pub(super) async fn list_users(settings: &Settings, asked: &ListUsers) -> Result<(), Failure> {
    let object = Object::parse(&asked.object).map_err(misused)?;
    let context = context(asked.common.context.as_deref())?;
    let filter = match asked.user_type.split_once('#') {
        Some((type_name, relation)) => UsersFilter {
            type_name,
            relation: Some(relation),
        },
        None => UsersFilter {
            type_name: &asked.user_type,
            relation: None,
        },
    };
    let relation = asked.relation.as_str();
    let found = match asked.common.source.open(settings).await? {
        Source::World(world) => world
            .list_users((&object, relation), filter, circumstances(&context))
            .map_err(refused)?,
        Source::Remote(remote) => {
            let of = (object.type_name(), object.id());
            remote.list_users(of, relation, filter, &context).await?
        }
    };
    lines(&found)
}

/// Draws the tree.
pub(super) async fn expand(settings: &Settings, asked: &Expand) -> Result<(), Failure> {
    let object = Object::parse(&asked.object).map_err(misused)?;
    let expanded = match asked.source.open(settings).await? {
        Source::World(world) => {
            let nothing = Context::new();
            world
                .expand((&object, &asked.relation), circumstances(&nothing))
                .map_err(refused)?
        }
        Source::Remote(remote) => remote.expand(&asked.relation, &asked.object).await?,
    };
    let tree = drawn(&expanded.value).under(&expanded.name);
    print::out(&tree.to_string())
}

fn drawn(value: &Branch) -> Tree {
    let all = |label: &str, children: &[Expanded]| {
        let mut tree = Tree::new(label);
        for child in children {
            tree.add(drawn(&child.value));
        }
        tree
    };
    let leaves = |label: String, texts: &[String]| {
        let mut tree = Tree::new(label);
        for text in texts {
            tree.add(Tree::new(text.as_str()));
        }
        tree
    };
    match value {
        Branch::Users(users) => leaves("written".to_owned(), users),
        Branch::Computed(userset) => Tree::new(userset.as_str()),
        Branch::TupleToUserset { tupleset, computed } => {
            leaves(format!("through {tupleset}"), computed)
        }
        Branch::Union(children) => all("any of", children),
        Branch::Intersection(children) => all("all of", children),
        Branch::Difference(sides) => {
            let mut tree = Tree::new("the first but not the second");
            tree.add(drawn(&sides.0.value));
            tree.add(drawn(&sides.1.value));
            tree
        }
    }
}

/// Reads `--context`.
pub(super) fn context(text: Option<&str>) -> Result<Context, Failure> {
    let Some(text) = text else {
        return Ok(Context::new());
    };
    serde_json::from_str(text).map_err(|error| {
        misused(format!(
            "context `{text}` is not a JSON object such as `{{\"hour\": 8}}`: {error}"
        ))
    })
}

pub(super) fn circumstances(context: &Context) -> Circumstances<'_> {
    Circumstances::at(context, now())
}

fn lines(found: &[String]) -> Result<(), Failure> {
    let lines: Vec<String> = found.iter().map(|entry| format!("{entry}\n")).collect();
    print::out(&lines.concat())
}
