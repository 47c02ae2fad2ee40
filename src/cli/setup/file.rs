//! The setup file's shape: TOML text in, entries or every fault out. Pure: reads no file and no database.
//!
//! Client fields carry RFC 7591's names. An entry says the whole truth about its client, user or store: a field that is
//! absent has its default, not its former value. Only `roles`, `rights`, `acting_rights` and `password`, when absent, leave things as they are.
//! Keys that programs call with (`[[api_keys]]`) are made, and never changed.

use std::collections::HashMap;
use std::fmt;

use toml::de::DeTable;

use super::faults::Faults;
use super::table::{Located, Table};
use crate::base::secret::Secret;
use crate::identity::profile::Profile;
use crate::oauth::client::NewClient;
use crate::oauth::detail_type::NewDetailType;
use crate::oauth::protocol::jwt_bearer::NewTrustedIssuer;
use crate::oauth::resource_server::NewResourceServer;

/// A whole setup file.
#[derive(Debug, Default)]
pub struct SetupFile {
    /// `[[resource_servers]]`
    pub resource_servers: Vec<Entry<NewResourceServer>>,
    /// `[[authorization_details_types]]`
    pub detail_types: Vec<Entry<NewDetailType>>,
    /// `[[clients]]`
    pub clients: Vec<ClientEntry>,
    /// `[[users]]`
    pub users: Vec<UserEntry>,
    /// `[[trusted_issuers]]`
    pub trusted_issuers: Vec<Entry<NewTrustedIssuer>>,
    /// `[[stores]]`
    pub stores: Vec<StoreEntry>,
    /// `[[api_keys]]`
    pub api_keys: Vec<KeyEntry>,
}

/// One entry that is nothing but its fields.
#[derive(Debug)]
pub struct Entry<T> {
    /// Its name in the document, such as `resource_servers[0]`.
    pub key: String,
    /// What identifies it.
    pub name: Located<String>,
    /// The entry.
    pub new: T,
    /// The line of each key.
    pub lines: HashMap<String, usize>,
}

/// One `[[clients]]` entry.
#[derive(Debug)]
pub struct ClientEntry {
    /// Its name in the document, such as `clients[0]`.
    pub key: String,
    /// The client's identifier.
    pub client_id: Located<String>,
    /// Its metadata, by RFC 7591's names; no method and no secret: a public client.
    pub metadata: NewClient,
    /// The line of each key.
    pub lines: HashMap<String, usize>,
    /// What the client may do as itself, in Tessera's own administration.
    pub roles: Option<Vec<Located<String>>>,
}

/// One `[[users]]` entry.
#[derive(Debug)]
pub struct UserEntry {
    /// Its name in the document, such as `users[0]`.
    pub key: String,
    /// The name to sign in with.
    pub username: Located<String>,
    /// The e-mail address.
    pub email: Option<Located<String>>,
    /// Whether the address is known to be the person's.
    pub email_verified: bool,
    /// The display name.
    pub name: Option<Located<String>>,
    /// What else is known of the person.
    pub profile: Option<Located<Profile>>,
    /// What the person signs in with; absent: unchanged, or none yet.
    pub password: Option<PasswordEntry>,
    /// Tessera's own roles.
    pub roles: Option<Vec<Located<String>>>,
    /// Who may act in the person's name: these and no others; absent: whoever may now.
    pub acting_rights: Option<Vec<RightEntry>>,
}

/// How a user's password is given.
#[derive(Debug)]
pub enum PasswordEntry {
    /// As text, to be hashed here.
    Plain(Located<Secret<String>>),
    /// As a hash in PHC string format, from another system.
    Hash(Located<Secret<String>>),
}

/// One `[[stores]]` entry.
#[derive(Debug)]
pub struct StoreEntry {
    /// Its name in the document, such as `stores[0]`.
    pub key: String,
    /// The store's name; it identifies the store here.
    pub name: Located<String>,
    /// The model's file, relative to the setup file.
    pub model: Option<Located<String>>,
    /// Tuples that must exist.
    pub tuples: Vec<TupleEntry>,
    /// Who may do what in the store: these and no others; absent: whoever may now.
    pub rights: Option<Vec<RightEntry>>,
}

/// One `[[api_keys]]` entry.
#[derive(Debug)]
pub struct KeyEntry {
    /// Its name in the document, such as `api_keys[0]`.
    pub key: String,
    /// What the key is called; with its owner it identifies the key here.
    pub name: Located<String>,
    /// Whose rights it has.
    pub owner: Holder,
    /// What it may be used for; absent: all that the owner may in permission stores.
    pub permissions: Option<Vec<String>>,
    /// The name of the one store that it opens.
    pub store: Option<Located<String>>,
    /// When it ends.
    pub expires_at: Option<Located<String>>,
}

/// One right, in a store or over a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RightEntry {
    /// The line it stands on.
    pub line: usize,
    /// Its name in the document, such as `stores[0].rights[2]`.
    pub key: String,
    /// Whose it is.
    pub holder: Holder,
    /// The right's name.
    pub right: String,
    /// Over objects of this type only.
    pub object_type: Option<String>,
}

/// Who holds a right, as the file names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A person, by the username.
    User(String),
    /// A client, by its id.
    Client(String),
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "user {name}"),
            Self::Client(id) => write!(f, "client {id}"),
        }
    }
}

/// One relationship tuple.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TupleEntry {
    /// The line it stands on.
    pub line: usize,
    /// Its name in the document, such as `stores[0].tuples[2]`.
    pub key: String,
    /// `type:id`, `type:*` or `type:id#relation`.
    pub user: String,
    /// The relation.
    pub relation: String,
    /// `type:id`.
    pub object: String,
}

/// Reads a setup file: what can be read of it, and every fault of its form.
pub fn parse(text: &str) -> (SetupFile, Faults<'_>) {
    let mut faults = Faults::new(text);
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        faults.add(&error.span().unwrap_or_default(), "", error.message());
    }
    let mut root = Table::root(&document);
    let resource_servers = root.tables("resource_servers", &mut faults);
    let detail_types = root.tables("authorization_details_types", &mut faults);
    let clients = root.tables("clients", &mut faults);
    let users = root.tables("users", &mut faults);
    let trusted_issuers = root.tables("trusted_issuers", &mut faults);
    let stores = root.tables("stores", &mut faults);
    let api_keys = root.tables("api_keys", &mut faults);
    root.finish(&mut faults);
    let file = SetupFile {
        resource_servers: collect(resource_servers, &mut faults, resource_server),
        detail_types: collect(detail_types, &mut faults, detail_type),
        clients: collect(clients, &mut faults, client),
        users: collect(users, &mut faults, user),
        trusted_issuers: collect(trusted_issuers, &mut faults, trusted_issuer),
        stores: collect(stores, &mut faults, store),
        api_keys: collect(api_keys, &mut faults, api_key),
    };
    twins(&file, &mut faults);
    faults.form_is_read();
    (file, faults)
}

/// No two entries are about the same.
fn twins(file: &SetupFile, faults: &mut Faults<'_>) {
    let identifiers = file.resource_servers.iter();
    refuse_twins(identifiers.map(|s| (&s.name, "identifier")), faults);
    let types = file.detail_types.iter();
    refuse_twins(types.map(|t| (&t.name, "type")), faults);
    let ids = file.clients.iter();
    refuse_twins(ids.map(|c| (&c.client_id, "client_id")), faults);
    let usernames = file.users.iter();
    refuse_twins(usernames.map(|u| (&u.username, "username")), faults);
    let issuers = file.trusted_issuers.iter();
    refuse_twins(issuers.map(|i| (&i.name, "trusted issuer")), faults);
    let stores = file.stores.iter();
    refuse_twins(stores.map(|s| (&s.name, "store name")), faults);
    for (n, key) in file.api_keys.iter().enumerate() {
        let of_owner = file.api_keys.iter().take(n + 1);
        let of_owner = of_owner.filter(|other| other.owner == key.owner);
        let same = of_owner.filter(|other| other.name.value == key.name.value);
        let names: Vec<&KeyEntry> = same.collect();
        if names.len() == 2 {
            refuse_twins(names.iter().map(|k| (&k.name, "API key")), faults);
        }
    }
}

fn collect<'t, 'i, T>(
    tables: Vec<Table<'t, 'i>>,
    faults: &mut Faults<'_>,
    read: fn(Table<'t, 'i>, &mut Faults<'_>) -> Option<T>,
) -> Vec<T> {
    tables
        .into_iter()
        .filter_map(|table| read(table, faults))
        .collect()
}

fn refuse_twins<'a>(
    names: impl Iterator<Item = (&'a Located<String>, &'static str)>,
    faults: &mut Faults<'_>,
) {
    let mut seen: Vec<(&str, usize)> = Vec::new();
    for (name, what) in names {
        if let Some((_, line)) = seen.iter().find(|(text, _)| *text == name.value) {
            let message = format!(
                "{what} `{}` stands on line {line} already; merge the two",
                name.value
            );
            faults.add_at(name.line, "", message);
        }
        seen.push((&name.value, name.line));
    }
}

fn resource_server(
    mut table: Table<'_, '_>,
    faults: &mut Faults<'_>,
) -> Option<Entry<NewResourceServer>> {
    let key = entry_key(&table);
    let identifier = table.required_text("identifier", faults);
    let (new, lines) = table.rest::<NewResourceServer>(faults);
    let (name, mut new) = (identifier?, new?);
    new.identifier.clone_from(&name.value);
    Some(Entry {
        key,
        name,
        new,
        lines,
    })
}

fn detail_type(mut table: Table<'_, '_>, faults: &mut Faults<'_>) -> Option<Entry<NewDetailType>> {
    let key = entry_key(&table);
    let type_name = table.required_text("type", faults);
    let (new, lines) = table.rest::<NewDetailType>(faults);
    let (name, mut new) = (type_name?, new?);
    new.type_name.clone_from(&name.value);
    Some(Entry {
        key,
        name,
        new,
        lines,
    })
}

fn trusted_issuer(
    mut table: Table<'_, '_>,
    faults: &mut Faults<'_>,
) -> Option<Entry<NewTrustedIssuer>> {
    let key = entry_key(&table);
    let name = table.required_text("name", faults);
    let (new, lines) = table.rest::<NewTrustedIssuer>(faults);
    Some(Entry {
        key,
        name: name?,
        new: new?,
        lines,
    })
}

fn api_key(mut table: Table<'_, '_>, faults: &mut Faults<'_>) -> Option<KeyEntry> {
    let key = entry_key(&table);
    let name = table.required_text("name", faults);
    let owner = holder(&mut table, faults);
    let permissions = table.texts("permissions", faults);
    let store = table.text("store", faults);
    let expires_at = table.text("expires_at", faults);
    table.finish(faults);
    Some(KeyEntry {
        key,
        name: name?,
        owner: owner?,
        permissions: permissions.map(|names| names.into_iter().map(|name| name.value).collect()),
        store,
        expires_at,
    })
}

fn client(mut table: Table<'_, '_>, faults: &mut Faults<'_>) -> Option<ClientEntry> {
    let key = entry_key(&table);
    let client_id = table.required_text("client_id", faults);
    let roles = table.texts("roles", faults);
    let (metadata, lines) = table.rest::<NewClient>(faults);
    let client_id = client_id?;
    let mut metadata = metadata?;
    metadata.client_id = Some(client_id.value.clone());
    if metadata.client_secret.is_none() {
        metadata
            .token_endpoint_auth_method
            .get_or_insert_with(|| "none".to_owned());
    }
    Some(ClientEntry {
        key,
        client_id,
        metadata,
        lines,
        roles,
    })
}

fn user(mut table: Table<'_, '_>, faults: &mut Faults<'_>) -> Option<UserEntry> {
    let key = entry_key(&table);
    let username = table.required_text("username", faults);
    let email = table.text("email", faults);
    let email_verified = table.boolean("email_verified", faults).unwrap_or(false);
    let name = table.text("name", faults);
    let profile = table.fields("profile", faults);
    let plain = table.text("password", faults).map(into_secret);
    let hash = table.text("password_hash", faults).map(into_secret);
    let roles = table.texts("roles", faults);
    let acting_rights = table
        .has("acting_rights")
        .then(|| table.tables("acting_rights", faults))
        .map(|rights| collect(rights, faults, acting_right));
    let password = match (plain, hash) {
        (Some(plain), Some(_)) => {
            let message = "`password` and `password_hash` exclude each other; keep one";
            faults.add_at(plain.line, &table.key("password"), message);
            None
        }
        (Some(plain), None) => Some(PasswordEntry::Plain(plain)),
        (None, Some(hash)) => Some(PasswordEntry::Hash(hash)),
        (None, None) => None,
    };
    table.finish(faults);
    Some(UserEntry {
        key,
        username: username?,
        email,
        email_verified,
        name,
        profile,
        password,
        roles,
        acting_rights,
    })
}

fn store(mut table: Table<'_, '_>, faults: &mut Faults<'_>) -> Option<StoreEntry> {
    let key = entry_key(&table);
    let name = table.required_text("name", faults);
    let model = table.text("model", faults);
    let tuples = table.tables("tuples", faults);
    let tuples = collect(tuples, faults, tuple);
    let rights = table
        .has("rights")
        .then(|| table.tables("rights", faults))
        .map(|rights| collect(rights, faults, right));
    table.finish(faults);
    Some(StoreEntry {
        key,
        name: name?,
        model,
        tuples,
        rights,
    })
}

fn right(table: Table<'_, '_>, faults: &mut Faults<'_>) -> Option<RightEntry> {
    right_of(table, &["type"], faults)
}

/// A right over a person is never limited to a type.
fn acting_right(table: Table<'_, '_>, faults: &mut Faults<'_>) -> Option<RightEntry> {
    right_of(table, &[], faults)
}

fn right_of(
    mut table: Table<'_, '_>,
    limits: &[&'static str],
    faults: &mut Faults<'_>,
) -> Option<RightEntry> {
    let key = entry_key(&table);
    let line = faults.line(table.span());
    let holder = holder(&mut table, faults);
    let right = table.required_text("right", faults);
    let object_type = limits.first().and_then(|name| table.text(name, faults));
    table.finish(faults);
    Some(RightEntry {
        line,
        key,
        holder: holder?,
        right: right?.value,
        object_type: object_type.map(|text| text.value),
    })
}

fn holder(table: &mut Table<'_, '_>, faults: &mut Faults<'_>) -> Option<Holder> {
    let user = table.text("user", faults);
    let client = table.text("client", faults);
    match (user, client) {
        (Some(user), None) => Some(Holder::User(user.value)),
        (None, Some(client)) => Some(Holder::Client(client.value)),
        (Some(_), Some(_)) | (None, None) => {
            let message = "needs either `user = \"<username>\"` or `client = \"<client_id>\"`";
            faults.add(table.span(), &entry_key(table), message);
            None
        }
    }
}

fn tuple(mut table: Table<'_, '_>, faults: &mut Faults<'_>) -> Option<TupleEntry> {
    let key = entry_key(&table);
    let line = faults.line(table.span());
    let user = table.required_text("user", faults);
    let relation = table.required_text("relation", faults);
    let object = table.required_text("object", faults);
    table.finish(faults);
    Some(TupleEntry {
        line,
        key,
        user: user?.value,
        relation: relation?.value,
        object: object?.value,
    })
}

fn entry_key(table: &Table<'_, '_>) -> String {
    table.key("").trim_end_matches('.').to_owned()
}

fn into_secret(text: Located<String>) -> Located<Secret<String>> {
    Located {
        line: text.line,
        value: Secret::new(text.value),
    }
}

#[cfg(test)]
mod tests;
