/**
 * What a site includes: `<script type="module" src="https://chat.example/widget.js"></script>`. It names the version
 * of the modules and loads them, again and again while the server can't be reached. It must never be more than that:
 * browsers keep it for a while, and each of its kinds must go on working.
 */

const FLOOR_MS = 1_000;
const CEILING_MS = 30_000;
const here = new URL(import.meta.url);
const version = '{{version}}';
let tries = Number.parseInt(here.searchParams.get('retry') ?? '', 10) || 0;

/** A while, longer with each try; or until the browser is online again. */
const pause = () => new Promise((resolve) => {
  const wait = FLOOR_MS + Math.random() * Math.min(CEILING_MS, FLOOR_MS * 2 ** tries);
  const timer = setTimeout(done, wait);
  addEventListener('online', done);
  function done() {
    clearTimeout(timer);
    removeEventListener('online', done);
    resolve(undefined);
  }
});

/** Another copy of this file, under another address, may have done the work. */
const isDone = () => customElements.get('baton-chat') !== undefined;

/**
 * A module whose loading failed may be remembered as failed under its address, so each try has another one. It asks
 * for this file again, too: the server may be of another version by now. The copy that comes goes on from there.
 */
async function load() {
  let next = `./static/${version}${tries > 0 ? `.${tries}` : ''}/widget/element.js`;
  while (!isDone()) {
    try {
      await import(new URL(next, here).href);
      return;
    } catch (error) {
      if (isDone()) return;
      const why = 'Is the server away, or forbidden by script-src? Trying again.';
      if (tries === 0) console.warn(`<baton-chat>: can't load from ${here.origin}. ${why}`, error);
    }
    await pause();
    tries += 1;
    next = `./widget.js?retry=${tries}`;
  }
}

void load();
