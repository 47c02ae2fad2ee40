// How clients prove themselves: assertions that are not quite right, certificates of others.

import { generateKeyPair, exportJWK } from "jose";

import { Bank, among, check, claimsOf, equal, fetches, issuer, now, signRaw } from "./bank.mjs";

const own = { grant_type: "client_credentials" };

export default async function clientAuthentication() {
  const bank = await Bank.of("key-dpop");
  const rsa = await Bank.of("key-mtls", "holder");
  const refused = (name, form, who = bank) => check(name, async () => {
    const answer = await who.token({ ...own, ...(await form()) });
    among(answer.json.error, ["invalid_client", "invalid_request"], `the error (${answer.text})`);
    among(answer.status, [400, 401], "the status");
  });
  const accepted = (name, form) => check(name, async () => {
    const answer = await bank.token({ ...own, ...(await form()) });
    equal(answer.status, 200, `the status (${answer.text})`);
  });
  const asserted = (changes, header, key) => async () => ({ client_assertion: await bank.assertion(changes, header, key) });

  await accepted("an assertion for the issuer", asserted({}));
  for (const [name, aud] of [["in a list", [issuer]], ["among others", [issuer, "https://other.example"]], ["and the token endpoint's", [issuer, `${issuer}/token`]],
    ["of the token endpoint", `${issuer}/token`], ["of the PAR endpoint", `${issuer}/par`], ["of another server", "https://other.example"],
    ["with a slash", `${issuer}/`], ["missing", undefined]]) {
    await refused(`an assertion whose audience is ${name}`, asserted({ aud }));
  }
  await accepted("nbf 8 seconds ahead", asserted({ nbf: now() + 8, iat: now() + 8, exp: now() + 68 }));
  for (const [name, changes] of [
    ["nbf 90 seconds ahead", { nbf: now() + 90, exp: now() + 180 }], ["iat 90 seconds ahead", { iat: now() + 90, exp: now() + 180 }],
    ["expired", { exp: now() - 1, iat: now() - 61 }], ["expired 5 minutes ago", { exp: now() - 300, iat: now() - 360 }], ["without exp", { exp: undefined }],
    ["without jti", { jti: undefined }], ["without iss", { iss: undefined }], ["without sub", { sub: undefined }],
    ["with another iss", { iss: "key-mtls" }], ["with another sub", { sub: "key-mtls" }],
  ]) {
    await refused(`an assertion: ${name}`, asserted(changes));
  }
  await refused("an assertion: none", asserted({}, { alg: "none" }));
  await refused("an assertion with a critical member", asserted({}, { crit: ["b64"], b64: true }));
  for (const more of [{ b64: false }, { enc: "A128GCM" }, { zip: "DEF" }]) {
    await refused(`an assertion with the header ${JSON.stringify(more)}`, async () => {
      const { key } = bank;
      return { client_assertion: signRaw(key, { alg: "ES256", kid: key.kid, ...more }, claimsOf(await bank.assertion())) };
    });
  }
  await accepted("an assertion that is signed by the same hand, without such a header", async () => {
    return { client_assertion: signRaw(bank.key, { alg: "ES256", kid: bank.key.kid }, claimsOf(await bank.assertion())) };
  });
  const stranger = async () => ({ ...(await exportJWK((await generateKeyPair("ES256", { extractable: true })).privateKey)), alg: "ES256", kid: bank.key.kid });
  await refused("an assertion of an unregistered key", async () => ({ client_assertion: await bank.assertion({}, {}, await stranger()) }));
  await refused("an assertion with RS256", async () => ({ client_assertion: await rsa.assertion({}, { alg: "RS256" }) }), rsa);
  await refused("an assertion used twice", async () => {
    const client_assertion = await bank.assertion();
    equal((await bank.token({ ...own, client_assertion })).status, 200, "the first");
    return { client_assertion };
  });
  await refused("no assertion", async () => ({ client_assertion: null }));
  await refused("an assertion of an unknown type", async () => ({ client_assertion: await bank.assertion(), client_assertion_type: "urn:x" }));
  await refused("another client's assertion", async () => ({ client_assertion: await rsa.assertion(), client_id: bank.id }));
  await refused("a client secret instead", async () => ({ client_assertion: null, client_secret: "guessed" }));
  await check("a client that is known by its assertion need not name itself", async () => {
    equal((await bank.token({ ...own, client_id: undefined })).status, 200, "the status");
  });
  await check("assertions are held to the same at the PAR endpoint", async () => {
    for (const changes of [{ aud: [issuer] }, { aud: `${issuer}/par` }, { exp: now() - 60 }, { nbf: now() + 90, exp: now() + 180 }]) {
      const answer = await bank.push({ client_assertion: await bank.assertion(changes) });
      equal(answer.json.error, "invalid_client", JSON.stringify(changes));
    }
    equal((await bank.push({ client_assertion: await bank.assertion({ nbf: now() + 8, exp: now() + 68 }) })).status, 201, "nbf 8 seconds ahead");
  });

  for (const id of ["tls-dpop", "tls-mtls"]) {
    for (const certificate of ["none", "thief", "alone"]) {
      await refused(`${id} with the certificate ${certificate}`, async () => ({}), Object.assign(await Bank.of(id), { fetch: fetches[certificate] }));
    }
  }
  await refused("self-mtls with a certificate of another key", async () => ({}), Object.assign(await Bank.of("self-mtls"), { fetch: fetches.holder }));
  await refused("a certificate does not stand for an assertion", async () => ({ client_assertion: null }), Object.assign(await Bank.of("key-mtls"), { fetch: fetches.holder }));
}
