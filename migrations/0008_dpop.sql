-- DPoP (RFC 9449): proofs that were shown, so that none is taken twice, and the key that a code is bound to.
CREATE TABLE dpop_proofs (
    proof_hash TEXT   NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX dpop_proofs_by_expiry ON dpop_proofs (expires_at);
ALTER TABLE authorization_codes ADD COLUMN dpop_jkt TEXT;
