-- Identifiers of assertions that were used (RFC 7523 section 3), by the kind of assertion and who made it: inserted once, kept until
-- the assertion would be refused as expired anyway.
CREATE TABLE used_jtis (
    purpose    TEXT   NOT NULL,
    issued_by  TEXT   NOT NULL,
    jti_hash   TEXT   NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (purpose, issued_by, jti_hash)
);
CREATE INDEX used_jtis_by_expiry ON used_jtis (expires_at);

-- The secret itself, sealed: only of clients that make assertions with it (client_secret_jwt), where a MAC of it verifies nothing.
ALTER TABLE clients ADD COLUMN sealed_secret TEXT;
-- The secret before this one, good until it expires.
ALTER TABLE clients ADD COLUMN former_secret_mac TEXT;
ALTER TABLE clients ADD COLUMN former_sealed_secret TEXT;
ALTER TABLE clients ADD COLUMN former_secret_expires_at BIGINT;
