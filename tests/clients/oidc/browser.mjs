// A browser without scripts: keeps cookies, fills forms in, follows redirects until one leaves the server.

/** The attributes of an HTML tag. */
function attributes(tag) {
  const found = {};
  for (const [, name, value] of tag.matchAll(/([a-z-]+)="([^"]*)"/g)) {
    found[name] = value.replaceAll("&amp;", "&").replaceAll("&quot;", '"');
  }
  return found;
}

export class Browser {
  #cookies = new Map();

  /** One request with the cookies there are; follows nothing. All sites are one machine, whose cookies do not tell ports apart. */
  async fetch(url, options = {}) {
    const headers = { accept: "text/html", ...options.headers };
    if (this.#cookies.size > 0) {
      headers.cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    }
    const response = await fetch(url, { ...options, headers, redirect: "manual" });
    for (const cookie of response.headers.getSetCookie()) {
      const [pair] = cookie.split(";");
      const at = pair.indexOf("=");
      const gone = /;\s*max-age=0\b/i.test(cookie) || new Date(cookie.match(/;\s*expires=([^;]+)/i)?.[1]) < new Date();
      if (gone) this.#cookies.delete(pair.slice(0, at));
      else this.#cookies.set(pair.slice(0, at), pair.slice(at + 1));
    }
    return response;
  }

  /**
   * Opens a URL, answers every form on the way with `fields`, and returns the first URL that does not belong to the server (with the
   * `form` that a page sends there), or the last page.
   */
  async walk(start, fields) {
    const origin = new URL(start).origin;
    let url = new URL(start);
    let request = {};
    for (let step = 0; step < 12; step += 1) {
      const response = await this.fetch(url, request);
      const text = await response.text();
      request = {};
      if (response.status >= 300 && response.status < 400) {
        url = new URL(response.headers.get("location"), url);
        if (url.origin !== origin) return { url, text: "" };
        continue;
      }
      const form = text.match(/<form\b[^>]*>[\s\S]*?<\/form>/)?.[0];
      if (response.status !== 200 || !form) return { url, text, status: response.status };
      const body = new URLSearchParams();
      for (const [tag] of form.matchAll(/<(?:input|button)\b[^>]*>/g)) {
        const { name, value = "", type } = attributes(tag);
        if (!name) continue;
        // `true` presses the button, with the value that it has.
        if (name in fields) body.set(name, fields[name] === true ? value : fields[name]);
        else if (type === "hidden") body.set(name, value);
      }
      url = new URL(attributes(form.match(/<form\b[^>]*>/)[0]).action, url);
      if (url.origin !== origin) return { url, text, form: body };
      request = { method: "POST", body };
    }
    throw new Error(`no end after 12 steps: ${url}`);
  }
}
