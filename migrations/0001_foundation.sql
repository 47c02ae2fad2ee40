-- The foundation. One text for SQLite and PostgreSQL: TEXT, BIGINT and BOOLEAN only; times are milliseconds
-- since the epoch; what we generate is kept as a hash, what must be read again is sealed (store/seal.rs).

-- Facts about this installation: the system store's id, the epoch.
CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- Data keys, wrapped by the master key. The newest seals; all of them open.
CREATE TABLE data_keys (
    id         TEXT   NOT NULL PRIMARY KEY,
    wrapped    TEXT   NOT NULL,
    created_at BIGINT NOT NULL
);

-- Keys that sign tokens: pending (published ahead) -> active -> retiring (until the last token expired) -> deleted.
CREATE TABLE signing_keys (
    kid            TEXT   NOT NULL PRIMARY KEY,
    algorithm      TEXT   NOT NULL,
    state          TEXT   NOT NULL CHECK (state IN ('pending', 'active', 'retiring')),
    sealed_private TEXT   NOT NULL,
    public_jwk     TEXT   NOT NULL,
    created_at     BIGINT NOT NULL,
    activates_at   BIGINT NOT NULL,
    drop_at        BIGINT
);
CREATE UNIQUE INDEX signing_keys_one_active ON signing_keys (algorithm) WHERE state = 'active';
CREATE UNIQUE INDEX signing_keys_one_pending ON signing_keys (algorithm) WHERE state = 'pending';

CREATE TABLE users (
    id                  TEXT    NOT NULL PRIMARY KEY,
    username            TEXT    NOT NULL,
    email               TEXT,
    email_verified      BOOLEAN NOT NULL,
    name                TEXT,
    state               TEXT    NOT NULL CHECK (state IN ('active', 'locked')),
    password_hash       TEXT,
    password_changed_at BIGINT,
    -- Tokens issued before this instant are void: moved by a password change or a lock.
    tokens_valid_from   BIGINT  NOT NULL,
    last_sign_in_at     BIGINT,
    created_at          BIGINT  NOT NULL,
    updated_at          BIGINT  NOT NULL
);

-- Every text a person can sign in with, in its one canonical form: a username and an e-mail address share the namespace.
CREATE TABLE user_identifiers (
    canonical TEXT NOT NULL PRIMARY KEY,
    kind      TEXT NOT NULL CHECK (kind IN ('username', 'email')),
    user_id   TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX user_identifiers_by_user ON user_identifiers (user_id, kind);

-- Sign-in attempts, reserved before they are verified. A bucket is an account or a network.
CREATE TABLE sign_in_attempts (
    bucket        TEXT   NOT NULL PRIMARY KEY,
    failures      BIGINT NOT NULL,
    window_starts BIGINT NOT NULL,
    blocked_until BIGINT NOT NULL
);

-- Browser sessions, keyed by the hash of the cookie's value. Each is one sign-in: there are no anonymous ones.
CREATE TABLE sessions (
    id_hash      TEXT   NOT NULL PRIMARY KEY,
    session_id   TEXT   NOT NULL UNIQUE,
    user_id      TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    data         TEXT   NOT NULL,
    auth_time    BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- The one-time link that makes the first administrator.
CREATE TABLE setup_links (
    link_hash  TEXT   NOT NULL PRIMARY KEY,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

-- Clients, by RFC 7591's names. Lists are JSON arrays of strings.
CREATE TABLE clients (
    client_id                  TEXT    NOT NULL PRIMARY KEY,
    client_name                TEXT    NOT NULL,
    secret_mac                 TEXT,
    token_endpoint_auth_method TEXT    NOT NULL,
    redirect_uris              TEXT    NOT NULL,
    post_logout_redirect_uris  TEXT    NOT NULL,
    grant_types                TEXT    NOT NULL,
    scope                      TEXT    NOT NULL,
    skip_consent               BOOLEAN NOT NULL,
    require_pkce               BOOLEAN NOT NULL,
    state                      TEXT    NOT NULL CHECK (state IN ('active', 'disabled')),
    created_at                 BIGINT  NOT NULL,
    updated_at                 BIGINT  NOT NULL
);

-- The web origins of a client's redirect URIs: pages there may call the token endpoint (CORS).
CREATE TABLE client_origins (
    origin    TEXT NOT NULL,
    client_id TEXT NOT NULL REFERENCES clients (client_id) ON DELETE CASCADE,
    PRIMARY KEY (origin, client_id)
);
CREATE INDEX client_origins_by_client ON client_origins (client_id);

-- Authorization requests on their way through login and consent, bound to the browser that began them.
CREATE TABLE authorization_flows (
    id           TEXT   NOT NULL PRIMARY KEY,
    binding_hash TEXT   NOT NULL,
    client_id    TEXT   NOT NULL REFERENCES clients (client_id) ON DELETE CASCADE,
    request      TEXT   NOT NULL,
    -- Whom the client's id_token_hint names.
    hinted_subject TEXT,
    -- Who agreed on this request's consent page.
    consented_by TEXT,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL
);
CREATE INDEX authorization_flows_by_expiry ON authorization_flows (expires_at);

-- What a person has agreed that a client may have: one row a scope.
CREATE TABLE consents (
    user_id    TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id  TEXT   NOT NULL REFERENCES clients (client_id) ON DELETE CASCADE,
    scope      TEXT   NOT NULL,
    granted_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, client_id, scope)
);

-- What one authorization gave to one client: the lineage of every token that came from it.
CREATE TABLE grants (
    id             TEXT   NOT NULL PRIMARY KEY,
    client_id      TEXT   NOT NULL REFERENCES clients (client_id) ON DELETE CASCADE,
    user_id        TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    session_id     TEXT   NOT NULL,
    scope          TEXT   NOT NULL,
    auth_time      BIGINT NOT NULL,
    -- How the person signed in (RFC 8176), separated by spaces.
    amr            TEXT   NOT NULL,
    created_at     BIGINT NOT NULL,
    revoked_at     BIGINT,
    revoked_reason TEXT
);
CREATE INDEX grants_by_user ON grants (user_id);
CREATE INDEX grants_by_session ON grants (session_id);
CREATE INDEX grants_by_time ON grants (created_at);

-- Authorization codes: redeemed once, by one conditional statement.
CREATE TABLE authorization_codes (
    code_hash             TEXT   NOT NULL PRIMARY KEY,
    grant_id              TEXT   NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    client_id             TEXT   NOT NULL,
    redirect_uri          TEXT   NOT NULL,
    -- Whether the authorization request named the redirect URI: then the token request must too (RFC 6749 section 4.1.3).
    redirect_uri_sent     BOOLEAN NOT NULL,
    code_challenge        TEXT,
    nonce                 TEXT,
    issued_at             BIGINT NOT NULL,
    expires_at            BIGINT NOT NULL,
    redeemed_at           BIGINT
);
CREATE INDEX authorization_codes_by_expiry ON authorization_codes (expires_at);

-- One row a refresh family: the live head and the one before it (ARCHITECTURE: refresh tokens).
CREATE TABLE refresh_families (
    grant_id                TEXT    NOT NULL PRIMARY KEY REFERENCES grants (id) ON DELETE CASCADE,
    head_generation         BIGINT  NOT NULL,
    head_hash               TEXT    NOT NULL,
    head_issued_at          BIGINT  NOT NULL,
    head_presented          BOOLEAN NOT NULL,
    previous_generation     BIGINT,
    previous_hash           TEXT,
    previous_first_used_at  BIGINT,
    -- The head, sealed under a key that only the previous token's secret gives.
    sealed_head             TEXT,
    recoveries              BIGINT  NOT NULL,
    expires_at              BIGINT  NOT NULL
);
CREATE INDEX refresh_families_by_expiry ON refresh_families (expires_at);

-- Access tokens revoked one by one (RFC 7009); kept until they would have expired.
CREATE TABLE revoked_access_tokens (
    jti        TEXT   NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX revoked_access_tokens_by_expiry ON revoked_access_tokens (expires_at);

-- Facts worth telling: written in the transaction of what they tell.
CREATE TABLE events (
    id          TEXT   NOT NULL PRIMARY KEY,
    kind        TEXT   NOT NULL,
    body        TEXT   NOT NULL,
    occurred_at BIGINT NOT NULL
);
CREATE INDEX events_by_time ON events (occurred_at);

-- Permission stores. `revision` is the clock of everything in the store; its row lock orders the writers.
CREATE TABLE policy_stores (
    id         TEXT   NOT NULL PRIMARY KEY,
    name       TEXT   NOT NULL,
    revision   BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT
);

-- Authorization models: immutable; the one with a store's largest revision is its latest.
CREATE TABLE policy_models (
    store_id   TEXT   NOT NULL REFERENCES policy_stores (id) ON DELETE CASCADE,
    id         TEXT   NOT NULL,
    body       TEXT   NOT NULL,
    revision   BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (store_id, id)
);

-- Relationship tuples. A condition is not part of a tuple's identity.
CREATE TABLE policy_tuples (
    store_id    TEXT   NOT NULL REFERENCES policy_stores (id) ON DELETE CASCADE,
    object_type TEXT   NOT NULL,
    object_id   TEXT   NOT NULL,
    relation    TEXT   NOT NULL,
    subject     TEXT   NOT NULL,
    condition   TEXT,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (store_id, object_type, object_id, relation, subject)
);
CREATE INDEX policy_tuples_by_subject ON policy_tuples (store_id, subject);

-- The change log: one entry a revision, no gaps; the nonce tells a replica that history was rewritten.
CREATE TABLE policy_changes (
    store_id   TEXT   NOT NULL REFERENCES policy_stores (id) ON DELETE CASCADE,
    revision   BIGINT NOT NULL,
    nonce      TEXT   NOT NULL,
    changes    TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (store_id, revision)
);
