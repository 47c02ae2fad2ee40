-- Clients that nobody registered by hand: how a client came to be here ('operator', 'token': registered with an initial access token,
-- 'open': by anybody, 'document': its id is the address of its metadata), and when it was last given something.
ALTER TABLE clients ADD COLUMN origin TEXT NOT NULL DEFAULT 'operator';
ALTER TABLE clients ADD COLUMN last_used_at BIGINT;

-- What a client manages its own registration with (RFC 7592).
CREATE TABLE registration_access_tokens (
    client_id  TEXT   NOT NULL PRIMARY KEY REFERENCES clients (client_id) ON DELETE CASCADE,
    token_hash TEXT   NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);

-- What an administrator lets clients be registered with (RFC 7591 section 3): each use is counted by the statement that allows it.
CREATE TABLE initial_access_tokens (
    id         TEXT   NOT NULL PRIMARY KEY,
    name       TEXT   NOT NULL,
    token_hash TEXT   NOT NULL UNIQUE,
    uses       BIGINT NOT NULL,
    max_uses   BIGINT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX initial_access_tokens_by_expiry ON initial_access_tokens (expires_at);

-- Until when the row of a client whose id is an address is as good as the document there.
CREATE TABLE client_documents (
    client_id   TEXT   NOT NULL PRIMARY KEY REFERENCES clients (client_id) ON DELETE CASCADE,
    fetched_at  BIGINT NOT NULL,
    fresh_until BIGINT NOT NULL
);
