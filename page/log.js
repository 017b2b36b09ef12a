// The messages of one room: in order, without duplicates, grouped by day and speaker, with gaps and pending messages.
// It does not know the connection: its creator provides functions that load and send.
import { element } from './dom.js';
import { release } from './content.js';
import { drawContent, drawFailure, drawProgress, drawQuote, drawReaction, makeDelivered, makePending, makeRow } from './row.js';
import { Replies, keyOf } from './replies.js';
import { Speakers } from './speakers.js';
import { dayText, t } from './strings.js';

// The maximum number of rows when messages arrive; scrolling up may load more. Older rows are removed, or, while the
// user reads older messages, new ones stay on the server.
const maxRows = 2000;
const pruneRows = 300;
// The same limits by size, as content() reports it: the maximum, the amount to remove, and the minimum number of rows
// that stay.
const maxSize = 16_000_000;
const pruneSize = 4_000_000;
const minRows = 50;
const groupMs = 5 * 60_000;
const olderPage = 100;
const firstNewest = 50;
// The pages that are loaded to find the original of a reply.
const maxReach = 20;

// The attribute that identifies a returning own message.
export const idAttribute = 'chat-send-id';

const sameDay = (a, b) => new Date(a).toDateString() === new Date(b).toDateString();

export class Log {
  // In screen order: { kind: 'message' | 'gap' | 'pending', epoch, seq, time, from, row }, and what row.js adds.
  #entries = [];
  #byKey = new Map(); // of messages with a number
  #byRow = new WeakMap();
  #replies = new Replies();
  // Of the buttons of actions, Tab reaches one; arrow keys go from one to the next.
  #stop = null;
  #speakers = new Speakers();
  #size = 0;
  #lastPlace = 0;
  #rows = element('div', { className: 'rows' });
  #top = element('p', { className: 'top' });
  #empty = element('div', { className: 'empty' }, element('b', {}, t('emptyTitle')), element('span', {}, t('emptyText')));
  #stick = true;
  #lastTop = 0;
  #lastHeight = 0;
  #touchedAt = 0;
  #loading = null;
  #reachedTop = false;
  #tailMissing = false;
  #newLine = null;
  // True when the newest messages have been loaded.
  hasNewest = false;
  // The number of messages since the newest was last visible.
  unread = 0;

  // load({ before, limit }) returns a history. wantNewest() calls loadNewest() as soon as possible. retry(id, what)
  // sends a text or a file again. changed() reports a change of the unread count, scrolled() a change of the scroll position.
  // isLooking(room) is true when the user sees the room. lastRead() returns { epoch, seq }, how far it was read, or null.
  // actions(entry, button) opens the menu of a message, react(entry, reaction) gives a reaction or takes it back.
  constructor(room, { load, wantNewest, retry, changed, scrolled, isLooking, lastRead, actions, react }) {
    this.room = room;
    this.load = load;
    this.wantNewest = wantNewest;
    this.retry = retry;
    this.changed = changed;
    this.scrolled = scrolled;
    this.isLooking = isLooking;
    this.lastRead = lastRead;
    this.element = element('div', { className: 'log', role: 'log', tabIndex: 0, hidden: true, 'aria-label': t('log', room), 'aria-live': 'polite' },
      this.#top, this.#empty, this.#rows);
    this.element.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    for (const type of ['wheel', 'touchmove', 'pointerdown', 'keydown']) {
      this.element.addEventListener(type, () => { this.#touchedAt = Date.now(); }, { passive: true });
    }
    this.element.addEventListener('click', ({ target }) => {
      const button = target.closest('.act, .chip, .quote');
      const entry = this.#byRow.get(button?.closest('.row'));
      if (!entry) return;
      if (button.matches('.act')) actions(entry, button);
      else if (button.matches('.chip')) react(entry, button.dataset.reaction);
      else this.#reach(entry);
    });
    this.element.addEventListener('keydown', (event) => this.#move(event));
    this.element.addEventListener('focusin', ({ target }) => {
      if (!target.matches('.act')) return;
      const entry = this.#byRow.get(target.closest('.row'));
      target.setAttribute('aria-label', t('actionsOf', entry.name, entry.excerpt));
      this.#setStop(target);
    });
    const observer = new ResizeObserver(() => this.#settle());
    observer.observe(this.#rows);
    observer.observe(this.element);
    this.#showTop();
  }

  get atBottom() { return this.element.scrollHeight - this.element.scrollTop - this.element.clientHeight < 60; }

  // True when nothing newer waits below or on the server.
  get isAtNewest() { return this.#stick && !this.#tailMissing; }

  // Live messages count as unread until the user sees them.
  add(message, { live = true } = {}) {
    const { epoch, seq, time, from, own } = message;
    const key = seq === undefined ? null : keyOf(epoch, seq);
    const known = key && this.#byKey.get(key);
    if (known) {
      if (!live) this.#update(known, message);
      return;
    }
    const unseen = live && !own && !(this.isLooking(this.room) && this.#stick);
    this.#tailMissing ||= live && !this.#stick && this.#isFull(0);
    if (!this.#tailMissing || !live) {
      if (own) this.#removePending(message.attributes?.[idAttribute]);
      const entry = { kind: 'message', epoch, seq, time, from: `${from?.id ?? ''}/${from?.name ?? ''}` };
      if (key) this.#byKey.set(key, entry);
      this.#addRow(entry, message);
      if (unseen && this.unread === 0) this.#markNew(entry.row);
      this.#insert(entry);
    }
    if (own && live) this.toBottom();
    if (!unseen) return;
    this.unread += 1;
    this.changed();
  }

  // Adds many messages, which are not announced to screen readers.
  addAll(messages) {
    this.element.setAttribute('aria-busy', 'true');
    const row = this.#stick ? undefined : this.#firstInSight();
    const top = row?.getBoundingClientRect().top;
    for (const message of messages) this.add(message, { live: false });
    // What the user reads stays where it is.
    if (row?.isConnected) this.element.scrollTop += row.getBoundingClientRect().top - top;
    this.#settle();
    requestAnimationFrame(() => this.element.setAttribute('aria-busy', 'false'));
  }

  // Does nothing when these messages will be loaded with the newest ones.
  addMissed(messages) {
    if (!this.#tailMissing) this.addAll(messages);
  }

  // A message was edited or deleted, or its reactions have changed.
  change({ type, epoch, target, time, reaction, count, added, own, ...payload }) {
    const entry = this.#byKey.get(keyOf(epoch, target));
    if (!entry || entry.deleted) return;
    if (type === 'react') {
      if (own) entry.mine[added ? 'add' : 'delete'](reaction);
      drawReaction(entry, reaction, count);
    } else this.#draw(entry, type === 'delete' ? { deleted: true } : { ...payload, edited: time });
  }

  // The user has read further elsewhere.
  readUpTo({ epoch, seq }) {
    if (this.unread === 0) return;
    this.unread = Math.min(this.unread, this.#unreadAfter({ epoch, seq }).length);
    this.changed();
  }

  // Messages before this number are missing.
  addGap(text, epoch, seq) {
    const row = element('div', { className: 'row gap' }, element('span', {}, text));
    this.#insert({ kind: 'gap', epoch, seq: seq - 0.5, row });
  }

  addNotice(text) {
    this.#insert({ kind: 'gap', time: Date.now(), row: element('div', { className: 'row gap' }, element('span', {}, text)) });
  }

  // Shows an own message, a text or a File, identified by its id, until it comes back.
  addPending(id, what, name, replyTo) {
    const isFile = typeof what !== 'string';
    const message = { text: isFile ? '' : what, event: 'chat message', time: Date.now(), from: { name }, own: true, reply_to: replyTo };
    // The epoch finds the original.
    const epoch = this.#entries.findLast(({ kind, seq }) => kind === 'message' && seq !== undefined)?.epoch;
    const entry = { kind: 'pending', id, what, isFile, epoch, time: message.time, from: 'pending' };
    this.#addRow(entry, message);
    makePending(entry, what);
    this.#insert(entry);
    this.toBottom();
    return {
      // A message that the application consumed has no number and does not come back.
      sent: ({ seq }) => { if (seq === undefined) this.#delivered(entry); },
      failed: (reason, isFinal) => this.#failed(entry, reason, isFinal),
      progress: ({ sent, total }) => drawProgress(entry, sent / total),
    };
  }

  // Shows the log at its last scroll position.
  show() {
    this.element.hidden = false;
    if (this.#stick) this.toBottom();
    else this.element.scrollTop = this.#lastTop;
    this.looked();
    this.#fill();
  }

  hide() {
    this.element.hidden = true;
  }

  looked() {
    if (this.unread === 0 || !this.#stick || !this.isLooking(this.room)) return;
    this.unread = 0;
    this.changed();
  }

  toBottom() {
    this.#stick = true;
    if (this.#tailMissing) this.#startOver();
    this.#settle();
    this.looked();
  }

  // The user left the room: frees the browser resources.
  dispose() {
    release(this.element);
    this.element.remove();
  }

  // Loads the newest messages for the first time.
  async loadNewest() {
    const { complete, messages } = await this.load({ limit: firstNewest });
    this.hasNewest = true;
    this.addAll(messages);
    this.#showUnread();
    if (complete || messages.length === 0) this.#reachedTop = true;
    this.#showTop();
    this.#fill();
  }

  #startOver() {
    this.#tailMissing = false;
    this.#reachedTop = false;
    const gone = this.#entries.filter(({ kind }) => kind !== 'pending');
    this.#entries = this.#entries.filter(({ kind }) => kind === 'pending');
    for (const entry of gone) this.#take(entry);
    this.#byKey.clear();
    this.hasNewest = false;
    this.wantNewest();
  }

  #addRow(entry, message) {
    makeRow(entry, message, this.#speakers);
    this.#byRow.set(entry.row, entry);
    this.#size += entry.size;
    const original = this.#replies.add(entry);
    if (original) drawQuote(entry, this.#byKey.get(original));
    this.#drawQuotesOf(entry, entry);
  }

  #draw(entry, now) {
    this.#size -= entry.size;
    drawContent(entry, now);
    this.#size += entry.size;
    this.#drawQuotesOf(entry, entry);
  }

  // A message that was loaded again may have changed meanwhile.
  #update(entry, message) {
    if (entry.deleted) return;
    if (message.deleted || message.edited !== entry.edited) this.#draw(entry, message);
    if (message.deleted) return;
    const now = new Map((message.reactions ?? []).map(({ reaction, count }) => [reaction, count]));
    for (const { dataset } of [...entry.chips?.children ?? []]) if (!now.has(dataset.reaction)) drawReaction(entry, dataset.reaction, 0);
    for (const [reaction, count] of now) drawReaction(entry, reaction, count);
  }

  #drawQuotesOf({ epoch, seq }, original) {
    if (seq !== undefined) this.#replies.draw(keyOf(epoch, seq), original);
  }

  // Shows the original of a reply, and loads it if need be.
  async #reach(reply) {
    const key = keyOf(reply.epoch, reply.replyTo);
    this.#stick = false;
    let pages = 0;
    while (pages < maxReach && !this.#byKey.has(key) && await this.#loadOlder()) pages += 1;
    const original = this.#byKey.get(key);
    if (original) {
      original.row.scrollIntoView({ block: 'center' });
      original.act.focus({ preventScroll: true });
      original.row.classList.remove('found');
      requestAnimationFrame(() => original.row.classList.add('found'));
    } else if (this.#reachedTop) this.#replies.draw(key, null);
    this.#stick = this.atBottom;
  }

  #unreadAfter({ epoch, seq }) {
    return this.#entries.filter((entry) => entry.kind === 'message' && entry.seq !== undefined && !entry.own && (entry.epoch !== epoch || entry.seq > seq));
  }

  // Draws the line before the first message that was not read when the page was left.
  #showUnread() {
    const last = this.lastRead();
    const news = last ? this.#unreadAfter(last) : [];
    if (news.length === 0 || this.#newLine) return;
    this.#markNew(news[0].row);
    if (this.isLooking(this.room) && this.#stick) return;
    this.unread = Math.max(this.unread, news.length);
    this.changed();
  }

  #setStop(button) {
    if (this.#stop) this.#stop.tabIndex = -1;
    this.#stop = button;
    if (button) button.tabIndex = 0;
  }

  // Arrow keys on the button of a message's actions.
  #move(event) {
    if (!event.target.matches('.act') || event.altKey) return;
    const rows = this.#entries.filter(({ kind, row }) => kind === 'message' && row);
    const at = rows.findIndex(({ act }) => act === event.target);
    const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: rows.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    rows[Math.max(0, Math.min(to, rows.length - 1))].act.focus();
  }

  #removePending(id) {
    const pending = id && this.#entries.find((entry) => entry.kind === 'pending' && entry.id === id);
    if (pending) this.#remove(pending);
  }

  #delivered(entry) {
    entry.kind = 'message';
    makeDelivered(entry);
  }

  // isFinal: another attempt would fail the same way.
  #failed(entry, reason, isFinal = false) {
    const discard = () => this.#remove(entry);
    const retry = () => {
      discard();
      this.retry(entry.id, entry.what, entry.replyTo);
    };
    drawFailure(entry, reason, { retry: isFinal ? null : retry, discard });
  }

  #isAfter(one, other) {
    if (one.kind === 'pending') return other.kind !== 'pending';
    if (one.seq !== undefined && other.seq !== undefined) return one.epoch === other.epoch && one.seq > other.seq;
    return one.time > other.time;
  }

  // In a loaded history each message follows the previous one, so its place needs no search.
  #placeOf(entry) {
    const before = this.#entries[this.#lastPlace];
    const after = this.#entries[this.#lastPlace + 1];
    if (before?.kind === 'message' && before.seq + 1 === entry.seq && before.epoch === entry.epoch && after && this.#isAfter(after, entry)) {
      return this.#lastPlace + 1;
    }
    let at = this.#entries.length;
    while (at > 0 && this.#isAfter(this.#entries[at - 1], entry)) at -= 1;
    return at;
  }

  #insert(entry) {
    const at = this.#placeOf(entry);
    this.#lastPlace = at;
    const next = this.#entries[at];
    this.#entries.splice(at, 0, entry);
    this.#rows.insertBefore(entry.row, next?.day ?? next?.row ?? null);
    this.#decorate(at);
    this.#decorate(at + 1);
    // The newest message, unless the user is at another one.
    if (entry.kind === 'message' && next?.kind !== 'message' && document.activeElement !== this.#stop) this.#setStop(entry.act);
    this.#empty.hidden = true;
    if (this.#stick && this.#isFull(1)) this.#prune();
  }

  // True when the log exceeds its limit by `more` rows, or exceeds its size limit.
  #isFull(more) {
    return this.#entries.length >= maxRows + more || (this.#size > maxSize && this.#entries.length > minRows);
  }

  #remove(entry) {
    const at = this.#entries.indexOf(entry);
    if (at < 0) return;
    this.#entries.splice(at, 1);
    this.#take(entry);
    this.#decorate(at);
  }

  // Removes an entry and its browser resources.
  #take(entry) {
    const { row, day, speaker, act, size = 0 } = entry;
    this.#size -= size;
    this.#replies.forget(entry);
    if (act && act === this.#stop) this.#setStop(this.#entries.findLast((other) => other !== entry && other.kind === 'message')?.act ?? null);
    if (row.contains(this.#newLine)) this.#newLine = null;
    if (speaker) this.#speakers.forget(speaker);
    release(row);
    row.remove();
    day?.remove();
  }

  // Removes old rows, which can be loaded again by scrolling up.
  #prune() {
    const rows = this.#entries.length > maxRows ? pruneRows : 0;
    let gone = 0;
    while (gone < this.#entries.length - minRows && (gone < rows || this.#size > maxSize - pruneSize)) {
      const entry = this.#entries[gone];
      this.#byKey.delete(keyOf(entry.epoch, entry.seq));
      this.#drawQuotesOf(entry, undefined);
      this.#take(entry);
      gone += 1;
    }
    this.#entries.splice(0, gone);
    this.#reachedTop = false;
    this.#decorate(0);
    this.#showTop();
  }

  // Adds a date at the start of a day, and hides the name of a consecutive message of one speaker.
  #decorate(at) {
    const entry = this.#entries[at];
    if (!entry || entry.time === undefined) return;
    const previous = this.#entries[at - 1];
    let dated = at - 1;
    while (dated >= 0 && this.#entries[dated].time === undefined) dated -= 1;
    const newDay = dated < 0 || !sameDay(this.#entries[dated].time, entry.time);
    const grouped = !newDay && previous.from === entry.from && entry.time - previous.time < groupMs;
    entry.row.classList.toggle('grouped', grouped);
    if (newDay && !entry.day) entry.row.before(entry.day = element('p', { className: 'day' }, element('span', {}, dayText(entry.time))));
    if (!newDay) {
      entry.day?.remove();
      entry.day = null;
    }
  }

  #markNew(row) {
    this.#newLine?.remove();
    this.#newLine = element('p', { className: 'new' }, element('span', {}, t('newMessages')));
    row.prepend(this.#newLine);
  }

  #scrolled() {
    const { scrollTop, scrollHeight } = this.element;
    if (this.element.hidden) return;
    // Rows that are smaller than estimated also change the position. Only a recent touch, or a move without a change of
    // height, means that the user scrolled.
    const byHand = Date.now() - this.#touchedAt < 500 || scrollHeight === this.#lastHeight;
    if (this.atBottom) {
      if (this.#tailMissing) this.toBottom();
      this.#stick = true;
    } else if (scrollTop < this.#lastTop - 1 && byHand) this.#stick = false;
    this.#lastTop = scrollTop;
    this.#lastHeight = scrollHeight;
    if (this.#stick) this.looked();
    this.scrolled();
    if (scrollTop < 300) this.#fill();
  }

  // Rows change their height when they become visible, and images when they are loaded.
  #settle() {
    if (this.#stick && !this.element.hidden) this.element.scrollTop = this.element.scrollHeight;
  }

  #firstInSight() {
    const { top } = this.element.getBoundingClientRect();
    let [from, to] = [0, this.#entries.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (this.#entries[middle].row.getBoundingClientRect().bottom > top) to = middle;
      else from = middle + 1;
    }
    return this.#entries[from]?.row;
  }

  async #fill() {
    const { scrollTop, scrollHeight, clientHeight } = this.element;
    if (!this.element.hidden && (scrollTop < 300 || scrollHeight <= clientHeight)) await this.#loadOlder();
  }

  // Calls at the same time share one request. Resolves to true when it was answered.
  #loadOlder() {
    const oldest = this.#entries.find(({ kind, seq }) => kind === 'message' && seq !== undefined);
    if (this.#reachedTop || !oldest) return false;
    this.#loading ??= this.#loadBefore(oldest);
    this.#showTop();
    return this.#loading;
  }

  async #loadBefore(oldest) {
    let answered = false;
    try {
      const { epoch, complete, messages } = await this.load({ before: oldest.seq, limit: olderPage });
      answered = true;
      const older = messages.filter((message) => message.epoch === oldest.epoch && message.seq < oldest.seq);
      this.#reachedTop = epoch !== oldest.epoch || complete || older.length === 0;
      this.addAll(older);
    } catch {
      // Scrolling again retries.
    }
    this.#loading = null;
    this.#showTop();
    return answered;
  }

  #showTop() {
    const first = this.#entries.find(({ kind }) => kind === 'message');
    let text = '';
    if (this.#loading) text = t('loading');
    else if (this.#reachedTop && first) text = t(first.seq === 1 ? 'beginning' : 'notKept');
    this.#top.textContent = text;
  }
}
