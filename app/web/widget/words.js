/**
 * Every word that the widget says by itself, by language. It must never say what a server's text should: an answer is
 * shown as it was written.
 */

import { ES } from './words_es.js';

export const EN = {
  label: 'Chat with us', close: 'Close chat', menu: 'More', message: 'Message', write: 'Write a message',
  send: 'Send', stop: 'Stop the answer', latest: 'Newest messages', messages: 'Conversation',
  greeting: 'How can we help?', suggestions: 'Suggestions', older: 'Loading earlier messages',
  loading: 'Connecting…', unreachable: 'The chat can’t be reached right now. We keep trying.',
  you: 'You', assistant: 'Assistant', agent: 'Support team', system: 'Notice',
  assistant_hint: 'automatic answer', agent_hint: 'a person',
  today: 'Today', yesterday: 'Yesterday',
  queued: 'Waiting to be sent', sent: 'Sending…', acked: 'Sent', stored: 'Delivered', failed: 'Not sent',
  retry: 'Send again', discard: 'Remove', typing: '{name} is typing',
  reconnecting: 'Reconnecting…', offline: 'No connection. What you write is kept and sent later.',
  online: 'Connected again.', again: 'Try now', stopped: 'The chat isn’t available.',
  new: 'New conversation', end: 'End conversation', download: 'Download transcript', sound: 'Sound', cancel: 'Cancel',
  confirm_end: 'End this conversation?', confirm_new: 'Start a new conversation? You leave this one.',
  ended: 'This conversation has ended.', gone: 'The earlier conversation is no longer available. This is a new one.',
  unread_one: '{n} new message', unread_other: '{n} new messages',
  length: '{n} of {most} characters',
  queue: 'You are waiting for a person. Your place: {n}', queue_unknown: 'You are waiting for a person.',
  with_agent: 'You are talking to a person.',
  note_cancelled: 'Stopped', note_failed: 'This answer could not be finished', note_ended: 'The conversation was ended',
  note_waiting: 'Waiting for a person', note_active: 'A person has joined', note_resolved: 'The person has left',
  note_verified: 'Verified', note_verified_as: 'Verified as {name}', note_signed_out: 'Signed out',
  note_locked: 'Verification is locked for now', note_expired: 'The verification has expired',
  error_unauthorized: 'Your sign-in could not be confirmed.', error_session_gone: 'This was written in an earlier conversation.',
  error_conversation_ended: 'This conversation has ended.', error_text_invalid: 'This text can’t be sent.',
  error_too_large: 'This message is too long.', error_rate_limited: 'A little too fast. It is sent in a moment.',
  error_unavailable: 'It is kept and sent as soon as possible.',
};

/** @typedef {typeof EN} Words */

/** @type {Readonly<Record<string, Words>>} */
const LANGUAGES = { en: EN, es: ES };

/** @param {string} lang a BCP 47 tag @param {Partial<Words>} [override] @returns {Words} English where there is none */
export const wordsFor = (lang, override = {}) => (
  { ...EN, ...LANGUAGES[lang.toLowerCase().split('-')[0] ?? ''], ...override }
);

/** @param {string} text with `{name}` @param {Record<string, string|number>} values */
export const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));

/** A sentence for an error code, in the person's language; the server's own for one that is new.
 * @param {Words} words @param {string|null} code @param {string|null} sentence */
export function errorText(words, code, sentence) {
  const known = /** @type {Record<string, string>} */ (words)[`error_${code}`];
  return known ?? sentence ?? words.failed;
}
