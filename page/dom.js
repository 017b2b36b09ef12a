// Elements are built here and nowhere from markup: what people write only ever becomes text.
import { initial, tint } from './names.js';

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
