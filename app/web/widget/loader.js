/**
 * Loads the panel's modules, again and again while the server can't be reached. It must never mix versions: each try is
 * of the version that this module is of, under an address of its own, since a failed one may be remembered as failed.
 */

const FLOOR_MS = 500;
const CEILING_MS = 15_000;
/** Far from the tries of widget.js. */
const FIRST = 1_000;

/** `…/static/<version>[.<try>]/widget/` */
const HERE = /^(.*\/)([0-9a-f]+)(?:\.\d+)?(\/widget\/)/;

/** @param {number} n @returns {string} where the panel is, at the nth try */
function address(n) {
  const { href } = new URL('./panel.js', import.meta.url);
  return n === 0 ? href : href.replace(HERE, (_whole, before, version, after) => `${before}${version}.${FIRST + n}${after}`);
}

/**
 * @param {() => void} late called when the first try failed
 * @param {AbortSignal|null} signal null: one try, to have the modules in the cache
 * @returns {Promise<typeof import('./panel.js')|null>} null: given up
 */
export async function load(late, signal) {
  for (let n = 0; ; n += 1) {
    try {
      return await import(address(n));
    } catch {
      if (signal === null || signal.aborted) return null;
    }
    if (n === 0) late();
    const wait = FLOOR_MS + Math.random() * Math.min(CEILING_MS, FLOOR_MS * 2 ** (n + 1));
    await new Promise((resolve) => { setTimeout(resolve, wait); });
    if (signal?.aborted) return null;
  }
}
