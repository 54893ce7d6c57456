/**
 * Frames to text and back. It must never throw at what it is sent: a proxy may say anything.
 */

/** @typedef {import('./protocol.js').ClientFrame} ClientFrame */
/** @typedef {import('./protocol.js').ServerFrame} ServerFrame */

/** @param {ClientFrame} frame @returns {string} */
export const encode = (frame) => JSON.stringify(frame);

/** @param {unknown} data @returns {ServerFrame|null} null for what no server of this protocol sends */
export function decode(data) {
  try {
    const frame = JSON.parse(String(data));
    return typeof frame?.type === 'string' ? frame : null;
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
