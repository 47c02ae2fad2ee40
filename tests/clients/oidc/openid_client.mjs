// Tessera through npm's `openid-client` and `jose`, as a relying party uses them.
//
// Environment (in brackets what tests/clients/setup.toml sets up):
//   TESSERA_URL            the issuer, such as http://127.0.0.1:8080
//   TESSERA_CLIENT_ID      a confidential client with client_secret_basic and the grants authorization_code, refresh_token,
//                          client_credentials, device_code and ciba, scope `openid profile email offline_access` [web]
//   TESSERA_CLIENT_SECRET  its secret
//   TESSERA_REDIRECT_URI   one of its redirect URIs [http://127.0.0.1:9000/cb]
//   TESSERA_USERNAME, TESSERA_PASSWORD   who signs in [alice]
//   TESSERA_GRACE_SECONDS  the server's `tokens.refresh.grace_seconds` [10]
// Prints a line for each check and `N passed, N failed`; exits with 1 if any failed.

import { createRemoteJWKSet, jwtVerify } from "jose";
import * as client from "openid-client";

import { Browser } from "./browser.mjs";

const env = (name, otherwise) => {
  const value = process.env[name] ?? otherwise;
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
};
const issuer = env("TESSERA_URL");
const clientId = env("TESSERA_CLIENT_ID", "web");
const secret = env("TESSERA_CLIENT_SECRET", "web-secret-for-tests-only");
const redirectUri = env("TESSERA_REDIRECT_URI", "http://127.0.0.1:9000/cb");
const person = {
  identifier: env("TESSERA_USERNAME", "alice"),
  password: env("TESSERA_PASSWORD", "correct horse battery staple"),
  decision: "allow",
};
const graceMs = Number(env("TESSERA_GRACE_SECONDS", "10")) * 1000 + 1500;

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
  const outcome = await promise.then(
    () => "no error",
    (reason) => reason.error ?? reason.cause?.error ?? reason.message,
  );
  equal(outcome, error, "the error");
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const config = await client.discovery(
  new URL(issuer),
  clientId,
  { client_secret: secret },
  client.ClientSecretBasic(secret),
  { execute: [client.allowInsecureRequests] },
);

await check("discovery names this issuer, S256 and iss in responses", () => {
  const metadata = config.serverMetadata();
  equal(metadata.issuer, issuer, "issuer");
  equal(metadata.supportsPKCE(), true, "S256");
  equal(metadata.authorization_response_iss_parameter_supported, true, "iss");
});

/** Signs in with the browser and exchanges the code; openid-client validates state, nonce, iss and the ID token. */
async function signIn(browser, parameters = {}, options = undefined) {
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const expectedNonce = client.randomNonce();
  const expectedState = client.randomState();
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope: "openid profile email offline_access",
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
    nonce: expectedNonce,
    state: expectedState,
    ...parameters,
  });
  const arrived = await browser.walk(url.href, person);
  const checks = { pkceCodeVerifier, expectedNonce, expectedState, idTokenExpected: true };
  return { arrived: arrived.url, checks, tokens: await client.authorizationCodeGrant(config, arrived.url, checks, undefined, options) };
}

const browser = new Browser();
const session = await check("code flow with PKCE, through the sign-in and consent forms", () => signIn(browser));
if (session) {
  const { tokens } = session;
  const idToken = tokens.claims();

  await check("the ID token says who signed in, when and how", () => {
    equal(idToken.aud, clientId, "aud");
    equal(idToken.sub.startsWith("usr_"), true, "sub");
    equal(typeof idToken.auth_time, "number", "auth_time");
    equal(idToken.amr[0], "pwd", "amr");
  });

  await check("userinfo belongs to the ID token's subject", async () => {
    const info = await client.fetchUserInfo(config, tokens.access_token, idToken.sub);
    equal(info.preferred_username, person.identifier, "preferred_username");
  });

  await check("jose verifies the access token through /jwks", async () => {
    const keys = createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri));
    const { payload } = await jwtVerify(tokens.access_token, keys, {
      issuer,
      audience: issuer,
      typ: "at+jwt",
      algorithms: ["RS256"],
    });
    equal(payload.client_id, clientId, "client_id");
    equal(payload.sub, idToken.sub, "sub");
  });

  await check("an ID token is no access token", async () => {
    const keys = createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri));
    const asAccessToken = jwtVerify(tokens.id_token, keys, { typ: "at+jwt" }).then(
      () => "verified",
      (error) => error.code,
    );
    equal(await asAccessToken, "ERR_JWT_CLAIM_VALIDATION_FAILED", "verification");
  });

  await check("the second sign-in needs no form", async () => {
    const again = await signIn(browser, { prompt: "none" });
    equal(again.tokens.claims().sub, idToken.sub, "sub");
  });

  await check("a code is worth nothing the second time, and takes its tokens with it", async () => {
    const other = await signIn(browser);
    await refused(client.authorizationCodeGrant(config, other.arrived, other.checks), "invalid_grant");
    const { active } = await client.tokenIntrospection(config, other.tokens.access_token);
    equal(active, false, "active");
  });

  await check("a wrong verifier gets nothing", async () => {
    const pkceCodeVerifier = client.randomPKCECodeVerifier();
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: redirectUri,
      scope: "openid",
      code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: "S256",
    });
    const { url: arrived } = await browser.walk(url.href, person);
    const wrong = { pkceCodeVerifier: client.randomPKCECodeVerifier() };
    await refused(client.authorizationCodeGrant(config, arrived, wrong), "invalid_grant");
  });

  await check("introspection knows the access token", async () => {
    const answer = await client.tokenIntrospection(config, tokens.access_token);
    equal(answer.active, true, "active");
    equal(answer.sub, idToken.sub, "sub");
  });

  await check("refresh rotates, and a replay of the first token revokes the family", async () => {
    await pause(graceMs);
    const second = await client.refreshTokenGrant(config, tokens.refresh_token);
    equal(second.refresh_token === tokens.refresh_token, false, "the same refresh token");
    equal(second.claims().sub, idToken.sub, "sub of the new ID token");
    const repeated = await client.refreshTokenGrant(config, tokens.refresh_token);
    equal(repeated.refresh_token, second.refresh_token, "a retry's refresh token");
    await pause(graceMs);
    const third = await client.refreshTokenGrant(config, second.refresh_token);
    await refused(client.refreshTokenGrant(config, tokens.refresh_token), "invalid_grant");
    await refused(client.refreshTokenGrant(config, third.refresh_token), "invalid_grant");
    const { active } = await client.tokenIntrospection(config, third.access_token);
    equal(active, false, "active");
  });

  await check("DPoP: a code bound to the key, its token at userinfo, and a refresh", async () => {
    const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair());
    const bound = { dpop_jkt: await DPoP.calculateThumbprint() };
    const { tokens: own } = await signIn(browser, bound, { DPoP });
    equal(own.token_type, "dpop", "token_type");
    const info = await client.fetchUserInfo(config, own.access_token, idToken.sub, { DPoP });
    equal(info.preferred_username, person.identifier, "preferred_username");
    const { cnf, token_type: kind } = await client.tokenIntrospection(config, own.access_token);
    equal(`${cnf.jkt} ${kind}`, `${bound.dpop_jkt} DPoP`, "what introspection says");
    const next = await client.refreshTokenGrant(config, own.refresh_token, undefined, { DPoP });
    equal(next.token_type, "dpop", "token_type of the refreshed token");
  });

  await check("DPoP: neither a stolen token nor an injected code works without the key", async () => {
    const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair());
    const thief = { DPoP: client.getDPoPHandle(config, await client.randomDPoPKeyPair()) };
    const { access_token: token } = await client.clientCredentialsGrant(config, undefined, { DPoP });
    const url = new URL(config.serverMetadata().userinfo_endpoint);
    for (const options of [undefined, thief]) {
      const outcome = await client.fetchProtectedResource(config, token, url, "GET", null, null, options).then(
        (response) => response.status,
        (error) => error.status ?? error.cause?.status,
      );
      equal(outcome, 401, "the status");
    }
    const bound = { dpop_jkt: await DPoP.calculateThumbprint() };
    await refused(signIn(browser, bound, thief), "invalid_grant");
  });

  await check("revocation of a refresh token ends its access token", async () => {
    const other = await signIn(browser);
    await client.tokenRevocation(config, other.tokens.refresh_token);
    await refused(client.refreshTokenGrant(config, other.tokens.refresh_token), "invalid_grant");
    const { active } = await client.tokenIntrospection(config, other.tokens.access_token);
    equal(active, false, "active");
  });

  await check("revocation of an access token ends that one", async () => {
    const other = await signIn(browser);
    await client.tokenRevocation(config, other.tokens.access_token);
    const { active } = await client.tokenIntrospection(config, other.tokens.access_token);
    equal(active, false, "active");
  });

  await check("sign-out with the ID token ends the session", async () => {
    const other = await signIn(browser);
    const url = client.buildEndSessionUrl(config, { id_token_hint: other.tokens.id_token });
    const { text } = await browser.walk(url.href, {});
    equal(text.includes("signed out"), true, "the page");
    await refused(signIn(browser, { prompt: "none" }), "login_required");
  });
}

await check("the device grant: a person enters the code, openid-client polls", async () => {
  const begun = await client.initiateDeviceAuthorization(config, { scope: "openid profile offline_access" });
  const polled = client.pollDeviceAuthorizationGrant(config, begun);
  const typed = { ...person, user_code: begun.user_code.toLowerCase() };
  const { text } = await new Browser().walk(begun.verification_uri_complete, typed);
  equal(text.includes("The device is connected"), true, "the page");
  const tokens = await polled;
  equal(tokens.claims().aud, clientId, "aud");
  const info = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
  equal(info.preferred_username, person.identifier, "preferred_username");
  equal(typeof tokens.refresh_token, "string", "a refresh token");
});

await check("a device that is refused learns it", async () => {
  const begun = await client.initiateDeviceAuthorization(config, { scope: "openid" });
  const typed = { ...person, user_code: begun.user_code, decision: "deny" };
  await new Browser().walk(begun.verification_uri, typed);
  await refused(client.pollDeviceAuthorizationGrant(config, begun), "access_denied");
});

await check("CIBA: a person allows what the client asked by name, openid-client polls", async () => {
  const begun = await client.initiateBackchannelAuthentication(config, {
    scope: "openid profile offline_access",
    login_hint: person.identifier,
    binding_message: "W4SCT",
  });
  const polled = client.pollBackchannelAuthenticationGrant(config, begun);
  const { text } = await new Browser().walk(`${issuer}/approvals`, person);
  equal(text.includes("The application goes on by itself"), true, "the page");
  const tokens = await polled;
  equal(tokens.claims().aud, clientId, "aud");
});

await check("the client gets a token as itself", async () => {
  const own = await client.clientCredentialsGrant(config);
  const answer = await client.tokenIntrospection(config, own.access_token);
  equal(answer.sub, clientId, "sub");
});

await check("a wrong secret is answered with a challenge", async () => {
  const stranger = new client.Configuration(
    config.serverMetadata(),
    clientId,
    undefined,
    client.ClientSecretBasic("wrong-secret-wrong-secret"),
  );
  client.allowInsecureRequests(stranger);
  const outcome = await client.clientCredentialsGrant(stranger).then(
    () => "no error",
    (error) => `${error.status} ${error.cause?.[0]?.scheme}`,
  );
  equal(outcome, "401 basic", "the challenge");
});

console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
