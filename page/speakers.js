// Tells the people of one log apart whose names look the same: each has the number of their connection behind the name, as text,
// from the moment that there are two of them. A name that claims to be somebody else has it always.
import { element } from './dom.js';
import { lookOf } from './names.js';
import { isClaim } from './strings.js';

export class Speakers {
  // What a name looks like -> { id of the first who had it, isShared, marks of its rows }. A look goes with its last row.
  #looks = new Map();

  // The mark for one more row of somebody.
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
