// Creates elements without HTML strings, so that text from users never becomes markup.
import { initial, tint } from './names.js';

export const byId = (id) => document.getElementById(id);

// Sets properties; names with a hyphen and `role` are set as attributes. Children are elements or strings.
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes('-') || name === 'role') made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children);
  return made;
}

// null is the server, whose avatar users cannot have.
export function avatar(name) {
  if (name === null) return element('img', { className: 'avatar', src: 'icon.svg', alt: '' });
  return element('span', { className: `avatar ${tint(name)}`, 'aria-hidden': 'true' }, initial(name));
}

// Storage may be disabled or full.
export function remember(storage, key, value) {
  try {
    globalThis[storage].setItem(`chat:${location.pathname}:${key}`, JSON.stringify(value));
  } catch { /* only a convenience */ }
}

export function recall(storage, key) {
  try {
    return JSON.parse(globalThis[storage].getItem(`chat:${location.pathname}:${key}`));
  } catch {
    return null;
  }
}
