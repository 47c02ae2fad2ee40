-- Services that tokens are for (RFC 8707), where more than their identifier is known.
CREATE TABLE resource_servers (
    id                       TEXT   NOT NULL PRIMARY KEY,
    identifier               TEXT   NOT NULL UNIQUE,
    name                     TEXT   NOT NULL,
    access_token_format      TEXT   NOT NULL CHECK (access_token_format IN ('jwt', 'opaque')),
    -- NULL: whatever the client may have.
    scope                    TEXT,
    access_token_ttl_seconds BIGINT,
    access_token_signing_alg TEXT,
    -- A JSON array of client ids; empty: any client that authenticates.
    introspection_clients    TEXT   NOT NULL,
    created_at               BIGINT NOT NULL,
    updated_at               BIGINT NOT NULL
);

-- Access tokens that say nothing themselves; kept until they expire. `claims` is what a JWT in their place would say.
CREATE TABLE access_tokens (
    token_hash TEXT   NOT NULL PRIMARY KEY,
    client_id  TEXT   NOT NULL REFERENCES clients (client_id) ON DELETE CASCADE,
    -- None when a client acts as itself.
    grant_id   TEXT   REFERENCES grants (id) ON DELETE CASCADE,
    claims     TEXT   NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX access_tokens_by_expiry ON access_tokens (expires_at);
CREATE INDEX access_tokens_by_grant ON access_tokens (grant_id);
CREATE INDEX access_tokens_by_client ON access_tokens (client_id);

-- The types that authorization details may have (RFC 9396 section 2), each with the JSON schema that its details obey.
CREATE TABLE authorization_details_types (
    id         TEXT   NOT NULL PRIMARY KEY,
    type       TEXT   NOT NULL UNIQUE,
    name       TEXT   NOT NULL,
    schema     TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- Authorization details that a person has agreed to, by their digest.
CREATE TABLE agreed_details (
    user_id   TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id TEXT   NOT NULL REFERENCES clients (client_id) ON DELETE CASCADE,
    digest    TEXT   NOT NULL,
    agreed_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, client_id, digest)
);
CREATE INDEX agreed_details_by_time ON agreed_details (agreed_at);
