// Elements are built here and nowhere from markup: what people write only ever becomes text.
export const byId = (id) => document.getElementById(id);

// Properties are set as such, names with a hyphen and `role` as attributes; children are elements or texts.
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes('-') || name === 'role') made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children);
  return made;
}

// What is not seen, or turns around what stands beside it: two names that differ by it alone look the same.
const unseen = /[\p{Default_Ignorable_Code_Point}\p{Cf}]/gu;
// Joiners and the mark of an emoji stay behind what they change.
const changing = /[\u200c\u200d\ufe0f]/u;
const changed = /[\p{Script=Arabic}\p{M}\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f]/u;

// The name of a person as it is shown. Empty when there is nothing to see.
export function shown(name = '') {
  const stays = (mark, before) => changing.test(mark) && changed.test([...before].at(-1) ?? '');
  const seen = name.replace(unseen, (mark, at) => (stays(mark, name.slice(0, at)) ? mark : ''));
  return seen.replace(/[\s\u2800]+/gu, ' ').replace(/\u200c$|\u200d$/u, '').trim();
}

// Within a sentence: it keeps its direction to itself (Unicode's FSI and PDI).
export const isolated = (text) => `\u2068${text}\u2069`;

const segmenter = globalThis.Intl?.Segmenter ? new Intl.Segmenter() : null;

// The first letter as a reader sees it, be it an emoji of several code points.
export function initial(name) {
  const first = segmenter ? segmenter.segment(name.trim())[Symbol.iterator]().next().value?.segment : [...name.trim()][0];
  return (first ?? '?').toLocaleUpperCase();
}

const tints = 12;

// The class of a name's colour: the same name has the same one on every screen.
export function tint(name) {
  let hash = 2166136261;
  for (const unit of name) hash = Math.imul(hash ^ unit.codePointAt(0), 16777619);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  hash ^= hash >>> 13;
  return `tint-${(hash >>> 0) % tints}`;
}

// Without a name it is the server's, which nobody can give himself.
export function avatar(name) {
  if (name === null) return element('img', { className: 'avatar', src: 'icon.svg', alt: '' });
  return element('span', { className: `avatar ${tint(name)}`, 'aria-hidden': 'true' }, initial(name));
}

// Storage may be forbidden, or full.
export function remember(storage, key, value) {
  try {
    globalThis[storage].setItem(`chat:${location.pathname}:${key}`, JSON.stringify(value));
  } catch { /* it is a convenience only */ }
}

export function recall(storage, key) {
  try {
    return JSON.parse(globalThis[storage].getItem(`chat:${location.pathname}:${key}`));
  } catch {
    return null;
  }
}
