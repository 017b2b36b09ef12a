// The messages of one room: in order, without duplicates, grouped by day and speaker, with gaps and pending messages.
// It does not know the connection: its creator provides functions that load and send.
import { avatar, element } from './dom.js';
import { content, fileLabel, release } from './content.js';
import { shown, tint } from './names.js';
import { Speakers } from './speakers.js';
import { dayText, fullTimeText, localName, t, timeText } from './strings.js';

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

// The attribute that identifies a returning own message.
export const idAttribute = 'chat-send-id';

const sameDay = (a, b) => new Date(a).toDateString() === new Date(b).toDateString();

export class Log {
  // In screen order: { kind: 'message' | 'gap' | 'pending', epoch, seq, time, from, row }.
  #entries = [];
  #keys = new Set();
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
  #loading = false;
  #reachedTop = false;
  #tailMissing = false;
  #newLine = null;
  // True when the newest messages have been loaded.
  hasNewest = false;
  // The number of messages since the newest was last visible.
  unread = 0;

  // load({ before, limit }) returns a history. wantNewest() calls loadNewest() as soon as possible. retry(id, what)
  // sends a text or a file again. changed() reports a change of the unread count, scrolled() a change of the scroll position.
  // isLooking(room) is true when the user sees the room.
  constructor(room, { load, wantNewest, retry, changed, scrolled, isLooking }) {
    this.room = room;
    this.load = load;
    this.wantNewest = wantNewest;
    this.retry = retry;
    this.changed = changed;
    this.scrolled = scrolled;
    this.isLooking = isLooking;
    this.element = element('div', { className: 'log', role: 'log', tabIndex: 0, hidden: true, 'aria-label': t('log', room), 'aria-live': 'polite' },
      this.#top, this.#empty, this.#rows);
    this.element.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    for (const type of ['wheel', 'touchmove', 'pointerdown', 'keydown']) {
      this.element.addEventListener(type, () => { this.#touchedAt = Date.now(); }, { passive: true });
    }
    const observer = new ResizeObserver(() => this.#settle());
    observer.observe(this.#rows);
    observer.observe(this.element);
    this.#showTop();
  }

  get atBottom() { return this.element.scrollHeight - this.element.scrollTop - this.element.clientHeight < 60; }

  // Live messages count as unread until the user sees them.
  add(message, { live = true } = {}) {
    const { epoch, seq, time, from, own } = message;
    const key = seq === undefined ? null : `${epoch}/${seq}`;
    if (key && this.#keys.has(key)) return;
    const unseen = live && !own && !(this.isLooking(this.room) && this.#stick);
    this.#tailMissing ||= live && !this.#stick && this.#isFull(0);
    if (!this.#tailMissing || !live) {
      if (key) this.#keys.add(key);
      if (own) this.#removePending(message.attributes?.[idAttribute]);
      const entry = { kind: 'message', epoch, seq, time, from: `${from?.id ?? ''}/${from?.name ?? ''}` };
      this.#addRow(entry, message, own);
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

  // Messages before this number are missing.
  addGap(text, epoch, seq) {
    const row = element('div', { className: 'row gap' }, element('span', {}, text));
    this.#insert({ kind: 'gap', epoch, seq: seq - 0.5, row });
  }

  addNotice(text) {
    this.#insert({ kind: 'gap', time: Date.now(), row: element('div', { className: 'row gap' }, element('span', {}, text)) });
  }

  // Shows an own message, a text or a File, identified by its id, until it comes back.
  addPending(id, what, name) {
    const isFile = typeof what !== 'string';
    const message = { text: isFile ? '' : what, event: 'chat message', time: Date.now(), from: { name } };
    const entry = { kind: 'pending', id, what, isFile, time: message.time, from: 'pending' };
    this.#addRow(entry, message, true);
    if (isFile) entry.row.querySelector('.bubble').replaceChildren(...fileLabel(what));
    const { row } = entry;
    row.classList.add('pending');
    // Announced once, when it comes back.
    row.setAttribute('aria-live', 'off');
    entry.note = element('p', { className: 'note' }, t('sending'));
    row.lastChild.append(entry.note);
    this.#insert(entry);
    this.toBottom();
    return {
      // A message that the application consumed has no number and does not come back.
      sent: ({ seq }) => { if (seq === undefined) this.#delivered(entry); },
      failed: (reason, isFinal) => this.#failed(entry, reason, isFinal),
      progress: ({ sent, total }) => this.#progress(entry, sent / total),
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
    this.#keys.clear();
    this.hasNewest = false;
    this.wantNewest();
  }

  // Creates the entry's row. Own messages show no name, but other people with the same name are marked.
  #addRow(entry, message, own) {
    const { from, time } = message;
    const isPerson = from?.id !== undefined || own;
    const unnamed = isPerson ? 'someone' : message.room === undefined ? 'announcement' : 'server';
    const name = shown(localName(from?.id, from?.name)) || t(unnamed);
    if (from?.id !== undefined) entry.speaker = this.#speakers.mark(name, from.id);
    const meta = element('p', { className: 'meta' },
      element('b', own ? { className: 'hidden' } : { className: isPerson ? tint(name) : '', title: isPerson ? `#${from.id}` : t('server') }, own ? t('you') : name), ' ',
      ...(entry.speaker && !own ? [entry.speaker.mark, ' '] : []),
      element('time', { dateTime: new Date(time).toISOString(), title: fullTimeText(time) }, timeText(time)));
    const { parts, size } = content(message);
    entry.size = size;
    this.#size += size;
    const bubble = element('div', { className: 'bubble' }, ...parts);
    const body = element('div', { className: 'body' }, meta, bubble);
    if (own) entry.row = element('div', { className: 'row own' }, body);
    else entry.row = element('div', { className: isPerson ? 'row' : 'row server' }, avatar(isPerson ? name : null), body);
  }

  #removePending(id) {
    const pending = id && this.#entries.find((entry) => entry.kind === 'pending' && entry.id === id);
    if (pending) this.#remove(pending);
  }

  #delivered(entry) {
    entry.kind = 'message';
    entry.note.remove();
    entry.row.classList.remove('pending');
  }

  #progress({ note }, part) {
    let bar = note.querySelector('progress');
    if (!bar) {
      bar = element('progress', { max: 1, 'aria-hidden': 'true' });
      note.replaceChildren(element('span'), ' ', bar);
    }
    bar.value = part;
    note.firstChild.textContent = t('sendingPart', Math.floor(100 * part));
  }

  // isFinal: another attempt would fail the same way.
  #failed(entry, reason, isFinal = false) {
    const again = element('button', { type: 'button', onclick: () => { this.#remove(entry); this.retry(entry.id, entry.what); } }, t('retry'));
    const discard = element('button', { type: 'button', onclick: () => this.#remove(entry) }, t('discard'));
    entry.row.classList.add('failed');
    entry.row.removeAttribute('aria-live');
    const failure = entry.isFile ? element('span', {}, t('failedFor', reason)) : element('span', { title: reason }, t('failed'));
    entry.note.replaceChildren(failure, ' · ', ...(isFinal ? [] : [again, ' · ']), discard);
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
  #take({ row, day, speaker, size = 0 }) {
    this.#size -= size;
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
      this.#keys.delete(`${entry.epoch}/${entry.seq}`);
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
    const oldest = this.#entries.find(({ kind, seq }) => kind === 'message' && seq !== undefined);
    if (this.#reachedTop || this.#loading || !oldest || this.element.hidden) return;
    if (scrollTop >= 300 && scrollHeight > clientHeight) return;
    this.#loading = true;
    this.#showTop();
    try {
      const { epoch, complete, messages } = await this.load({ before: oldest.seq, limit: olderPage });
      const older = messages.filter((message) => message.epoch === oldest.epoch && message.seq < oldest.seq);
      this.#reachedTop = epoch !== oldest.epoch || complete || older.length === 0;
      this.addAll(older);
    } catch {
      // Scrolling again retries.
    }
    this.#loading = false;
    this.#showTop();
  }

  #showTop() {
    const first = this.#entries.find(({ kind }) => kind === 'message');
    let text = '';
    if (this.#loading) text = t('loading');
    else if (this.#reachedTop && first) text = t(first.seq === 1 ? 'beginning' : 'notKept');
    this.#top.textContent = text;
  }
}
