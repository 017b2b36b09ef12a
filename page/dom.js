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

export function avatar(name) {
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
