// A bank: one client of the profile, with its key, its certificate, its DPoP key; makes requests by hand, so that they can be wrong.

import { createHash, createPrivateKey, randomUUID, sign as signBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { Agent, request } from "node:https";

import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, SignJWT } from "jose";

import { Browser } from "./browser.mjs";

export const place = process.argv[2];
export const made = JSON.parse(readFileSync(`${place}/made.json`, "utf8"));
export const issuer = `https://127.0.0.1:${made.ports.server}`;
export const redirectUri = "https://bank.example/cb";
export const person = { identifier: made.person.username, password: made.person.password, decision: "allow" };
export const scope = "openid profile email offline_access";
export const now = () => Math.floor(Date.now() / 1000);
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export const sha256 = (text) => createHash("sha256").update(text).digest("base64url");
export const claimsOf = (jwt) => JSON.parse(Buffer.from(jwt.split(".")[1], "base64url"));
export const headerOf = (jwt) => JSON.parse(Buffer.from(jwt.split(".")[0], "base64url"));

let passed = 0;
let failed = 0;

export async function check(name, work) {
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

export function end() {
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

export function equal(found, expected, what) {
  if (found !== expected) throw new Error(`${what}: expected ${expected}, found ${found}`);
}

/** One of these. */
export function among(found, expected, what) {
  if (!expected.includes(found)) throw new Error(`${what}: expected ${expected.join(" or ")}, found ${found}`);
}

const pem = (name) => readFileSync(`${place}/${name}`);

/** `fetch` over TLS as it is told, with the certificate of this name, if any. */
export function tlsFetch(certificate, tls = {}) {
  const own = certificate ? { cert: pem(`${certificate}.pem`), key: pem(`${certificate}.key`) } : {};
  const agent = new Agent({ ca: pem("ca.pem"), ...own, ...tls });
  return (url, { method = "GET", headers = {}, body } = {}) => new Promise((resolve, reject) => {
    const sent = request(url, { method, agent, headers: Object.fromEntries(new Headers(headers)) }, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("end", () => {
        const told = new Headers();
        for (let at = 0; at < answer.rawHeaders.length; at += 2) told.append(answer.rawHeaders[at], answer.rawHeaders[at + 1]);
        resolve(new Response([204, 304].includes(answer.statusCode) ? null : Buffer.concat(parts), { status: answer.statusCode, headers: told }));
      });
    });
    sent.on("error", reject);
    sent.end(body === undefined || body === null ? undefined : String(body));
  });
}

export const fetches = { none: tlsFetch(), holder: tlsFetch("holder"), thief: tlsFetch("thief"), alone: tlsFetch("alone") };

/** A JWT by hand: header and claims are exactly these. */
export async function sign(jwk, header, claims) {
  const alg = header.alg ?? jwk.alg;
  if (alg === "none") return [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).concat("").join(".");
  // The library imports a key for one algorithm.
  const key = await importJWK({ ...jwk, alg }, alg);
  return new SignJWT(claims).setProtectedHeader({ alg, kid: jwk.kid, ...header }).sign(key);
}

/** A JWT with ES256 whose header no library makes. */
export function signRaw(jwk, header, claims) {
  const message = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  const key = createPrivateKey({ key: jwk, format: "jwk" });
  return `${message}.${signBytes("sha256", Buffer.from(message), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}

export class ProofKey {
  static async make(alg = "ES256") {
    const pair = await generateKeyPair(alg, { extractable: true });
    const key = new ProofKey();
    Object.assign(key, { alg, pair, jwk: await exportJWK(pair.publicKey) });
    key.jkt = await calculateJwkThumbprint(key.jwk);
    return key;
  }

  /** A proof for this request, with claims and header changed; a claim that is undefined is left out. */
  proof(method, path, changes = {}, header = {}) {
    const claims = { jti: randomUUID(), htm: method, htu: `${issuer}${path}`, iat: now(), ...changes };
    const jwk = header.alg === "none" ? undefined : this.pair.privateKey;
    const all = { typ: "dpop+jwt", alg: this.alg, jwk: this.jwk, ...header };
    if (!jwk) return sign({}, all, claims);
    return new SignJWT(claims).setProtectedHeader(all).sign(jwk);
  }
}

export class Bank {
  /** The client of this id, which shows this certificate. */
  static async of(id, certificate = "none") {
    const bank = new Bank();
    Object.assign(bank, { id, fetch: fetches[certificate], key: made.keys[id], isBoundByProof: /dpop|signing|ping/.test(id), proofKey: await ProofKey.make() });
    bank.browser = new Browser();
    return bank;
  }

  /** An assertion with claims and header changed. */
  assertion(changes = {}, header = {}, key = this.key) {
    const claims = { iss: this.id, sub: this.id, aud: issuer, iat: now(), exp: now() + 60, jti: randomUUID(), ...changes };
    return sign(key, header, claims);
  }

  /** Posts a form; `form` may bring an assertion of its own, `null` for none. */
  async post(path, form, { headers = {}, fetch = this.fetch } = {}) {
    const body = { client_id: this.id, ...form };
    if (this.key && body.client_assertion === undefined) body.client_assertion = await this.assertion();
    if (body.client_assertion) body.client_assertion_type ??= "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    for (const name of Object.keys(body)) if (body[name] === undefined || body[name] === null) delete body[name];
    const all = { "content-type": "application/x-www-form-urlencoded", ...headers };
    const answer = await fetch(`${issuer}${path}`, { method: "POST", headers: all, body: new URLSearchParams(body) });
    const text = await answer.text();
    let json;
    try { json = JSON.parse(text); } catch { json = {}; }
    // RFC 6749 section 5.2: which characters a description may have, and how the answer travels.
    if (json.error_description && !/^[\x20-\x21\x23-\x5b\x5d-\x7e]*$/.test(json.error_description)) throw new Error(`a description with other characters: ${text}`);
    if (json.error && !answer.headers.get("content-type").startsWith("application/json")) throw new Error(`an error that is no JSON: ${text}`);
    return { status: answer.status, json, text, headers: answer.headers };
  }

  /** Pushes the usual request with changes; a parameter that is undefined is left out. */
  push(changes = {}, options) {
    this.verifier = randomUUID() + randomUUID();
    return this.post("/par", {
      response_type: "code", redirect_uri: redirectUri, scope, state: "the state", nonce: "the nonce",
      code_challenge: sha256(this.verifier), code_challenge_method: "S256", ...changes,
    }, options);
  }

  async requestUri(changes, options) {
    const pushed = await this.push(changes, options);
    equal(pushed.status, 201, `the push (${pushed.text})`);
    return pushed.json.request_uri;
  }

  /** Opens the authorization endpoint and answers its pages; where that ended. */
  open(parameters, fields = person) {
    const query = new URLSearchParams({ client_id: this.id, ...parameters });
    return this.browser.walk(`${issuer}/authorize?${query}`, fields);
  }

  async code(changes, options) {
    const { url, text } = await this.open({ request_uri: await this.requestUri(changes, options) });
    const code = url.searchParams.get("code");
    if (!code) throw new Error(`no code: ${url} ${text.slice(0, 300)}`);
    return code;
  }

  /** The headers that bind what the token endpoint gives. */
  async bound(path = "/token") {
    return this.isBoundByProof ? { dpop: await this.proofKey.proof("POST", path) } : {};
  }

  /** A token request with changes. */
  async token(form, options = {}) {
    return this.post("/token", form, { ...options, headers: options.headers ?? (await this.bound()) });
  }

  redeem(code, changes = {}, options) {
    return this.token({ grant_type: "authorization_code", code, redirect_uri: redirectUri, code_verifier: this.verifier, ...changes }, options);
  }

  async tokens() {
    const answer = await this.redeem(await this.code());
    equal(answer.status, 200, `the token answer (${answer.text})`);
    return answer.json;
  }

  /** Userinfo with a token; the status. */
  async userinfo(token, { scheme = this.isBoundByProof ? "DPoP" : "Bearer", proof, fetch = this.fetch, query = "" } = {}) {
    const shown = proof === undefined && this.isBoundByProof ? await this.proofKey.proof("GET", "/userinfo", { ath: sha256(token) }) : proof;
    const headers = { ...(scheme ? { authorization: `${scheme} ${token}` } : {}), ...(shown ? { dpop: shown } : {}) };
    return (await fetch(`${issuer}/userinfo${query}`, { headers })).status;
  }
}
