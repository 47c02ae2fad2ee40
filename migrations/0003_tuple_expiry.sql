-- Tuples that end. `condition` of 0001 holds {"name": .., "context": {..}}.
ALTER TABLE policy_tuples ADD COLUMN expires_at BIGINT;
CREATE INDEX policy_tuples_expiry ON policy_tuples (expires_at) WHERE expires_at IS NOT NULL;
