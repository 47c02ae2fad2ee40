// The token endpoint and a protected resource: codes, proofs and tokens in the wrong hands.

import { Bank, among, check, equal, fetches, issuer, now, pause, ProofKey, sha256 } from "./bank.mjs";

export default async function tokens() {
  const bank = await Bank.of("key-dpop");
  const mtls = await Bank.of("key-mtls", "holder");
  const other = await Bank.of("tls-dpop", "holder");
  const refused = (name, work, errors = ["invalid_grant"]) => check(name, async () => {
    const answer = await work();
    among(answer.json.error, errors, `the error (${answer.text})`);
    among(answer.status, [400, 401], "the status");
  });

  await check("a code that is used again takes its tokens with it", async () => {
    const code = await bank.code();
    const first = (await bank.redeem(code)).json;
    await pause(1_000);
    equal((await bank.redeem(code)).json.error, "invalid_grant", "the second");
    equal(await bank.userinfo(first.access_token), 401, "userinfo with the first token");
    const refresh = await bank.token({ grant_type: "refresh_token", refresh_token: first.refresh_token });
    equal(refresh.json.error, "invalid_grant", "a refresh");
  });
  await refused("a code of another client", async () => {
    other.verifier = undefined;
    const code = await bank.code();
    return other.redeem(code, { code_verifier: bank.verifier });
  });
  await refused("a code without its verifier", async () => bank.redeem(await bank.code(), { code_verifier: undefined }), ["invalid_grant", "invalid_request"]);
  await refused("a code with another verifier", async () => bank.redeem(await bank.code(), { code_verifier: "x".repeat(43) }));
  await refused("a code for another redirect URI", async () => bank.redeem(await bank.code(), { redirect_uri: "https://bank.example/other" }), ["invalid_grant", "invalid_request"]);
  await refused("a code that nobody made", () => bank.redeem("tsr_ac_unheard-of"));
  await refused("a refresh token of another client", async () => {
    const { refresh_token } = await bank.tokens();
    return other.token({ grant_type: "refresh_token", refresh_token });
  });
  for (const grant of ["password", "urn:ietf:params:oauth:grant-type:jwt-bearer", "implicit"]) {
    await refused(`the grant type ${grant}`, () => bank.token({ grant_type: grant, username: "alice", password: "x", assertion: "x" }), ["unsupported_grant_type", "unauthorized_client", "invalid_grant", "invalid_request"]);
  }

  const key = bank.proofKey;
  const own = { grant_type: "client_credentials" };
  const proofs = [
    ["not a JWT", async () => "x"],
    ["for another method", () => key.proof("GET", "/token")],
    ["for another endpoint", () => key.proof("POST", "/par")],
    ["for another server", () => key.proof("POST", "/token", { htu: "https://other.example/token" })],
    ["an hour old", () => key.proof("POST", "/token", { iat: now() - 3_600 })],
    ["an hour ahead", () => key.proof("POST", "/token", { iat: now() + 3_600 })],
    ["without jti", () => key.proof("POST", "/token", { jti: undefined })],
    ["without htm", () => key.proof("POST", "/token", { htm: undefined })],
    ["without htu", () => key.proof("POST", "/token", { htu: undefined })],
    ["without iat", () => key.proof("POST", "/token", { iat: undefined })],
    ["of another typ", () => key.proof("POST", "/token", {}, { typ: "JWT" })],
    ["without its key", () => key.proof("POST", "/token", {}, { jwk: undefined })],
    ["with the key of another", async () => key.proof("POST", "/token", {}, { jwk: (await ProofKey.make()).jwk })],
    ["unsigned", () => key.proof("POST", "/token", {}, { alg: "none" })],
    ["with RS256", async () => (await ProofKey.make("RS256")).proof("POST", "/token")],
  ];
  for (const [name, make] of proofs) {
    await refused(`a DPoP proof that is ${name}`, async () => {
      const dpop = await make();
      return bank.token(own, { headers: typeof dpop === "string" ? { dpop } : {} });
    }, ["invalid_dpop_proof", "invalid_request"]);
  }
  await refused("no DPoP proof", () => bank.token(own, { headers: {} }), ["invalid_request"]);
  await refused("a refresh without a DPoP proof", async () => {
    const { refresh_token } = await bank.tokens();
    return bank.token({ grant_type: "refresh_token", refresh_token }, { headers: {} });
  }, ["invalid_request"]);
  await refused("a refresh without the certificate", async () => {
    const { refresh_token } = await mtls.tokens();
    return mtls.token({ grant_type: "refresh_token", refresh_token }, { fetch: fetches.none });
  }, ["invalid_request"]);
  await refused("a DPoP proof used twice", async () => {
    const headers = { dpop: await key.proof("POST", "/token") };
    equal((await bank.token(own, { headers })).status, 200, "the first");
    return bank.token(own, { headers });
  }, ["invalid_dpop_proof"]);
  for (const ahead of [-10, 10]) {
    await check(`a DPoP proof whose iat is ${ahead} seconds off is accepted`, async () => {
      equal((await bank.token(own, { headers: { dpop: await key.proof("POST", "/token", { iat: now() + ahead }) } })).status, 200, "the status");
    });
  }
  for (const alg of ["PS256", "EdDSA"]) {
    await check(`a DPoP proof with ${alg}`, async () => {
      equal((await bank.token(own, { headers: { dpop: await (await ProofKey.make(alg)).proof("POST", "/token") } })).status, 200, "the status");
    });
  }
  await refused("no certificate where tokens are bound to it", () => mtls.token(own, { fetch: fetches.none }), ["invalid_request", "invalid_client"]);

  const token = (await bank.tokens()).access_token;
  const get = (changes, header) => key.proof("GET", "/userinfo", { ath: sha256(token), ...changes }, header);
  await check("the scheme of a token is read in any case", async () => {
    for (const scheme of ["DPoP", "dpop", "DPOP"]) equal(await bank.userinfo(token, { scheme }), 200, scheme);
  });
  for (const [name, options] of [
    ["as a bearer token", { scheme: "Bearer", proof: null }],
    ["as a bearer token with a proof", { scheme: "Bearer" }],
    ["without a proof", { proof: null }],
    ["with the proof of another key", { proof: await (await ProofKey.make()).proof("GET", "/userinfo", { ath: sha256(token) }) }],
    ["with a proof for another token", { proof: await get({ ath: sha256("x") }) }],
    ["with a proof for no token", { proof: await get({ ath: undefined }) }],
    ["with a proof for another method", { proof: await get({ htm: "POST" }) }],
    ["in the query", { scheme: null, proof: null, query: `?access_token=${token}` }],
    ["in the query, with a proof", { scheme: null, query: `?access_token=${token}` }],
  ]) {
    await check(`a bound token ${name} opens nothing`, async () => {
      among(await bank.userinfo(token, options), [400, 401], "the status");
    });
  }
  for (const [name, changes, header] of [
    ["whose htu has a query and a fragment", { htu: `${issuer}/userinfo?a=1#b` }], ["whose htu has capitals", { htu: `${issuer.replace("https", "HTTPS")}/userinfo` }],
    ["with nbf and exp", { nbf: now(), exp: now() + 300 }], ["with members that nobody knows", { extra: 1 }, { extra: 1 }],
  ]) {
    await check(`a DPoP proof ${name} is accepted`, async () => {
      equal(await bank.userinfo(token, { proof: await get(changes, header) }), 200, "the status");
    });
  }
  await check("two DPoP proofs, or a private key in one, open nothing", async () => {
    equal(await bank.userinfo(token, { proof: await get({}, { jwk: { ...key.jwk, d: "x".repeat(43) } }) }), 401, "a private key");
    equal(await bank.userinfo(token, { proof: `${await get({})}, ${await get({})}` }), 401, "two");
  });
  await check("a DPoP proof for userinfo is good once", async () => {
    const proof = await get({});
    equal(await bank.userinfo(token, { proof }), 200, "the first");
    equal(await bank.userinfo(token, { proof }), 401, "the second");
  });
  const certified = (await mtls.tokens()).access_token;
  await check("a token that is bound to a certificate opens for its holder alone", async () => {
    equal(await mtls.userinfo(certified), 200, "the holder");
    for (const thief of ["none", "thief", "alone"]) equal(await mtls.userinfo(certified, { fetch: fetches[thief] }), 401, thief);
    among(await mtls.userinfo(certified, { scheme: null, query: `?access_token=${certified}` }), [400, 401], "in the query");
  });
  await check("an ID token and a refresh token open nothing", async () => {
    const all = await mtls.tokens();
    equal(await mtls.userinfo(all.id_token), 401, "the ID token");
    equal(await mtls.userinfo(all.refresh_token), 401, "the refresh token");
  });
}
