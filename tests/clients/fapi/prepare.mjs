// Makes what the server and its clients need, in the directory that is named: certificates, keys, and the setup file.

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";

import { exportJWK, generateKeyPair } from "jose";

const place = process.argv[2];

function openssl(...args) {
  execFileSync("openssl", args, { cwd: place, stdio: ["ignore", "ignore", "pipe"] });
}

const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/** A certificate of our authority. */
function certificate(name, extension) {
  openssl("req", ...newKey, "-subj", `/CN=${name}`, "-keyout", `${name}.key`, "-out", `${name}.csr`);
  writeFileSync(`${place}/${name}.ext`, extension);
  openssl("x509", "-req", "-in", `${name}.csr`, "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2", "-extfile", `${name}.ext`, "-out", `${name}.pem`);
}

openssl("req", "-x509", ...newKey, "-days", "2", "-subj", "/CN=tests", "-keyout", "ca.key", "-out", "ca.pem");
certificate("site", "subjectAltName=IP:127.0.0.1");
for (const name of ["holder", "thief"]) certificate(name, "extendedKeyUsage=clientAuth");
openssl("req", "-x509", ...newKey, "-days", "2", "-subj", "/CN=alone", "-keyout", "alone.key", "-out", "alone.pem");

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A value as TOML writes it: JSON, but for objects. */
function toml(value) {
  if (Array.isArray(value)) return `[${value.map(toml).join(", ")}]`;
  if (typeof value === "object") return `{ ${Object.entries(value).map(([name, one]) => `${name} = ${toml(one)}`).join(", ")} }`;
  return JSON.stringify(value);
}

const keys = {};
/** A key pair with this algorithm, kept under the client's name; the set to register. */
async function jwks(name, alg) {
  const pair = await generateKeyPair(alg, { extractable: true });
  const mark = { kid: name, alg, use: "sig" };
  keys[name] = { ...(await exportJWK(pair.privateKey)), ...mark };
  return { keys: [{ ...(await exportJWK(pair.publicKey)), ...mark }] };
}

const ports = { server: await freePort(), ping: await freePort() };
const common = {
  profile: "fapi2",
  redirect_uris: ["https://bank.example/cb"],
  grant_types: ["authorization_code", "refresh_token", "client_credentials"],
  scope: "openid profile email offline_access",
  require_pushed_authorization_requests: true,
  id_token_signed_response_alg: "PS256",
  authorization_signed_response_alg: "PS256",
  request_object_signing_alg: "ES256",
};
const byKey = (alg) => ({ token_endpoint_auth_method: "private_key_jwt", token_endpoint_auth_signing_alg: alg });
const byName = { token_endpoint_auth_method: "tls_client_auth", tls_client_auth_subject_dn: "CN=holder" };
const dpop = { dpop_bound_access_tokens: true };
const mtls = { tls_client_certificate_bound_access_tokens: true };
const ciba = { grant_types: ["urn:openid:params:grant-type:ciba", "refresh_token"], backchannel_authentication_request_signing_alg: "ES256" };
const clients = {
  "key-dpop": { ...byKey("ES256"), ...dpop, jwks: await jwks("key-dpop", "ES256") },
  "key-mtls": { ...byKey("PS256"), ...mtls, jwks: await jwks("key-mtls", "PS256"), id_token_signed_response_alg: "ES256" },
  "tls-dpop": { ...byName, ...dpop, id_token_signed_response_alg: "EdDSA" },
  "tls-mtls": { ...byName, ...mtls },
  // Its key is the one of its certificate, whoever signed that.
  "self-mtls": { token_endpoint_auth_method: "self_signed_tls_client_auth", ...mtls, jwks_uri: `https://127.0.0.1:${ports.ping}/jwks` },
  signing: { ...byKey("EdDSA"), ...dpop, jwks: { keys: [...(await jwks("signing", "EdDSA")).keys, ...(await jwks("signing-requests", "ES256")).keys] },
    response_modes: ["jwt"], require_signed_request_object: true, introspection_signed_response_alg: "ES256" },
  poll: { ...byKey("ES256"), ...mtls, ...ciba, jwks: await jwks("poll", "ES256"), redirect_uris: [] },
  ping: { ...byKey("ES256"), ...dpop, ...ciba, jwks: await jwks("ping", "ES256"), redirect_uris: [], backchannel_token_delivery_mode: "ping",
    backchannel_client_notification_endpoint: `https://127.0.0.1:${ports.ping}/ping` },
};
const person = { username: "alice", email: "alice@example.com", email_verified: true, password: "correct horse battery staple", name: "Alice Example" };
const table = (name, members) => [`[[${name}]]`, ...Object.entries(members).map(([key, value]) => `${key} = ${toml(value)}`), ""].join("\n");
const setup = Object.entries(clients).map(([id, own]) => table("clients", { client_id: id, client_name: `Bank ${id}`, ...common, ...own }));
writeFileSync(`${place}/setup.toml`, [...setup, table("users", person)].join("\n"));
writeFileSync(`${place}/made.json`, JSON.stringify({ ports, keys, person }));
