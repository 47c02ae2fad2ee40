// The smallest application: it sends people to Tessera and redeems what they bring back.

import { createHash, randomBytes } from "node:crypto";
import { createServer } from "node:http";

const text = (bytes) => bytes.toString("base64url");

export class RelyingParty {
  #issuer;
  #server;
  #pending = new Map();
  client = { id: "", secret: "" };
  /** What came back last: `{ query, tokens, claims }`. */
  last;

  constructor(issuer) {
    this.#issuer = issuer;
  }

  async start() {
    this.#server = createServer((request, response) => this.#answer(request, response));
    await new Promise((done) => this.#server.listen(0, "127.0.0.1", done));
    this.url = `http://127.0.0.1:${this.#server.address().port}`;
    this.redirectUri = `${this.url}/callback`;
    this.metadata = await (await fetch(`${this.#issuer}/.well-known/openid-configuration`)).json();
  }

  stop() {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #answer(request, response) {
    const url = new URL(request.url, this.url);
    if (url.pathname === "/callback") await this.#callback(url);
    if (url.pathname === "/login") {
      response.writeHead(303, { location: this.#authorizationUrl(url.searchParams) }).end();
      return;
    }
    response.writeHead(200, { "content-type": "text/html" }).end(`<!doctype html><title>Shop</title><h1>Shop</h1><p id=path>${url.pathname}`);
  }

  /** `more` are further parameters of the request, such as `prompt`. */
  #authorizationUrl(more) {
    const [state, nonce, verifier] = [1, 2, 3].map(() => text(randomBytes(32)));
    this.#pending.set(state, { nonce, verifier });
    const url = new URL(this.metadata.authorization_endpoint);
    url.search = new URLSearchParams({
      response_type: "code", client_id: this.client.id, redirect_uri: this.redirectUri, scope: "openid profile email offline_access",
      state, nonce, code_challenge: text(createHash("sha256").update(verifier).digest()), code_challenge_method: "S256", ...Object.fromEntries(more),
    });
    return url.href;
  }

  async #callback(url) {
    const query = Object.fromEntries(url.searchParams);
    const begun = this.#pending.get(query.state);
    this.#pending.delete(query.state);
    this.last = { query, known: Boolean(begun) };
    if (!begun || !query.code) return;
    const answer = await fetch(this.metadata.token_endpoint, {
      method: "POST",
      headers: { authorization: `Basic ${Buffer.from(`${this.client.id}:${this.client.secret}`).toString("base64")}` },
      body: new URLSearchParams({ grant_type: "authorization_code", code: query.code, redirect_uri: this.redirectUri, code_verifier: begun.verifier }),
    });
    this.last.tokens = await answer.json();
    const claims = JSON.parse(Buffer.from((this.last.tokens.id_token ?? ".e30").split(".")[1], "base64url"));
    this.last.claims = claims;
    this.last.nonceMatches = claims.nonce === begun.nonce;
  }
}
