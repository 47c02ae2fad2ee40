-- API keys: long-lived bearer secrets with which a person's or a client's programs call Tessera's own APIs. Of the secret
-- only a MAC is kept.
CREATE TABLE api_keys (
    id           TEXT   NOT NULL PRIMARY KEY,
    name         TEXT   NOT NULL,
    -- The owner is a person or a client; the key dies with either.
    user_id      TEXT   REFERENCES users (id) ON DELETE CASCADE,
    client_id    TEXT   REFERENCES clients (client_id) ON DELETE CASCADE,
    secret_mac   TEXT   NOT NULL,
    -- What the key may be used for, by the names of the system model's permissions, separated by spaces.
    permissions  TEXT   NOT NULL,
    -- The one permission store that it opens; all of the owner's when NULL.
    store_id     TEXT   REFERENCES policy_stores (id) ON DELETE CASCADE,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT,
    -- Written at most once a minute.
    last_used_at BIGINT,
    revoked_at   BIGINT,
    CHECK ((user_id IS NULL) <> (client_id IS NULL))
);
CREATE INDEX api_keys_by_user ON api_keys (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX api_keys_by_client ON api_keys (client_id) WHERE client_id IS NOT NULL;
CREATE INDEX api_keys_by_store ON api_keys (store_id) WHERE store_id IS NOT NULL;
