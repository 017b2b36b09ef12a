// Drawers, keys and the size of the window. On a wide screen a drawer is a column; on a narrow one it lies over the rest,
// which can then not be reached, and Escape closes it.
import { byId } from './dom.js';

export class Drawer {
  constructor(name, narrow) {
    this.panel = byId(name);
    this.panel.tabIndex = -1;
    this.button = byId(`open-${name}`);
    this.narrow = matchMedia(narrow);
    this.button.addEventListener('click', () => this.set(!this.isOpen, true));
    this.narrow.addEventListener('change', () => this.set(!this.narrow.matches));
    this.set(!this.narrow.matches);
  }

  get isOver() { return this.isOpen && this.narrow.matches; }

  set(open, byHand = false) {
    const hadFocus = this.panel.contains(document.activeElement);
    this.isOpen = open;
    this.panel.classList.toggle('open', open);
    this.panel.inert = !open;
    this.button.setAttribute('aria-expanded', open);
    const over = this.isOver;
    document.querySelector('main').inert = over;
    byId('scrim').hidden = !over;
    if (over && byHand) (this.panel.querySelector('button') ?? this.panel).focus();
    else if (!open && hadFocus) this.button.focus();
  }
}

export function layOut() {
  const drawers = [new Drawer('rooms', '(max-width: 47.99rem)'), new Drawer('people', '(max-width: 63.99rem)')];
  const closeDrawers = () => drawers.filter((drawer) => drawer.isOver).forEach((drawer) => drawer.set(false));
  byId('scrim').addEventListener('click', closeDrawers);

  // The keyboard of a phone covers the page where the browser does not shrink it.
  const fit = () => document.documentElement.style.setProperty('--height', `${visualViewport.height}px`);
  if (globalThis.visualViewport) {
    visualViewport.addEventListener('resize', fit);
    fit();
  }
  return { drawers, closeDrawers };
}

// F6 goes from part to part, as in a program with panes.
export function nextPart(back) {
  const parts = [byId('room-list'), document.querySelector('.log:not([hidden])'), byId('composer'), byId('people-list')]
    .filter((part) => part && !part.closest('[inert]') && part.offsetParent !== null);
  const at = parts.findIndex((part) => part.contains(document.activeElement));
  const next = parts[(at + (back ? -1 : 1) + parts.length) % parts.length];
  const target = next.matches('[tabindex]') ? next : next.querySelector('[aria-current], textarea') ?? next;
  if (!target.matches('[tabindex], button, textarea')) target.tabIndex = -1;
  target.focus();
}
