// The joined rooms: the list, the current room, unread counts, the shareable address, and the title.
import { byId, element, recall, remember } from './dom.js';
import { revealed } from './names.js';
import { errorText, t } from './strings.js';

// The rule of docs/protocol.md: 1 to 128 bytes, without / , ? # and without spaces at the ends.
export const isRoomName = (name) => /^[^/,?#\p{Cc}]+$/u.test(name) && !/^ | $/.test(name) && new TextEncoder().encode(name).length <= 128;

const hashOf = (room) => `#${encodeURIComponent(room)}`;

export function roomOfHash() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return '';
  }
}

export class RoomList {
  #logs = new Map(); // room -> Log, in join order
  #items = new Map(); // room -> its elements in the list
  current = null;

  // makeLog(room) creates a log. left(room) reports that a room was left, shown(room) that the current room changed,
  // and refused(reason) that the room of an address cannot be entered.
  constructor(client, { makeLog, left, shown, refused }) {
    this.client = client;
    this.makeLog = makeLog;
    this.left = left;
    this.shown = shown;
    byId('join').addEventListener('submit', async (event) => {
      event.preventDefault();
      byId('join-error').textContent = '';
      const reason = await this.enter(byId('join-room').value.trim());
      byId('join-error').textContent = reason;
      if (!reason) byId('join-room').value = '';
    });
    addEventListener('hashchange', async () => {
      const reason = await this.enter(roomOfHash());
      if (reason) refused(reason);
    });
  }

  static remembered() {
    const rooms = recall('sessionStorage', 'rooms');
    return Array.isArray(rooms) ? rooms.filter((room) => typeof room === 'string') : [];
  }

  get(room) { return this.#logs.get(room); }
  get logs() { return [...this.#logs.values()]; }

  add(room) {
    if (this.#logs.has(room)) return this.#logs.get(room);
    const log = this.makeLog(room);
    this.#logs.set(room, log);
    byId('logs').append(log.element);
    this.#items.set(room, this.#makeItem(room));
    if (this.current === null) this.show(room);
    this.#remember();
    this.draw();
    return log;
  }

  remove(room) {
    this.#logs.get(room)?.dispose();
    this.#logs.delete(room);
    this.#items.get(room)?.item.remove();
    this.#items.delete(room);
    this.left(room);
    if (this.current === room) {
      this.current = null;
      const next = this.#logs.keys().next().value;
      if (next === undefined) byId('title').textContent = '';
      else this.show(next);
    }
    this.#remember();
    this.draw();
  }

  show(room) {
    if (this.current !== room) this.#logs.get(this.current)?.hide();
    this.current = room;
    byId('title').textContent = revealed(room);
    if (location.hash !== hashOf(room)) history.replaceState(null, '', hashOf(room));
    this.#logs.get(room).show();
    this.shown(room);
    this.draw();
  }

  // Moves up or down from the current room.
  step(by) {
    const rooms = [...this.#logs.keys()];
    const at = rooms.indexOf(this.current);
    if (rooms.length > 1) this.show(rooms[(at + by + rooms.length) % rooms.length]);
  }

  draw() {
    for (const [room, { unread }] of this.#logs) this.#drawItem(room, unread);
    const others = this.logs.filter(({ room }) => room !== this.current).reduce((sum, { unread }) => sum + unread, 0);
    const all = others + (this.#logs.get(this.current)?.unread ?? 0);
    document.title = `${all ? `(${all}) ` : ''}${revealed(this.current ?? '')} · ${t('app')}`;
    const badge = byId('open-rooms').querySelector('.badge');
    badge.hidden = others === 0;
    badge.textContent = others;
    byId('open-rooms').setAttribute('aria-label', others ? `${t('rooms')}, ${t('unread', others)}` : t('rooms'));
  }

  #makeItem(room) {
    const badge = element('span', { className: 'badge', 'aria-hidden': 'true' });
    const enter = element('button', { type: 'button', className: 'room', onclick: () => this.show(room) },
      element('span', { className: 'name' }, revealed(room)), badge);
    const leave = element('button', { type: 'button', className: 'leave', title: t('leave', room), 'aria-label': t('leave', room) }, '×');
    leave.addEventListener('click', () => this.client.leave(room).catch(() => {}));
    const item = element('li', {}, enter, leave);
    byId('room-list').append(item);
    return { item, enter, leave, badge };
  }

  #drawItem(room, unread) {
    const { enter, leave, badge } = this.#items.get(room);
    if (room === this.current) enter.setAttribute('aria-current', 'true');
    else enter.removeAttribute('aria-current');
    enter.setAttribute('aria-label', unread ? `${revealed(room)}, ${t('unread', unread)}` : revealed(room));
    badge.hidden = unread === 0;
    badge.textContent = unread > 99 ? '99+' : `${unread}`;
    leave.hidden = this.#logs.size < 2;
  }

  // Returns the reason of a failure, or an empty text.
  async enter(room) {
    if (!room) return '';
    try {
      if (!this.#logs.has(room)) await this.client.join(room);
      this.add(room);
      this.show(room);
      return '';
    } catch (problem) {
      if (this.current !== null) history.replaceState(null, '', hashOf(this.current));
      return errorText(problem);
    }
  }

  // Includes rooms that are still being joined, because the page may be reloaded first.
  #remember() {
    remember('sessionStorage', 'rooms', this.client.positions.map(({ room }) => room));
  }
}
