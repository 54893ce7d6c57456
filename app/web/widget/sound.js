/**
 * A short tone for a new message, made here: no file, no request. It must never sound unless the person switched it on.
 */

const KEY = 'sound';

export class Sound {
  /** @param {import('../sdk/storage.js').SafeStorage} storage */
  constructor(storage) {
    this.storage = storage;
    this.context = /** @type {AudioContext|null} */ (null);
  }

  get on() { return this.storage.get(KEY) === 'on'; }

  toggle() {
    this.storage.set(KEY, this.on ? 'off' : 'on');
    this.play();
  }

  play() {
    if (!this.on || !('AudioContext' in globalThis)) return;
    this.context ??= new AudioContext();
    const { context } = this;
    const at = context.currentTime;
    const [tone, volume] = [context.createOscillator(), context.createGain()];
    tone.frequency.setValueAtTime(660, at);
    tone.frequency.setValueAtTime(880, at + 0.08);
    volume.gain.setValueAtTime(0.06, at);
    volume.gain.exponentialRampToValueAtTime(0.0001, at + 0.25);
    tone.connect(volume).connect(context.destination);
    tone.start(at);
    tone.stop(at + 0.25);
  }

  close() { void this.context?.close(); }
}
