-- Issuers whose assertions are grants (RFC 7523 section 2.1). `body` is the rest of what an administrator said of one, as a JSON object.
CREATE TABLE trusted_issuers (
    name       TEXT   NOT NULL PRIMARY KEY,
    issuer     TEXT   NOT NULL UNIQUE,
    body       TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
