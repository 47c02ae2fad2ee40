// The smallest application: it sends people to Tessera and redeems what they bring back.

import { createHash, randomBytes } from "node:crypto";
import { createServer } from "node:http";

const text = (bytes) => bytes.toString("base64url");

export class RelyingParty {
  #issuer;
  #server;
  #pending = new Map();
  client = { id: "", secret: "" };
  scope = "openid profile email offline_access";
  /** What came back last: `{ method, query, tokens, claims }`. */
  last;
  /** The paths and queries of what its frames and returning browsers asked for. */
  visits = [];

  constructor(issuer) {
    this.#issuer = issuer;
  }

  async start(port = 0) {
    this.#server = createServer((request, response) => this.#answer(request, response));
    await new Promise((done) => this.#server.listen(port, "127.0.0.1", done));
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
    this.visits.push(url);
    if (url.pathname === "/callback") await this.#callback(url, request);
    if (url.pathname === "/watch") {
      response.writeHead(200, { "content-type": "text/html" }).end(this.#watch(url.searchParams.get("send")));
      return;
    }
    if (url.pathname === "/login") {
      response.writeHead(303, { location: this.#authorizationUrl(url.searchParams) }).end();
      return;
    }
    response.writeHead(200, { "content-type": "text/html" }).end(`<!doctype html><title>Shop</title><h1>Shop</h1><p id=path>${url.pathname}`);
  }

  /** A page that asks the server's frame whether the session is still what it was, and shows the answer. */
  #watch(send) {
    const frame = this.metadata.check_session_iframe;
    const message = send ?? `${this.client.id} ${this.last.query.session_state}`;
    return `<!doctype html><title>Watch</title><p id=said></p><iframe id=op src="${frame}"></iframe><script>
      const op = document.getElementById("op"), origin = ${JSON.stringify(new URL(frame).origin)};
      addEventListener("message", (event) => { if (event.origin === origin) document.getElementById("said").textContent = event.data });
      op.onload = () => op.contentWindow.postMessage(${JSON.stringify(message)}, origin);
    </script>`;
  }

  /** Where the browser goes to sign out everywhere. */
  get logoutUrl() {
    const url = new URL(this.metadata.end_session_endpoint);
    url.search = new URLSearchParams({
      id_token_hint: this.last.tokens.id_token, post_logout_redirect_uri: `${this.url}/bye`, state: "gone",
    });
    return url.href;
  }

  /** `more` are further parameters of the request, such as `prompt`. */
  #authorizationUrl(more) {
    const [state, nonce, verifier] = [1, 2, 3].map(() => text(randomBytes(32)));
    this.#pending.set(state, { nonce, verifier });
    const url = new URL(this.metadata.authorization_endpoint);
    url.search = new URLSearchParams({
      response_type: "code", client_id: this.client.id, redirect_uri: this.redirectUri, scope: this.scope,
      state, nonce, code_challenge: text(createHash("sha256").update(verifier).digest()), code_challenge_method: "S256", 
    });
    // What comes with the link replaces, and may stand twice.
    for (const name of new Set(more.keys())) url.searchParams.delete(name);
    for (const [name, value] of more) url.searchParams.append(name, value);
    return url.href;
  }

  async #callback(url, request) {
    let body = "";
    for await (const chunk of request) body += chunk;
    const query = Object.fromEntries(request.method === "POST" ? new URLSearchParams(body) : url.searchParams);
    const begun = this.#pending.get(query.state);
    this.#pending.delete(query.state);
    this.last = { method: request.method, query, known: Boolean(begun) };
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
