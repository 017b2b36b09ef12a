// What a message says, as elements: text with links, arguments of other protocols as JSON, bytes as images and downloads.
import { element } from './dom.js';
import { revealed } from './names.js';
import { fits, pictureOf } from './picture.js';
import { sizeText, t } from './strings.js';
import { cutAt, pieces } from './text.js';

// Up to the character `end`; a link that does not end before it is no link.
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

// What is said, and a way to the rest of it when it is long.
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

// `pixels` is what the message shows already. A picture that is too large for the page is shown when somebody asks for it.
function attachment(bytes, name, pixels) {
  const picture = pictureOf(bytes);
  // Never a type that a browser would run.
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

// Anyone's text: no path, no more than a line.
const isFileName = (value) => typeof value === 'string' && /^[^/\\\p{Cc}]{1,100}\.\w{1,8}$/u.test(value);

function jsonText(args) {
  return JSON.stringify(args.length === 1 ? args[0] : args, (key, value) => (value instanceof Uint8Array ? t('binary', sizeText(value.length)) : value));
}

// The elements of a message, and about how much memory it takes. What they hold of the browser's is given back by release().
export function content(message) {
  const { text, args = [], attachments = [], event } = message;
  const parts = [];
  if (event !== 'chat message') parts.push(element('span', { className: 'event' }, revealed(event)));
  // A name and its bytes are a file, and so are bytes alone.
  const named = attachments.length === 1 ? args.find(isFileName) : undefined;
  const isFile = attachments.length > 0 && args.every((value) => value instanceof Uint8Array || value === named);
  const words = text ?? (args.length === 1 && typeof args[0] === 'string' ? args[0] : null);
  let size = words?.length ?? 0;
  if (words !== null) parts.push(...said('span', words));
  else if (!isFile) {
    const json = jsonText(args);
    size = json.length;
    parts.push(...said('code', json));
  }
  let pixels = 0;
  for (const [index, bytes] of attachments.entries()) {
    const made = attachment(bytes, named ?? `file-${index + 1}.bin`, pixels);
    parts.push(...made.parts);
    pixels = made.pixels;
    size += bytes.length;
  }
  return { parts, size };
}

export function release(root) {
  for (const link of root.querySelectorAll('a.file')) URL.revokeObjectURL(link.href);
}
