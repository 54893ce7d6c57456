/**
 * The transcript as a text file, all of it: what isn't loaded yet is fetched first. It must never leave out a part
 * without saying so.
 */

import { make } from './dom.js';

/**
 * @param {readonly import('../sdk/protocol.js').Durable[]} events
 * @param {import('./words.js').Words} words @param {string} lang @param {boolean} whole
 * @returns {string}
 */
export function asText(events, words, lang, whole) {
  const clock = new Intl.DateTimeFormat(lang, { dateStyle: 'medium', timeStyle: 'short' });
  const lines = events.flatMap((event) => {
    if (event.type !== 'message') return [];
    const who = event.role === 'user' ? words.you : event.name ?? words[event.role];
    return [`[${clock.format(Date.parse(event.at) || 0)}] ${who}:\n${event.text}\n`];
  });
  return [words.messages, '', ...(whole ? [] : ['…']), ...lines].join('\n');
}

/** @param {import('../sdk/session.js').Session} session @param {import('./words.js').Words} words @param {string} lang */
export async function download(session, words, lang) {
  // Each page is put before the ones there are.
  while (session.transcript.more && await session.history());
  const { events, more } = session.transcript;
  const url = URL.createObjectURL(new Blob([asText(events, words, lang, !more)], { type: 'text/plain' }));
  make('a', { href: url, download: `chat-${new Date().toISOString().slice(0, 10)}.txt` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
