/**
 * All that a view needs, as one value that stays the same object until something to show has changed: what React's
 * `useSyncExternalStore` asks for, and what any view can compare by identity. It must never be changed in place.
 */

/**
 * @typedef {object} Snapshot
 * @property {import('./status.js').Status} status
 * @property {import('./transcript.js').Transcript} transcript what is stored, and the answer being written
 * @property {readonly import('./entry.js').Entry[]} pending what was written here and isn't in the transcript yet
 * @property {import('./transcript.js').OpenTurn|null} running the turn that `cancel` stops
 * @property {import('./protocol.js').Welcome|null} welcome the server's last greeting; null while not connected
 * @property {boolean} caughtUp everything that was stored at the welcome is shown
 * @property {import('./protocol.js').Context|null} context
 */

/** @param {Snapshot|null} before @param {Snapshot} now @returns {Snapshot} `before`, if nothing has changed */
export function snapshot(before, now) {
  const keys = /** @type {(keyof Snapshot)[]} */ (Object.keys(now));
  return before !== null && keys.every((key) => before[key] === now[key]) ? before : Object.freeze(now);
}
