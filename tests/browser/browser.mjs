// A person with a browser: sets the server up, registers an application, signs in to it, allows it, signs out.
//
// TESSERA_URL   the server
// SETUP_URL     its one-time setup link
// APP_PORT      where the application of setup.toml is
// CHROMIUM      the browser's program
// SCREENSHOT_DIR  where pictures of the pages go

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { chromium } from "playwright-core";
import { accessibilityFaults } from "./checks.mjs";
import { RelyingParty } from "./relying_party.mjs";

const { TESSERA_URL, SETUP_URL, APP_PORT, CHROMIUM, SCREENSHOT_DIR } = process.env;
const args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-quic", "--no-first-run",
  "--disable-component-update", "--disable-sync"];
const looks = {
  light: { colorScheme: "light", viewport: { width: 1080, height: 760 } },
  dark: { colorScheme: "dark", viewport: { width: 1080, height: 760 } },
  phone: { colorScheme: "light", viewport: { width: 390, height: 780 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
};
const password = `${randomBytes(12).toString("base64url")} and a few words`;

let passed = 0;
let failed = 0;
/** Whatever the browser complained about since it was last looked at. */
let complaints = [];

async function test(name, body) {
  complaints = [];
  try {
    await body();
    assert.deepEqual(complaints, [], "the browser complained");
    passed += 1;
    console.log(`ok   ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL ${name}\n     ${String(error.message).split("\n").slice(0, 12).join("\n     ")}`);
  }
}

const browser = await chromium.launch({ executablePath: CHROMIUM, args });

async function open(options = looks.light) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(10_000);
  const page = await context.newPage();
  page.on("console", (message) => {
    // Errors that a test provokes are answered with 4xx, which the browser logs.
    if (message.type() === "error" && !/status of 4\d\d/.test(message.text())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  return page;
}

/** Looks at a page: is it sound for everybody? And keeps a picture. */
async function look(page, name) {
  assert.deepEqual(await accessibilityFaults(page), [], name);
  await page.screenshot({ path: `${SCREENSHOT_DIR}/${name}.png`, fullPage: true });
}

async function signIn(page, user = "ann", secret = password) {
  await page.getByLabel("Username or e-mail").fill(user);
  await page.getByLabel("Password", { exact: true }).fill(secret);
  await page.getByRole("button", { name: "Sign in" }).click();
}

const shop = new RelyingParty(TESSERA_URL);
await shop.start();
const atShop = (page) => page.waitForURL(`${shop.url}/callback*`);

for (const [look_name, options] of Object.entries(looks)) {
  await test(`pages before anybody signed in, ${look_name}`, async () => {
    const page = await open(options);
    for (const [name, url] of [["home", "/"], ["login", "/login"], ["error", "/login?flow=gone"], ["setup", SETUP_URL]]) {
      await page.goto(new URL(url, TESSERA_URL).href);
      await look(page, `${name}-${look_name}`);
    }
    await page.context().close();
  });
}

await test("the setup page tells every mistake and keeps the link", async () => {
  const page = await open();
  await page.goto(SETUP_URL);
  await page.getByLabel("Username").fill("a b");
  await page.getByLabel("E-mail").fill("ann@example.com");
  await page.getByLabel("Password", { exact: true }).fill("short");
  await page.getByLabel("Password again", { exact: true }).fill("other");
  await page.getByRole("button", { name: "Create administrator" }).click();
  await page.getByText("not a username").waitFor();
  await page.getByText("two passwords differ").waitFor();
  await look(page, "setup-mistakes-light");
  await page.context().close();
});

await test("the setup link makes an administrator, who registers an application", async () => {
  const page = await open();
  await page.goto(SETUP_URL);
  await page.getByLabel("Username").fill("ann");
  await page.getByLabel("E-mail").fill("ann@example.com");
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByLabel("Password again", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Create administrator" }).click();
  await page.waitForURL(`${TESSERA_URL}/setup/application`);
  await look(page, "application-light");
  await page.getByLabel("Name").fill("Corner Shop");
  await page.getByLabel("Redirect URI").fill(shop.redirectUri);
  await page.getByRole("button", { name: "Register" }).click();
  await page.getByRole("heading", { name: "Corner Shop is registered" }).waitFor();
  await look(page, "settings-light");
  const value = (name) => page.locator(`dt:text-is("${name}") + dd`).innerText();
  shop.client = { id: await value("Client id"), secret: await value("Client secret") };
  await page.goto(`${TESSERA_URL}/`);
  await look(page, "account-light");
  await page.goto(SETUP_URL);
  await page.getByRole("heading", { name: "This link has been used" }).waitFor();
  await page.context().close();
});

await test("sign in, consent, come back signed in, sign out", async () => {
  const page = await open();
  await page.goto(`${shop.url}/login`);
  await page.getByText("to continue to Corner Shop").waitFor();
  await look(page, "login-flow-light");
  await signIn(page);
  await page.getByRole("heading", { name: "Allow Corner Shop?" }).waitFor();
  await look(page, "consent-light");
  await page.getByRole("button", { name: "Allow" }).click();
  await atShop(page);
  assert.equal(shop.last.query.iss, TESSERA_URL);
  assert.equal(shop.last.claims.aud, shop.client.id);
  assert.ok(shop.last.nonceMatches && shop.last.known && shop.last.tokens.refresh_token);
  await page.goto(`${shop.url}/login`);
  await atShop(page);
  await page.goto(`${TESSERA_URL}/`);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("link", { name: "Sign in" }).waitFor();
  await page.goto(`${shop.url}/login`);
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await page.context().close();
});

await test("a wrong password says nothing about which part was wrong", async () => {
  const page = await open(looks.phone);
  await page.goto(`${TESSERA_URL}/login`);
  await signIn(page, "ann", "not the password");
  const known = await page.getByRole("alert").innerText();
  await look(page, "login-failed-phone");
  await signIn(page, "nobody", "not the password");
  assert.equal(await page.getByRole("alert").innerText(), known);
  await page.context().close();
});

await test("the whole way without scripts", async () => {
  const page = await open({ ...looks.light, javaScriptEnabled: false });
  await page.goto(`${shop.url}/login?prompt=consent`);
  assert.equal(await page.getByRole("button", { name: "Show password" }).count(), 0);
  await signIn(page, "ann@example.com");
  await page.getByRole("button", { name: "Allow" }).click();
  await atShop(page);
  assert.ok(shop.last.tokens.access_token);
  await page.goto(`${TESSERA_URL}/`);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("link", { name: "Sign in" }).waitFor();
  await page.context().close();
});

await test("a password can be shown, and is hidden again before it is sent", async () => {
  const page = await open();
  await page.goto(`${TESSERA_URL}/login`);
  const field = page.getByLabel("Password", { exact: true });
  await field.fill("visible");
  await page.getByRole("button", { name: "Show password" }).click();
  assert.equal(await field.getAttribute("type"), "text");
  await page.getByRole("button", { name: "Hide password" }).click();
  assert.equal(await field.getAttribute("type"), "password");
  await page.context().close();
});

await test("everything can be reached with the keyboard", async () => {
  const page = await open();
  await page.goto(`${TESSERA_URL}/login`);
  // A person sees where the cursor is; the browser puts it there a moment after the page has loaded.
  await page.locator("input:focus").waitFor();
  await page.keyboard.type("ann");
  await page.keyboard.press("Tab");
  await page.keyboard.type(password);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Hello, ann" }).waitFor();
  await page.context().close();
});

/** Asks as one of the clients of setup.toml; the answer's JSON. */
async function ask(path, form) {
  const answer = await fetch(`${TESSERA_URL}${path}`, { method: "POST", body: new URLSearchParams(form) });
  assert.equal(answer.status, 200, await answer.clone().text());
  return answer.json();
}

for (const [name, options] of Object.entries(looks)) {
  await test(`a device is connected and an application is answered, ${name}`, async () => {
    const page = await open(options);
    const device = await ask("/device_authorization", { client_id: "tv", scope: "openid profile offline_access" });
    await page.goto(device.verification_uri_complete);
    await signIn(page);
    await page.getByRole("heading", { name: "Connect a device" }).waitFor();
    await look(page, `device-${name}`);
    await page.getByLabel("Code").fill("bbbb bbbb");
    await page.getByRole("button", { name: "Continue" }).click();
    await page.getByText("No device waits under this code").waitFor();
    await look(page, `device-unknown-${name}`);
    await page.getByLabel("Code").fill(device.user_code.toLowerCase());
    await page.getByRole("button", { name: "Continue" }).click();
    await page.getByRole("heading", { name: "Allow Living room?" }).waitFor();
    await look(page, `device-decision-${name}`);
    await page.getByRole("button", { name: "Allow" }).click();
    await page.getByRole("heading", { name: "The device is connected" }).waitFor();
    await look(page, `device-done-${name}`);
    const till = { client_id: "till", client_secret: "till-secret-of-the-tests", scope: "openid profile", login_hint: "ann" };
    await ask("/bc-authorize", { ...till, binding_message: "W4SCT" });
    await ask("/bc-authorize", till);
    await page.goto(`${TESSERA_URL}/approvals`);
    await page.getByText("W4SCT").waitFor();
    await look(page, `approvals-${name}`);
    for (const [button, said] of [["Allow", "Allowed."], ["Deny", "Denied."]]) {
      await page.getByRole("button", { name: button }).first().click();
      await page.getByText(said).waitFor();
    }
    await page.getByText("No application asks for anything now").waitFor();
    await look(page, `approvals-none-${name}`);
    await page.context().close();
  });
}

const mail = new RelyingParty(TESSERA_URL);
mail.client = { id: "mail", secret: "mail-secret-of-the-tests" };
mail.scope = "openid profile email";
await mail.start(Number(APP_PORT));
const atMail = (page) => page.waitForURL(`${mail.url}/callback*`);

for (const [name, options] of Object.entries(looks)) {
  await test(`consent names the services that an application will reach, ${name}`, async () => {
    const page = await open(options);
    const resources = "resource=https%3A%2F%2Fapi.mail.example%2Fv1&resource=https%3A%2F%2Fcalendar.mail.example%2Fv1";
    await page.goto(`${mail.url}/login?prompt=consent&${resources}`);
    await signIn(page);
    await page.getByRole("heading", { name: "Allow Corner Mail?" }).waitFor();
    for (const service of ["https://api.mail.example/v1", "https://calendar.mail.example/v1"]) await page.getByText(service).waitFor();
    await look(page, `consent-resources-${name}`);
    await page.getByRole("button", { name: "Allow" }).click();
    await atMail(page);
    const { aud } = JSON.parse(Buffer.from(mail.last.tokens.access_token.split(".")[1], "base64url"));
    assert.deepEqual(aud, ["https://api.mail.example/v1", "https://calendar.mail.example/v1"]);
    await page.context().close();
  });
}

await test("an answer in a form posts itself", async () => {
  const page = await open();
  await page.goto(`${mail.url}/login?response_mode=form_post`);
  await signIn(page);
  await atMail(page);
  assert.equal(mail.last.method, "POST");
  assert.ok(mail.last.tokens.access_token && mail.last.nonceMatches);
  await page.context().close();
});

await test("an answer in a form has a button where there are no scripts", async () => {
  const page = await open({ ...looks.light, javaScriptEnabled: false });
  await page.goto(`${mail.url}/login?response_mode=form_post`);
  await signIn(page);
  await page.getByRole("button", { name: "Continue" }).waitFor();
  await look(page, "form-post-light");
  await page.getByRole("button", { name: "Continue" }).click();
  await atMail(page);
  assert.equal(mail.last.method, "POST");
  assert.ok(mail.last.tokens.access_token);
  await page.context().close();
});

for (const javaScriptEnabled of [true, false]) {
  await test(`signing out loads the applications' frames and goes on, ${javaScriptEnabled ? "by itself" : "by a link without scripts"}`, async () => {
    const page = await open({ ...looks.light, javaScriptEnabled });
    await page.goto(`${mail.url}/login`);
    await signIn(page);
    await atMail(page);
    mail.visits = [];
    await page.goto(mail.logoutUrl);
    if (!javaScriptEnabled) {
      await page.getByRole("heading", { name: "You are signed out" }).waitFor();
      await look(page, "farewell-light");
      await page.getByRole("link", { name: "Continue" }).click();
    }
    await page.waitForURL(`${mail.url}/bye?state=gone`);
    const frames = mail.visits.filter(({ pathname }) => pathname === "/frontchannel");
    assert.equal(frames.length, 1);
    assert.equal(frames[0].searchParams.get("iss"), TESSERA_URL);
    assert.equal(frames[0].searchParams.get("sid"), mail.last.claims.sid);
    await page.goto(`${mail.url}/login?prompt=none`);
    await atMail(page);
    assert.equal(mail.last.query.error, "login_required");
    await page.context().close();
  });
}

await test("the session frame says unchanged while somebody is signed in, and changed afterwards", async () => {
  const page = await open();
  const says = async (path, word) => {
    await page.goto(`${mail.url}${path}`);
    await page.locator("#said", { hasText: word }).waitFor();
    assert.equal(await page.locator("#said").innerText(), word);
  };
  await page.goto(`${mail.url}/login`);
  await signIn(page);
  await atMail(page);
  const before = mail.last;
  await says("/watch", "unchanged");
  await says("/watch?send=nonsense", "error");
  await page.goto(mail.logoutUrl);
  await page.waitForURL(`${mail.url}/bye?state=gone`);
  await says("/watch", "changed");
  // Another sign-in is another session.
  await page.goto(`${mail.url}/login`);
  await signIn(page);
  await atMail(page);
  await says("/watch", "unchanged");
  mail.last = before;
  await says("/watch", "changed");
  await page.context().close();
});

await test("another site cannot show the pages in a frame", async () => {
  const page = await open();
  await page.goto(shop.url);
  const refused = page.waitForEvent("console", (message) => message.text().includes("frame-ancestors"));
  await page.evaluate((url) => {
    const frame = document.createElement("iframe");
    frame.src = url;
    document.body.append(frame);
  }, `${TESSERA_URL}/login`);
  await refused;
  complaints = [];
  await page.context().close();
});

for (const name of ["dark", "phone"]) {
  await test(`consent and account, ${name}`, async () => {
    const page = await open(looks[name]);
    await page.goto(new URL("/login", TESSERA_URL).href);
    await signIn(page);
    await page.getByRole("heading", { name: "Hello, ann" }).waitFor();
    await look(page, `account-${name}`);
    await page.goto(`${shop.url}/login?prompt=consent`);
    await page.getByRole("heading", { name: "Allow Corner Shop?" }).waitFor();
    await look(page, `consent-${name}`);
    await page.getByRole("button", { name: "Deny" }).click();
    await atShop(page);
    assert.equal(shop.last.query.error, "access_denied");
    await page.goto(`${TESSERA_URL}/setup/application`);
    await look(page, `application-${name}`);
    await page.context().close();
  });
}

await browser.close();
shop.stop();
mail.stop();
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
