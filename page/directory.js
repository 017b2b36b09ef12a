// The rooms that the user has not joined, if the server lists them. They are requested after connecting and when the
// user opens the room list, not continuously, because a server may have very many rooms.
import { byId, element } from './dom.js';
import { revealed } from './names.js';
import { byName, t } from './strings.js';

const minRefreshMs = 5000;
const maxShown = 50;

// Returns the rooms with the most members, in list order, without sorting all rooms: a server may have a hundred
// thousand.
export function largest(rooms) {
  const isBefore = (a, b) => a.members > b.members || (a.members === b.members && a.name < b.name);
  const chosen = [];
  for (const room of rooms) {
    if (chosen.length === maxShown && !isBefore(room, chosen.at(-1))) continue;
    const at = chosen.findIndex((other) => isBefore(room, other));
    chosen.splice(at < 0 ? chosen.length : at, 0, room);
    chosen.length = Math.min(chosen.length, maxShown);
  }
  return chosen.sort((a, b) => b.members - a.members || byName(a.name, b.name));
}

export class Directory {
  #rooms = [];
  #refreshedAt = 0;
  // #forbidden: listing is not allowed on this connection. #costly: a request broke the connection, so it is not
  // repeated.
  #forbidden = false;
  #costly = false;

  // enter(room) opens a room; isIn(room) is true when the user has joined it.
  constructor(client, { enter, isIn }) {
    this.client = client;
    this.enter = enter;
    this.isIn = isIn;
    client.on('status', ({ state }) => {
      if (state !== 'open') return;
      this.#forbidden = false;
      this.refresh();
    });
    for (const type of ['pointerenter', 'focusin']) {
      byId('rooms').addEventListener(type, () => { if (Date.now() - this.#refreshedAt > minRefreshMs) this.refresh(); });
    }
  }

  async refresh() {
    if (this.#forbidden || this.#costly || this.client.state !== 'open') return;
    this.#refreshedAt = Date.now();
    try {
      this.#rooms = await this.client.rooms();
    } catch (error) {
      this.#forbidden = error.code === 'forbidden';
      this.#costly = error.code === 'connection_lost';
      if (this.#forbidden) this.#rooms = [];
    }
    this.draw();
  }

  draw() {
    const others = largest(this.#rooms.filter(({ name }) => !this.isIn(name)));
    byId('others').hidden = others.length === 0;
    const list = byId('other-list');
    const focused = list.contains(document.activeElement) ? document.activeElement.dataset.room : null;
    list.replaceChildren(...others.map((room) => element('li', {}, this.#button(room))));
    [...list.querySelectorAll('button')].find(({ dataset }) => dataset.room === focused)?.focus();
  }

  #button({ name, members }) {
    const button = element('button', { type: 'button', className: 'room' },
      element('span', { className: 'name' }, revealed(name)), element('small', {}, t('peopleCount', members)));
    button.dataset.room = name;
    button.addEventListener('click', () => this.enter(name));
    return button;
  }
}
