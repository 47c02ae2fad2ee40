-- What a request that a client polls for asks for beyond its scopes, as the grant will keep it.

ALTER TABLE device_authorizations ADD COLUMN details TEXT NOT NULL DEFAULT '{}';
ALTER TABLE backchannel_requests ADD COLUMN details TEXT NOT NULL DEFAULT '{}';
