/**
 * How the chat looks: one sheet for the shadow root, so that no page needs to allow inline styles. Colours are named
 * once, light and dark; sides are logical, for both directions of writing. It must never hold a fixed left or right.
 */

const DARK = `--surface: #171b22; --raised: #232a35; --line: #303948; --ink: #e8ebf1; --soft: #a3adbf; --link: #9dbdf0;
  --good: #6cc697; --bad: #f0948a; --shadow: 0 18px 50px rgb(0 0 0 / 55%); --ring: #9dbdf0;`;

const COLOURS = `
:host { --accent: var(--baton-accent, #3a5a8c); --on-accent: var(--baton-on-accent, #fff);
  --surface: #fff; --raised: #f0f2f6; --line: #dfe3ea; --ink: #1b1f27; --soft: #5b6577; --link: #2b5194; --good: #1f7a4a;
  --bad: #ad3329; --shadow: 0 18px 50px rgb(16 24 40 / 22%); --ring: #2b5194;
  --radius: var(--baton-radius, 18px); --ease: cubic-bezier(.2, .8, .3, 1);
  color-scheme: light dark; }
@media (prefers-color-scheme: dark) { :host(:not([theme="light"])) { ${DARK} } }
:host([theme="dark"]) { ${DARK} color-scheme: dark; }
:host([theme="light"]) { color-scheme: light; }`;

// What is inherited is said anew below the host, where a page's rules for all of its elements end.
const PLACE = `
:host { position: fixed; inset-block-end: 20px; inset-inline-end: 20px; z-index: var(--baton-z-index, 2147483000);
  display: block; }
:host([hidden]) { display: none; }
:host([inline]) { position: relative; inset: auto; z-index: auto; height: 100%; min-height: 320px; }
* { box-sizing: border-box; }
.panel, .launcher { font: 15px/1.5 var(--baton-font, system-ui, -apple-system, "Segoe UI", Roboto, sans-serif); letter-spacing: normal;
  word-spacing: normal; word-break: normal; text-align: start; text-indent: 0; text-transform: none; text-shadow: none;
  white-space: normal; list-style: none; cursor: auto; }
[hidden] { display: none !important; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
button { font: inherit; cursor: pointer; border: 0; color: inherit; background: none; padding: 0; }
svg { width: 22px; height: 22px; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
:focus-visible { outline: 2px solid var(--ring); outline-offset: 2px; }
.launcher { position: relative; display: grid; place-items: center; cursor: pointer; width: 60px; height: 60px; margin-inline-start: auto;
  border-radius: 50%; background: var(--accent); color: var(--on-accent); box-shadow: 0 8px 24px rgb(16 24 40 / 28%);
  transition: transform .2s var(--ease); }
.launcher:hover { transform: scale(1.06); }
.launcher svg { width: 28px; height: 28px; }
.badge { position: absolute; inset-block-start: -4px; inset-inline-end: -4px; min-width: 22px; height: 22px; padding: 0 6px;
  border-radius: 11px; background: #c2281d; color: #fff; font-size: 12px; font-weight: 700; line-height: 22px; text-align: center; }
.panel { display: flex; flex-direction: column; width: var(--baton-width, min(400px, calc(100vw - 40px)));
  height: var(--baton-height, min(640px, calc(100dvh - 120px))); margin-block-end: 14px; border-radius: var(--radius);
  overflow: hidden; background: var(--surface); color: var(--ink); border: 1px solid var(--line); box-shadow: var(--shadow);
  animation: rise .22s var(--ease); }
:host([inline]) .panel { width: 100%; height: 100%; margin: 0; box-shadow: none; animation: none; }
@keyframes rise { from { opacity: 0; transform: translateY(12px) scale(.985); } }
.loading { margin: auto; padding: 24px; color: var(--soft); text-align: center; }
@media (max-width: 560px) {
  :host(:not([inline])) .panel { position: fixed; inset-inline: 0; inset-block-start: var(--above, 0);
    width: 100%; height: var(--seen, 100dvh); margin: 0; border: 0; border-radius: 0; }
  :host(:not([inline])) .panel:not([hidden]) + .launcher { display: none; }
}`;

const AROUND = `
header { display: flex; align-items: center; gap: 4px; padding-block: 12px; padding-inline: 18px 10px; border-block-end: 1px solid var(--line); }
.title { flex: 1; min-width: 0; margin: 0; font-size: 16px; font-weight: 650; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.icon { display: grid; place-items: center; width: 38px; height: 38px; border-radius: 10px; color: var(--soft); }
.icon:hover { background: var(--raised); color: var(--ink); }
.menu svg { stroke-width: 3; }
.menu-box { position: relative; }
.menu-list { position: absolute; z-index: 2; inset-inline-end: 0; inset-block-start: 42px; display: grid; width: max-content; min-width: 200px; max-width: 300px; padding: 6px;
  border-radius: 12px; background: var(--surface); border: 1px solid var(--line); box-shadow: var(--shadow); }
.menu-list button { padding: 9px 12px; border-radius: 8px; text-align: start; }
.menu-list button:hover, .menu-list button:focus-visible { background: var(--raised); }
.menu-list [aria-checked]::before { content: "○"; content: "○" / ""; margin-inline-end: 8px; color: var(--soft); }
.menu-list [aria-checked="true"]::before { content: "●"; content: "●" / ""; color: var(--good); }
.strip { margin: 0; padding: 8px 18px; font-size: 13.5px; background: var(--raised); border-block-end: 1px solid var(--line); }
.strip::before { content: ""; display: inline-block; width: 8px; height: 8px; margin-inline-end: 8px; border-radius: 50%; background: var(--good); }
.body { position: relative; flex: 1; min-height: 0; display: flex; }
.latest { position: absolute; inset-block-end: 10px; inset-inline: 0; margin-inline: auto; display: grid; place-items: center; width: 38px;
  height: 38px; border-radius: 50%; background: var(--surface); color: var(--ink); border: 1px solid var(--line); box-shadow: 0 4px 14px rgb(16 24 40 / 18%); }
.notice { font-size: 13.5px; color: var(--soft); }
.line, .question { display: flex; flex-wrap: wrap; align-items: center; gap: 6px 12px; padding: 6px 18px; }
.question { padding-block: 10px; background: var(--raised); color: var(--ink); }
.question span { flex: 1 1 60%; }
.link { color: var(--link); text-decoration: underline; text-underline-offset: 2px; min-height: 24px; }
.solid { padding: 7px 14px; white-space: nowrap; border-radius: 10px; background: var(--accent); color: var(--on-accent); }
.over-bar { display: flex; align-items: center; justify-content: space-between; flex-wrap: wrap; gap: 8px 12px; padding: 14px 18px; background: var(--raised); }`;

export const STYLE = COLOURS + PLACE + AROUND;
