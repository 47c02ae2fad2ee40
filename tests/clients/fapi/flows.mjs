// What must work, with npm's `openid-client`: every way for a client to prove itself with every way to bind tokens.

import { importJWK } from "jose";
import * as client from "openid-client";

import { Browser } from "./browser.mjs";
import { Bank, check, claimsOf, equal, fetches, headerOf, issuer, made, person, redirectUri, scope } from "./bank.mjs";
import { start } from "./site.mjs";

const strong = ["PS256", "ES256", "EdDSA"];

/** A configuration of openid-client for the client of this id. */
async function configure(id, certificate, metadata) {
  const jwk = made.keys[id];
  const auth = jwk ? client.PrivateKeyJwt({ key: await importJWK(jwk, jwk.alg), kid: jwk.kid }) : client.TlsClientAuth();
  return client.discovery(new URL(issuer), id, metadata, auth, { [client.customFetch]: fetches[certificate] });
}

async function flow(id, certificate, idTokenAlg) {
  const config = await configure(id, certificate, { id_token_signed_response_alg: idTokenAlg });
  const options = id.endsWith("dpop") ? { DPoP: client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256")) } : undefined;
  const browser = new Browser();
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const [expectedNonce, expectedState] = [client.randomNonce(), client.randomState()];
  const signedIn = await check(`${id}: PAR, PKCE, the code flow, and tokens that are bound`, async () => {
    const url = await client.buildAuthorizationUrlWithPAR(config, {
      redirect_uri: redirectUri, scope, nonce: expectedNonce, state: expectedState,
      code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier), code_challenge_method: "S256",
    }, options);
    equal([...url.searchParams.keys()].sort().join(), "client_id,request_uri", "what the browser carries");
    const { url: arrived } = await browser.walk(url.href, person);
    equal(arrived.searchParams.get("iss"), issuer, "iss");
    const checks = { pkceCodeVerifier, expectedNonce, expectedState, idTokenExpected: true };
    return client.authorizationCodeGrant(config, arrived, checks, undefined, options);
  });
  if (!signedIn) return;
  const { access_token: token } = signedIn;
  await check(`${id}: no JWT is signed with RS256`, () => {
    equal(headerOf(signedIn.id_token).alg, idTokenAlg, "the ID token's alg");
    equal(headerOf(token).alg, idTokenAlg, "the access token's alg");
  });
  await check(`${id}: the token says what it is bound to, and opens userinfo for its holder`, async () => {
    equal(Object.keys(claimsOf(token).cnf).join(), options ? "jkt" : "x5t#S256", "cnf");
    const info = await client.fetchUserInfo(config, token, signedIn.claims().sub, options);
    equal(info.preferred_username, person.identifier, "preferred_username");
  });
  await check(`${id}: introspection tells the binding`, async () => {
    const answer = await client.tokenIntrospection(config, token);
    equal(answer.active, true, "active");
    equal(JSON.stringify(answer.cnf), JSON.stringify(claimsOf(token).cnf), "cnf");
  });
  await check(`${id}: a refresh gives a new bound token and keeps the refresh token`, async () => {
    const next = await client.refreshTokenGrant(config, signedIn.refresh_token, undefined, options);
    equal(next.refresh_token ?? signedIn.refresh_token, signedIn.refresh_token, "the refresh token");
    equal(Object.keys(claimsOf(next.access_token).cnf).join(), options ? "jkt" : "x5t#S256", "cnf");
    const again = await client.refreshTokenGrant(config, signedIn.refresh_token, undefined, options);
    equal(headerOf(again.access_token).alg, idTokenAlg, "alg");
  });
  await check(`${id}: a token of its own is bound, too`, async () => {
    const own = await client.clientCredentialsGrant(config, undefined, options);
    equal(Object.keys(claimsOf(own.access_token).cnf).join(), options ? "jkt" : "x5t#S256", "cnf");
  });
  await check(`${id}: revocation`, async () => {
    await client.tokenRevocation(config, signedIn.refresh_token);
    equal((await client.tokenIntrospection(config, token)).active, false, "active");
  });
}

export default async function flows() {
  await check("discovery announces what the profile needs", async () => {
    const answer = await fetches.none(`${issuer}/.well-known/openid-configuration`);
    const told = await answer.json();
    equal(told.issuer, issuer, "issuer");
    equal(told.code_challenge_methods_supported.join(), "S256", "code_challenge_methods_supported");
    equal(told.authorization_response_iss_parameter_supported, true, "authorization_response_iss_parameter_supported");
    equal(told.tls_client_certificate_bound_access_tokens, true, "tls_client_certificate_bound_access_tokens");
    equal(typeof told.pushed_authorization_request_endpoint, "string", "pushed_authorization_request_endpoint");
    for (const method of ["private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"]) {
      equal(told.token_endpoint_auth_methods_supported.includes(method), true, method);
    }
    for (const name of ["dpop_signing_alg_values_supported", "token_endpoint_auth_signing_alg_values_supported",
      "id_token_signing_alg_values_supported", "request_object_signing_alg_values_supported", "authorization_signing_alg_values_supported",
      "backchannel_authentication_request_signing_alg_values_supported"]) {
      equal(strong.every((alg) => told[name].includes(alg)), true, name);
    }
    equal(told.dpop_signing_alg_values_supported.includes("RS256"), false, "RS256 for proofs");
  });
  const site = await start();
  await flow("key-dpop", "none", "PS256");
  await flow("key-mtls", "holder", "ES256");
  await flow("tls-dpop", "holder", "EdDSA");
  await flow("tls-mtls", "holder", "PS256");
  await flow("self-mtls", "alone", "PS256");
  site.stop();
  const bank = await Bank.of("key-dpop");
  for (const [name, changes] of [
    ["neither state nor nonce", { state: undefined, nonce: undefined }],
    ["a long state and a long nonce", { state: "s".repeat(384), nonce: "n".repeat(384) }],
    ["a display and a language that it does not know", { display: "touch", ui_locales: "tlh", claims_locales: "tlh", login_hint: "x" }],
    ["parameters that nobody knows", { extra: "foobar" }],
    ["acr_values", { acr_values: "urn:example:unknown urn:mace:incommon:iap:silver" }],
    ["claims for the ID token", { claims: JSON.stringify({ id_token: { email: { essential: true }, unheard_of: null } }) }],
  ]) {
    await check(`a request with ${name} succeeds`, async () => {
      const { url } = await bank.open({ request_uri: await bank.requestUri(changes) });
      equal(url.searchParams.get("state"), "state" in changes ? changes.state ?? null : "the state", "state");
      const answer = await bank.redeem(url.searchParams.get("code"));
      equal(answer.status, 200, answer.text);
      const id = claimsOf(answer.json.id_token);
      equal(id.nonce, "nonce" in changes ? changes.nonce : "the nonce", "nonce");
      if (changes.claims) equal(id.email, made.person.email, "email");
    });
  }
}
