// The profiles of FAPI against a server of our own, part by part. The first argument is the directory that prepare.mjs filled.
// Prints a line for each check and `N passed, N failed`; exits with 1 if any failed.

import { spawn } from "node:child_process";
import { openSync, readFileSync } from "node:fs";

import { end, fetches, issuer, made, pause, place } from "./bank.mjs";

const log = openSync(`${place}/server.log`, "w");
const server = spawn(process.env.TESSERA_BINARY, ["serve"], {
  stdio: ["ignore", log, log],
  env: {
    PATH: process.env.PATH,
    TESSERA_LISTEN: `127.0.0.1:${made.ports.server}`,
    TESSERA_ISSUER: issuer,
    TESSERA_DATA: `${place}/data`,
    TESSERA_APPLY: `${place}/setup.toml`,
    TESSERA_TLS_CERT: `${place}/site.pem`,
    TESSERA_TLS_KEY: `${place}/site.key`,
    TESSERA_TLS_CLIENT_CERTIFICATES: "true",
    TESSERA_TLS_CLIENT_CA: `${place}/ca.pem`,
    TESSERA_OUTBOUND_ALLOWED: "127.0.0.1/32",
    TESSERA_REQUESTS_PUSHED_TTL_SECONDS: "10",
    SSL_CERT_FILE: `${place}/ca.pem`,
  },
});
let code = 1;
try {
  let isReady = false;
  for (let tries = 0; tries < 150 && !isReady && server.exitCode === null; tries += 1) {
    isReady = await fetches.none(`${issuer}/readyz`).then((answer) => answer.status === 200, () => false);
    if (!isReady) await pause(100);
  }
  if (!isReady) throw new Error(`the server is not ready: ${readFileSync(`${place}/server.log`, "utf8").slice(-2000)}`);
  for (const part of ["flows", "requests", "client_authentication", "tokens", "signing", "ciba", "transport"]) {
    await (await import(`./${part}.mjs`)).default();
  }
  code = end();
} catch (error) {
  console.log(`FAILED  ${error.stack}`);
} finally {
  server.kill("SIGTERM");
}
process.exit(code);
