// Menus that a button opens, by the menu button pattern of WAI-ARIA: Enter, Space and arrow keys open it, arrows, Home, End and
// first letters move in it, Escape and Tab close it, and the focus returns to the button. At most one menu is open.
import { byId, element } from './dom.js';

const edge = 8;

let open = null; // { button, menu }

// A list that was drawn again has another button with the same key.
function returnTo(button) {
  const key = button.dataset.menu;
  const same = button.isConnected || key === undefined ? button
    : [...document.querySelectorAll('[data-menu]')].find(({ dataset }) => dataset.menu === key);
  (same?.isConnected ? same : byId('text')).focus();
}

export function closeMenu(refocus = false) {
  if (!open) return;
  const { button, menu } = open;
  open = null;
  menu.remove();
  button.setAttribute('aria-expanded', 'false');
  if (refocus) returnTo(button);
}

// Beside the button, within the window.
function place(menu, button) {
  const at = button.getBoundingClientRect();
  const { width, height } = menu.getBoundingClientRect();
  const below = at.bottom + height + edge <= innerHeight || at.top < height + edge;
  const top = below ? at.bottom : at.top - height;
  const left = at.left + width + edge <= innerWidth ? at.left : at.right - width;
  menu.style.top = `${Math.max(edge, Math.min(top, innerHeight - height - edge))}px`;
  menu.style.left = `${Math.max(edge, Math.min(left, innerWidth - width - edge))}px`;
}

// groups: arrays of { text, label, act }; a group with `inRow` is one line. The focus is on the button again when act() runs.
export function openMenu(button, label, groups, { last = false } = {}) {
  closeMenu();
  const items = [];
  const item = ({ text, label: name, act }) => {
    const made = element('button', { type: 'button', role: 'menuitem', tabIndex: -1 }, text);
    if (name) made.setAttribute('aria-label', name);
    made.addEventListener('click', () => {
      closeMenu(true);
      act();
    });
    items.push(made);
    return made;
  };
  const parts = groups.filter((group) => group.length).map((group) => (
    element('div', { role: 'group', className: group.inRow ? 'in-row' : '' }, ...group.map(item))));
  const menu = element('div', { className: 'menu', role: 'menu', 'aria-label': label }, ...parts);
  menu.addEventListener('keydown', (event) => {
    const at = items.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
    if (to !== undefined) items.at(to % items.length).focus();
    else if (event.key === 'Escape') closeMenu(true);
    else if (event.key === 'Tab') return closeMenu(true); // and the browser moves on from the button
    else if (event.key.length === 1 && event.key !== ' ') {
      const isNext = ({ textContent }) => textContent.toLowerCase().startsWith(event.key.toLowerCase());
      [...items.slice(at + 1), ...items.slice(0, at + 1)].find(isNext)?.focus();
    } else return undefined;
    event.preventDefault();
    event.stopPropagation();
    return undefined;
  });
  (button.closest('main, nav, aside') ?? document.body).append(menu);
  place(menu, button);
  button.setAttribute('aria-expanded', 'true');
  open = { button, menu };
  items.at(last ? -1 : 0)?.focus();
}

// Makes `button` open the menu that make() returns: { label, groups }. byArrows: the arrow keys open it too.
export function menuButton(button, make, { byArrows = true } = {}) {
  const show = (options) => {
    const { label, groups } = make();
    openMenu(button, label, groups, options);
  };
  button.setAttribute('aria-haspopup', 'menu');
  button.setAttribute('aria-expanded', 'false');
  button.addEventListener('click', () => (open?.button === button ? closeMenu(true) : show()));
  button.addEventListener('keydown', (event) => {
    if (!byArrows || event.altKey || !['ArrowDown', 'ArrowUp'].includes(event.key)) return;
    event.preventDefault();
    show({ last: event.key === 'ArrowUp' });
  });
}

addEventListener('pointerdown', ({ target }) => {
  if (open && !open.menu.contains(target) && !open.button.contains(target)) closeMenu();
}, true);
addEventListener('resize', () => closeMenu());
