// Distinguishes people in a log whose names look the same: the number of the connection is shown after the name as soon
// as there are two such people. A name that imitates the server or a guest is always marked.
import { element } from './dom.js';
import { lookOf } from './names.js';
import { isClaim } from './strings.js';

export class Speakers {
  // Name as it looks -> { id of its first speaker, isShared, marks of its rows }. Removed with its last row.
  #looks = new Map();

  // Returns the mark for a new row of this person.
  mark(name, id) {
    const key = lookOf(name);
    if (!this.#looks.has(key)) this.#looks.set(key, { id, isShared: false, marks: new Set() });
    const look = this.#looks.get(key);
    if (id !== look.id && !look.isShared) {
      look.isShared = true;
      for (const other of look.marks) other.hidden = false;
    }
    const mark = element('small', { className: 'mark', hidden: !look.isShared && !isClaim(name, id) }, `#${id}`);
    look.marks.add(mark);
    return { mark, key };
  }

  forget({ mark, key }) {
    const look = this.#looks.get(key);
    look?.marks.delete(mark);
    if (look?.marks.size === 0) this.#looks.delete(key);
  }
}
