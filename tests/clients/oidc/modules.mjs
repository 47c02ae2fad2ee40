// The modules of the OpenID Foundation's plans for OpenID Connect servers (Basic, Form Post, Hybrid, Dynamic, logout), by hand: what each of
// them sends, and what it must see. Their clients send no PKCE. A check has the name of its module.
//
// Environment: as in openid_client.mjs; the server must let clients register themselves, and reach 127.0.0.1.
// Prints a line for each check and `N passed, N failed`; exits with 1 if any failed.

import { createServer } from "node:http";

import { createRemoteJWKSet, exportJWK, generateKeyPair, jwtVerify, SignJWT } from "jose";

import { Browser } from "./browser.mjs";
import { register } from "./register.mjs";

const issuer = process.env.TESSERA_URL;
const person = {
  identifier: process.env.TESSERA_USERNAME ?? "alice",
  password: process.env.TESSERA_PASSWORD ?? "correct horse battery staple",
  decision: "allow",
};
const redirectUri = "https://rp.example/cb?own=1";
const goodbye = "https://rp.example/bye";

let passed = 0;
let failed = 0;

async function check(name, work) {
  try {
    const result = await work();
    passed += 1;
    console.log(`ok      ${name}`);
    return result;
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}: ${error.message}`);
    return undefined;
  }
}

function equal(found, expected, what) {
  if (found !== expected) throw new Error(`${what}: expected ${expected}, found ${found}`);
}

const now = () => Math.floor(Date.now() / 1000);
const claimsOf = (jwt) => JSON.parse(Buffer.from(jwt.split(".")[1], "base64url"));
const headerOf = (jwt) => JSON.parse(Buffer.from(jwt.split(".")[0], "base64url"));
const keys = createRemoteJWKSet(new URL(`${issuer}/jwks`));

// The client's own site: request objects, keys, the file of a sector, and what it is told of sign-outs.
const files = new Map();
const told = [];
const site = createServer((request, response) => {
  let body = "";
  request.on("data", (part) => { body += part; });
  request.on("end", () => {
    const path = request.url.split("?")[0];
    if (request.method === "POST") told.push(new URLSearchParams(body));
    const file = files.get(path);
    response.writeHead(file === undefined && request.method !== "POST" ? 404 : 200, { "content-type": file?.startsWith("{") || file?.startsWith("[") ? "application/json" : "application/oauth-authz-req+jwt" });
    response.end(file ?? "");
  });
});
await new Promise((resolve) => site.listen(0, "127.0.0.1", resolve));
const home = `http://127.0.0.1:${site.address().port}`;

async function newKey(kid) {
  const pair = await generateKeyPair("RS256", { extractable: true });
  return { kid, privateKey: pair.privateKey, jwk: { ...(await exportJWK(pair.publicKey)), kid, alg: "RS256", use: "sig" } };
}
const sign = (key, claims, header = {}) => new SignJWT(claims).setProtectedHeader({ alg: "RS256", kid: key.kid, ...header }).sign(key.privateKey);
const key = await newKey("one");

const common = {
  client_name: "Modules", redirect_uris: [redirectUri], post_logout_redirect_uris: [goodbye], require_pkce: false,
  grant_types: ["authorization_code", "refresh_token"], scope: "openid profile email address phone offline_access",
  response_types: ["code", "id_token", "code id_token", "code token", "code id_token token"],
};
const basic = await register(issuer, "modules", common);

/** Sends an authorization request; what comes back to the client, from wherever it stands, or the page. */
async function ask(browser, client, changes = {}, { fields = person, post = false } = {}) {
  const all = { client_id: client.client_id, response_type: "code", redirect_uri: redirectUri, scope: "openid", state: "the state", nonce: "the nonce", ...changes };
  for (const name of Object.keys(all)) if (all[name] === undefined) delete all[name];
  const query = new URLSearchParams(all);
  let start = `${issuer}/authorize?${query}`;
  if (post) {
    const answer = await browser.fetch(`${issuer}/authorize`, { method: "POST", body: query });
    start = new URL(answer.headers.get("location"), issuer).href;
    if (!start.startsWith(issuer)) return read({ url: new URL(start) });
  }
  return read(await browser.walk(start, fields));
}

function read({ url, text, form, status }) {
  if (url.href.startsWith(issuer)) return { page: text, status, path: url.pathname };
  const place = form ? "form" : url.hash ? "fragment" : "query";
  const came = form ?? new URLSearchParams(url.hash ? url.hash.slice(1) : url.search);
  return { place, url, ...Object.fromEntries(came) };
}

async function post(path, form, headers = {}) {
  const answer = await fetch(`${issuer}${path}`, { method: "POST", body: new URLSearchParams(form), headers });
  const text = await answer.text();
  let json = {};
  try { json = JSON.parse(text); } catch { /* it is a page */ }
  return { status: answer.status, headers: answer.headers, text, ...json };
}

const basicAuth = (client) => ({ authorization: `Basic ${Buffer.from(`${client.client_id}:${client.client_secret}`).toString("base64")}` });
const redeem = (client, code, headers = basicAuth(client), more = {}) =>
  post("/token", { grant_type: "authorization_code", code, redirect_uri: redirectUri, ...more }, headers);

/** The whole flow; the token answer. */
async function tokens(browser, client, changes, options) {
  const answer = await ask(browser, client, changes, options);
  if (!answer.code) throw new Error(`no code: ${JSON.stringify(answer).slice(0, 300)}`);
  const got = await redeem(client, answer.code);
  equal(got.status, 200, `the token answer (${got.text})`);
  return got;
}

const userinfo = async (options) => {
  const answer = await fetch(`${issuer}/userinfo`, options);
  return { status: answer.status, type: answer.headers.get("content-type"), text: await answer.text() };
};

const browser = new Browser();
const first = await check("oidcc-server", async () => {
  const answer = await ask(browser, basic);
  equal(answer.iss, issuer, "iss");
  equal(answer.own, "1", "the redirect URI's own query");
  const got = await redeem(basic, answer.code);
  equal(got.headers.get("cache-control"), "no-store", "cache-control");
  const { payload } = await jwtVerify(got.id_token, keys, { issuer, audience: basic.client_id });
  equal(payload.nonce, "the nonce", "nonce");
  return got;
});
if (!first) {
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(1);
}
const sub = claimsOf(first.id_token).sub;
const alsoSucceeds = (name, changes, options, more = () => {}) => check(name, async () => {
  const got = await tokens(browser, basic, changes, options);
  equal(claimsOf(got.id_token).sub, sub, "sub");
  await more(got);
});

await check("oidcc-response-type-missing", async () => {
  const answer = await ask(browser, basic, { response_type: undefined });
  equal(answer.error ?? answer.status, "invalid_request", "the error");
});
await check("oidcc-idtoken-signature", () => {
  equal(headerOf(first.id_token).alg, "RS256", "alg");
  equal(typeof headerOf(first.id_token).kid, "string", "kid");
});
await check("oidcc-userinfo-get, -post-header, -post-body", async () => {
  const bearer = { authorization: `Bearer ${first.access_token}` };
  for (const options of [{ headers: bearer }, { method: "POST", headers: bearer }, { method: "POST", body: new URLSearchParams({ access_token: first.access_token }) }]) {
    const answer = await userinfo(options);
    equal(JSON.parse(answer.text).sub, sub, "sub");
  }
});
await alsoSucceeds("oidcc-ensure-request-without-nonce-succeeds-for-code-flow", { nonce: undefined });
for (const scope of ["profile", "email", "address", "phone"]) await alsoSucceeds(`oidcc-scope-${scope}`, { scope: `openid ${scope}` });
await alsoSucceeds("oidcc-scope-all", { scope: "openid profile email address phone" });
await alsoSucceeds("oidcc-ensure-other-scope-order-succeeds", { scope: "email openid" });
for (const display of ["page", "popup"]) await alsoSucceeds(`oidcc-display-${display}`, { display });
await check("oidcc-prompt-login", async () => {
  const page = await ask(browser, basic, { prompt: "login" }, { fields: {} });
  equal(page.page.includes("password"), true, "a page that asks for the password");
});
await check("oidcc-prompt-none-not-logged-in", async () => {
  const answer = await ask(new Browser(), basic, { prompt: "none" });
  equal(`${answer.error} ${answer.state}`, "login_required the state", "the answer");
});
await alsoSucceeds("oidcc-prompt-none-logged-in", { prompt: "none" }, {}, (got) => {
  equal(claimsOf(got.id_token).auth_time, claimsOf(first.id_token).auth_time, "auth_time");
});
await alsoSucceeds("oidcc-max-age-10000", { max_age: "10000" }, {}, (got) => {
  equal(claimsOf(got.id_token).auth_time, claimsOf(first.id_token).auth_time, "auth_time");
});
await alsoSucceeds("oidcc-ensure-request-with-unknown-parameter-succeeds", { extra: "foobar" });
await alsoSucceeds("oidcc-id-token-hint", { id_token_hint: first.id_token, prompt: "none" });
await alsoSucceeds("oidcc-login-hint", { login_hint: "bob@example.com" });
await alsoSucceeds("oidcc-ui-locales", { ui_locales: "se" });
await alsoSucceeds("oidcc-claims-locales", { claims_locales: "se" });
await alsoSucceeds("oidcc-ensure-request-with-acr-values-succeeds", { acr_values: "1 2" });
await alsoSucceeds("oidcc-claims-essential", { claims: JSON.stringify({ userinfo: { name: { essential: true } } }), scope: "openid profile" }, {}, async (got) => {
  const answer = await userinfo({ headers: { authorization: `Bearer ${got.access_token}` } });
  equal(typeof JSON.parse(answer.text).name, "string", "name");
});
await alsoSucceeds("oidcc-ensure-post-request-succeeds", {}, { post: true });
await alsoSucceeds("oidcc-ensure-request-with-valid-pkce-succeeds", {}, {}, async () => {
  const verifier = "v".repeat(64);
  const digest = Buffer.from(await crypto.subtle.digest("SHA-256", Buffer.from(verifier))).toString("base64url");
  const answer = await ask(browser, basic, { code_challenge: digest, code_challenge_method: "S256" });
  equal((await redeem(basic, answer.code, basicAuth(basic), { code_verifier: verifier })).status, 200, "the status");
});
await check("oidcc-codereuse", async () => {
  const { code } = await ask(browser, basic);
  const got = await redeem(basic, code);
  equal((await redeem(basic, code)).error, "invalid_grant", "the error");
  equal((await userinfo({ headers: { authorization: `Bearer ${got.access_token}` } })).status, 401, "its token");
});
for (const [name, uri] of [
  ["oidcc-ensure-registered-redirect-uri", "https://rp.example/other"], ["oidcc-redirect-uri-query-mismatch", "https://rp.example/cb?own=2"],
  ["oidcc-redirect-uri-query-added", `${redirectUri}&more=1`], ["oidcc-ensure-redirect-uri-in-authorization-request", undefined],
]) {
  await check(name, async () => {
    const answer = await ask(browser, basic, { redirect_uri: uri });
    equal(`${answer.status} ${answer.path}`, "400 /authorize", "the page");
  });
}
await check("oidcc-server-client-secret-post", async () => {
  const client = await register(issuer, "modules-post", { ...common, token_endpoint_auth_method: "client_secret_post", skip_consent: true });
  const { code } = await ask(browser, client);
  const form = { client_id: client.client_id, client_secret: client.client_secret };
  equal((await redeem(client, code, {}, form)).status, 200, "the status");
});
for (const name of ["oidcc-unsigned-request-object", "oidcc-request-uri-unsigned", "oidcc-idtoken-unsigned"]) {
  await check(`${name}: discovery names no \`none\`, so it is skipped`, async () => {
    const metadata = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json();
    for (const list of ["request_object_signing_alg_values_supported", "id_token_signing_alg_values_supported"]) {
      equal(metadata[list].includes("none"), false, list);
    }
  });
}
await check("an unsigned request object is refused by redirect", async () => {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = { iss: basic.client_id, aud: issuer, client_id: basic.client_id, response_type: "code", redirect_uri: redirectUri, scope: "openid", state: "the state" };
  const answer = await ask(browser, basic, { request: `${part({ alg: "none" })}.${part(claims)}.` });
  equal(answer.error, "request_not_supported", "the error");
});
await check("oidcc-refresh-token", async () => {
  const got = await tokens(browser, basic, { scope: "openid offline_access", prompt: "consent" });
  const next = await post("/token", { grant_type: "refresh_token", refresh_token: got.refresh_token }, basicAuth(basic));
  const [before, after] = [claimsOf(got.id_token), claimsOf(next.id_token)];
  for (const name of ["iss", "sub", "aud", "auth_time"]) equal(after[name], before[name], name);
  equal("nonce" in after, false, "a nonce in the new one");
  const other = await register(issuer, "modules-other", common);
  equal((await post("/token", { grant_type: "refresh_token", refresh_token: next.refresh_token }, basicAuth(other))).error, "invalid_grant", "another client");
});

// Hybrid and form post.
for (const type of ["id_token", "code id_token", "code token", "code id_token token"]) {
  for (const mode of [undefined, "form_post"]) {
    await check(`oidcc-server with ${type}${mode ? " by form_post" : ""}`, async () => {
      const answer = await ask(browser, basic, { response_type: type, response_mode: mode });
      equal(answer.place, mode ? "form" : "fragment", "where it came");
      for (const [word, name] of [["code", "code"], ["id_token", "id_token"], ["token", "access_token"]]) {
        equal(name in answer, type.split(" ").includes(word), name);
      }
      if (answer.id_token) await jwtVerify(answer.id_token, keys, { issuer, audience: basic.client_id });
      if (answer.code) equal((await redeem(basic, answer.code)).status, 200, "the code");
    });
  }
}
for (const type of ["id_token", "code id_token", "code id_token token"]) {
  await check(`oidcc-ensure-request-without-nonce-fails with ${type}`, async () => {
    const answer = await ask(browser, basic, { response_type: type, nonce: undefined });
    equal(`${answer.error} ${answer.place}`, "invalid_request fragment", "the answer");
  });
}

// Dynamic: clients that register themselves, with private_key_jwt.
async function dynamic(metadata) {
  const answer = await fetch(`${issuer}/register`, {
    method: "POST", headers: { "content-type": "application/json" },
    body: JSON.stringify({ client_name: "Dynamic", redirect_uris: [redirectUri], token_endpoint_auth_method: "private_key_jwt", jwks: { keys: [key.jwk] }, grant_types: ["authorization_code"], response_types: ["code"], ...metadata }),
  });
  return { status: answer.status, ...(await answer.json()) };
}
const pkce = { code_challenge: Buffer.from(await crypto.subtle.digest("SHA-256", Buffer.from("v".repeat(64)))).toString("base64url"), code_challenge_method: "S256" };
const assert = async (client, by = key) => ({
  client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", client_id: client.client_id,
  client_assertion: await sign(by, { iss: client.client_id, sub: client.client_id, aud: issuer, jti: crypto.randomUUID(), iat: now(), exp: now() + 60 }),
});
async function dynamicTokens(client, changes = {}) {
  const answer = await ask(browser, client, { ...pkce, ...changes });
  if (!answer.code) throw new Error(`no code: ${JSON.stringify(answer).slice(0, 300)}`);
  const got = await redeem(client, answer.code, {}, { code_verifier: "v".repeat(64), ...(await assert(client)) });
  equal(got.status, 200, `the token answer (${got.text})`);
  return got;
}

await check("oidcc-idtoken-rs256, oidcc-ensure-client-assertion-with-iss-aud-succeeds", async () => {
  const got = await dynamicTokens(await dynamic({ id_token_signed_response_alg: "RS256" }));
  equal(headerOf(got.id_token).alg, "RS256", "alg");
});
await check("oidcc-userinfo-rs256", async () => {
  const client = await dynamic({ userinfo_signed_response_alg: "RS256" });
  const got = await dynamicTokens(client);
  const answer = await userinfo({ headers: { authorization: `Bearer ${got.access_token}` } });
  equal(answer.type, "application/jwt", "the media type");
  await jwtVerify(answer.text, keys, { issuer, audience: client.client_id });
});
await check("oidcc-redirect-uri-regfrag", async () => {
  equal((await dynamic({ redirect_uris: ["https://rp.example/cb#fragment"] })).error, "invalid_redirect_uri", "the error");
});
await check("oidcc-registration-logo-uri, -policy-uri, -tos-uri", async () => {
  const client = await dynamic({ logo_uri: "https://rp.example/logo.png", policy_uri: "https://rp.example/privacy", tos_uri: "https://rp.example/terms" });
  const { page } = await ask(new Browser(), client, pkce, { fields: {} });
  for (const uri of ["https://rp.example/privacy", "https://rp.example/terms"]) equal(page.includes(uri), true, uri);
  // Nobody vouches for it, so it does not borrow a face.
  equal(page.includes("logo.png"), false, "its picture");
});
await check("oidcc-registration-jwks-uri, oidcc-refresh-token-rp-key-rotation", async () => {
  files.set("/jwks", JSON.stringify({ keys: [key.jwk] }));
  const client = await dynamic({ jwks: undefined, jwks_uri: `${home}/jwks`, grant_types: ["authorization_code", "refresh_token"], scope: "openid offline_access" });
  equal(client.status, 201, "the status");
  const got = await dynamicTokens(client, { scope: "openid offline_access" });
  const next = await newKey("two");
  files.set("/jwks", JSON.stringify({ keys: [next.jwk] }));
  // The server does not look again at once: not everybody who invents a key id makes it ask.
  await new Promise((resolve) => setTimeout(resolve, 10_500));
  const refreshed = await post("/token", { grant_type: "refresh_token", refresh_token: got.refresh_token, ...(await assert(client, next)) });
  equal(refreshed.status, 200, `the refresh (${refreshed.text})`);
});
await check("oidcc-registration-sector-uri, -sector-bad", async () => {
  files.set("/sector", JSON.stringify([redirectUri]));
  const client = await dynamic({ subject_type: "pairwise", sector_identifier_uri: `${home}/sector` });
  equal(client.status, 201, `the status (${client.error_description})`);
  const got = await dynamicTokens(client);
  equal(claimsOf(got.id_token).sub === sub, false, "the public sub");
  files.set("/sector", JSON.stringify(["https://other.example/cb"]));
  equal((await dynamic({ subject_type: "pairwise", sector_identifier_uri: `${home}/sector` })).error, "invalid_client_metadata", "the error");
});
await check("oidcc-request-uri-signed-rs256, and the redirect URI in it counts", async () => {
  const client = await dynamic({ request_uris: [`${home}/object`], request_object_signing_alg: "RS256" });
  const claims = { iss: client.client_id, aud: issuer, client_id: client.client_id, response_type: "code", redirect_uri: redirectUri, scope: "openid", state: "inside", nonce: "the nonce", ...pkce };
  files.set("/object", await sign(key, claims));
  const answer = await ask(browser, client, { request_uri: `${home}/object`, redirect_uri: "https://evil.example/cb", state: undefined });
  equal(`${answer.url?.host} ${answer.state}`, "rp.example inside", "where it went");
});

// RP-initiated logout, and what the client is told server to server.
const leaving = await register(issuer, "modules-logout", { ...common, skip_consent: true, backchannel_logout_uri: `${home}/told`, backchannel_logout_session_required: true });
const farewell = "s".repeat(128);
async function logout(name, parameters, { goesBack = false, hint = (text) => text, isSignedOut = true } = {}) {
  await check(name, async () => {
    const own = new Browser();
    const { id_token: idToken } = await tokens(own, leaving);
    const all = { id_token_hint: hint(idToken), post_logout_redirect_uri: goodbye, state: farewell, ...parameters };
    for (const one of Object.keys(all)) if (all[one] === undefined) delete all[one];
    const end = await own.walk(`${issuer}/logout?${new URLSearchParams(all)}`, { confirmation: true });
    if (goesBack) {
      equal(end.url.href, all.state ? `${goodbye}?state=${farewell}` : goodbye, "where it ended");
    } else {
      equal(end.url.origin, issuer, "where it ended");
    }
    const after = await ask(own, leaving, { prompt: "none" });
    equal(after.error, isSignedOut ? "login_required" : undefined, "prompt=none");
  });
}
await logout("oidcc-rp-initiated-logout", {}, { goesBack: true });
await logout("oidcc-rp-initiated-logout-no-state", { state: undefined }, { goesBack: true });
await logout("oidcc-rp-initiated-logout-no-post-logout-redirect-uri", { post_logout_redirect_uri: undefined });
await logout("oidcc-rp-initiated-logout-no-params", { id_token_hint: undefined, post_logout_redirect_uri: undefined, state: undefined });
await logout("oidcc-rp-initiated-logout-only-state", { id_token_hint: undefined, post_logout_redirect_uri: undefined });
for (const [name, parameters, hint] of [
  ["bad-post-logout-redirect-uri", { post_logout_redirect_uri: "https://rp.example/other" }],
  ["query-added-to-post-logout-redirect-uri", { post_logout_redirect_uri: `${goodbye}?foo=bar` }],
  ["no-id-token-hint", { id_token_hint: undefined }],
  ["modified-id-token-hint", {}, (text) => `${Buffer.from(JSON.stringify({ alg: "none" })).toString("base64url")}.${text.split(".")[1]}.`],
  ["bad-id-token-hint", {}, () => "not.a.token"],
]) {
  await check(`oidcc-rp-initiated-logout-${name}: nobody is sent on`, async () => {
    const own = new Browser();
    const { id_token: idToken } = await tokens(own, leaving);
    const all = { id_token_hint: hint ? hint(idToken) : idToken, post_logout_redirect_uri: goodbye, state: farewell, ...parameters };
    for (const one of Object.keys(all)) if (all[one] === undefined) delete all[one];
    const end = await own.walk(`${issuer}/logout?${new URLSearchParams(all)}`, {});
    equal(end.url.origin, issuer, "where it ended");
  });
}
await check("oidcc-backchannel-rp-initiated-logout", async () => {
  const own = new Browser();
  const { id_token: idToken } = await tokens(own, leaving);
  const { sid } = claimsOf(idToken);
  await own.walk(`${issuer}/logout?${new URLSearchParams({ id_token_hint: idToken })}`, {});
  const heard = () => told.map((form) => form.get("logout_token")).find((token) => token && claimsOf(token).sid === sid);
  for (let tries = 0; tries < 100 && !heard(); tries += 1) await new Promise((resolve) => setTimeout(resolve, 100));
  const { payload } = await jwtVerify(heard(), keys, { issuer, audience: leaving.client_id, typ: "logout+jwt" });
  equal("nonce" in payload, false, "a nonce");
  equal(JSON.stringify(payload.events), JSON.stringify({ "http://schemas.openid.net/event/backchannel-logout": {} }), "events");
});

// Those that need time to pass.
await check("oidcc-max-age-1", async () => {
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const page = await ask(browser, basic, { max_age: "1" }, { fields: {} });
  equal(page.page.includes("password"), true, "a page that asks for the password");
  const got = await tokens(browser, basic, { max_age: "1" });
  equal(claimsOf(got.id_token).auth_time > claimsOf(first.id_token).auth_time, true, "a later auth_time");
});
await check("oidcc-codereuse-30seconds", async () => {
  const { code } = await ask(browser, basic);
  const got = await redeem(basic, code);
  await new Promise((resolve) => setTimeout(resolve, 30_000));
  equal((await redeem(basic, code)).error, "invalid_grant", "the error");
  equal((await userinfo({ headers: { authorization: `Bearer ${got.access_token}` } })).status, 401, "its token");
});

site.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
