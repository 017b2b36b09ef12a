// What the text in the composer is about: an answer to a message, a new text of an own one, or neither. And how long one must wait
// before the next message.
import { byId } from './dom.js';
import { durationText, t } from './strings.js';

const bar = byId('about');
const wait = byId('wait');

export class About {
  #what = null; // { kind: 'reply' | 'edit', room, entry }
  #draft = '';

  // write(text) replaces the text in the composer.
  constructor(write) {
    this.write = write;
    byId('about-cancel').addEventListener('click', () => {
      this.cancel();
      byId('text').focus();
    });
  }

  get what() { return this.#what; }

  reply(room, entry) { this.#set({ kind: 'reply', room, entry }, t('replyingTo', entry.name, entry.excerpt)); }

  edit(room, entry, text = entry.text) {
    const draft = byId('text').value;
    this.#set({ kind: 'edit', room, entry }, t('editing'));
    this.#draft = draft;
    this.write(text);
  }

  // Forgets it, and shows the text from before an edit again.
  cancel() {
    if (this.clear()?.kind === 'edit') this.write(this.#draft);
  }

  // Forgets it, and returns it.
  clear() {
    const what = this.#what;
    this.#what = null;
    bar.hidden = true;
    return what;
  }

  get draft() { return this.#draft; }

  #set(what, text) {
    if (this.#what?.kind === 'edit') this.write(this.#draft);
    this.#what = what;
    byId('about-text').textContent = text;
    bar.hidden = false;
    byId('text').focus();
  }
}

// The countdown of slow mode or of a mute in the current room.
export class Wait {
  #rooms = new Map(); // room -> when it ends
  #timer = null;

  constructor(currentRoom) { this.currentRoom = currentRoom; }

  start(room, ms) {
    this.#rooms.set(room, Date.now() + ms);
    this.show();
  }

  show() {
    clearTimeout(this.#timer);
    const restMs = (this.#rooms.get(this.currentRoom()) ?? 0) - Date.now();
    const stepMs = restMs > 7_200_000 ? 3_600_000 : restMs > 120_000 ? 60_000 : 1000;
    wait.hidden = restMs <= 0;
    wait.textContent = restMs > 0 ? t('waitFor', durationText(stepMs * Math.ceil(restMs / stepMs))) : '';
    if (restMs > 0) this.#timer = setTimeout(() => this.show(), restMs % 1000 || 1000);
    else this.#rooms.delete(this.currentRoom());
  }
}
