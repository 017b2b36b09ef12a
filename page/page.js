// The chat page: connects the client (the global `chat` of chat.js) to the user interface. Rooms, messages, people and
// the connection have their own files; this one handles writing, renaming and keys.
import { avatar, byId, recall, remember } from './dom.js';
import { shown } from './names.js';
import { errorText, fileErrorText, fillIn, localName, t } from './strings.js';
import { showConnection } from './connection.js';
import { Directory } from './directory.js';
import { maxFiles, takeFiles } from './files.js';
import { layOut, nextPart } from './layout.js';
import { Log, idAttribute } from './log.js';
import { People } from './people.js';
import { RoomList, isRoomName, roomOfHash } from './room_list.js';

// Less than the server's 65,536 bytes per frame, which also contains the envelope.
const maxTextBytes = 60_000;

const setting = (name) => document.querySelector(`meta[name="${name}"]`).content;

fillIn(document);
const { drawers, closeDrawers } = layOut();

const defaultRoom = setting('chat-room');
const wantedRoom = roomOfHash();
const first = isRoomName(wantedRoom) ? wantedRoom : defaultRoom;
const client = globalThis.chat.connect({
  url: new URL(setting('chat-endpoint'), location.href),
  room: first,
  rooms: RoomList.remembered().filter((room) => room !== first),
  name: recall('localStorage', 'name') ?? undefined,
  own: recall('sessionStorage', 'own') ?? undefined,
});

const text = byId('text');
const notify = (what) => { byId('notice').textContent = what; };

const isLooking = (room) => room === rooms.current && document.visibilityState === 'visible';

const rooms = new RoomList(client, {
  makeLog: (room) => new Log(room, {
    isLooking,
    load: (which) => client.history({ room, ...which }),
    wantNewest: () => loadNewest(rooms.get(room)),
    retry: (id, what) => (typeof what === 'string' ? say(what, room, id) : sendFiles([what], room, id)),
    changed: () => drawSoon(),
    scrolled: () => showJump(),
  }),
  left: (room) => people.forget(room),
  shown: () => {
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

const people = new People(client, () => rooms.current);
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
});

client.on('joined', ({ room }) => {
  const log = rooms.add(room);
  directory.draw();
  remember('sessionStorage', 'own', client.own);
  loadNewest(log);
});

async function loadNewest(log) {
  if (log.hasNewest || rooms.get(log.room) !== log) return;
  try {
    await log.loadNewest();
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
  if (cause === 'epoch') log.addGap(t('epoch'), epoch, 1);
  else if (cause === 'old') log.addGap(t('gap'), epoch, from);
  else {
    const reply = await client.history({ room, after: from - 1 }).catch(() => null);
    if (!reply || reply.epoch !== epoch || !reply.complete) log.addGap(t('gap'), epoch, from);
    log.addMissed((reply?.messages ?? []).filter(({ seq }) => seq <= to));
  }
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
  if (!recall('localStorage', 'asked')) askName();
});

// Sending

const newId = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');

// A retried message keeps its id, so the server publishes it once. The attribute finds it among the pending ones.
async function say(what, room = rooms.current, id = newId()) {
  const pending = rooms.get(room).addPending(id, what, client.name);
  try {
    pending.sent(await client.send(what, { room, id, attributes: { [idAttribute]: id } }));
  } catch (error) {
    pending.failed(errorText(error));
    if (isLooking(room) && client.state === 'open') notify(errorText(error));
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
  isReady: () => rooms.current !== null && !nameDialog.open,
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
  text.value = '';
  fitText();
  people.said();
  say(what);
  text.focus();
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
document.addEventListener('visibilitychange', () => rooms.get(rooms.current)?.looked());
addEventListener('keydown', (event) => {
  if (nameDialog.open) return;
  if (event.altKey && (event.key === 'ArrowUp' || event.key === 'ArrowDown')) rooms.step(event.key === 'ArrowUp' ? -1 : 1);
  else if (event.key === 'F6') nextPart(event.shiftKey);
  else if (event.key === 'Escape' && drawers.some((drawer) => drawer.isOver)) closeDrawers();
  else return;
  event.preventDefault();
});
