// The chat page: connects the client (the global `chat` of chat.js) to the user interface. Rooms, messages, people and
// the connection have their own files; this one handles writing, renaming and keys.
import { About, Wait } from './about.js';
import { Actions } from './actions.js';
import { avatar, byId, recall, remember } from './dom.js';
import { shown } from './names.js';
import { errorText, fileErrorText, fillIn, localName, t } from './strings.js';
import { showConnection } from './connection.js';
import { Directory } from './directory.js';
import { maxFiles, takeFiles } from './files.js';
import { layOut, nextPart } from './layout.js';
import { Log, idAttribute } from './log.js';
import { menuButton } from './menu.js';
import { Moderator, told } from './moderation.js';
import { People } from './people.js';
import { RoomList, isRoomName, roomOfHash } from './room_list.js';
import { Seen } from './seen.js';

// The messages that are loaded again after a gap.
const recent = 50;
// Less than the server's 65,536 bytes per frame, which also contains the envelope.
const maxTextBytes = 60_000;

const setting = (name) => document.querySelector(`meta[name="${name}"]`).content;

fillIn(document);
const { drawers, closeDrawers } = layOut();

// A token in the address is for the server alone. It is taken out of the address, and kept in this tab for a reload.
function takeToken() {
  const address = new URL(location.href);
  const token = address.searchParams.get('token');
  if (token === null) return recall('sessionStorage', 'token') || undefined;
  remember('sessionStorage', 'token', token);
  address.searchParams.delete('token');
  history.replaceState(null, '', address);
  return token || undefined;
}

const defaultRoom = setting('chat-room');
const wantedRoom = roomOfHash();
const first = isRoomName(wantedRoom) ? wantedRoom : defaultRoom;
const client = globalThis.chat.connect({
  url: new URL(setting('chat-endpoint'), location.href),
  room: first,
  rooms: RoomList.remembered().filter((room) => room !== first),
  name: recall('localStorage', 'name') ?? undefined,
  token: takeToken(),
  own: recall('sessionStorage', 'own') ?? undefined,
});

const text = byId('text');
// done: it tells of a success, not of an error.
function notify(what, { done = false } = {}) {
  byId('notice').className = done ? 'hint' : 'error';
  byId('notice').textContent = what;
}

const isLooking = (room) => room === rooms.current && document.visibilityState === 'visible';

const rooms = new RoomList(client, {
  makeLog: (room) => new Log(room, {
    isLooking,
    load: (which) => client.history({ room, ...which }),
    wantNewest: () => loadNewest(rooms.get(room)),
    lastRead: () => seen.of(room),
    retry: (id, what, replyTo) => (typeof what === 'string' ? say(what, { room, id, replyTo }) : sendFiles([what], room, id)),
    changed: () => drawSoon(),
    scrolled: () => {
      showJump();
      noteSeen();
    },
    actions: (entry, button) => actions.open(rooms.get(room), entry, button),
    react: (entry, reaction) => actions.react(rooms.get(room), entry, reaction),
  }),
  left: (room) => {
    people.forget(room);
    if (about.what?.room === room) about.cancel();
  },
  shown: (room) => {
    if (about.what?.room !== room) about.cancel();
    waiting.show();
    showRole();
    noteSeen();
    text.disabled = byId('attach').disabled = false;
    showJump();
    closeDrawers();
    people.show();
    people.showTyping();
    people.refresh();
    notify('');
  },
  refused: notify,
});

// Draws once for many messages.
let drawTimer = null;
function drawSoon() {
  drawTimer ??= setTimeout(() => {
    drawTimer = null;
    rooms.draw();
    showJump();
  }, 50);
}

const moderator = new Moderator(client, notify);
const people = new People(client, () => rooms.current, moderator);
const about = new About((what) => {
  text.value = what;
  fitText();
});
const waiting = new Wait(() => rooms.current);
const actions = new Actions(client, { notify, about, moderator });
const seen = new Seen(client, { changed: (room) => rooms.get(room)?.readUpTo(seen.of(room)) });
menuButton(byId('room-menu'), () => moderator.forRoom(rooms.current));

// The newest message counts as read when it is in sight and the window has the focus.
function noteSeen() {
  const log = rooms.get(rooms.current);
  if (log?.hasNewest && log.isAtNewest && isLooking(log.room) && document.hasFocus()) seen.read(log.room);
}

// What the user's role allows.
function showRole() {
  byId('room-menu').hidden = !moderator.may(rooms.current);
}
const directory = new Directory(client, {
  isIn: (room) => rooms.get(room) !== undefined,
  enter: async (room) => {
    text.focus();
    notify(await rooms.enter(room));
  },
});
showConnection(client);

// Incoming events

client.on('message', (message) => {
  if (people.take(message)) return;
  // An announcement belongs to no room, so the current room shows it.
  rooms.get(message.room ?? rooms.current)?.add(message);
  noteSeen();
});

client.on('change', (change) => {
  rooms.get(change.room)?.change(change);
  if (change.type === 'delete' && about.what?.room === change.room && about.what.entry.seq === change.target) about.cancel();
  noteSeen();
});

client.on('moderation', (what) => {
  const text = told(what);
  if (text) rooms.get(what.room)?.addNotice(what.by ? `${shown(what.by)}: ${text}` : text);
  if (what.action !== 'role') return;
  showRole();
  people.show();
});

client.on('joined', ({ room }) => {
  const log = rooms.add(room);
  directory.draw();
  remember('sessionStorage', 'own', client.own);
  showRole();
  loadNewest(log);
});

async function loadNewest(log) {
  if (log.hasNewest || rooms.get(log.room) !== log) return;
  try {
    await log.loadNewest();
    noteSeen();
  } catch (error) {
    // Delayed, because all requests were made at the same moment. Without a connection, the next one loads the
    // messages.
    if (error.code === 'rate_limited') setTimeout(loadNewest, 1000 + 2000 * Math.random(), log);
    else if (!['connection_lost', 'not_connected'].includes(error.code)) log.addNotice(t('gap'));
  }
}

client.on('left', ({ room, reason, asked }) => {
  rooms.remove(room);
  directory.draw();
  text.disabled = byId('attach').disabled = rooms.current === null;
  if (asked) return;
  if (rooms.current === null && room !== defaultRoom) rooms.enter(defaultRoom).then(() => notify(t('left', room, reason)));
  else notify(t('left', room, reason));
});

// Messages that were dropped in transit may still be in the history.
client.on('gap', async ({ room, epoch, cause, from, to }) => {
  const log = rooms.get(room);
  if (!log || (cause === 'slow' && from === undefined)) return;
  if (cause === 'epoch' && about.what?.room === room) about.cancel();
  if (cause === 'epoch') log.addGap(t('epoch'), epoch, 1);
  else if (cause === 'old') log.addGap(t('gap'), epoch, from);
  else {
    const reply = await client.history({ room, after: from - 1 }).catch(() => null);
    if (!reply || reply.epoch !== epoch || !reply.complete) log.addGap(t('gap'), epoch, from);
    log.addMissed((reply?.messages ?? []).filter(({ seq }) => seq <= to));
  }
  // Changes of messages in sight may be among what is missing.
  if (cause === 'epoch' || !log.hasNewest) return;
  const newest = await client.history({ room, limit: recent }).catch(() => null);
  log.addMissed(newest?.messages ?? []);
});

client.on('named', ({ name }) => showName(name));
client.on('error', (error) => notify(errorText(error)));

// A server that rejects the first room looks like a server that is unreachable. The page therefore starts in the
// default room and requests the other room from there, which reports an error.
client.on('status', ({ state, attempt }) => {
  if (client.id !== null || state !== 'waiting' || attempt !== 2 || first === defaultRoom) return;
  client.join(defaultRoom).catch(() => {});
  client.leave(first);
});
client.once('joined', async () => {
  if (wantedRoom && !rooms.get(wantedRoom)) notify(await rooms.enter(wantedRoom));
});

client.on('status', ({ state, name }) => {
  if (state !== 'open') return;
  showName(name);
  notify('');
  // Only guests choose their name. The browser tells late that the dialog was closed, so a name counts as well.
  if (client.user === null && !recall('localStorage', 'asked') && !recall('localStorage', 'name')) askName();
});

// Sending

const newId = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');

// A retried message keeps its id, so the server publishes it once. The attribute finds it among the pending ones.
async function say(what, { room = rooms.current, id = newId(), replyTo } = {}) {
  const pending = rooms.get(room).addPending(id, what, client.name, replyTo);
  try {
    pending.sent(await client.send(what, { room, id, replyTo, attributes: { [idAttribute]: id } }));
  } catch (error) {
    pending.failed(errorText(error));
    if (error.code === 'slow_mode') people.noteSlow(room);
    if (error.retryAfterMs !== undefined) waiting.start(room, error.retryAfterMs);
    if (isLooking(room) && client.state === 'open') notify(errorText(error));
  }
}

async function edit({ room, entry }, what) {
  if (what === entry.text) return;
  try {
    await client.edit(entry.seq, what, { room });
  } catch (error) {
    notify(errorText(error));
    // Nothing that the user wrote is lost.
    if (rooms.current === room && !about.what && text.value === about.draft) about.edit(room, entry, what);
  }
}

// One after the other, in the order in which they were chosen.
let lastFile = Promise.resolve();

function sendFiles(files, room = rooms.current, id = newId()) {
  notify('');
  people.said();
  for (const [index, file] of files.entries()) {
    const own = index === 0 ? id : newId();
    const pending = rooms.get(room).addPending(own, file, client.name);
    lastFile = lastFile.then(async () => {
      try {
        pending.sent(await client.sendFile(file, { room, id: own, attributes: { [idAttribute]: own }, onProgress: pending.progress }));
      } catch (error) {
        pending.failed(fileErrorText(error, client.maxMessageBytes), ['too_large', 'unreadable'].includes(error.code));
      }
    });
  }
}

takeFiles({
  isReady: () => rooms.current !== null && !isAsking(),
  send: (files) => {
    if (files.length > maxFiles) notify(t('tooManyFiles', maxFiles));
    else sendFiles(files);
    text.focus();
  },
});

function fitText() {
  text.style.height = 'auto';
  text.style.height = `${text.scrollHeight + 2}px`;
}

byId('composer').addEventListener('submit', (event) => {
  event.preventDefault();
  const what = text.value.trim();
  if (!what || rooms.current === null) return;
  if (new TextEncoder().encode(JSON.stringify(what)).length > maxTextBytes) {
    notify(t('tooLong'));
    return;
  }
  notify('');
  const subject = about.clear();
  text.value = subject?.kind === 'edit' ? about.draft : '';
  fitText();
  text.focus();
  if (subject?.kind === 'edit') {
    edit(subject, what);
    return;
  }
  people.said();
  say(what, { replyTo: subject?.entry.seq });
});

// During text composition, Enter belongs to the input method. Some browsers report this only as key code 229.
text.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  byId('composer').requestSubmit();
});
text.addEventListener('input', () => {
  fitText();
  if (text.value.trim()) people.typed();
});

// The user's name

const nameDialog = byId('name-dialog');
const isAsking = () => document.querySelector('dialog[open]') !== null;

function showName(name) {
  const me = byId('me');
  const local = shown(localName(client.id, name));
  me.querySelector('b').textContent = local || t('someone');
  me.querySelector('.avatar').replaceWith(avatar(local));
}

function askName() {
  byId('name').value = recall('localStorage', 'name') ?? '';
  byId('name').placeholder = localName(client.id, client.name) ?? '';
  byId('name-error').textContent = '';
  if (!nameDialog.open) nameDialog.showModal();
}

byId('me').addEventListener('click', () => {
  closeDrawers();
  askName();
});
byId('name-later').addEventListener('click', () => nameDialog.close());
nameDialog.addEventListener('close', () => {
  remember('localStorage', 'asked', true);
  text.focus();
});
nameDialog.querySelector('form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const wanted = byId('name').value.trim();
  if (!wanted) {
    nameDialog.close();
    return;
  }
  byId('name-error').textContent = client.state === 'open' ? '' : t('waiting');
  try {
    const name = await client.rename(wanted);
    remember('localStorage', 'name', name);
    byId('announcer').textContent = t('named', name);
    nameDialog.close();
  } catch (error) {
    byId('name-error').textContent = errorText(error);
  }
});

// Focus and keys

const jump = byId('jump');

function showJump() {
  const log = rooms.get(rooms.current);
  jump.hidden = !log || log.atBottom;
  jump.textContent = log?.unread ? t('newBelow', log.unread) : t('toNewest');
}

jump.addEventListener('click', () => {
  rooms.get(rooms.current)?.toBottom();
  text.focus();
});
document.addEventListener('visibilitychange', () => {
  rooms.get(rooms.current)?.looked();
  noteSeen();
});
addEventListener('focus', noteSeen);
addEventListener('keydown', (event) => {
  if (isAsking()) return;
  if (event.altKey && (event.key === 'ArrowUp' || event.key === 'ArrowDown')) rooms.step(event.key === 'ArrowUp' ? -1 : 1);
  else if (event.key === 'F6') nextPart(event.shiftKey);
  else if (event.key === 'Escape' && about.what && byId('composer').contains(event.target)) about.cancel();
  else if (event.key === 'Escape' && drawers.some((drawer) => drawer.isOver)) closeDrawers();
  else return;
  event.preventDefault();
});
