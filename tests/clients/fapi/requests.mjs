// Authorization requests that must be refused, and those that look alike and must not.

import { Bank, among, check, equal, issuer, pause, person, ProofKey, redirectUri, scope, sha256 } from "./bank.mjs";

export default async function requests() {
  const bank = await Bank.of("key-dpop");
  const other = await Bank.of("key-mtls", "holder");
  /** The push must be refused with one of these errors. */
  const refused = (name, changes, errors = ["invalid_request"], options = undefined) => check(name, async () => {
    const answer = await bank.push(changes, options);
    among(answer.json.error, errors, `the error (${answer.text})`);
    among(answer.status, [400, 401], "the status");
  });

  await check("a request that was not pushed is refused", async () => {
    const { url } = await bank.open({ response_type: "code", redirect_uri: redirectUri, scope, state: "s", code_challenge: sha256("x".repeat(43)), code_challenge_method: "S256" });
    equal(url.searchParams.get("error"), "invalid_request", "the error");
    equal(url.searchParams.get("iss"), issuer, "iss");
    equal(url.searchParams.get("state"), "s", "state");
  });
  await refused("no PKCE", { code_challenge: undefined, code_challenge_method: undefined });
  await refused("PKCE without its method, which means plain", { code_challenge_method: undefined });
  await refused("PKCE with plain", { code_challenge: "x".repeat(43), code_challenge_method: "plain" });
  await refused("a push that holds a request_uri", { request_uri: "urn:ietf:params:oauth:request_uri:x" });
  for (const type of ["token", "id_token", "code id_token", "code token", "code id_token token", "none"]) {
    await refused(`response_type ${type}`, { response_type: type }, ["unsupported_response_type", "unauthorized_client", "invalid_request"]);
  }
  await refused("no response_type", { response_type: undefined });
  await refused("no redirect_uri", { redirect_uri: undefined });
  await refused("no redirect_uri where only one is registered, without openid", { redirect_uri: undefined, scope: "email" });
  for (const uri of ["http://bank.example/cb", "https://bank.example/cb/more", "https://bank.example/cb?query=1", "https://bank.example/CB", "https://evil.example/cb"]) {
    await refused(`redirect_uri ${uri}`, { redirect_uri: uri }, ["invalid_request", "invalid_redirect_uri"]);
  }
  await check("a scope that is not registered is not given", async () => {
    const answer = await bank.redeem(await bank.code({ scope: "openid tessera:admin" }));
    equal(answer.json.scope, "openid", "the scope");
  });
  await refused("a push for another client", { client_id: "key-mtls" }, ["invalid_client", "invalid_request"]);
  await check("a push by GET", async () => {
    equal((await bank.fetch(`${issuer}/par`)).status, 405, "the status");
  });

  await check("a request_uri is good once", async () => {
    const uri = await bank.requestUri();
    const first = await bank.open({ request_uri: uri });
    equal(first.url.searchParams.has("code"), true, "a code at first");
    const second = await bank.open({ request_uri: uri });
    equal(second.url.origin, issuer, "where the second ends");
    equal(second.status, 400, "the status");
  });
  await check("a request_uri of another client", async () => {
    const uri = await bank.requestUri();
    other.browser = bank.browser;
    const { url, status } = await other.open({ request_uri: uri });
    equal(`${url.origin} ${status}`, `${issuer} 400`, "where it ends");
  });
  await check("a request_uri that nobody made", async () => {
    const { url, status } = await bank.open({ request_uri: "urn:ietf:params:oauth:request_uri:unheard-of" });
    equal(`${url.origin} ${status}`, `${issuer} 400`, "where it ends");
  });
  await check("what stands beside the request_uri does not count", async () => {
    const { url } = await bank.open({ request_uri: await bank.requestUri(), state: "outside", redirect_uri: "https://evil.example/cb", response_type: "token" });
    equal(`${url.origin} ${url.searchParams.get("state")}`, "https://bank.example the state", "where it ends");
  });
  await check("a request_uri that expired", async () => {
    const pushed = await bank.push();
    equal(pushed.json.expires_in, 10, "expires_in");
    await pause(11_000);
    const { url, status } = await bank.open({ request_uri: pushed.json.request_uri });
    equal(`${url.origin} ${status}`, `${issuer} 400`, "where it ends");
  });
  await check("who refuses is answered with access_denied", async () => {
    const fresh = await Bank.of("key-dpop");
    const uri = await fresh.requestUri({ prompt: "consent" });
    const { url } = await fresh.open({ request_uri: uri }, { ...person, decision: "deny" });
    equal(`${url.searchParams.get("error")} ${url.searchParams.get("iss")}`, `access_denied ${issuer}`, "the answer");
  });

  await check("a proof at the pushed request binds the code", async () => {
    const code = await bank.code({}, { headers: { dpop: await bank.proofKey.proof("POST", "/par") } });
    const stranger = await ProofKey.make();
    const stolen = await bank.redeem(code, {}, { headers: { dpop: await stranger.proof("POST", "/token") } });
    among(stolen.json.error, ["invalid_grant", "invalid_dpop_proof"], "the error");
  });
  await check("dpop_jkt binds the code", async () => {
    const code = await bank.code({ dpop_jkt: bank.proofKey.jkt });
    equal((await bank.redeem(code)).status, 200, "the status for its key");
    const next = await bank.code({ dpop_jkt: (await ProofKey.make()).jkt });
    among((await bank.redeem(next)).json.error, ["invalid_grant", "invalid_dpop_proof"], "the error for another");
  });
  await check("dpop_jkt and a proof of another key", async () => {
    const headers = { dpop: await bank.proofKey.proof("POST", "/par") };
    const answer = await bank.push({ dpop_jkt: (await ProofKey.make()).jkt }, { headers });
    among(answer.json.error, ["invalid_request", "invalid_dpop_proof"], "the error");
  });
}
