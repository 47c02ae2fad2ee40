// Tessera through Apache's `mod_auth_openidc`: two sites that let nobody in who has not signed in, and what ends their sessions.
//
// Environment: TESSERA_URL, TESSERA_USERNAME, TESSERA_PASSWORD as in ../oidc/openid_client.mjs; APACHE_MODULES, where the modules lie.
// Prints a line for each check and `N passed, N failed`; exits with 1 if any failed.

import { spawn } from "node:child_process";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Browser } from "../oidc/browser.mjs";
import { register } from "../oidc/register.mjs";

const issuer = process.env.TESSERA_URL;
const modules = process.env.APACHE_MODULES;
const person = {
  identifier: process.env.TESSERA_USERNAME ?? "alice",
  password: process.env.TESSERA_PASSWORD ?? "correct horse battery staple",
  decision: "allow",
};

let passed = 0;
let failed = 0;

async function check(name, work) {
  try {
    await work();
    passed += 1;
    console.log(`ok      ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}: ${error.message}`);
  }
}

function equal(found, expected, what) {
  if (found !== expected) throw new Error(`${what}: expected ${expected}, found ${found}`);
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Tries until it holds. */
async function eventually(what, holds) {
  for (let tries = 0; tries < 60; tries += 1) {
    if (await holds()) return;
    await pause(250);
  }
  throw new Error(`not within 15 s: ${what}`);
}

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/** A site: its own port, its own client. */
async function site(name, metadata) {
  const url = `http://127.0.0.1:${await freePort()}`;
  const callback = `${url}/oidc/callback`;
  const client = await register(issuer, name, {
    client_name: name,
    redirect_uris: [callback],
    post_logout_redirect_uris: [`${url}/bye`],
    grant_types: ["authorization_code", "refresh_token"],
    scope: "openid profile email offline_access",
    ...metadata(callback),
  });
  return { name, url, callback, client };
}

const place = mkdtempSync(join(tmpdir(), "apache-"));
chmodSync(place, 0o755);
const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
writeFileSync(join(place, "key.pem"), privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o644 });
writeFileSync(join(place, "public.pem"), publicKey.export({ type: "spki", format: "pem" }));

const shop = await site("shop", (callback) => ({
  backchannel_logout_uri: `${callback}?logout=backchannel`,
  backchannel_logout_session_required: true,
}));
const desk = await site("desk", (callback) => ({
  token_endpoint_auth_method: "private_key_jwt",
  jwks: { keys: [{ ...publicKey.export({ format: "jwk" }), kid: "desk", alg: "RS256", use: "sig" }] },
  response_types: ["code", "code id_token"],
  frontchannel_logout_uri: `${callback}?logout=get`,
  frontchannel_logout_session_required: true,
}));

const virtualHost = ({ name, url, callback, client }, more) => `
<VirtualHost ${new URL(url).host}>
  ServerName ${url}
  DocumentRoot ${place}/pages
  OIDCProviderMetadataURL ${issuer}/.well-known/openid-configuration
  OIDCClientID ${client.client_id}
  OIDCRedirectURI ${callback}
  OIDCCryptoPassphrase ${randomBytes(16).toString("hex")}
  OIDCScope "openid profile email offline_access"
  OIDCPKCEMethod S256
  OIDCInfoHook iat access_token id_token userinfo refresh_token session
  OIDCCookie ${name}_session
  OIDCStateCookiePrefix ${name}_state_
  OIDCRemoteUserClaim preferred_username
  ${more.join("\n  ")}
  <Location />
    AuthType openid-connect
    Require valid-user
    # Node's fetch says that it is no navigation, which a site would answer with 401.
    OIDCUnAuthAction auth true
  </Location>
  <Location /bye>
    AuthType None
    Require all granted
  </Location>
</VirtualHost>`;

const loaded = ["mpm_event", "authn_core", "authz_core", "authz_user", "alias", "dir", "headers", "mime", "auth_openidc"];
mkdirSync(join(place, "pages"));
writeFileSync(join(place, "pages", "index.html"), "<h1>inside</h1>");
writeFileSync(join(place, "pages", "bye"), "good bye");
writeFileSync(join(place, "httpd.conf"), `
ServerRoot ${place}
ServerName 127.0.0.1
PidFile ${place}/pid
ErrorLog ${place}/log
LogLevel warn auth_openidc:info
Mutex posixsem
User nobody
Group nogroup
${loaded.map((name) => `LoadModule ${name}_module ${modules}/mod_${name}.so`).join("\n")}
TypesConfig /dev/null
DirectoryIndex index.html
${[shop, desk].map(({ url }) => `Listen ${new URL(url).host}`).join("\n")}
Header always set X-User expr=%{REMOTE_USER}
Header always set X-Email "%{OIDC_CLAIM_email}e"
${virtualHost(shop, [`OIDCClientSecret ${shop.client.client_secret}`, "OIDCProviderTokenEndpointAuth client_secret_basic"])}
${virtualHost(desk, [
  // The keys come first: the method after them is unknown without.
  `OIDCPrivateKeyFiles desk#${place}/key.pem`,
  `OIDCPublicKeyFiles desk#${place}/public.pem`,
  "OIDCProviderTokenEndpointAuth private_key_jwt",
  'OIDCResponseType "code id_token"',
  "OIDCResponseMode form_post",
])}
`);
const apache = spawn("apache2", ["-DFOREGROUND", "-f", join(place, "httpd.conf")], { stdio: "inherit" });
process.on("exit", () => apache.kill());

const home = (at) => `${at.url}/index.html`;
const inside = async (browser, at) => (await browser.fetch(home(at))).status === 200;

/** Opens a site's page, goes where it leads, and comes back. */
async function visit(browser, at) {
  const asked = await browser.fetch(home(at));
  equal(asked.status, 302, "the site's answer to a stranger");
  const { url, form } = await browser.walk(asked.headers.get("location"), person);
  const back = await browser.fetch(url, form ? { method: "POST", body: form } : {});
  equal(`${back.status} ${back.headers.get("location")}`, `302 ${home(at)}`, "the callback's answer");
  const page = await browser.fetch(home(at));
  equal(page.status, 200, "the page");
  equal(page.headers.get("x-user"), person.identifier, "the user");
  equal(page.headers.get("x-email"), `${person.identifier}@example.com`, "the e-mail address");
  return new URL(asked.headers.get("location")).searchParams;
}

async function info(browser, at) {
  return (await browser.fetch(`${at.callback}?info=json`)).json();
}

await eventually("Apache answers", () => fetch(`${shop.url}/bye`).then((answer) => answer.ok, () => false));
const browser = new Browser();

await check("code and PKCE: nobody enters without a sign-in, and whoever signs in has a name", async () => {
  const asked = await visit(browser, shop);
  equal(asked.get("code_challenge_method"), "S256", "code_challenge_method");
  const { id_token: id, userinfo } = await info(browser, shop);
  equal(`${id.iss} ${id.aud} ${userinfo.sub}`, `${issuer} ${shop.client.client_id} ${id.sub}`, "what it holds");
});

await check("hybrid with form_post and private_key_jwt: the second site needs no second sign-in", async () => {
  const asked = await visit(browser, desk);
  equal(`${asked.get("response_type")} ${asked.get("response_mode")}`, "code id_token form_post", "the request");
});

await check("a refresh gives another access token", async () => {
  const { access_token: before } = await info(browser, shop);
  const query = new URLSearchParams({ refresh: home(shop), access_token: before });
  const done = await browser.fetch(`${shop.callback}?${query}`);
  equal(`${done.status} ${done.headers.get("location")}`, `302 ${home(shop)}`, "the answer");
  const { access_token: after } = await info(browser, shop);
  if (!after || after === before) throw new Error("the access token is the same");
});

await check("signing out at the server ends both sites' sessions: over the back channel, and by the page's frame", async () => {
  const asked = await browser.fetch(`${issuer}/logout`);
  const page = await asked.text();
  const button = page.match(/<button[^>]*name="confirmation"[^>]*value="([^"]+)"/) ?? page.match(/value="([^"]+)"[^>]*name="confirmation"/);
  const done = await browser.fetch(`${issuer}/logout`, { method: "POST", body: new URLSearchParams({ confirmation: button[1] }) });
  const frames = [...(await done.text()).matchAll(/<iframe src="([^"]+)"/g)].map(([, src]) => src.replaceAll("&amp;", "&"));
  equal(frames.length, 1, "frames");
  equal(frames[0].startsWith(`${desk.callback}?logout=get&`), true, "the frame's address");
  await eventually("the back channel reached the shop", async () => !(await inside(browser, shop)));
  equal(await inside(browser, desk), true, "the desk before its frame has loaded");
  equal((await browser.fetch(frames[0])).status, 200, "the frame");
  equal(await inside(browser, desk), false, "the desk after it");
});

await check("signing out at a site signs out at the server and comes back", async () => {
  const other = new Browser();
  await visit(other, shop);
  const leaving = await other.fetch(`${shop.callback}?logout=${encodeURIComponent(`${shop.url}/bye`)}`);
  const target = new URL(leaving.headers.get("location"));
  equal(target.origin + target.pathname, `${issuer}/logout`, "where it leads");
  equal(target.searchParams.has("id_token_hint"), true, "id_token_hint");
  const { url } = await other.walk(target.href, {});
  equal(url.origin + url.pathname, `${shop.url}/bye`, "where it ends");
  const silent = await other.fetch(`${issuer}/authorize?${new URLSearchParams({
    response_type: "code", client_id: shop.client.client_id, redirect_uri: shop.callback, scope: "openid", prompt: "none",
    code_challenge: "A".repeat(43), code_challenge_method: "S256",
  })}`);
  const answer = new URL(silent.headers.get("location"), issuer).searchParams;
  equal(answer.get("error"), "login_required", `the answer to prompt=none (${answer})`);
});

if (failed > 0) console.log(readFileSync(join(place, "log"), "utf8").split("\n").slice(-40).join("\n"));
apache.kill();
rmSync(place, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
