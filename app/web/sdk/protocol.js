/**
 * The wire protocol `baton.v1` as types and constants: what the server may say, what a client may say, and what each
 * close code asks of a client. It must never hold behaviour or state: it is the one page both sides are compared
 * with.
 */

/** @typedef {{epoch: string, seq: number, mark: string}} Cursor the last durable event that a transcript has applied */

/**
 * @typedef {object} StateBody
 * @property {'anonymous'|'in_progress'|'verifying'|'authenticated'|'locked_out'|'expired'} auth
 * @property {string|null} customer_name
 * @property {'none'|'waiting'|'active'|'resolved'} handoff
 * @property {string|null} ticket
 * @property {number|null} position place in the queue
 * @property {string|null} pending_query
 * @property {string} action
 * @property {boolean} ended
 */

/**
 * @typedef {object} Welcome
 * @property {'welcome'} type
 * @property {string} session
 * @property {string} token
 * @property {string} epoch
 * @property {number} seq newest durable event, 0 when there is none
 * @property {boolean} recovered false: the client drops its transcript
 * @property {number} oldest
 * @property {StateBody} state
 * @property {string} replica
 * @property {number} heartbeat seconds
 * @property {{text: number, frame: number}} limits code points of a message; bytes of a frame
 */

/**
 * @typedef {object} MessageEvent_
 * @property {'message'} type
 * @property {number} seq
 * @property {string} mark
 * @property {string} id
 * @property {'user'|'assistant'|'agent'|'system'} role
 * @property {string} text
 * @property {string} at
 * @property {number|null} turn
 * @property {string|null} name
 * @property {string|null} [category]
 * @property {Context} [context] of a user's, if the site said any
 */

/** @typedef {{type: 'state', seq: number, mark: string, at: string, turn: number|null, state: StateBody}} StateEvent */

/**
 * @typedef {object} TurnEnd
 * @property {'turn_end'} type
 * @property {number} seq
 * @property {string} mark
 * @property {string} at
 * @property {number} turn
 * @property {'completed'|'cancelled'|'failed'} status
 * @property {string|null} reason
 */

/** @typedef {MessageEvent_ | StateEvent | TurnEnd} Durable */
/** @typedef {{type: 'ack', id: string, seq: number, duplicate: boolean}} Ack */
/** @typedef {{type: 'turn_start', turn: number, attempt: number}} TurnStart */

/**
 * @typedef {object} Delta
 * @property {'delta'} type
 * @property {number} turn
 * @property {number} attempt
 * @property {number} part number of the turn's assistant messages before this one
 * @property {number} first chunk numbers of the part, inclusive
 * @property {number} last
 * @property {string} text
 */

/** @typedef {{type: 'typing', role: string, name: string|null, active: boolean}} Typing */
/** @typedef {{type: 'history', events: Durable[], more: boolean}} History */

/**
 * @typedef {object} ErrorFrame
 * @property {'error'} type
 * @property {string} code
 * @property {string} message
 * @property {string|null} id
 * @property {number|null} retry_after seconds
 */

/** @typedef {{type: 'drain', reconnect_in: number}} Drain milliseconds */
/** @typedef {{type: 'pong', t: unknown}} Pong */

/** @typedef {Welcome|Durable|Ack|TurnStart|Delta|Typing|History|ErrorFrame|Drain|Pong} ServerFrame */

/** @typedef {Readonly<Record<string, string>>} Context where the customer is, as the site says */
/** @typedef {{type: 'send', id: string, text: string, context?: Context}} Send */

/**
 * @typedef {{type: 'hello', token: string|null, after: Cursor|null, client: string}
 *   | Send | {type: 'cancel', turn: number}
 *   | {type: 'history', before: number, limit: number} | {type: 'identify', token: string} | {type: 'sign_out'}
 *   | {type: 'typing', active: boolean} | {type: 'end'} | {type: 'ping', t: unknown}} ClientFrame
 */

/** @typedef {'reconnect'|'stop'|'anew'} CloseAction */

export const SUBPROTOCOL = 'baton.v1';
export const CLIENT = 'baton-web/1';
/** Most events that one `history` request may ask for. */
export const HISTORY_LIMIT = 200;
/** Error codes after which the message is kept and sent again with the same id; all others are final. */
export const RETRYABLE = Object.freeze(['rate_limited', 'unavailable']);
/** The close code for a conversation that has expired or was erased. */
export const GONE = 4404;
export const TOO_LARGE = 'This message is too long.';
/** Used until the first `welcome` says better. */
export const DEFAULT_LIMITS = Object.freeze({ text: 8000, frame: 65536 });

/** @type {Readonly<Record<number, {action: CloseAction, meaning: string}>>} */
export const CLOSE_CODES = Object.freeze({
  1000: { action: 'stop', meaning: 'The connection was closed.' },
  1001: { action: 'reconnect', meaning: 'The server is going away.' },
  1009: { action: 'stop', meaning: 'A message was too large.' },
  1012: { action: 'reconnect', meaning: 'The server is restarting.' },
  1013: { action: 'reconnect', meaning: 'The server is busy.' },
  4400: { action: 'stop', meaning: 'This page and the server do not fit.' },
  4401: { action: 'anew', meaning: 'The earlier conversation is no longer available.' },
  4403: { action: 'stop', meaning: 'This site is not allowed to use the chat.' },
  4404: { action: 'anew', meaning: 'The earlier conversation is no longer available.' },
  4408: { action: 'reconnect', meaning: 'The connection was too slow.' },
  4420: { action: 'reconnect', meaning: 'The connection was too slow.' },
  4429: { action: 'reconnect', meaning: 'Too many messages in a short time.' },
});

/**
 * What a close code asks of a client. A code that the table doesn't know (1006, a proxy's own) is a broken connection.
 * @param {number} code
 * @returns {CloseAction}
 */
export function closeAction(code) {
  return CLOSE_CODES[code]?.action ?? 'reconnect';
}
