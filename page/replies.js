// The quotes in a log: which rows answer which message, so that a quote shows its original as it is now.
import { drawQuote } from './row.js';

export const keyOf = (epoch, seq) => `${epoch}/${seq}`;

export class Replies {
  #byOriginal = new Map(); // key of an original -> Set of the entries that answer it

  // Returns the key of the original; undefined: the entry answers nothing.
  add(entry) {
    if (entry.replyTo === undefined) return undefined;
    const key = keyOf(entry.epoch, entry.replyTo);
    if (!this.#byOriginal.has(key)) this.#byOriginal.set(key, new Set());
    this.#byOriginal.get(key).add(entry);
    return key;
  }

  forget(entry) {
    if (entry.replyTo === undefined) return;
    const key = keyOf(entry.epoch, entry.replyTo);
    const replies = this.#byOriginal.get(key);
    replies?.delete(entry);
    if (replies?.size === 0) this.#byOriginal.delete(key);
  }

  // original: as for drawQuote().
  draw(key, original) {
    for (const reply of this.#byOriginal.get(key) ?? []) drawQuote(reply, original);
  }
}
