/**
 * Where the customer is, as the site says: `{ page: '/bills', product: 'solar' }`. It goes with each message from the
 * moment of writing. It must never hold a secret: it is stored and shown as it is. And it must never cost a message:
 * what the server would refuse is left out or cut here.
 */

/** @typedef {import('./protocol.js').Context} Context */

const MOST = 12;
const KEY = /^[A-Za-z0-9_.-]{1,40}$/;
const LONGEST = 200;

/** @param {unknown} given anything @returns {Context|null} frozen; null when nothing of it can be used */
export function contextOf(given) {
  if (typeof given !== 'object' || given === null) return null;
  const usable = Object.entries(given).filter(([key, value]) => KEY.test(key) && typeof value === 'string');
  if (usable.length === 0) return null;
  return Object.freeze(Object.fromEntries(usable.slice(0, MOST).map(([key, value]) => [key, cut(value)])));
}

/** @param {string} value @returns {string} of whole characters: half of one is no text to the server */
function cut(value) {
  const points = [...value].slice(0, LONGEST);
  return points.map((point) => (/^[\ud800-\udfff]$/.test(point) ? '\ufffd' : point)).join('');
}
