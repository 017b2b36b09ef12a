// The left column of docs/porting-from-socket.io.md as a program: each event that a client sends does one line of it, and
// what comes of that is the answer. porting.c and porting.py do the same with libchat.
import http from 'node:http';
import { createRequire } from 'node:module';

const { Server } = createRequire(new URL('../js/package.json', import.meta.url))('socket.io');
const listener = http.createServer();
const io = new Server(listener);
const gone = [];

io.use((socket, next) => {
  if (socket.handshake.auth.token !== "secret") return next(new Error("unknown token"));
  socket.data.greeting = socket.handshake.query.greeting;
  next();
});

const handlers = {
  'emit': (socket) => { socket.emit("said", 1, "two"); },
  'emit-bytes': (socket) => { socket.emit("said", Buffer.from([1, 2, 3])); },
  'to-all': () => { io.emit("said", "hi"); },
  'broadcast': (socket) => { socket.broadcast.emit("said", "hi"); },
  'join': (socket, room) => { socket.join(room); },
  'leave': (socket, room) => { socket.leave(room); },
  'to-room': () => { io.to("red").emit("said", "hi"); },
  'to-room-but-me': (socket) => { socket.to("red").emit("said", "hi"); },
  'to-rooms': () => { io.to(["red", "blue"]).except("green").emit("said", "hi"); },
  'to-id': (socket, id) => { io.to(id).emit("said", "hi"); },
  'has-id': (socket, id) => io.sockets.sockets.has(id),
  'to-namespace': () => { io.of("/dev").emit("said", "hi"); },
  'volatile': (socket) => { socket.volatile.emit("said", "tick"); },
  'ask': (socket) => socket.timeout(5000).emitWithAck("question", 42),
  'ask-patiently': (socket) => socket.emitWithAck("question", 42),
  'data': (socket) => socket.data.greeting,
  'id': (socket) => socket.id,
  'rooms': (socket) => [...socket.rooms].filter((room) => room !== socket.id),
  'all-rooms': () => [...io.of("/").adapter.rooms.keys()].filter((room) => room.length < 10),
  'fetch': async () => (await io.in("red").fetchSockets()).length,
  'count': () => io.sockets.sockets.size,
  'transport': (socket) => socket.conn.transport.name,
  'sockets-join': () => { io.in("red").socketsJoin("blue"); },
  'sockets-leave': () => { io.in("red").socketsLeave("blue"); },
  'go': (socket) => { socket.disconnect(); },
  'disconnect-all': (socket) => { socket.disconnect(true); },
  'disconnect-room': () => { io.in("red").disconnectSockets(true); },
  'gone': () => gone.shift() ?? null,
};

const onConnection = (socket) => {
  socket.emit("welcome", socket.id);
  socket.on("disconnect", () => gone.push(socket.id));
  socket.onAny(async (event, ...args) => {
    const callback = args.pop();
    callback(await handlers[event](socket, ...args) ?? null);
  });
};
io.on("connection", onConnection);
io.of("/dev").on("connection", onConnection);

listener.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => console.log(`listening on port ${listener.address().port}`));
process.on('SIGTERM', () => { io.close(); });
