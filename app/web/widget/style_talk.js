/**
 * How messages and the composer look; added to the sheet when the panel is there. It must never hold a colour that
 * style.js doesn't name.
 */

export const TALK = `
.scroller { flex: 1; min-height: 0; overflow-y: auto; overscroll-behavior: contain; overflow-anchor: none; padding: 16px 16px 10px;
  scrollbar-width: thin; scrollbar-color: var(--line) transparent; }
.scroller:focus-visible { outline-offset: -3px; }
.hello { display: grid; gap: 18px; padding: 28px 4px 12px; }
.greeting { margin: 0; font-size: 22px; line-height: 1.3; font-weight: 650; text-wrap: balance; white-space: pre-line; }
.suggestions { display: flex; flex-wrap: wrap; gap: 8px; }
.suggestion { padding: 9px 14px; border-radius: 999px; border: 1px solid var(--line); text-align: start; color: var(--link); }
.suggestion:hover { background: var(--raised); }
.older, .typist { margin: 4px; font-size: 13px; color: var(--soft); text-align: center; }
.typist { text-align: start; }
.rows, .group { display: flex; flex-direction: column; gap: 3px; }
.group { list-style: none; margin: 0; padding: 0; content-visibility: auto; contain-intrinsic-size: auto 8000px; overflow-clip-margin: 8px; }
.row { display: flex; flex-direction: column; align-items: flex-start; max-width: 88%; contain: content; overflow-clip-margin: 6px; }
.row.head { margin-block-start: 10px; }
.row.day, .row.note { align-self: center; margin-block: 14px 4px; max-width: 100%; font-size: 12.5px; color: var(--soft); text-align: center; }
.row.day { font-weight: 600; }
.who { display: flex; align-items: center; gap: 6px; margin: 0 2px 3px; font-size: 12.5px; color: var(--soft); }
.who svg { width: 15px; height: 15px; }
.who .name { font-weight: 650; color: var(--ink); }
.who .kind::before { content: "· "; content: "· " / ""; }
.row:not(.head) .who, .row.user .who { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.text { padding: 9px 14px; border-radius: 18px; border-start-start-radius: 6px; background: var(--raised); overflow-wrap: anywhere; }
.row.user { align-self: flex-end; align-items: flex-end; }
.row.user .text { background: var(--accent); color: var(--on-accent);
  border-start-start-radius: 18px; border-end-end-radius: 6px; }
.row.agent .text { background: none; box-shadow: inset 0 0 0 1.5px var(--good); }
.row.agent .who svg { color: var(--good); }
.row.system .text { background: none; box-shadow: inset 0 0 0 1px var(--line); color: var(--soft); }
.row.failed .text { background: none; color: var(--ink); box-shadow: inset 0 0 0 1.5px var(--bad); }
.row.failed .delivery { color: var(--bad); }
.text p, .text ul, .text ol, .text pre { margin: 0 0 8px; }
.text > :last-child { margin-block-end: 0; }
.text p { white-space: pre-wrap; }
.text .h { font-weight: 650; }
.text ul, .text ol { padding-inline-start: 22px; }
.text ul { list-style: disc; }
.text li { white-space: pre-wrap; }
.text li + li { margin-block-start: 3px; }
.text pre { overflow-x: auto; padding: 8px 10px; border-radius: 8px; background: var(--surface); }
.text code { font: 13px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
.text a { color: var(--link); }
.text a, .text code, .text strong { unicode-bidi: isolate; }
.meta { display: flex; flex-wrap: wrap; align-items: center; gap: 0 8px; padding: 2px 6px 0; font-size: 12px; color: var(--soft); }
.meta:empty { display: none; }
.row.user .meta { justify-content: flex-end; }
.row.stored:not(.tail) .meta { position: absolute; clip-path: inset(50%); }
.group:not(:last-child) .row.stored .delivery, .row.stored:not(:last-child) .delivery { font-size: 0; }
.group:not(:last-child) .row.stored .delivery::before, .row.stored:not(:last-child) .delivery::before { content: "✓"; content: "✓" / ""; font-size: 12px; }
.row.queued .delivery, .row.sent .delivery { animation: late 1.2s step-end; }
@keyframes late { from { opacity: 0; } }
.live .text:not(.waiting) > p:last-child::after, .live .text > :is(ul, ol):last-child > li:last-child::after, .live pre:last-child > code::after, .live .text.waiting::after { content: ""; display: inline-block; inline-size: 8px; block-size: 8px;
  margin-inline-start: 6px; border-radius: 50%; background: var(--soft); animation: breathe 1.2s ease-in-out infinite; }
.live .text.waiting { display: flex; align-items: center; min-height: 41px; }
.live .text.waiting::after { margin-inline: 11px 22px; box-shadow: -11px 0 var(--soft), 11px 0 var(--soft); }
@keyframes breathe { 50% { opacity: .3; } }
.composer { display: grid; grid-template-columns: 1fr auto auto; align-items: end; gap: 6px; margin: 6px 12px 12px; padding: 5px; border: 1px solid var(--soft);
  border-radius: 16px; background: var(--surface); }
.composer:focus-within { border-color: var(--ring); box-shadow: 0 0 0 1px var(--ring); }
.ask { min-width: 0; resize: none; border: 0; outline: 0; background: none; color: inherit; font: inherit; font-size: 16px; line-height: 1.4; padding: 8px 9px; max-height: 160px; }
.ask:placeholder-shown { direction: inherit; }
.ask::placeholder { color: var(--soft); opacity: 1; }
.length { grid-column: 1 / -1; grid-row: 2; padding-inline: 9px; font-size: 12px; color: var(--soft); }
.length:empty { display: none; }
.length.over { color: var(--bad); }
.send, .stop { display: grid; place-items: center; width: 38px; height: 38px; border-radius: 12px; }
.send { background: var(--accent); color: var(--on-accent); }
.send:disabled { background: var(--raised); color: var(--soft); cursor: default; }
.stop { background: var(--raised); }
.stop span { width: 12px; height: 12px; border-radius: 3px; background: var(--bad); }
@media (max-width: 560px) { .composer { margin-block-end: calc(12px + env(safe-area-inset-bottom)); } }
@media (prefers-reduced-motion: reduce) { *, *::after { animation: none !important; transition: none !important; } }
@media (forced-colors: active) {
  .text, .launcher, .send, .stop, .badge { border: 1px solid; }
  .stop span, .live .text::after, .live .text ::after { forced-color-adjust: none; background: CanvasText !important; }
  .composer:focus-within { outline: 2px solid Highlight; }
}
`;
