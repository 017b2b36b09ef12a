// Drawers, keyboard shortcuts and the window size. On a wide screen a drawer is a column. On a narrow screen it covers
// the rest of the page, which is inert meanwhile; Escape closes it.
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

  // On browsers that do not resize the page, a phone's keyboard covers a part of it.
  const fit = () => document.documentElement.style.setProperty('--height', `${visualViewport.height}px`);
  if (globalThis.visualViewport) {
    visualViewport.addEventListener('resize', fit);
    fit();
  }
  return { drawers, closeDrawers };
}

// F6 moves the focus from pane to pane.
export function nextPart(back) {
  const parts = [byId('room-list'), document.querySelector('.log:not([hidden])'), byId('composer'), byId('people-list')]
    .filter((part) => part && !part.closest('[inert]') && part.offsetParent !== null);
  const at = parts.findIndex((part) => part.contains(document.activeElement));
  const next = parts[(at + (back ? -1 : 1) + parts.length) % parts.length];
  const target = next.matches('[tabindex]') ? next : next.querySelector('[aria-current], textarea') ?? next;
  if (!target.matches('[tabindex], button, textarea')) target.tabIndex = -1;
  target.focus();
}
