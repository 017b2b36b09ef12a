// Finds links in a message's text and the position where a long text is cut. The text is untrusted, so every function
// takes time linear in its length.

// A longer URL is shown as text.
const maxLinkLength = 2048;

const addresses = /\bhttps?:\/\/[^\s<>"'`\p{Cf}]+/giu;
// Punctuation that ends a sentence, not a URL.
const trailing = new Set('.,;:!?…。、』」’”');
const brackets = new Map([[')', '('], [']', '['], ['}', '{']]);

// A closing bracket belongs to the URL when the URL contains its opening bracket.
function withoutTail(address) {
  const count = new Map();
  for (const unit of address) count.set(unit, (count.get(unit) ?? 0) + 1);
  let end = address.length;
  for (; end > 0; end -= 1) {
    const last = address[end - 1];
    const opening = brackets.get(last);
    if (opening && (count.get(opening) ?? 0) < count.get(last)) count.set(last, count.get(last) - 1);
    else if (!trailing.has(last)) break;
  }
  return address.slice(0, end);
}

// Accepts http and https URLs without a user name, which can look like the host: https://good.example@evil.example/
function safeUrl(text) {
  try {
    const url = new URL(text);
    return /^https?:$/.test(url.protocol) && !url.username && !url.password ? url.href : null;
  } catch {
    return null;
  }
}

// Splits the text into { text } and { text, href }.
export function pieces(text) {
  const found = [];
  let at = 0;
  for (const { 0: address, index } of text.matchAll(addresses)) {
    if (address.length > maxLinkLength) continue;
    const shown = withoutTail(address);
    const href = safeUrl(shown);
    if (!href) continue;
    if (index > at) found.push({ text: text.slice(at, index) });
    found.push({ text: shown, href });
    at = index + shown.length;
  }
  if (at < text.length) found.push({ text: text.slice(at) });
  return found;
}

// The part of a message that is shown at first.
const maxLength = 4000;
const maxLines = 60;
const lineEnd = /[\n\v\f\r\u0085\u2028\u2029]/g;

// The position where a long text is cut, or the length of a short text. Never inside a surrogate pair.
export function cutAt(text) {
  let end = Math.min(text.length, maxLength);
  let lines = 0;
  for (const { index } of text.slice(0, end).matchAll(lineEnd)) {
    lines += 1;
    if (lines === maxLines) {
      end = index;
      break;
    }
  }
  const unit = text.charCodeAt(end);
  return end < text.length && unit >= 0xdc00 && unit <= 0xdfff ? end - 1 : end;
}
