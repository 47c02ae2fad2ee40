// Registers clients through the admin API, as the client `keymaker` of tests/clients/setup.toml.

import { randomBytes } from "node:crypto";

const env = process.env;

/** Registers a client with this metadata under a new id; what the server says of it. */
export async function register(issuer, name, metadata) {
  const id = env.TESSERA_ADMIN_ID ?? "keymaker";
  const secret = env.TESSERA_ADMIN_SECRET ?? "keymaker-secret-of-the-tests";
  const authorization = `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}`;
  const body = new URLSearchParams({ grant_type: "client_credentials" });
  const token = await (await fetch(`${issuer}/token`, { method: "POST", headers: { authorization }, body })).json();
  const answer = await fetch(`${issuer}/admin/api/clients`, {
    method: "POST",
    headers: { authorization: `Bearer ${token.access_token}`, "content-type": "application/json" },
    body: JSON.stringify({ client_id: `${name}-${randomBytes(6).toString("hex")}`, ...metadata }),
  });
  if (answer.status !== 201) throw new Error(`not registered: ${answer.status} ${await answer.text()}`);
  return answer.json();
}
