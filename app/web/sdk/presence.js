/**
 * What the browser tells of the network and the person: online, offline, looked at again. It must never decide what
 * follows, and never listen on after `stop`.
 */

/**
 * @typedef {object} Told
 * @property {() => void} back the network or the person came back
 * @property {() => void} away the browser says that there is no network
 */

export class Presence {
  /** @param {import('./environment.js').Environment} env @param {Told} told */
  constructor(env, told) {
    this.env = env;
    this.back = () => { if (env.document?.visibilityState !== 'hidden') told.back(); };
    this.away = told.away;
    env.window?.addEventListener('online', this.back);
    env.window?.addEventListener('offline', this.away);
    env.document?.addEventListener('visibilitychange', this.back);
  }

  stop() {
    const { window, document } = this.env;
    window?.removeEventListener('online', this.back);
    window?.removeEventListener('offline', this.away);
    document?.removeEventListener('visibilitychange', this.back);
  }
}
