// The people in rooms, and who is typing. Where the server's presence is on, its notices tell who is there and who is away.
// Elsewhere pages inform each other with the ephemeral event `presence` after joining or renaming, and departures are detected
// by asking for the members periodically. The ephemeral event `typing` tells that the user writes. Neither is shown.
import { avatar, byId, element } from './dom.js';
import { menuButton } from './menu.js';
import { isolated, lookOf, shown } from './names.js';
import { byName, isClaim, localName, t } from './strings.js';

const pollMs = 30_000;
const minRefreshMs = 2000;
const typingShownMs = 5000;
const typingSentMs = 2500;
const maxShown = 300;
// A page that has been hidden for so long is away.
const awayMs = 60_000;
// The maximum number of tracked typists. More than two are not named.
const maxTyping = 20;

const soon = (fromMs, toMs) => fromMs + Math.random() * (toMs - fromMs);

export class People {
  #members = new Map(); // room -> [{ id, name }]
  #typing = new Map(); // room -> Map of id -> { name, until }
  #forbidden = false;
  #refreshTimer = null;
  #refreshedAt = 0;
  #presenceTimer = null;
  #typedAt = 0;
  // Rooms in slow mode of which only a refusal told.
  #slow = new Set();
  #away = false;
  #awayTimer = null;

  // currentRoom() returns the visible room.
  constructor(client, currentRoom, moderator) {
    this.client = client;
    this.currentRoom = currentRoom;
    this.moderator = moderator;
    client.on('status', ({ state }) => { if (state === 'open') this.#forbidden = false; });
    client.on('moderation', ({ room, action, value }) => { if (action === 'slow_mode' && !value) this.#slow.delete(room); });
    client.on('joined', ({ room }) => {
      this.#slow.delete(room);
      this.announce();
      if (room === currentRoom()) this.refresh();
    });
    client.on('named', () => {
      this.announce();
      this.#refreshSoon();
    });
    client.on('presence', ({ room }) => { if (room === currentRoom()) this.show(); });
    document.addEventListener('visibilitychange', () => this.#watchAway());
    setInterval(() => { if (document.visibilityState === 'visible') this.refresh(); }, pollMs);
  }

  // Returns true when the message was a presence or typing event, which is not shown.
  take(message) {
    const { event, room, from, own } = message;
    if (event === 'typing' && message.ephemeral) {
      if (!own && from?.id) this.#types(room, from);
      return true;
    }
    if (event === 'presence' && message.ephemeral) {
      if (room === this.currentRoom() && !this.client.present(room)) this.#refreshSoon();
      return true;
    }
    this.#typing.get(room)?.delete(from?.id);
    if (room === this.currentRoom()) {
      this.showTyping();
      const members = this.#members.get(room);
      if (from?.id && members && !this.client.present(room) && !members.some(({ id }) => id === from.id)) this.#refreshSoon();
    }
    return false;
  }

  // Announces presence in all rooms, combined for several causes, and with a random delay to spread the load after a
  // restart.
  announce() {
    this.#presenceTimer ??= setTimeout(() => {
      this.#presenceTimer = null;
      for (const { room } of this.client.positions) if (!this.client.present(room)) this.#whisper('presence', room);
    }, soon(100, 1000));
  }

  typed() {
    if (Date.now() - this.#typedAt < typingSentMs) return;
    this.#typedAt = Date.now();
    this.#whisper('typing', this.currentRoom());
  }

  // The typed text was sent.
  said() {
    this.#typedAt = 0;
  }

  forget(room) {
    this.#members.delete(room);
    this.#typing.delete(room);
  }

  async refresh() {
    clearTimeout(this.#refreshTimer);
    this.#refreshTimer = null;
    const room = this.currentRoom();
    if (this.#forbidden || this.client.state !== 'open' || this.client.present(room)) return;
    this.#refreshedAt = Date.now();
    try {
      this.#members.set(room, await this.client.members(room));
    } catch (error) {
      if (error.code === 'forbidden') {
        this.#forbidden = true;
        this.#members.clear();
      }
      if (error.code === 'rate_limited') this.#refreshSoon();
    }
    this.show();
  }

  show() {
    const present = this.client.present(this.currentRoom());
    const members = present ? present.people : this.#members.get(this.currentRoom());
    const size = present?.count ?? members?.length;
    byId('people-hint').hidden = !this.#forbidden || present !== null;
    byId('people-count').textContent = size ?? '';
    byId('open-people').setAttribute('aria-label', size === undefined ? t('people') : `${t('people')}: ${size}`);
    const isMe = ({ id, user }) => (user === undefined ? id === this.client.id : user === this.client.user);
    const named = (members ?? []).map(({ id, user, name, state }) => (
      { id, user, away: state?.away === true, name: shown(localName(id, name)) || t('someone') }));
    const sorted = named.sort((a, b) => isMe(b) - isMe(a) || byName(a.name, b.name));
    const count = new Map();
    for (const member of named) {
      member.look = lookOf(member.name);
      count.set(member.look, (count.get(member.look) ?? 0) + 1);
    }
    // A name that looks like another person's is marked with the user's id, or the number of the guest's connection.
    const identity = ({ id, user }) => (user === undefined ? `#${id}` : `@${shown(user)}`);
    const mark = (member) => (isMe(member) ? t('you') : count.get(member.look) > 1 || isClaim(member.name, member.id) ? identity(member) : '');
    const notes = (member) => [mark(member), member.away ? t('away') : ''].filter(Boolean).join(' · ');
    const moderates = this.moderator.may(this.currentRoom());
    const items = sorted.slice(0, maxShown).map((member) => element('li', { className: member.away ? 'away' : '' }, avatar(member.name),
      element('span', { className: 'name' }, member.name), element('small', {}, notes(member)), ...(moderates && !isMe(member) ? [this.#menuOf(member)] : [])));
    if (present && !members) items.push(element('li', {}, t('peopleCount', size)));
    if (sorted.length > maxShown) items.push(element('li', {}, t('peopleMore', sorted.length - maxShown)));
    const list = byId('people-list');
    const focused = list.contains(document.activeElement) ? document.activeElement.dataset.menu : undefined;
    list.replaceChildren(...items);
    if (focused !== undefined) [...list.querySelectorAll('button')].find(({ dataset }) => dataset.menu === focused)?.focus();
  }

  #menuOf({ id, user, name }) {
    const button = element('button', { type: 'button', className: 'act', 'aria-label': t('moderate', name) }, '⋯');
    button.dataset.menu = user === undefined ? `guest ${id}` : `user ${user}`;
    menuButton(button, () => this.moderator.forPerson(this.currentRoom(), { name, user, client: id }));
    return button;
  }

  showTyping() {
    const typing = this.#typing.get(this.currentRoom());
    if (!typing?.size && !byId('typing').textContent) return;
    const names = [...typing?.values() ?? []].filter(({ until }) => until > Date.now()).map(({ name }) => name);
    byId('typing').textContent = names.length ? t('typing', names) : '';
  }

  #types(room, { id, name }) {
    if (!this.#typing.has(room)) this.#typing.set(room, new Map());
    const typing = this.#typing.get(room);
    for (const [other, { until }] of typing) if (until <= Date.now()) typing.delete(other);
    if (typing.size >= maxTyping && !typing.has(id)) return;
    typing.set(id, { name: isolated(shown(localName(id, name)) || t('someone')), until: Date.now() + typingShownMs });
    setTimeout(() => this.showTyping(), typingShownMs + 50);
    this.showTyping();
  }

  // Tells the others where presence is on.
  #watchAway() {
    clearTimeout(this.#awayTimer);
    const hidden = document.visibilityState !== 'visible';
    if (hidden) this.#awayTimer = setTimeout(() => this.#setAway(true), awayMs);
    else if (this.#away) this.#setAway(false);
  }

  #setAway(away) {
    if (!this.client.present(this.currentRoom())) return;
    this.#away = away;
    this.client.setState(away ? { away } : null).catch(() => {});
  }

  // The larger a room, the less often a page requests its members.
  #refreshSoon() {
    const size = this.#members.get(this.currentRoom())?.length ?? 0;
    const rest = this.#refreshedAt + minRefreshMs + size * 20 - Date.now();
    this.#refreshTimer ??= setTimeout(() => this.refresh(), Math.max(0, rest) + soon(100, 600));
  }

  // The room is in slow mode.
  noteSlow(room) { this.#slow.add(room); }

  // A lost event does no harm. The text is empty because plain clients receive every event as its content. In slow mode it would
  // take the turn of the user's next message.
  #whisper(event, room) {
    if (this.client.state !== 'open' || this.client.slowModeMs(room) > 0 || this.#slow.has(room)) return;
    this.client.send({ event, text: '' }, { room, ephemeral: true, exceptSelf: true }).catch((error) => { if (error.code === 'slow_mode') this.noteSlow(room); });
  }
}
