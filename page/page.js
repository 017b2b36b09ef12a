// The chat page: brings the client (the global `chat` of chat.js) together with what is seen. Rooms, messages, people and
// the connection have a file each; here is what people do: write, rename themselves, press keys.
import { avatar, byId, recall, remember, shown } from './dom.js';
import { errorText, fillIn, t } from './strings.js';
import { showConnection } from './connection.js';
import { Directory } from './directory.js';
import { layOut, nextPart } from './layout.js';
import { Log, idAttribute } from './log.js';
import { People } from './people.js';
import { RoomList, isRoomName, roomOfHash } from './room_list.js';

// Below the server's 65,536 for a frame, with the rest of it.
const maxTextBytes = 60_000;

const setting = (name) => document.querySelector(`meta[name="${name}"]`).content;

fillIn(document);
const { drawers, closeDrawers } = layOut();

// A server refuses a connection whose first room has no good name, as if it were away.
const wantedRoom = roomOfHash();
const first = isRoomName(wantedRoom) ? wantedRoom : setting('chat-room');
if (wantedRoom && wantedRoom !== first) byId('join-error').textContent = errorText({ code: 'invalid_room' });
const client = globalThis.chat.connect({
  url: new URL(setting('chat-endpoint'), location.href),
  room: first,
  rooms: RoomList.remembered().filter((room) => room !== first),
  name: recall('localStorage', 'name') ?? undefined,
  own: recall('sessionStorage', 'own') ?? undefined,
  resend: true,
});

const isLooking = (room) => room === rooms.current && document.visibilityState === 'visible';

const rooms = new RoomList(client, {
  makeLog: (room) => new Log(room, {
    isLooking,
    load: (which) => client.history({ room, ...which }),
    retry: (id, what) => say(what, room, id),
    changed: () => drawSoon(),
    scrolled: () => showJump(),
  }),
  left: (room) => people.forget(room),
  shown: () => {
    showJump();
    closeDrawers();
    people.show();
    people.showTyping();
    people.refresh();
    byId('notice').textContent = '';
  },
});

// Not for each of a thousand messages.
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
  enter: (room) => {
    rooms.enter(room);
    text.focus();
  },
});
showConnection(client);

// ---- what comes

client.on('message', (message) => {
  if (people.take(message)) return;
  // An announcement belongs to no room: it stands in the one that is looked at.
  rooms.get(message.room ?? rooms.current)?.add(message);
});

client.on('joined', async ({ room, resumed }) => {
  const log = rooms.add(room);
  directory.draw();
  remember('sessionStorage', 'own', client.own);
  if (resumed || log.length > 0) return;
  try {
    await log.loadNewest();
  } catch (error) {
    if (error.code !== 'connection_lost') log.addNotice(t('gap'));
  }
});

client.on('left', ({ room, reason, asked }) => {
  rooms.remove(room);
  directory.draw();
  if (!asked) byId('notice').textContent = t('left', room, reason);
});

// What was dropped on the way may still be kept.
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
client.on('error', (error) => { byId('notice').textContent = errorText(error); });
client.on('status', ({ state, name }) => {
  if (state !== 'open') return;
  showName(name);
  byId('notice').textContent = '';
  if (!recall('localStorage', 'asked')) askName();
});

// ---- what is said

const text = byId('text');

const newId = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');

// What is said once more keeps its id, and so has no twin if it had arrived.
async function say(what, room = rooms.current, id = newId()) {
  const pending = rooms.get(room).addPending(id, what, client.name);
  try {
    pending.sent(await client.send(what, { room, attributes: { [idAttribute]: id } }));
  } catch (error) {
    pending.failed(errorText(error));
    if (isLooking(room) && client.state === 'open') byId('notice').textContent = errorText(error);
  }
}

function fitText() {
  text.style.height = 'auto';
  text.style.height = `${text.scrollHeight + 2}px`;
}

byId('composer').addEventListener('submit', (event) => {
  event.preventDefault();
  const what = text.value.trim();
  if (!what || rooms.current === null) return;
  if (new TextEncoder().encode(JSON.stringify(what)).length > maxTextBytes) {
    byId('notice').textContent = t('tooLong');
    return;
  }
  byId('notice').textContent = '';
  text.value = '';
  fitText();
  people.said();
  say(what);
  text.focus();
});

// While a syllable or a word is composed, Enter belongs to the input method. Some browsers say so by 229 only.
text.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  byId('composer').requestSubmit();
});
text.addEventListener('input', () => {
  fitText();
  if (text.value.trim()) people.typed();
});

// ---- one's name

const nameDialog = byId('name-dialog');

function showName(name) {
  const me = byId('me');
  me.querySelector('b').textContent = shown(name) || t('someone');
  me.querySelector('.avatar').replaceWith(avatar(shown(name)));
}

function askName() {
  byId('name').value = recall('localStorage', 'name') ?? '';
  byId('name').placeholder = client.name ?? '';
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

// ---- looking and keys

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
