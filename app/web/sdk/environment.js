/**
 * What the client takes from the browser, in one place, so that a test can bring its own clock, chance and network.
 * It must never be read anywhere else.
 */

/** @typedef {Pick<WebSocket, 'send'|'close'|'onopen'|'onmessage'|'onclose'>} SocketLike */
/** @typedef {{addEventListener: Function, removeEventListener: Function}} Target */

/**
 * @typedef {object} Environment
 * @property {new (url: string, protocols: string[]) => SocketLike} WebSocket
 * @property {() => number} now ms; only differences count
 * @property {(fn: () => void, ms: number) => any} setTimeout
 * @property {(timer: any) => void} clearTimeout
 * @property {() => number} random
 * @property {() => string} uuid
 * @property {() => import('./storage.js').StorageLike|null|undefined} storage
 * @property {Target|null} window tells `online`, `offline` and `storage`
 * @property {(Target & {visibilityState?: string})|null} document tells `visibilitychange`
 * @property {Pick<Console, 'error'>|null} console for what only the site's owner can mend
 * @property {string} origin of the page
 */

/** @param {Partial<Environment>} [given] @returns {Environment} */
export function environment(given = {}) {
  return {
    WebSocket: globalThis.WebSocket,
    now: () => Date.now(),
    setTimeout: (fn, ms) => globalThis.setTimeout(fn, ms),
    clearTimeout: (timer) => globalThis.clearTimeout(timer),
    random: () => Math.random(),
    uuid,
    storage: () => globalThis.localStorage,
    window: globalThis.window ?? null,
    document: globalThis.document ?? null,
    console: globalThis.console ?? null,
    origin: globalThis.location?.origin ?? 'this page',
    ...given,
  };
}

/** `crypto.randomUUID` is absent on plain http; random values are not. */
function uuid() {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(16));
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
}
