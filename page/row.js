// The row of a message: its speaker, content, the original that it answers, its reactions and the button of its actions. It draws
// an entry of a log, and keeps in the entry what the row shows. It does not know the connection.
import { avatar, element } from './dom.js';
import { content, fileLabel, release } from './content.js';
import { revealed, shown, tint } from './names.js';
import { fullTimeText, localName, t, timeText } from './strings.js';

const maxExcerpt = 100;
// The server's limit. Both bound what a row costs.
const maxReactions = 20;

// The start of a text in one line, for a quote.
const excerptOf = (text) => {
  const points = [...shown(text)];
  return points.length > maxExcerpt ? `${points.slice(0, maxExcerpt).join('')}…` : points.join('');
};

// Creates entry.row. Own messages show no name, but other people with the same name are marked.
export function makeRow(entry, message, speakers) {
  const { from, time, own } = message;
  const isPerson = from?.id !== undefined || own;
  const unnamed = isPerson ? 'someone' : message.room === undefined ? 'announcement' : 'server';
  const name = shown(localName(from?.id, from?.name)) || t(unnamed);
  if (from?.id !== undefined) entry.speaker = speakers.mark(name, from.id);
  Object.assign(entry, { own: own === true, name: own ? t('you') : name, client: from?.id, event: message.event, replyTo: message.reply_to, mine: new Set() });
  const meta = element('p', { className: 'meta' },
    element('b', own ? { className: 'hidden' } : { className: isPerson ? tint(name) : '', title: isPerson ? `#${from.id}` : t('server') }, entry.name), ' ',
    ...(entry.speaker && !own ? [entry.speaker.mark, ' '] : []),
    element('time', { dateTime: new Date(time).toISOString(), title: fullTimeText(time) }, timeText(time)));
  entry.bubble = element('div', { className: 'bubble' });
  entry.act = element('button', { type: 'button', className: 'act', tabIndex: -1, 'aria-haspopup': 'menu', 'aria-expanded': 'false' }, '⋯');
  entry.body = element('div', { className: 'body' }, meta, element('div', { className: 'line' }, entry.bubble, entry.act));
  if (own) entry.row = element('div', { className: 'row own' }, entry.body);
  else entry.row = element('div', { className: isPerson ? 'row' : 'row server' }, avatar(isPerson ? name : null), entry.body);
  if (entry.replyTo !== undefined) entry.quote = element('button', { type: 'button', className: 'quote' });
  drawContent(entry, message);
  for (const { reaction, count } of message.reactions ?? []) drawReaction(entry, reaction, count);
}

// Shows what the message says now. entry.size is its approximate memory.
export function drawContent(entry, { text, args, attachments, edited, deleted = false }) {
  release(entry.bubble);
  Object.assign(entry, { edited, deleted });
  entry.act.setAttribute('aria-label', t('actions')); // the log says more when it has the focus
  if (deleted) {
    Object.assign(entry, { text: null, excerpt: t('deleted'), size: 0 });
    entry.bubble.replaceChildren(element('em', { className: 'gone' }, t('deleted')));
    entry.chips?.remove();
    entry.chips = undefined;
    return;
  }
  const made = content({ text, args, attachments, event: entry.event });
  Object.assign(entry, { text: made.words, excerpt: excerptOf(made.words ?? made.label), size: made.size });
  const mark = edited === undefined ? [] : [' ', element('small', { className: 'edited', title: fullTimeText(edited) }, t('edited'))];
  entry.bubble.replaceChildren(...(entry.quote ? [entry.quote] : []), ...made.parts, ...mark);
}

// original: the entry of the message that this one answers; undefined: it is not loaded; null: it is not kept.
export function drawQuote({ quote }, original) {
  if (original) {
    quote.replaceChildren(element('b', {}, original.name), ' ', element('span', {}, original.excerpt));
    quote.setAttribute('aria-label', t('quoteOf', original.name, original.excerpt));
  } else {
    quote.replaceChildren(element('span', {}, t(original === null ? 'originalGone' : 'originalUnknown')));
    quote.removeAttribute('aria-label');
  }
  quote.disabled = original === null;
}

// Shows how many people give a reaction, and whether the user is one of them (entry.mine).
export function drawReaction(entry, reaction, count) {
  const chips = entry.chips ?? element('div', { className: 'chips', role: 'group', 'aria-label': t('reactions') });
  let chip = [...chips.children].find(({ dataset }) => dataset.reaction === reaction);
  if (count === 0) chip?.remove();
  else if (chip || chips.children.length < maxReactions) {
    if (!chip) {
      const look = shown(reaction) || revealed(reaction);
      chip = element('button', { type: 'button', className: 'chip' }, element('span', {}, look), ' ', element('small'));
      chip.dataset.reaction = reaction;
      chips.append(chip);
    }
    chip.lastChild.textContent = count;
    chip.setAttribute('aria-pressed', entry.mine.has(reaction));
    chip.setAttribute('aria-label', t('reaction', chip.firstChild.textContent, count));
  }
  if (chips.children.length && !entry.chips) entry.body.append(chips);
  if (!chips.children.length) chips.remove();
  entry.chips = chips.children.length ? chips : undefined;
}

// Of a message that is being sent.

export function makePending(entry, what) {
  if (entry.isFile) entry.bubble.replaceChildren(...fileLabel(what));
  entry.row.classList.add('pending');
  entry.act.remove();
  // Announced once, when it comes back.
  entry.row.setAttribute('aria-live', 'off');
  entry.note = element('p', { className: 'note' }, t('sending'));
  entry.body.append(entry.note);
}

// It was accepted, and does not come back.
export function makeDelivered({ note, row, bubble, act }) {
  note.remove();
  row.classList.remove('pending');
  bubble.after(act);
}

export function drawProgress({ note }, part) {
  let bar = note.querySelector('progress');
  if (!bar) {
    bar = element('progress', { max: 1, 'aria-hidden': 'true' });
    note.replaceChildren(element('span'), ' ', bar);
  }
  bar.value = part;
  note.firstChild.textContent = t('sendingPart', Math.floor(100 * part));
}

// retry is null when another attempt would fail the same way.
export function drawFailure(entry, reason, { retry, discard }) {
  const button = (text, onclick) => element('button', { type: 'button', onclick }, text);
  entry.row.classList.add('failed');
  entry.row.removeAttribute('aria-live');
  const failure = entry.isFile ? element('span', {}, t('failedFor', reason)) : element('span', { title: reason }, t('failed'));
  entry.note.replaceChildren(failure, ' · ', ...(retry ? [button(t('retry'), retry), ' · '] : []), button(t('discard'), discard));
}
