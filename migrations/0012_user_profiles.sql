-- The standard claims of OpenID Connect Core 1.0 section 5.1 that have no column of their own, as one JSON object.
ALTER TABLE users ADD COLUMN profile TEXT NOT NULL DEFAULT '{}';
