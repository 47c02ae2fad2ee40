// Tessera through npm's `oauth4webapi`, which checks every answer against the specifications and nothing else: the demanding profiles.
//
// Environment: as in openid_client.mjs; besides, the server needs the client that register.mjs acts as, and
//   TESSERA_DPOP_REQUIRE_NONCE   true, so that DPoP nonces are seen at work
// Prints a line for each check and `N passed, N failed`; exits with 1 if any failed.

import { exportJWK } from "jose";
import * as oauth from "oauth4webapi";

import { Browser } from "./browser.mjs";
import { register } from "./register.mjs";

const issuer = new URL(process.env.TESSERA_URL);
const redirectUri = process.env.TESSERA_REDIRECT_URI ?? "http://127.0.0.1:9000/cb";
const person = {
  identifier: process.env.TESSERA_USERNAME ?? "alice",
  password: process.env.TESSERA_PASSWORD ?? "correct horse battery staple",
  decision: "allow",
};
const resources = ["https://accounts.example/api", "https://mail.example/api"];
const scope = "openid profile email offline_access";
// The server under test listens on this machine without TLS.
const insecure = { [oauth.allowInsecureRequests]: true };

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
    console.log(`FAILED  ${name}: ${error.message} ${error.cause ? JSON.stringify(error.cause) : ""}`);
    return undefined;
  }
}

function equal(found, expected, what) {
  if (found !== expected) throw new Error(`${what}: expected ${expected}, found ${found}`);
}

/** The promise must fail with this OAuth error. */
async function refused(promise, error) {
  equal(await promise.then(() => "no error", (reason) => reason.error ?? reason.message), error, "the error");
}

async function discover(algorithm) {
  return oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm, ...insecure }));
}

const as = await check("discovery, where OpenID Connect and where RFC 8414 put it", async () => {
  await discover("oauth2");
  return discover("oidc");
});

// A client as FAPI 2.0 Message Signing wants it: signed requests, pushed; signed answers; tokens bound to a key.
const pair = await oauth.generateKeyPair("ES256", { extractable: true });
const key = { key: pair.privateKey, kid: "one" };
const jwk = { ...(await exportJWK(pair.publicKey)), kid: "one", alg: "ES256", use: "sig" };
const bank = await register(issuer.href.slice(0, -1), "bank", {
  client_name: "Bank",
  token_endpoint_auth_method: "private_key_jwt",
  token_endpoint_auth_signing_alg: "ES256",
  jwks: { keys: [jwk] },
  redirect_uris: [redirectUri],
  grant_types: ["authorization_code", "refresh_token", "client_credentials"],
  scope,
  response_modes: ["jwt"],
  require_pushed_authorization_requests: true,
  require_signed_request_object: true,
  request_object_signing_alg: "ES256",
  dpop_bound_access_tokens: true,
  id_token_signed_response_alg: "PS256",
  authorization_signed_response_alg: "PS256",
  introspection_signed_response_alg: "PS256",
  resources,
});
const client = {
  client_id: bank.client_id,
  id_token_signed_response_alg: "PS256",
  authorization_signed_response_alg: "PS256",
  introspection_signed_response_alg: "PS256",
};
const auth = oauth.PrivateKeyJwt(key);
const DPoP = oauth.DPoP(client, await oauth.generateKeyPair("ES256"));
const bound = { DPoP, ...insecure };
const browser = new Browser();
let noncesAsked = 0;

/** Sends, and once more when the server wants a nonce in the proof. */
async function withNonce(send, read) {
  try {
    return await read(await send());
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error;
    noncesAsked += 1;
    return read(await send());
  }
}

/** Pushes a signed request, signs in, reads the signed answer, redeems the code; `more` are further parameters. */
async function authorize(more = [], atToken = []) {
  const [verifier, state, nonce] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomState(), oauth.generateRandomNonce()];
  const request = await oauth.issueRequestObject(as, client, new URLSearchParams([
    ["response_type", "code"], ["response_mode", "jwt"], ["redirect_uri", redirectUri], ["scope", scope], ["state", state], ["nonce", nonce],
    ["code_challenge", await oauth.calculatePKCECodeChallenge(verifier)], ["code_challenge_method", "S256"], ...more,
  ]), key, { [oauth.modifyAssertion]: (_, payload) => { payload.nbf ??= payload.iat; } });
  const form = { client_id: client.client_id, request };
  const pushed = await withNonce(
    () => oauth.pushedAuthorizationRequest(as, client, auth, form, bound),
    (answer) => oauth.processPushedAuthorizationResponse(as, client, answer),
  );
  const url = new URL(as.authorization_endpoint);
  url.search = new URLSearchParams({ client_id: client.client_id, request_uri: pushed.request_uri });
  const { url: arrived } = await browser.walk(url.href, person);
  equal([...arrived.searchParams.keys()].join(), "response", "what came back");
  const answer = await oauth.validateJwtAuthResponse(as, client, arrived, state, insecure);
  const exchange = () => oauth.authorizationCodeGrantRequest(as, client, auth, answer, redirectUri, verifier,
    { ...bound, additionalParameters: new URLSearchParams(atToken) });
  let raw;
  const tokens = await withNonce(exchange, (response) => {
    raw = response;
    return oauth.processAuthorizationCodeResponse(as, client, response, { expectedNonce: nonce, requireIdToken: true });
  });
  await oauth.validateApplicationLevelSignature(as, raw, insecure);
  return { tokens, pushed };
}

const session = as && (await check("signed and pushed request, signed answer, private_key_jwt, DPoP with nonces", async () => {
  const session = await authorize();
  equal(session.tokens.token_type, "dpop", "token_type");
  if (noncesAsked === 0) throw new Error("the server asked for no nonce");
  return session;
}));
if (session) {
  const { tokens } = session;
  const { sub } = oauth.getValidatedIdTokenClaims(tokens);

  await check("userinfo with a proof of possession, and not without", async () => {
    const info = await withNonce(
      () => oauth.userInfoRequest(as, client, tokens.access_token, bound),
      (answer) => oauth.processUserInfoResponse(as, client, sub, answer),
    );
    equal(info.preferred_username, person.identifier, "preferred_username");
    const bare = await oauth.userInfoRequest(as, client, tokens.access_token, insecure).then((r) => r.status, (e) => e.status);
    equal(bare, 401, "the status without");
  });

  await check("introspection as a signed JWT", async () => {
    const response = await oauth.introspectionRequest(as, client, auth, tokens.access_token, { requestJwtResponse: true, ...insecure });
    const told = await oauth.processIntrospectionResponse(as, client, response);
    await oauth.validateApplicationLevelSignature(as, response, insecure);
    equal(told.active, true, "active");
    equal(told.sub, sub, "sub");
  });

  const refreshed = await check("a refresh token goes with another key too: the client proves itself", async () => {
    const other = { DPoP: oauth.DPoP(client, await oauth.generateKeyPair("ES256")), ...insecure };
    return withNonce(
      () => oauth.refreshTokenGrantRequest(as, client, auth, tokens.refresh_token, other),
      (answer) => oauth.processRefreshTokenResponse(as, client, answer),
    );
  });

  await check("a request_uri answers once", async () => {
    const url = new URL(as.authorization_endpoint);
    url.search = new URLSearchParams({ client_id: client.client_id, request_uri: session.pushed.request_uri });
    const { status, url: stayed } = await browser.walk(url.href, person);
    equal(`${status} ${stayed.origin}`, `400 ${issuer.origin}`, "the page");
  });

  await check("revocation of the refresh token ends what came from it", async () => {
    if (!refreshed) throw new Error("nothing was refreshed");
    await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, auth, refreshed.refresh_token ?? tokens.refresh_token, insecure));
    const response = await oauth.introspectionRequest(as, client, auth, refreshed.access_token, { requestJwtResponse: true, ...insecure });
    equal((await oauth.processIntrospectionResponse(as, client, response)).active, false, "active");
  });

  await check("resource indicators: two are granted, one is asked for, and the token is for that one", async () => {
    const named = resources.map((resource) => ["resource", resource]);
    const { tokens: narrowed } = await authorize(named, [["resource", resources[1]]]);
    const { aud, client_id: owner } = JSON.parse(Buffer.from(narrowed.access_token.split(".")[1], "base64url"));
    equal(`${aud} ${owner}`, `${resources[1]} ${client.client_id}`, "aud and client_id");
    await refused(authorize([["resource", "https://other.example/"]]), "invalid_target");
  });

  await check("plain parameters are refused", async () => {
    const url = new URL(as.authorization_endpoint);
    const plain = { client_id: client.client_id, response_type: "code", redirect_uri: redirectUri, scope, response_mode: "jwt", state: "s" };
    url.search = new URLSearchParams(plain);
    const { url: arrived } = await browser.walk(url.href, person);
    const outcome = await oauth.validateJwtAuthResponse(as, client, arrived, "s", insecure).then(() => "no error", (error) => error.error);
    equal(outcome, "invalid_request", "the error");
  });
}

await check("hybrid: a code and an ID token in a posted form, bound to each other", async () => {
  const site = await register(issuer.href.slice(0, -1), "hybrid", {
    client_name: "Hybrid",
    redirect_uris: [redirectUri],
    response_types: ["code", "code id_token"],
    scope: "openid profile",
  });
  const hybrid = { client_id: site.client_id };
  const basic = oauth.ClientSecretBasic(site.client_secret);
  const [verifier, state, nonce] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomState(), oauth.generateRandomNonce()];
  for (const mode of ["form_post", undefined]) {
    const url = new URL(as.authorization_endpoint);
    url.search = new URLSearchParams({
      client_id: hybrid.client_id, response_type: "code id_token", redirect_uri: redirectUri, scope: "openid profile", state, nonce,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256", ...(mode && { response_mode: mode }),
    });
    const { url: arrived, form } = await browser.walk(url.href, person);
    const came = mode
      ? new Request(arrived, { method: "POST", body: form, headers: { "content-type": "application/x-www-form-urlencoded" } })
      : arrived;
    const answer = await oauth.validateCodeIdTokenResponse(as, hybrid, came, nonce, state, undefined, insecure);
    const response = await oauth.authorizationCodeGrantRequest(as, hybrid, basic, answer, redirectUri, verifier, insecure);
    const tokens = await oauth.processAuthorizationCodeResponse(as, hybrid, response, { expectedNonce: nonce, requireIdToken: true });
    const info = await oauth.userInfoRequest(as, hybrid, tokens.access_token, insecure);
    await oauth.processUserInfoResponse(as, hybrid, oauth.getValidatedIdTokenClaims(tokens).sub, info);
  }
});

console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
