// Builds the elements of a message's content: text with links, other protocols' arguments as JSON, bytes as images and
// downloads.
import { element } from './dom.js';
import { fileName, revealed } from './names.js';
import { fits, pictureOf } from './picture.js';
import { sizeText, t } from './strings.js';
import { cutAt, pieces } from './text.js';

// Adds the text up to `end`. A link that crosses `end` is added as text.
function addText(parent, text, end = text.length) {
  let at = 0;
  for (const piece of pieces(text)) {
    if (at >= end) break;
    const part = piece.text.slice(0, end - at);
    at += piece.text.length;
    if (!piece.href || at > end) parent.append(part);
    else parent.append(element('a', { href: piece.href, target: '_blank', rel: 'noopener noreferrer nofollow' }, part));
  }
}

// Adds a text. A long text gets a button that shows the rest.
function said(tag, text) {
  const end = cutAt(text);
  const part = element(tag, { className: 'said' });
  const add = tag === 'code' ? (until) => part.append(text.slice(0, until)) : (until) => addText(part, text, until);
  add(end);
  if (end === text.length) return [part];
  part.append('…');
  const more = element('button', { type: 'button', className: 'more' }, t('showAll', text.length));
  more.addEventListener('click', () => {
    more.remove();
    part.replaceChildren();
    add(text.length);
    part.tabIndex = -1;
    part.focus();
  });
  return [part, more];
}

// `pixels`: the number that the message already shows. A picture above the limit is shown on request.
function attachment(bytes, name, pixels) {
  const picture = pictureOf(bytes);
  // Only safe types, which the browser does not execute.
  const url = URL.createObjectURL(new Blob([bytes], { type: picture?.type ?? 'application/octet-stream' }));
  const label = revealed(name);
  const link = element('a', { className: 'file', href: url, download: label },
    element('span', { className: 'hidden' }, t('download')), ' ', element('span', {}, label), ' ', element('small', {}, sizeText(bytes.length)));
  if (!picture) return { parts: [link], pixels };
  const image = () => element('img', { src: url, alt: `${t('image')}: ${label}`, className: 'picture', decoding: 'async' });
  if (fits(picture, pixels)) return { parts: [image(), link], pixels: pixels + picture.pixels };
  const show = element('button', { type: 'button', className: 'more' }, t('showImage', picture.size));
  show.addEventListener('click', () => {
    show.replaceWith(image());
    link.focus();
  });
  return { parts: [show, link], pixels };
}

// The text is untrusted: it must not contain a path, and must be short.
const isFileName = (value) => typeof value === 'string' && /^[^/\\\p{Cc}]{1,100}\.\w{1,8}$/u.test(value);

function jsonText(args) {
  return JSON.stringify(args.length === 1 ? args[0] : args, (key, value) => (value instanceof Uint8Array ? t('binary', sizeText(value.length)) : value));
}

// Returns the elements of a message, its text (null: it has none), what else names it, and its approximate memory. release() frees
// their browser resources.
export function content(message) {
  const { text, args = [], attachments = [], event } = message;
  const parts = [];
  // The form in which this page and sendFile() of chat.js send a file.
  const isSentFile = event === 'file' && attachments.length === 1 && args.length === 2 && typeof args[0] === 'string' && args[1] instanceof Uint8Array;
  if (event !== 'chat message' && !isSentFile) parts.push(element('span', { className: 'event' }, revealed(event)));
  // An attachment with its file name is a file, and so are attachments without other arguments.
  let named = attachments.length === 1 ? args.find(isFileName) : undefined;
  if (isSentFile) [named] = args;
  const isFile = isSentFile || (attachments.length > 0 && args.every((value) => value instanceof Uint8Array || value === named));
  const words = text ?? (args.length === 1 && typeof args[0] === 'string' ? args[0] : null);
  let size = words?.length ?? 0;
  let label = isFile ? t('file') : revealed(event);
  if (words !== null) parts.push(...said('span', words));
  else if (!isFile) {
    const json = jsonText(args);
    size = json.length;
    parts.push(...said('code', json));
  }
  let pixels = 0;
  for (const [index, bytes] of attachments.entries()) {
    const name = named === undefined ? `file-${index + 1}.bin` : fileName(named);
    if (isFile && index === 0) label = revealed(name);
    const made = attachment(bytes, name, pixels);
    parts.push(...made.parts);
    pixels = made.pixels;
    size += bytes.length;
  }
  return { parts, size, words, label };
}

// The elements of a file that is being sent.
export function fileLabel({ name, size }) {
  return [element('span', { className: 'file' }, element('span', {}, revealed(fileName(name))), ' ', element('small', {}, sizeText(size)))];
}

export function release(root) {
  for (const link of root.querySelectorAll('a.file')) URL.revokeObjectURL(link.href);
}
