// How names of people, rooms and files are displayed. Names are untrusted and may imitate others. Each function takes
// time linear in the length of a name, and examines only the start of a name above the server's limit.

// In code units. The server's limit is 128 bytes.
const maxName = 256;

// Characters that are invisible or change the direction of neighboring text.
const unseen = /[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cs}]|(?!\s)\p{Cc}/u;
const blank = /[\s\u2800]/u;
// Joiners and emoji modifiers are kept after characters that they modify.
const changing = /[\u200c\u200d\ufe0f]/u;
const changed = /[\p{Script=Arabic}\p{M}\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f]/u;

// Replaces each hidden code point by replace(point).
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

// A person's name without invisible characters; may become empty. Two people may have the same name.
export function shown(name = '') {
  const seen = withoutHidden(name, (point) => unseen.test(point), () => '');
  return seen.replace(/[\s\u2800]+/gu, ' ').replace(/[\u200c\u200d]$/u, '').trim();
}

// In code points.
const maxFileName = 100;

// The name of a received file, without folders. A long name keeps its end, which has the type.
export function fileName(name) {
  const points = [...name.slice(-4 * maxFileName).split(/[/\\]/u).at(-1)];
  const made = points.length > maxFileName ? `…${points.slice(1 - maxFileName).join('')}` : points.join('');
  return /^[.\s]*$/u.test(made) ? 'file' : made;
}

const numberOf = (point) => `⟨U+${point.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}⟩`;

// A room's or file's name with invisible characters shown as numbers, so that different names look different.
export function revealed(name = '') {
  const made = withoutHidden(name, (point) => unseen.test(point) || (point !== ' ' && blank.test(point)), numberOf);
  return made.replace(/(?<=^| ) | $/gu, '␣');
}

// The key for comparing names that look alike.
export const lookOf = (name) => name.normalize('NFKC').toLowerCase();

// Isolates a name's text direction within a sentence (Unicode's FSI and PDI).
export const isolated = (text) => `\u2068${text}\u2069`;

const segmenter = globalThis.Intl?.Segmenter ? new Intl.Segmenter() : null;

// The first character as a reader sees it, which may be an emoji of several code points.
export function initial(name) {
  const start = name.slice(0, maxName).trim();
  const first = segmenter ? segmenter.segment(start)[Symbol.iterator]().next().value?.segment : [...start][0];
  return (first ?? '?').toLocaleUpperCase();
}

const tints = 12;

// The CSS class of a name's color, which depends only on the name.
export function tint(name) {
  let hash = 2166136261;
  for (const unit of name) hash = Math.imul(hash ^ unit.codePointAt(0), 16777619);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  hash ^= hash >>> 13;
  return `tint-${(hash >>> 0) % tints}`;
}
