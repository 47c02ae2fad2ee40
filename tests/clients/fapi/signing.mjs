// FAPI 2.0 Message Signing: signed requests by PAR, signed answers (JARM), signed introspection (RFC 9701).

import { createRemoteJWKSet, customFetch, exportJWK, generateKeyPair, jwtVerify } from "jose";

import { Bank, among, check, equal, fetches, issuer, made, now, person, redirectUri, scope, sha256, sign } from "./bank.mjs";

export default async function signing() {
  const bank = await Bank.of("signing");
  const requestKey = made.keys["signing-requests"];
  const keys = createRemoteJWKSet(new URL(`${issuer}/jwks`), { [customFetch]: fetches.none });
  bank.verifier = "v".repeat(43);

  /** A request object with claims and header changed. */
  const object = (changes = {}, header = {}, key = requestKey) => sign(key, { typ: "oauth-authz-req+jwt", ...header }, {
    iss: bank.id, aud: issuer, iat: now(), nbf: now(), exp: now() + 300, client_id: bank.id, response_type: "code", response_mode: "jwt",
    redirect_uri: redirectUri, scope, state: "inside", nonce: "inside", code_challenge: sha256(bank.verifier), code_challenge_method: "S256", ...changes,
  });
  const push = async (request, more = {}) => bank.post("/par", { request, ...more });
  const open = async (request, more, fields = person) => {
    const pushed = await push(request, more);
    equal(pushed.status, 201, `the push (${pushed.text})`);
    const { url } = await bank.open({ request_uri: pushed.json.request_uri }, fields);
    equal([...url.searchParams.keys()].join(), "response", `what came back (${url})`);
    const { payload, protectedHeader } = await jwtVerify(url.searchParams.get("response"), keys, { issuer, audience: bank.id, algorithms: ["PS256"] });
    equal(protectedHeader.alg, "PS256", "alg");
    return payload;
  };
  const refused = (name, make, more) => check(`a request object: ${name}`, async () => {
    const answer = await push(await make(), more);
    among(answer.json.error, ["invalid_request_object", "invalid_request", "invalid_client"], `the error (${answer.text})`);
  });

  const first = await check("a signed request by PAR is answered with a signed response", async () => {
    const answer = await open(await object());
    equal(answer.state, "inside", "state");
    equal(typeof answer.exp, "number", "exp");
    return (await bank.redeem(answer.code)).json;
  });
  await check("a refusal is signed, too", async () => {
    const answer = await open(await object({ prompt: "consent" }), {}, { ...person, decision: "deny" });
    equal(`${answer.error} ${answer.state}`, "access_denied inside", "the answer");
  });
  await check("a signed introspection answer, verified with the published keys", async () => {
    const asked = await bank.post("/introspect", { token: first.access_token }, { headers: { accept: "application/token-introspection+jwt" } });
    equal(asked.headers.get("content-type"), "application/token-introspection+jwt", "the media type");
    const { payload, protectedHeader } = await jwtVerify(asked.text, keys, { issuer, audience: bank.id, typ: "token-introspection+jwt" });
    equal(protectedHeader.alg, "ES256", "alg");
    equal(payload.token_introspection.active, true, "active");
    equal(payload.token_introspection.cnf.jkt, bank.proofKey.jkt, "cnf.jkt");
  });
  await check("a request object for several audiences", async () => {
    equal((await open(await object({ aud: ["https://other.example", issuer] }))).state, "inside", "state");
  });
  await check("nbf 8 seconds ahead", async () => {
    equal((await push(await object({ nbf: now() + 8, iat: now() + 8 }))).status, 201, "the status");
  });
  await check("what stands beside the object does not count", async () => {
    const answer = await open(await object(), { state: "outside", nonce: "outside", scope: "openid" });
    equal(answer.state, "inside", "state");
    const tokens = (await bank.redeem(answer.code)).json;
    equal(JSON.parse(Buffer.from(tokens.id_token.split(".")[1], "base64url")).nonce, "inside", "nonce");
    const none = await open(await object({ state: undefined }), { state: "outside" });
    equal(none.state, undefined, "a state that is only outside");
  });
  for (const [name, changes, header] of [
    ["without exp", { exp: undefined }], ["without nbf", { nbf: undefined }], ["without aud", { aud: undefined }], ["without iss", { iss: undefined }],
    ["expired", { exp: now() - 10, nbf: now() - 300 }], ["good for more than an hour", { exp: now() + 3_700 }],
    ["nbf more than an hour ago", { nbf: now() - 3_700, iat: now() - 3_700 }], ["nbf far ahead", { nbf: now() + 90, exp: now() + 200 }],
    ["for another server", { aud: "https://other.example" }], ["of another issuer", { iss: "key-dpop" }], ["for another client", { client_id: "key-dpop" }],
    ["without PKCE", { code_challenge: undefined, code_challenge_method: undefined }], ["with plain PKCE", { code_challenge_method: "plain" }],
    ["with another redirect URI", { redirect_uri: "https://evil.example/cb" }], ["without a redirect URI", { redirect_uri: undefined }],
    ["with response_type token", { response_type: "token" }], ["with a request_uri in it", { request_uri: "urn:x" }],
    ["none", {}, { alg: "none" }], ["of another typ", {}, { typ: "at+jwt" }], ["with a critical member", {}, { crit: ["b64"], b64: true }],
  ]) {
    await check(`a request object: ${name}`, async () => {
      const answer = await push(await object(changes, header));
      if (answer.status !== 201) {
        among(answer.json.error, ["invalid_request_object", "invalid_request", "invalid_client", "unsupported_response_type", "unauthorized_client"], `the error (${answer.text})`);
        return;
      }
      // A fault that may be told to the client travels there.
      const { url } = await bank.open({ request_uri: answer.json.request_uri });
      throw new Error(`it was taken: ${url}`);
    });
  }
  await refused("of a key that is not registered", async () => {
    const { privateKey } = await generateKeyPair("ES256", { extractable: true });
    return object({}, {}, { ...(await exportJWK(privateKey)), alg: "ES256", kid: requestKey.kid });
  });
  await refused("with another algorithm than the registered one", () => object({}, {}, made.keys.signing));
  await refused("with RS256", async () => {
    const { privateKey } = await generateKeyPair("RS256", { extractable: true });
    return object({}, {}, { ...(await exportJWK(privateKey)), alg: "RS256", kid: requestKey.kid });
  });
  await refused("missing", async () => undefined, { response_type: "code", redirect_uri: redirectUri, scope, code_challenge: sha256("x".repeat(43)), code_challenge_method: "S256" });
}
