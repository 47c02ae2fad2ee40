// Tessera through npm's `@modelcontextprotocol/sdk`: a real MCP client finds the authorization server by the MCP server's
// metadata (RFC 9728), makes itself known (by registering, or by the document at its id), signs a person in with PKCE, and calls a tool
// with a token for exactly that server (RFC 8707). The MCP server is the SDK's, too, and verifies tokens through /jwks.
//
// Environment (in brackets what tests/parts/server.sh sets up):
//   TESSERA_URL         the issuer; registration is open, documents are on, and the resource below may be asked for
//   MCP_RESOURCE        the MCP server's URL, where this program listens [http://127.0.0.1:9321/mcp]
//   MCP_SITE            where the client's document lies, over TLS [https://127.0.0.1:9322]
//   MCP_KEY, MCP_CERT   that site's key and certificate, which the server at TESSERA_URL trusts
// Prints a line for each check and `N passed, N failed`; exits with 1 if any failed.

import { readFileSync } from "node:fs";
import { createServer } from "node:https";

import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { InvalidTokenError } from "@modelcontextprotocol/sdk/server/auth/errors.js";
import { requireBearerAuth } from "@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import express from "express";
import { createRemoteJWKSet, decodeJwt, jwtVerify } from "jose";

import { Browser } from "./browser.mjs";

const env = (name, otherwise) => {
  const value = process.env[name] ?? otherwise;
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
};
const issuer = env("TESSERA_URL");
const resource = new URL(env("MCP_RESOURCE", "http://127.0.0.1:9321/mcp"));
const site = env("MCP_SITE", "https://127.0.0.1:9322");
const person = { identifier: "alice", password: "correct horse battery staple", decision: "allow" };
const redirectUrl = "http://127.0.0.1:9323/callback";

let passed = 0;
let failed = 0;

async function check(name, work) {
  try {
    await work();
    passed += 1;
    console.log(`ok      ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}: ${error.stack ?? error} ${error.cause ?? ""}`);
  }
}

function equal(found, expected, what) {
  if (found !== expected) throw new Error(`${what}: expected ${expected}, found ${found}`);
}

/** The MCP server: one tool that says who calls. */
function mcpServer() {
  const metadataUrl = `${resource.origin}/.well-known/oauth-protected-resource${resource.pathname}`;
  const keys = createRemoteJWKSet(new URL(`${issuer}/jwks`));
  const verifier = {
    async verifyAccessToken(token) {
      const options = { issuer, audience: resource.href, typ: "at+jwt", algorithms: ["RS256"] };
      const verified = await jwtVerify(token, keys, options).catch((error) => {
        throw new InvalidTokenError(error.message);
      });
      const { client_id: clientId, scope = "", exp, sub } = verified.payload;
      return { token, clientId, scopes: scope.split(" "), expiresAt: exp, resource, extra: { sub } };
    },
  };
  const app = express();
  app.get(new URL(metadataUrl).pathname, (_, response) => {
    response.json({
      resource: resource.href,
      authorization_servers: [issuer],
      scopes_supported: ["mcp:tools", "offline_access"],
      bearer_methods_supported: ["header"],
    });
  });
  const guard = requireBearerAuth({ verifier, requiredScopes: ["mcp:tools"], resourceMetadataUrl: metadataUrl });
  app.post(resource.pathname, guard, express.json(), async (request, response) => {
    const server = new McpServer({ name: "who", version: "1.0.0" });
    server.registerTool("whoami", { description: "Says who calls" }, ({ authInfo }) => ({
      content: [{ type: "text", text: `${authInfo.extra.sub} ${authInfo.clientId}` }],
    }));
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined, enableJsonResponse: true });
    response.on("close", () => server.close());
    await server.connect(transport);
    await transport.handleRequest(request, response, request.body);
  });
  app.all(resource.pathname, (_, response) => response.status(405).end());
  return new Promise((resolve) => {
    const listening = app.listen(Number(resource.port), resource.hostname, () => resolve(listening));
  });
}

const documentPath = "/client.json";
const metadata = {
  client_name: "MCP SDK",
  redirect_uris: [redirectUrl],
  grant_types: ["authorization_code", "refresh_token"],
  response_types: ["code"],
  token_endpoint_auth_method: "none",
};

/** The client's own site, with the document at its id. */
function documentSite() {
  const document = JSON.stringify({ client_id: `${site}${documentPath}`, ...metadata });
  const tls = { key: readFileSync(env("MCP_KEY")), cert: readFileSync(env("MCP_CERT")) };
  const server = createServer(tls, (request, response) => {
    const found = request.url === documentPath;
    response.writeHead(found ? 200 : 404, { "content-type": "application/json" });
    response.end(found ? document : "{}");
  });
  return new Promise((resolve) => {
    server.listen(Number(new URL(site).port), "127.0.0.1", () => resolve(server));
  });
}

/** What an MCP host keeps of one server, in memory. */
class Provider {
  redirectUrl = redirectUrl;
  kept = {};

  constructor(clientMetadataUrl) {
    this.clientMetadataUrl = clientMetadataUrl;
  }
  get clientMetadata() {
    return metadata;
  }
  state() {
    return "a-state";
  }
  clientInformation() {
    return this.kept.client;
  }
  saveClientInformation(client) {
    this.kept.client = client;
  }
  tokens() {
    return this.kept.tokens;
  }
  saveTokens(tokens) {
    this.kept.tokens = tokens;
  }
  redirectToAuthorization(url) {
    this.kept.url = url;
  }
  saveCodeVerifier(verifier) {
    this.kept.verifier = verifier;
  }
  codeVerifier() {
    return this.kept.verifier;
  }
}

/** Connects; the connected client, or `undefined` when a person must sign in first. */
async function connect(provider) {
  const transport = new StreamableHTTPClientTransport(resource, { authProvider: provider });
  const client = new Client({ name: "test", version: "1.0.0" });
  try {
    await client.connect(transport);
    return { client, transport };
  } catch (error) {
    if (error instanceof UnauthorizedError) return { transport };
    throw error;
  }
}

async function signIn(provider, browser) {
  const { client, transport } = await connect(provider);
  equal(client, undefined, "a client without a sign-in");
  const asked = provider.kept.url;
  equal(asked.origin, issuer, "the authorization server");
  equal(asked.searchParams.get("resource"), resource.href, "resource");
  equal(asked.searchParams.get("code_challenge_method"), "S256", "code_challenge_method");
  const { url } = await browser.walk(asked.href, person);
  equal(url.origin + url.pathname, redirectUrl, `the answer's place (${url})`);
  equal(url.searchParams.get("state"), "a-state", "state");
  equal(url.searchParams.get("iss"), issuer, "iss");
  await transport.finishAuth(url.searchParams.get("code"));
}

async function whoami(provider) {
  const { client } = await connect(provider);
  const answer = await client.callTool({ name: "whoami", arguments: {} });
  await client.close();
  return answer.content[0].text.split(" ");
}

const listening = [await mcpServer(), await documentSite()];

for (const [way, address] of [
  ["that registers itself", undefined],
  ["that is described by the document at its id", `${site}${documentPath}`],
]) {
  const provider = new Provider(address);
  await check(`a client ${way} signs in and calls a tool`, async () => {
    await signIn(provider, new Browser());
    const [subject, clientId] = await whoami(provider);
    const { client, tokens } = provider.kept;
    equal(clientId, client.client_id, "client_id of the token");
    if (address) equal(clientId, address, "client_id");
    equal(subject, decodeJwt(tokens.access_token).sub, "sub");
    equal(decodeJwt(tokens.access_token).aud, resource.href, "aud");
  });

  await check(`a client ${way} refreshes when its token is refused`, async () => {
    const before = provider.kept.tokens;
    if (!before.refresh_token) throw new Error("there is no refresh token");
    provider.saveTokens({ ...before, access_token: "expired" });
    await whoami(provider);
    const after = provider.kept.tokens.access_token;
    equal(after === "expired" || after === before.access_token, false, "the old access token");
  });

  await check(`the token of a client ${way} opens nothing of Tessera's own`, async () => {
    const headers = { authorization: `Bearer ${provider.kept.tokens.access_token}` };
    const answer = await fetch(`${issuer}/admin/api/users`, { headers });
    equal(answer.status, 401, "status");
  });
}

await check("a client of Tessera's own API finds its authorization server the same way", async () => {
  const { discoverOAuthServerInfo, extractWWWAuthenticateParams } = await import(
    "@modelcontextprotocol/sdk/client/auth.js"
  );
  const refused = await fetch(`${issuer}/admin/api/users`);
  const { resourceMetadataUrl } = extractWWWAuthenticateParams(refused);
  const found = await discoverOAuthServerInfo(`${issuer}/admin/api`, { resourceMetadataUrl });
  equal(found.resourceMetadata.resource, `${issuer}/admin/api`, "resource");
  equal(String(found.authorizationServerUrl), issuer, "authorization server");
  equal(found.authorizationServerMetadata.client_id_metadata_document_supported, true, "documents");
});

for (const server of listening) server.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
