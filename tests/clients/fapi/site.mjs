// The client's own site: hears pings, and publishes the key of a certificate that nobody vouches for.

import { createPublicKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";

import { made, place } from "./bank.mjs";

const pem = (name) => readFileSync(`${place}/${name}`);

/** Starts it; `pings` fills with what was heard. */
export async function start() {
  const pings = [];
  const alone = new X509Certificate(pem("alone.pem"));
  const jwk = createPublicKey(alone.publicKey.export({ type: "spki", format: "pem" })).export({ format: "jwk" });
  const jwks = JSON.stringify({ keys: [{ ...jwk, x5c: [alone.raw.toString("base64")] }] });
  const server = createServer({ cert: pem("site.pem"), key: pem("site.key") }, (request, response) => {
    let body = "";
    request.on("data", (part) => { body += part; });
    request.on("end", () => {
      if (request.url === "/jwks") {
        response.setHeader("content-type", "application/jwk-set+json").end(jwks);
        return;
      }
      pings.push({ authorization: request.headers.authorization, body: JSON.parse(body || "null") });
      response.writeHead(204).end();
    });
  });
  await new Promise((resolve) => server.listen(made.ports.ping, "127.0.0.1", resolve));
  return { pings, stop: () => server.close() };
}
