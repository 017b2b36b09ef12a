// Names of people, rooms and files, as they are shown. They come from others, and may be made to look like something else. Each
// function takes time in proportion to the length of a name, and looks at its start only when it is longer than the server allows.

// Code units. The server's bound is 128 bytes.
const maxName = 256;

// What is not seen, or changes the direction of what stands beside it.
const unseen = /[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cs}]|(?!\s)\p{Cc}/u;
const blank = /[\s\u2800]/u;
// Joiners and the mark of an emoji stay behind what they change.
const changing = /[\u200c\u200d\ufe0f]/u;
const changed = /[\p{Script=Arabic}\p{M}\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f]/u;

// With replace(point) in the place of each code point that is hidden.
function withoutHidden(name, isHidden, replace) {
  let made = '';
  let before = '';
  for (const point of name.slice(0, maxName)) {
    const stays = changing.test(point) && changed.test(before);
    made += !stays && isHidden(point) ? replace(point) : point;
    before = point;
  }
  return name.length > maxName ? `${made}…` : made;
}

// The name of a person: without what is not seen. Empty when nothing is left. Two people may have the same.
export function shown(name = '') {
  const seen = withoutHidden(name, (point) => unseen.test(point), () => '');
  return seen.replace(/[\s\u2800]+/gu, ' ').replace(/[\u200c\u200d]$/u, '').trim();
}

const numberOf = (point) => `⟨U+${point.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}⟩`;

// The name of a room or a file: what is not seen is written out by its number, so that different names look different.
export function revealed(name = '') {
  const made = withoutHidden(name, (point) => unseen.test(point) || (point !== ' ' && blank.test(point)), numberOf);
  return made.replace(/(?<=^| ) | $/gu, '␣');
}

// By which names that look alike are compared.
export const lookOf = (name) => name.normalize('NFKC').toLowerCase();

// Within a sentence: it keeps its direction to itself (Unicode's FSI and PDI).
export const isolated = (text) => `\u2068${text}\u2069`;

const segmenter = globalThis.Intl?.Segmenter ? new Intl.Segmenter() : null;

// The first letter as a reader sees it, be it an emoji of several code points.
export function initial(name) {
  const start = name.slice(0, maxName).trim();
  const first = segmenter ? segmenter.segment(start)[Symbol.iterator]().next().value?.segment : [...start][0];
  return (first ?? '?').toLocaleUpperCase();
}

const tints = 12;

// The class of a name's colour: the same name has the same one on every screen.
export function tint(name) {
  let hash = 2166136261;
  for (const unit of name) hash = Math.imul(hash ^ unit.codePointAt(0), 16777619);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  hash ^= hash >>> 13;
  return `tint-${(hash >>> 0) % tints}`;
}
