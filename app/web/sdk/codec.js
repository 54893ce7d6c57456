/**
 * Frames to text and back. It must never throw at what it is sent: a proxy may say anything.
 */

/** @typedef {import('./protocol.js').ClientFrame} ClientFrame */
/** @typedef {import('./protocol.js').ServerFrame} ServerFrame */

/** @param {ClientFrame} frame @returns {string} */
export const encode = (frame) => JSON.stringify(frame);

/** What this client relies on, each of the same type as here. @type {Record<string, Record<string, unknown>>} */
const FIELDS = {
  welcome: { seq: 0, heartbeat: 0, state: {}, limits: {} },
  message: { seq: 0, text: '' },
  state: { seq: 0, state: {} },
  turn_end: { seq: 0 },
  delta: { turn: 0, text: '' },
  drain: { reconnect_in: 0 },
};

/** @param {any} frame */
const fits = (frame) => typeof frame?.type === 'string' && Object.entries(FIELDS[frame.type] ?? {})
  .every(([name, like]) => typeof frame[name] === typeof like && frame[name] !== null);

/** @param {unknown} data @returns {ServerFrame|null} null for what no server of this protocol sends */
export function decode(data) {
  try {
    const frame = JSON.parse(String(data));
    if (frame?.type === 'history') frame.events = [frame.events].flat().filter(fits);
    return fits(frame) ? frame : null;
  } catch {
    return null;
  }
}

/**
 * @param {ClientFrame} frame
 * @param {{text: number, frame: number}} limits
 * @returns {boolean} the server would refuse it
 */
export function oversized(frame, limits) {
  if (frame.type === 'send' && [...frame.text].length > limits.text) return true;
  return new TextEncoder().encode(encode(frame)).length > limits.frame;
}
