-- Room for what OAuth and OpenID Connect say of clients and grants beyond the first columns: one JSON object each, by group.
ALTER TABLE clients ADD COLUMN metadata TEXT NOT NULL DEFAULT '{}';
ALTER TABLE grants ADD COLUMN details TEXT NOT NULL DEFAULT '{}';
