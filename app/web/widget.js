/**
 * What a site includes: `<script type="module" src="https://chat.example/widget.js"></script>`. It names the version
 * of the modules and loads them, again and again while the server can't be reached. It must never be more than that:
 * browsers keep it for a while, and each of its kinds must go on working.
 */

const FLOOR_MS = 1_000;
const CEILING_MS = 30_000;
const here = new URL(import.meta.url);
const tries = Number(here.searchParams.get('retry') ?? 0);
const version = '{{version}}';

/** A module whose loading failed may be remembered as failed under its address, so each try has another one. */
async function load() {
  try {
    await import(new URL(`/static/${version}${tries > 0 ? `.${tries}` : ''}/widget/element.js`, here).href);
  } catch (error) {
    if (tries === 0) console.warn(`<baton-chat>: ${here.origin} can't be reached, trying again.`, error);
    const wait = FLOOR_MS + Math.random() * Math.min(CEILING_MS, FLOOR_MS * 2 ** (tries + 1));
    setTimeout(() => again(tries + 1), wait);
  }
}

/** Asks the server again, which may be of another version by now. @param {number} n */
function again(n) {
  import(new URL(`/widget.js?retry=${n}`, here).href).catch(() => {
    setTimeout(() => again(n + 1), FLOOR_MS + Math.random() * CEILING_MS);
  });
}

void load();
