// How far the user has read in each room. Kept by the server for users, where it can, and in this browser for everyone: of the
// rooms that were read last. Positions only rise; another epoch starts anew.
import { recall, remember } from './dom.js';

const maxRooms = 100;
const minMs = 1000;

export class Seen {
  #rooms = new Map(); // room -> { epoch, seq }, the one read last at the end
  #untold = new Set();
  #toldAt = 0;
  #timer = null;

  // changed(room) reports that the user has read further elsewhere.
  constructor(client, { changed }) {
    this.client = client;
    const kept = recall('localStorage', 'seen');
    for (const [room, epoch, seq] of Array.isArray(kept) ? kept : []) this.#rooms.set(room, { epoch, seq });
    client.on('joined', ({ room, epoch, seq, seen }) => {
      // What was said before the first visit is history, not news.
      if (seen !== undefined) this.#raise(room, epoch, seen);
      else if (!this.#rooms.has(room)) this.#raise(room, epoch, seq);
    });
    client.on('seen', ({ room, seq }) => {
      const { epoch } = this.#positionOf(room);
      if (epoch !== undefined && this.#raise(room, epoch, seq)) changed(room);
    });
    addEventListener('pagehide', () => this.#tell());
  }

  // The last position that the user has read; null: none is known.
  of(room) { return this.#rooms.get(room) ?? null; }

  // The user sees the newest message.
  read(room) {
    const { epoch, seq } = this.#positionOf(room);
    if (epoch === undefined || !this.#raise(room, epoch, seq)) return;
    this.#untold.add(room);
    this.#timer ??= setTimeout(() => this.#tell(), Math.max(0, this.#toldAt + minMs - Date.now()));
  }

  #positionOf(room) { return this.client.positions.find((position) => position.room === room) ?? {}; }

  #raise(room, epoch, seq) {
    const known = this.#rooms.get(room);
    if (known?.epoch === epoch && known.seq >= seq) return false;
    this.#rooms.delete(room);
    this.#rooms.set(room, { epoch, seq });
    if (this.#rooms.size > maxRooms) this.#rooms.delete(this.#rooms.keys().next().value);
    return true;
  }

  #tell() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#toldAt = Date.now();
    remember('localStorage', 'seen', [...this.#rooms].map(([room, { epoch, seq }]) => [room, epoch, seq]));
    for (const room of this.#untold) {
      // A guest has no place on the server where this is kept.
      if (this.client.user !== null) this.client.seen?.(this.#rooms.get(room).seq, { room }).catch(() => {});
    }
    this.#untold.clear();
  }
}
