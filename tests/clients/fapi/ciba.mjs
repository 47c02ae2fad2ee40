// FAPI-CIBA: signed authentication requests, polling and pings, with tokens that are bound.

import { randomUUID } from "node:crypto";

import { importJWK } from "jose";
import * as client from "openid-client";

import { Browser } from "./browser.mjs";
import { Bank, among, check, claimsOf, equal, fetches, headerOf, issuer, made, now, pause, person, sign } from "./bank.mjs";
import { start } from "./site.mjs";

/** A signed authentication request with claims and header changed. */
function request(bank, changes = {}, header = {}, key = bank.key) {
  return sign(key, { typ: "JWT", ...header }, {
    iss: bank.id, aud: issuer, iat: now(), nbf: now(), exp: now() + 300, jti: randomUUID(),
    scope: "openid profile offline_access", login_hint: person.identifier, binding_message: "W4SCT", ...changes,
  });
}

const begin = async (bank, ...changed) => bank.post("/bc-authorize", { request: await request(bank, ...changed) });
const grant = "urn:openid:params:grant-type:ciba";
const poll = (bank, id, options) => bank.token({ grant_type: grant, auth_req_id: id }, options);
const decide = (decision = "allow") => new Browser().walk(`${issuer}/approvals`, { ...person, decision });

async function withOpenIdClient(id, certificate, pings) {
  const jwk = made.keys[id];
  const auth = client.PrivateKeyJwt({ key: await importJWK(jwk, jwk.alg), kid: jwk.kid });
  const config = await client.discovery(new URL(issuer), id, { id_token_signed_response_alg: "PS256" }, auth, { [client.customFetch]: fetches[certificate] });
  const options = certificate === "none" ? { DPoP: client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256")) } : undefined;
  const bank = await Bank.of(id, certificate);
  await check(`${id}: a signed request, a person who allows it, bound tokens`, async () => {
    const notification = pings ? { client_notification_token: "t".repeat(43) } : {};
    const begun = await client.initiateBackchannelAuthentication(config, { request: await request(bank, notification) });
    const waiting = client.pollBackchannelAuthenticationGrant(config, begun, undefined, options);
    const { text } = await decide();
    equal(text.includes("The application goes on by itself"), true, "the page");
    const tokens = await waiting;
    equal(headerOf(tokens.id_token).alg, "PS256", "the ID token's alg");
    equal(headerOf(tokens.access_token).alg, "PS256", "the access token's alg");
    equal(Object.keys(claimsOf(tokens.access_token).cnf).join(), options ? "jkt" : "x5t#S256", "cnf");
    if (pings) {
      for (let tries = 0; tries < 50 && pings.length === 0; tries += 1) await pause(100);
      equal(JSON.stringify(pings[0]), JSON.stringify({ authorization: `Bearer ${notification.client_notification_token}`, body: { auth_req_id: begun.auth_req_id } }), "the ping");
    }
    const next = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, options);
    equal(next.refresh_token ?? tokens.refresh_token, tokens.refresh_token, "the refresh token");
    equal((await poll(bank, begun.auth_req_id)).json.error, "invalid_grant", "the same request again");
  });
}

export default async function ciba() {
  const site = await start();
  await withOpenIdClient("poll", "holder");
  await withOpenIdClient("ping", "none", site.pings);
  const bank = await Bank.of("poll", "holder");
  const other = await Bank.of("ping");
  await check("a person who refuses", async () => {
    const begun = await begin(bank);
    await decide("deny");
    equal((await poll(bank, begun.json.auth_req_id)).json.error, "access_denied", "the error");
  });
  await check("who asks before the person decided waits, and who asks too often longer", async () => {
    const { auth_req_id: id } = (await begin(bank)).json;
    equal((await poll(bank, id)).json.error, "authorization_pending", "the first");
    equal((await poll(bank, id)).json.error, "slow_down", "at once");
    equal((await poll(other, id)).json.error, "invalid_grant", "another client");
    among((await poll(bank, id, { fetch: fetches.none })).json.error, ["invalid_request", "invalid_client"], "no certificate");
    await decide("deny");
  });
  const unanswered = await begin(bank, { requested_expiry: 30 });
  const over = Date.now() + 31_000;
  await check("requested_expiry, as a number and as a text", async () => {
    for (const requested_expiry of [30, "30"]) {
      const begun = await begin(bank, { requested_expiry });
      equal(begun.json.expires_in, 30, "expires_in");
    }
  });
  await check("nbf 8 seconds ahead", async () => {
    equal((await begin(bank, { nbf: now() + 8, iat: now() + 8 })).status, 200, "the status");
  });
  const refused = (name, work, errors = ["invalid_request"]) => check(`an authentication request: ${name}`, async () => {
    const answer = await work();
    among(answer.json.error, errors, `the error (${answer.text})`);
  });
  for (const [name, changes, header] of [
    ...["aud", "iss", "exp", "iat", "nbf", "jti"].map((claim) => [`without ${claim}`, { [claim]: undefined }]),
    ["for another server", { aud: "https://other.example" }], ["of another issuer", { iss: "ping" }], ["expired", { exp: now() - 10, nbf: now() - 300 }],
    ["good for years", { exp: 3_155_760_000 }], ["nbf years ago", { nbf: now() - 86_400 * 365 }], ["nbf far ahead", { nbf: now() + 90 }],
    ["unsigned", {}, { alg: "none" }], ["with a critical member", {}, { crit: ["b64"], b64: true }],
    ["without a hint", { login_hint: undefined }], ["with two hints", { id_token_hint: "x" }], ["without scope", { scope: undefined }],
  ]) {
    await refused(name, () => begin(bank, changes, header), ["invalid_request", "invalid_scope", "invalid_request_object"]);
  }
  await refused("without openid", () => begin(bank, { scope: "profile" }), ["invalid_scope", "invalid_request"]);
  await check("an unknown person is asked about like a known one: nobody learns who has an account", async () => {
    const begun = await begin(bank, { login_hint: "nobody" });
    equal((await poll(bank, begun.json.auth_req_id)).json.error, "authorization_pending", "the error");
  });
  await refused("a message of many lines", () => begin(bank, { binding_message: "one\ntwo" }), ["invalid_binding_message"]);
  await refused("signed with another client's key", () => begin(bank, {}, { kid: bank.key.kid }, other.key));
  await refused("signed with another algorithm", () => begin(bank, {}, {}, made.keys["key-mtls"]));
  await refused("not signed at all", () => bank.post("/bc-authorize", { scope: "openid", login_hint: person.identifier }));
  await refused("of nobody", async () => bank.post("/bc-authorize", { request: await request(bank), client_assertion: null }), ["invalid_client", "invalid_request"]);
  await refused("with an expired assertion", async () => bank.post("/bc-authorize", { request: await request(bank), client_assertion: await bank.assertion({ exp: now() - 10 }) }), ["invalid_client"]);
  await refused("with an assertion for a list", async () => bank.post("/bc-authorize", { request: await request(bank), client_assertion: await bank.assertion({ aud: [issuer] }) }), ["invalid_client"]);
  await refused("pings without a token", () => begin(other, {}), ["invalid_request"]);
  await refused("pings with a token that is too long", () => begin(other, { client_notification_token: "x".repeat(1_025) }), ["invalid_request"]);
  await refused("an auth_req_id that nobody made", () => poll(bank, "tsr_ar_unheard-of"), ["invalid_grant"]);
  await check("an authentication request that nobody decided expires", async () => {
    await pause(Math.max(0, over - Date.now()));
    equal((await poll(bank, unanswered.json.auth_req_id)).json.error, "expired_token", "the error");
  });
  site.stop();
}
