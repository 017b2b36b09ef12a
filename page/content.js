// What a message says, as elements: text with links, arguments of other protocols as JSON, bytes as images and downloads.
import { element } from './dom.js';
import { sizeText, t } from './strings.js';

const links = /\bhttps?:\/\/[^\s<>"'`\p{Cf}]+/giu;
// What ends a sentence rather than an address.
const trailing = /[.,;:!?…。、』」’”]+$/u;

function withoutTail(address) {
  let kept = address.replace(trailing, '');
  // A closing bracket belongs to the address when it was opened there.
  for (const [open, close] of ['()', '[]', '{}']) {
    while (kept.endsWith(close) && kept.split(open).length < kept.split(close).length) kept = kept.slice(0, -1).replace(trailing, '');
  }
  return kept;
}

function safeUrl(text) {
  try {
    const url = new URL(text);
    return /^https?:$/.test(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

export function textNodes(text) {
  const nodes = [];
  let at = 0;
  for (const match of text.matchAll(links)) {
    const shown = withoutTail(match[0]);
    const href = safeUrl(shown);
    if (!href) continue;
    nodes.push(text.slice(at, match.index));
    nodes.push(element('a', { href, target: '_blank', rel: 'noopener noreferrer nofollow' }, shown));
    at = match.index + shown.length;
  }
  nodes.push(text.slice(at));
  return nodes.filter((node) => node !== '');
}

const signatures = [
  ['image/png', [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]],
  ['image/jpeg', [0xff, 0xd8, 0xff]],
  ['image/gif', [0x47, 0x49, 0x46, 0x38]],
  ['image/webp', [0x52, 0x49, 0x46, 0x46, null, null, null, null, 0x57, 0x45, 0x42, 0x50]],
];

// By the bytes themselves: what a sender claims is not asked.
export function imageType(bytes) {
  return signatures.find(([, bytesOfIt]) => bytesOfIt.every((byte, at) => byte === null || byte === bytes[at]))?.[0] ?? null;
}

function attachment(bytes, name) {
  const type = imageType(bytes);
  // Never a type that a browser would run.
  const url = URL.createObjectURL(new Blob([bytes], { type: type ?? 'application/octet-stream' }));
  const size = sizeText(bytes.length);
  const link = element('a', { className: 'file', href: url, download: name },
    element('span', { className: 'hidden' }, t('download')), ' ', element('span', {}, name), ' ', element('small', {}, size));
  if (!type) return [link];
  return [element('img', { src: url, alt: `${t('image')}: ${name}`, className: 'picture' }), link];
}

// Anyone's text: no path, no more than a line.
const isFileName = (value) => typeof value === 'string' && /^[^/\\\p{Cc}]{1,100}\.\w{1,8}$/u.test(value);

function jsonText(args) {
  return JSON.stringify(args.length === 1 ? args[0] : args, (key, value) => (value instanceof Uint8Array ? t('binary', sizeText(value.length)) : value));
}

// The elements of a message. What they hold of the browser's is given back by release().
export function content(message) {
  const { text, args = [], attachments = [], event } = message;
  const parts = [];
  if (event !== 'chat message') parts.push(element('span', { className: 'event' }, event));
  // A name and its bytes are a file, and so are bytes alone.
  const named = attachments.length === 1 ? args.find(isFileName) : undefined;
  const isFile = attachments.length > 0 && args.every((value) => value instanceof Uint8Array || value === named);
  const said = text ?? (args.length === 1 && typeof args[0] === 'string' ? args[0] : null);
  if (said !== null) parts.push(element('span', { className: 'said' }, ...textNodes(said)));
  else if (!isFile) parts.push(element('code', { className: 'said' }, jsonText(args)));
  for (const [index, bytes] of attachments.entries()) parts.push(...attachment(bytes, named ?? `file-${index + 1}.bin`));
  return parts;
}

export function release(root) {
  for (const link of root.querySelectorAll('a.file')) URL.revokeObjectURL(link.href);
}
