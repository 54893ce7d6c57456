/**
 * How the connection does, as a page is told. Pure values. It must never say `live` before a welcome: until then no
 * message can be stored.
 */

import { CLOSE_CODES } from './protocol.js';

/**
 * - `connecting`: on the way to a welcome
 * - `live`: welcomed
 * - `draining`: the replica is about to leave; everything works until the client has moved to another one
 * - `offline`: not connected, and tried again at `retryAt`; or the browser says so, and the connection is being asked
 * - `stopped`: for good, until a person asks for it again
 * @typedef {'connecting'|'live'|'offline'|'draining'|'stopped'} Phase
 */

/**
 * @typedef {object} Status
 * @property {Phase} phase
 * @property {number|null} code of the close before; null while welcomed, or never closed
 * @property {string|null} meaning of that code, for a person
 * @property {number|null} retryAt ms by the environment's clock, while `offline` waits for it
 */

export const ABNORMAL = 1006;
const LOST = 'The connection was lost.';

/**
 * @param {Phase} phase @param {number|null} code @param {number|null} [retryAt]
 * @returns {Status} frozen: a view may compare by identity
 */
export function status(phase, code, retryAt = null) {
  const meaning = code === null ? null : CLOSE_CODES[code]?.meaning ?? LOST;
  return Object.freeze({ phase, code, meaning, retryAt });
}
