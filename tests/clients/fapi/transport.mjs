// Section 5.2.1 of the Security Profile: TLS 1.2 or later, with the cipher suites of BCP 195 alone.

import { request } from "node:http";

import { check, equal, issuer, tlsFetch } from "./bank.mjs";

const reaches = (tls) => tlsFetch(undefined, tls)(`${issuer}/readyz`).then((answer) => answer.status, (error) => error.code);

export default async function transport() {
  await check("TLS 1.3 and 1.2 with forward secrecy and AEAD", async () => {
    equal(await reaches({ minVersion: "TLSv1.3" }), 200, "1.3");
    for (const ciphers of ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"]) {
      equal(await reaches({ maxVersion: "TLSv1.2", ciphers }), 200, ciphers);
    }
  });
  await check("nothing older, and no weaker cipher suite", async () => {
    const weak = [["TLSv1.1", "DEFAULT@SECLEVEL=0"], ["TLSv1", "DEFAULT@SECLEVEL=0"], ["TLSv1.2", "ECDHE-ECDSA-AES128-SHA256"], ["TLSv1.2", "ECDHE-ECDSA-AES128-SHA"]];
    for (const [version, ciphers] of weak) {
      equal((await reaches({ minVersion: version, maxVersion: version, ciphers })) === 200, false, `${version} ${ciphers}`);
    }
  });
  await check("plain HTTP is no way in", async () => {
    const status = await new Promise((resolve) => {
      const sent = request(issuer.replace("https", "http"), (answer) => resolve(answer.statusCode));
      sent.on("error", () => resolve(0));
      sent.end();
    });
    equal(status === 200, false, `an answer ${status}`);
  });
}
