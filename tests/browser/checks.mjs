// What every page must offer to people who do not see it, or do not see it well: names, landmarks, order, contrast.

/** Runs in the page: the list of faults. */
function faults() {
  const found = [];
  const say = (what) => found.push(what);
  const all = (selector) => [...document.querySelectorAll(selector)];

  if (document.documentElement.lang !== "en") say("the document has no language");
  if (!document.title.includes("Tessera")) say("the document has no title");
  if (all("h1").length !== 1) say(`${all("h1").length} h1 elements`);
  for (const landmark of ["header", "main", "footer"]) if (all(landmark).length !== 1) say(`not one ${landmark}`);

  const ids = all("[id]").map((element) => element.id);
  if (new Set(ids).size !== ids.length) say("an id is used twice");
  for (const attribute of ["aria-describedby", "aria-labelledby", "aria-controls", "for"])
    for (const element of all(`[${attribute}]`))
      for (const id of element.getAttribute(attribute).split(" "))
        if (!document.getElementById(id)) say(`${attribute} names #${id}, which does not exist`);

  const named = (element) => element.labels?.length || element.textContent.trim() || element.getAttribute("aria-label");
  for (const element of all("input:not([type=hidden]), button, a")) {
    if (!named(element)) say(`no accessible name: ${element.outerHTML}`);
    const box = element.getBoundingClientRect();
    if (box.width && element.matches("button, .button, input:not([type=radio])") && box.height < 32) say(`too small to touch: ${element.outerHTML}`);
  }
  for (const element of all("svg")) if (element.getAttribute("aria-hidden") !== "true") say("a picture without words is not hidden");
  if (document.querySelector("form") && all("main form [role=alert], main form button").length === 0) say("a form without a button");
  if (document.scrollingElement.scrollWidth > innerWidth) say(`wider than the window: ${document.scrollingElement.scrollWidth} > ${innerWidth}`);

  // WCAG 2.2 success criteria 1.4.3 and 1.4.11.
  const rgb = (text) => (text.match(/[\d.]+/g) ?? []).map(Number);
  const light = (color) =>
    color.slice(0, 3).map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
      .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = rgb(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  for (const element of all("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.getClientRects().length) continue;
    const style = getComputedStyle(element);
    const contrast = ratio(rgb(style.color), behind(element));
    if (contrast < 4.5) say(`contrast ${contrast.toFixed(2)}: ${element.outerHTML.slice(0, 80)}`);
  }
  for (const element of all("input:not([type=hidden]):not([type=radio])")) {
    const contrast = ratio(rgb(getComputedStyle(element).borderTopColor), behind(element.parentElement));
    if (contrast < 3) say(`contrast of a field's border ${contrast.toFixed(2)}`);
  }
  return found;
}

/** The faults of the page as it is now. */
export const accessibilityFaults = (page) => page.evaluate(faults);
