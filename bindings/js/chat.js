/*
 * chat.js: a client of libchat. It speaks chat.v1 (docs/protocol.md) and reconnects after a lost connection.
 *
 * The same file works as a classic script (global `chat`) and as a CommonJS module; chat.mjs re-exports it. It needs only a
 * WebSocket. Helpers come first, then Connection, which is one WebSocket, then Client, which outlives its connections. The
 * public interface is declared in chat.d.ts.
 */
(() => {
  'use strict';

  const defaults = {
    url: '/chat.v1',
    reconnect: true,
    reconnectMinMs: 1000,
    reconnectMaxMs: 30_000,
    stableMs: 10_000,
    connectTimeoutMs: 20_000,
    pingIntervalMs: 25_000,
    pingTimeoutMs: 10_000,
    requestTimeoutMs: 30_000,
    queueMessages: 100,
    queueBytes: 1_048_576,
    bufferBytes: 16_777_216,
    resend: true,
    binary: true,
    replay: false,
  };

  // The server knows the id of a message for ten minutes (idempotency_ms). An unanswered message is sent again only well
  // within that time.
  const maxResendMs = 300_000;
  // Live messages of a room that wait for its replayed history.
  const maxHeld = 1000;
  const progressMs = 100;
  // The server prefers the second. A server that does not know it selects the first.
  const textProtocol = 'chat.v1';
  const binaryProtocol = 'chat.v1.binary';
  // A connection has one id per room. This many of them are remembered as our own.
  const maxOwn = 1000;
  // Codes after which reconnecting is useless: docs/protocol.md. Codes of applications are deliberate, so they are final too.
  const isFinal = (code) => [1000, 1002, 1003, 1007, 1008, 1010].includes(code) || code >= 3000;

  class ChatError extends Error {
    constructor(code, reason = code, retryAfterMs = undefined) {
      super(reason);
      this.name = 'ChatError';
      this.code = code;
      if (retryAfterMs !== undefined) this.retryAfterMs = retryAfterMs;
    }
  }

  const unknownOutcome = () => new ChatError('unknown_outcome', 'the connection ended before the message was acknowledged');

  // True for errors after which a later attempt may succeed.
  const isPassing = ({ code }) => code === 'rate_limited' || code === 'timed_out' || code === 'unavailable';

  // Exponential backoff with full jitter: a random delay below a ceiling that doubles.
  function backoffMs(attempt, { reconnectMinMs, reconnectMaxMs } = defaults, random = Math.random) {
    return random() * Math.min(reconnectMaxMs, reconnectMinMs * 2 ** Math.min(attempt, 30));
  }

  function toBase64(bytes) {
    if (bytes.toBase64) return bytes.toBase64();
    let binary = '';
    // The number of arguments of a call is limited.
    for (let at = 0; at < bytes.length; at += 0x2000) binary += String.fromCharCode(...bytes.subarray(at, at + 0x2000));
    return btoa(binary);
  }

  function fromBase64(text) {
    return Uint8Array.fromBase64 ? Uint8Array.fromBase64(text) : Uint8Array.from(atob(text), (unit) => unit.charCodeAt(0));
  }

  function asBytes(value) {
    if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    return value instanceof ArrayBuffer ? new Uint8Array(value) : null;
  }

  const isBlob = (value) => globalThis.Blob !== undefined && value instanceof globalThis.Blob;

  // Replaces bytes anywhere in the arguments by placeholders and collects copies of them as attachments.
  function pack(value, attachments) {
    const bytes = asBytes(value);
    if (bytes) return { _placeholder: true, num: attachments.push(bytes.slice()) - 1 };
    if (isBlob(value)) throw new TypeError('a Blob cannot be read at once: use sendFile(), or await its arrayBuffer()');
    if (Array.isArray(value)) return value.map((item) => pack(item, attachments));
    if (typeof value !== 'object' || value === null || value.toJSON) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, pack(item, attachments)]));
  }

  function unpack(value, attachments) {
    if (Array.isArray(value)) return value.map((item) => unpack(item, attachments));
    if (typeof value !== 'object' || value === null) return value;
    if (value._placeholder === true && Number.isInteger(value.num)) return attachments[value.num];
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, unpack(item, attachments)]));
  }

  // Decodes the attachments and arguments of a frame.
  function unpacked({ type, ref, ...rest }) {
    if (!rest.attachments) return rest;
    const attachments = rest.attachments.map((item) => (typeof item === 'string' ? fromBase64(item) : item));
    return { ...rest, attachments, args: unpack(rest.args, attachments) };
  }

  const sumOf = (attachments) => attachments.reduce((sum, { length }) => sum + length, 0);

  // Binary frames, docs/protocol.md: the length of the JSON text, the JSON text, the bytes of its attachments.
  function toBinaryFrame(json, attachments) {
    const head = new TextEncoder().encode(json);
    const frame = new Uint8Array(4 + head.length + sumOf(attachments));
    new DataView(frame.buffer).setUint32(0, head.length);
    frame.set(head, 4);
    let at = 4 + head.length;
    for (const bytes of attachments) {
      frame.set(bytes, at);
      at += bytes.length;
    }
    return frame;
  }

  // Replaces the lengths of attachments by their bytes, as copies, so that one of them does not keep the whole frame.
  function fromBinaryFrame(buffer) {
    const bytes = new Uint8Array(buffer);
    let at = 4 + new DataView(buffer).getUint32(0);
    const frame = JSON.parse(new TextDecoder().decode(bytes.subarray(4, at)));
    const take = (length) => {
      at += length;
      return bytes.slice(at - length, at);
    };
    for (const holder of [frame, ...frame.messages ?? []]) {
      if (holder.attachments) holder.attachments = holder.attachments.map(take);
    }
    if (at !== bytes.length) throw new RangeError('a binary frame of another length than it says');
    return frame;
  }

  // A request or message as the connection sends it. `json` is its text without attachments.
  function frameOf({ json, attachments = [] }, isBinary) {
    if (attachments.length === 0) return json;
    const listed = isBinary ? attachments.map(({ length }) => length) : attachments.map(toBase64);
    const text = `${json.slice(0, -1)},"attachments":${JSON.stringify(listed)}}`;
    return isBinary ? toBinaryFrame(text, attachments) : text;
  }

  // Pages without HTTPS have no randomUUID().
  const newId = () => globalThis.crypto?.randomUUID?.() ?? `${Math.random()}-${Math.random()}-${Date.now()}`;

  const bytesOf = (frame) => (typeof frame === 'string' ? new TextEncoder().encode(frame) : frame).length;

  // Removes options that are undefined.
  const given = (options) => Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));

  // Adds a value and drops the oldest when the set is full.
  function addBounded(set, value, max) {
    set.add(value);
    if (set.size > max) set.delete(set.values().next().value);
  }

  // User ids and the ids of guests may be the same text.
  const personKey = ({ user, id }) => (user === undefined ? `guest ${id}` : `user ${user}`);

  // Ids restart with the server; epochs are never repeated.
  const ownKey = (epoch, id) => `${epoch}/${id}`;

  function addressOf(url, query) {
    const base = globalThis.document?.baseURI ?? globalThis.location?.href;
    const address = new URL(url, base);
    address.protocol = address.protocol.replace('http', 'ws');
    address.hash = '';
    for (const [name, value] of Object.entries(query)) {
      if (value === undefined || value === null) continue;
      address.search += `${address.search ? '&' : '?'}${name}=${encodeURIComponent(value)}`;
    }
    return address.href;
  }

  class Emitter {
    #listeners = new Map();

    on(type, listener) {
      if (!this.#listeners.has(type)) this.#listeners.set(type, new Set());
      this.#listeners.get(type).add(listener);
      return () => this.off(type, listener);
    }

    once(type, listener) {
      const off = this.on(type, (value) => {
        off();
        listener(value);
      });
      return off;
    }

    off(type, listener) {
      this.#listeners.get(type)?.delete(listener);
    }

    // A listener that throws affects neither the other listeners nor the connection.
    _emit(type, value) {
      for (const listener of [...this.#listeners.get(type) ?? []]) {
        try {
          listener(value);
        } catch (error) {
          queueMicrotask(() => { throw error; });
        }
      }
    }
  }

  // One WebSocket, from opening to loss. It calls onFrame for each frame and onLost once.
  class Connection {
    #options;
    #onLost;
    #frames = 0;
    #heardAt = 0;
    #timer;
    // All bytes given to the WebSocket, sent or not.
    givenBytes = 0;

    constructor(address, options, onFrame, onLost) {
      this.#options = options;
      this.#onLost = onLost;
      // Throws when the address is not allowed.
      this.socket = new options.WebSocket(address, options.binary ? [textProtocol, binaryProtocol] : textProtocol);
      this.socket.binaryType = 'arraybuffer';
      this.#timer = setTimeout(() => this.abandon('no welcome in time'), options.connectTimeoutMs);
      this.socket.onmessage = ({ data }) => {
        this.#frames += 1;
        this.#heardAt = Date.now();
        let frame;
        try {
          frame = typeof data === 'string' ? JSON.parse(data) : fromBinaryFrame(data);
        } catch {
          this.abandon('the server does not speak chat.v1', 1002);
          return;
        }
        if (typeof frame === 'object' && frame !== null) onFrame(frame);
      };
      this.socket.onerror = () => {};
      this.socket.onclose = ({ code, reason }) => this.#end(code, reason);
    }

    // Bytes that the WebSocket has not sent yet.
    get bufferedBytes() { return this.socket.bufferedAmount ?? 0; }

    get isBinary() { return this.socket.protocol === binaryProtocol; }

    // Grows while the network takes something.
    get sentBytes() { return this.givenBytes - this.bufferedBytes; }

    // While the socket is closing, the browser would discard the frame with a warning. onLost follows soon.
    send(frame) {
      if (this.socket.readyState > 1) return;
      this.socket.send(frame);
      this.givenBytes += frame.length;
    }

    // Called after the welcome: starts to monitor silence.
    watch() {
      clearTimeout(this.#timer);
      const { pingIntervalMs } = this.#options;
      const quietMs = Math.max(0, Date.now() - this.#heardAt);
      if (quietMs >= pingIntervalMs) this.probe();
      else this.#timer = setTimeout(() => this.watch(), pingIntervalMs - quietMs);
    }

    // Any frame received in time proves that the connection works. So does a large message that is being sent: the answer
    // to the ping comes after it.
    probe() {
      clearTimeout(this.#timer);
      const frames = this.#frames;
      this.send('{"type":"ping"}');
      const { sentBytes } = this;
      this.#timer = setTimeout(() => {
        if (this.#frames > frames || this.sentBytes > sentBytes) this.watch();
        else this.abandon('no answer to a ping');
      }, this.#options.pingTimeoutMs);
    }

    // Does not wait for the closing handshake, because a dead network does not answer it.
    abandon(reason, code = 1006) {
      const { socket } = this;
      this.#end(code, reason);
      if (socket.terminate) socket.terminate();
      else socket.close();
    }

    close(code, reason) {
      this.socket.close(code, reason); // throws for a reserved code
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.abandon(reason, code), this.#options.pingTimeoutMs);
    }

    #end(code, reason) {
      clearTimeout(this.#timer);
      this.socket.onmessage = this.socket.onclose = null;
      const onLost = this.#onLost;
      this.#onLost = () => {};
      onLost(code, reason);
    }
  }

  class Client extends Emitter {
    #options;
    #state = 'connecting';
    #connection = null;
    #closing = null;
    #attempt = 0;
    #timer;
    #attemptAt = 0;
    #openAt = 0;
    // Distinguishes attempts while a token is awaited.
    #generation = 0;
    // name -> { epoch, seq: the newest delivered number, joined: on this connection, skipped: numbers of own messages
    // that the server does not send back, waiting: calls of join(), replays: the history is wanted, held: live messages
    // that wait for it, count: the number of people, null: the room has no presence, people: Map of them, null: unknown,
    // role: of this client there, absent: a member or a guest, slowModeMs: between two messages, absent: off,
    // seen: the read marker of the user, told: what the server knows of it, telling: the request that tells it }
    #rooms = new Map();
    #own;
    #requests = new Map();
    #nextRef = 1;
    #queue = [];
    #wantedName;
    #renames = [];
    #publicState = null;
    #forgetListeners = () => {};

    constructor(options = {}) {
      super();
      if (typeof options === 'string' || options instanceof URL) options = { url: options };
      this.#options = { ...defaults, WebSocket: globalThis.WebSocket, random: Math.random, ...given(options) };
      if (!this.#options.WebSocket) throw new TypeError('there is no global WebSocket: pass an implementation, { WebSocket }');
      addressOf(this.#options.url, {}); // throws for an invalid URL
      this.id = null;
      this.user = null;
      this.name = null;
      this.room = this.#options.room ?? null;
      this.maxMessageBytes = null;
      this.#wantedName = this.#options.name;
      this.#own = new Set(this.#options.own);
      if (this.room !== null) this.#addRoom(this.room, this.#options);
      for (const room of this.#options.rooms ?? []) {
        if (typeof room === 'string') this.#addRoom(room);
        else this.#addRoom(room.room, room);
      }
      this.#listen();
      // Deferred, so the caller of connect() can add listeners first, or close the client.
      queueMicrotask(() => { if (this.#generation === 0) this.#open(); });
    }

    get state() { return this.#state; }

    // The position in each room, for connect() and join().
    get positions() {
      return [...this.#rooms].map(([room, { epoch, seq, held }]) => ({ room, ...(epoch === null || held ? {} : { epoch, seq }) }));
    }

    // Identifies own messages, for the next connect(), for example after a reload.
    get own() { return [...this.#own]; }

    send(message, options = {}) {
      return new Promise((resolve, reject) => {
        this.#throwIfClosed();
        const item = this.#itemOf({ ...(typeof message === 'string' ? { text: message } : message), ...given(options) });
        Object.assign(item, { resolve, reject });
        const { queueMessages, queueBytes, bufferBytes } = this.#options;
        const full = () => new ChatError('queue_full', 'too many messages are waiting for the connection');
        if (this.#isReady(item.room) && !this.#queue.some(({ room }) => room === item.room)) {
          if (this.#connection.bufferedBytes > bufferBytes) throw full();
          this.#transmit(item);
          return;
        }
        if (item.ephemeral || !queueMessages) throw new ChatError('not_connected', 'there is no connection');
        const queuedBytes = this.#queue.reduce((sum, { size }) => sum + size, item.size);
        if (this.#queue.length >= queueMessages || queuedBytes > queueBytes) throw full();
        this.#queue.push(item);
      });
    }

    // Sends the name and the bytes of a File, a Blob, an ArrayBuffer or a view of one.
    async sendFile(file, { name = file.name ?? 'file', event = 'file', ...options } = {}) {
      this.#throwIfClosed();
      const size = file.size ?? file.byteLength;
      if (!Number.isInteger(size)) throw new TypeError('sendFile() needs a Blob or bytes');
      // Without reading it.
      if (this.maxMessageBytes !== null && size > this.maxMessageBytes) throw this.#tooLarge();
      let bytes = asBytes(file);
      if (!bytes) {
        try {
          bytes = new Uint8Array(await file.arrayBuffer());
        } catch (error) {
          throw new ChatError('unreadable', error.message);
        }
      }
      return this.send({ event, args: [name, bytes] }, options);
    }

    #tooLarge() { return new ChatError('too_large', 'the message is too large for this server'); }

    // A message as it is queued and sent. Its frame depends on the connection.
    #itemOf({ room, event, text, args, attributes, ephemeral, exceptSelf, replyTo, id, resend = this.#options.resend, timeoutMs, onProgress }) {
      room ??= this.room;
      const ref = this.#nextRef++;
      const mayResend = resend && !ephemeral;
      if (mayResend) id ??= newId();
      const attachments = [];
      const json = JSON.stringify({
        type: 'send',
        ref,
        id,
        room: room ?? undefined,
        event,
        text,
        args: args && pack(args, attachments),
        attributes,
        ephemeral: ephemeral || undefined,
        except_self: exceptSelf || undefined,
        reply_to: replyTo,
      });
      const size = json.length + sumOf(attachments);
      return { ref, room, json, attachments, size, ephemeral, exceptSelf, mayResend, timeoutMs, onProgress };
    }

    join(room, position = {}) {
      return new Promise((resolve, reject) => {
        this.#throwIfClosed();
        const known = this.#rooms.get(room) ?? this.#addRoom(room, position);
        known.waiting.push({ resolve, reject });
        if (this.#state === 'open') this.#sendJoin(room, known);
      });
    }

    async leave(room) {
      this.#forget(room, new ChatError('not_joined', `left ${room}`));
      if (this.#state === 'open') await this.#request({ type: 'leave', room });
      else this._emit('left', { room, reason: '', asked: true });
    }

    // Without a connection, the name is requested when there is one.
    rename(name) {
      return new Promise((resolve, reject) => {
        this.#throwIfClosed();
        const rename = { name, resolve, reject };
        this.#renames.push(rename);
        if (this.#state === 'open') this.#sendName(name, [rename]);
      });
    }

    // These change a kept message, whose number is target.
    edit(target, text, { room = this.room } = {}) { return this.#change({ type: 'edit', room, target, text }); }

    delete(target, { room = this.room } = {}) { return this.#change({ type: 'delete', room, target }); }

    react(target, reaction, { room = this.room, remove } = {}) { return this.#change({ type: 'react', room, target, reaction, remove }); }

    // Reports a message to the application.
    async report(target, reason, { room = this.room } = {}) { await this.#request({ type: 'report', room, target, reason }); }

    async #change(fields) { return { ...await this.#request(fields), room: fields.room }; }

    // Moderates a room: docs/moderation.md.
    async moderate(action, { room = this.room, client, user, address, durationMs, value, reason } = {}) {
      await this.#request({ type: 'moderate', room, action, client, user, address, duration_ms: durationMs, value, reason });
    }

    // The role of this client in a room that it is in.
    role(room = this.room) {
      return this.#rooms.get(room)?.role ?? (this.user === null ? 'guest' : 'member');
    }

    // The user has read up to this number, or all that has arrived. Without a connection the server is told when there is one.
    async seen(seq, { room: name = this.room } = {}) {
      this.#throwIfClosed();
      const room = this.#rooms.get(name);
      if (!room) throw new ChatError('not_joined', `not in ${name}`);
      seq ??= room.seq;
      if (seq <= room.told) return;
      room.seen = Math.max(room.seen, seq);
      await this.#tellSeen(name, room);
    }

    // How far the user has read: on this client, or on others as far as this one knows.
    seenIn(name = this.room) { return this.#rooms.get(name)?.seen ?? 0; }

    // The numbers after the read marker, up to the newest one that has arrived.
    unread(name = this.room) {
      const { seq = 0, seen = 0 } = this.#rooms.get(name) ?? {};
      return Math.max(0, seq - seen);
    }

    // One request at a time: what is read meanwhile goes with the next.
    #tellSeen(name, room) {
      const tell = async () => {
        try {
          while (room.joined && room.told < room.seen) {
            const seq = room.seen;
            await this.#request({ type: 'seen', room: name, seq });
            room.told = Math.max(room.told, seq);
          }
        } catch (error) {
          if (error.code === 'connection_lost') return; // the next connection tells it
          if (!isPassing(error)) room.seen = room.told;
          throw error;
        } finally {
          room.telling = null;
        }
      };
      if (!room.telling && room.joined && room.told < room.seen) room.telling = tell();
      return room.telling;
    }

    // Sets what presence tells about this client; null: nothing. Each new connection has it.
    async setState(state = null) {
      this.#throwIfClosed();
      this.#publicState = state;
      if (this.#state !== 'open') return;
      try {
        await this.#request({ type: 'state', state });
      } catch (error) {
        if (this.#publicState === state && error.code !== 'connection_lost' && !isPassing(error)) this.#publicState = null;
        throw error;
      }
    }

    // Who is in a room, by the notices of presence; null: the room has no presence, or its first notice has not arrived.
    present(room = this.room) {
      const { count = null, people } = this.#rooms.get(room) ?? {};
      return count === null ? null : { room, count, people: people && [...people.values()] };
    }

    async presence(room = this.room) {
      const { count, people = null } = await this.#request({ type: 'presence', room });
      return { room, count, people };
    }

    // The milliseconds that this client must wait between two messages in a room; 0: no slow mode.
    slowModeMs(room = this.room) {
      return ['moderator', 'owner'].includes(this.role(room)) ? 0 : this.#rooms.get(room)?.slowModeMs ?? 0;
    }

    async history({ room, after, before, around, limit } = {}) {
      const { messages, ...reply } = await this.#request({ type: 'history', room: room ?? this.room, after, before, around, limit });
      return { ...reply, messages: messages.map((message) => this.#asMessage(message)) };
    }

    async search(text, { room, before, limit } = {}) {
      const { messages, ...reply } = await this.#request({ type: 'search', room: room ?? this.room, text, before, limit });
      return { ...reply, messages: messages.map((message) => this.#asMessage(message)) };
    }

    async members(room) {
      return (await this.#request({ type: 'members', room: room ?? this.room })).members;
    }

    async rooms() {
      return (await this.#request({ type: 'rooms' })).rooms;
    }

    // Returns the round-trip time in milliseconds.
    async ping() {
      const sentAt = performance.now();
      await this.#request({ type: 'ping' });
      return performance.now() - sentAt;
    }

    // Connects immediately, even when a delay is running or the client was closed or refused.
    reconnect(options = {}) {
      if (this.#connection && this.#closing) this.close().then(() => this.reconnect(options));
      if (this.#connection) return;
      for (const name of ['token', 'url']) if (options[name] !== undefined) this.#options[name] = options[name];
      this.#closing = null;
      this.#attempt = 0;
      this.#listen();
      this.#open();
    }

    async close(code = 1000, reason = '') {
      if (this.#state === 'closed') return;
      this.#connection?.close(code, reason);
      this.#closing ??= {};
      this.#closing.promise ??= new Promise((resolve) => { this.#closing.resolve = resolve; });
      const { promise } = this.#closing;
      if (!this.#connection) this.#end(code, reason);
      await promise;
    }

    #throwIfClosed() {
      if (this.#state === 'closed' || this.#closing) throw new ChatError('closed', 'the client is closed');
    }

    // Connections

    #setState(state, details = {}) {
      this.#state = state;
      this._emit('status', { state, ...details });
    }

    #addRoom(name, { epoch, seq } = {}) {
      const known = epoch !== undefined && epoch !== null && Number.isInteger(seq);
      const room = { epoch: known ? epoch : null, seq: known ? seq : 0, joined: false, skipped: new Set(), waiting: [], replays: !known && this.#options.replay !== false, held: null, count: null, people: null, seen: 0, told: 0, telling: null };
      this.#rooms.set(name, room);
      return room;
    }

    // A connection starts in one room. The others are joined when it is open.
    #firstRoom() {
      if (this.room === null || this.#rooms.has(this.room)) return this.room;
      return this.#rooms.keys().next().value ?? this.room;
    }

    async #open() {
      clearTimeout(this.#timer);
      this.#generation += 1;
      const generation = this.#generation;
      this.#attemptAt = Date.now();
      this.#setState('connecting', { attempt: this.#attempt });
      let address;
      try {
        const { token, url } = this.#options;
        const secret = typeof token === 'function' ? await token() : token;
        if (generation !== this.#generation || this.#state !== 'connecting') return;
        const first = this.#firstRoom();
        const { epoch, seq } = this.#rooms.get(first) ?? { epoch: null };
        address = addressOf(url, { room: first, ...(epoch === null ? {} : { epoch, seq }), token: secret });
        this.#connection = new Connection(address, this.#options, (frame) => this.#hear(frame), (code, reason) => this.#lost(code, reason));
      } catch (error) {
        // The token or the address is not available. A token may be available later.
        if (generation === this.#generation) this.#lost(address ? 1002 : 1006, error.message);
      }
    }

    #lost(code, reason) {
      const wasOpen = this.#state === 'open';
      this.#connection = null;
      for (const room of this.#rooms.values()) {
        room.joined = false;
        // The next connection replays the history, and these messages with it.
        if (room.held) Object.assign(room, { held: null, epoch: null, seq: 0 });
      }
      this.#giveUpRequests(code);
      if (wasOpen && Date.now() - this.#openAt >= this.#options.stableMs) this.#attempt = 0;
      if (this.#closing || !this.#comesBack(code, reason)) {
        this.#end(code, reason);
        return;
      }
      const delayMs = Math.round(backoffMs(this.#attempt, this.#options, this.#options.random));
      this.#attempt += 1;
      this.#timer = setTimeout(() => this.#open(), delayMs);
      this.#setState('waiting', { code, reason, attempt: this.#attempt, delayMs });
    }

    // Handles the unanswered requests of a lost connection.
    #giveUpRequests(code) {
      const requests = [...this.#requests.values()];
      this.#requests.clear();
      // When a frame was too large, assume that it was the largest one.
      const sizes = code === 1009 ? requests.map((request) => bytesOf(frameOf(request, false))) : [];
      const tooLarge = requests[sizes.indexOf(Math.max(...sizes))];
      const unanswered = [];
      for (const request of requests) {
        const { type, item, room, resolve, reject } = request;
        clearTimeout(request.timer);
        if (request === tooLarge) reject(this.#tooLarge());
        else if (type === 'leave') {
          resolve({});
          this._emit('left', { room, reason: '', asked: true });
        } else if (type !== 'send') reject(new ChatError('connection_lost', 'the connection ended before the answer'));
        else if (item.mayResend) unanswered.push(item);
        else reject(unknownOutcome());
      }
      // Unanswered messages go before later ones.
      for (const item of unanswered) item.uncertain = true;
      this.#queue.unshift(...unanswered);
    }

    #comesBack(code, reason) {
      const { reconnect } = this.#options;
      if (typeof reconnect !== 'function') return reconnect && !isFinal(code);
      try {
        return reconnect({ code, reason });
      } catch (error) {
        queueMicrotask(() => { throw error; });
        return !isFinal(code);
      }
    }

    #end(code, reason) {
      clearTimeout(this.#timer);
      this.#generation += 1;
      this.#forgetListeners();
      const error = new ChatError('closed', reason || `the connection has ended: ${code}`);
      for (const item of this.#queue.splice(0)) item.reject(item.uncertain ? new ChatError('unknown_outcome', error.message) : error);
      for (const room of this.#rooms.values()) for (const { reject } of room.waiting.splice(0)) reject(error);
      for (const { reject } of this.#renames.splice(0)) reject(error);
      const { asked = this.#closing !== null, resolve = () => {} } = this.#closing ?? {};
      this.#setState('closed', { code, reason, asked });
      resolve();
    }

    // Listens to the browser's events about the network and the page's visibility.
    #listen() {
      const { addEventListener, removeEventListener, document } = globalThis;
      this.#forgetListeners();
      if (!addEventListener) return;
      const online = () => this.#hurry();
      const visible = () => { if (document.visibilityState === 'visible') this.#hurry(); };
      addEventListener('online', online);
      document?.addEventListener('visibilitychange', visible);
      this.#forgetListeners = () => {
        removeEventListener('online', online);
        document?.removeEventListener('visibilitychange', visible);
      };
    }

    #hurry() {
      if (this.#state === 'open') this.#connection.probe();
      // At most one attempt per shortest delay, however often the page becomes visible.
      else if (this.#state === 'waiting' && Date.now() - this.#attemptAt >= this.#options.reconnectMinMs) this.#open();
    }

    // Frames from the server

    #hear(frame) {
      const settle = (value) => this.#settle(frame.ref, 'resolve', value);
      switch (frame.type) {
        case 'message':
        case 'edit':
        case 'delete':
        case 'react': return this.#deliver(frame);
        case 'welcome': return this.#welcome(frame);
        case 'ack': return this.#acknowledge(frame);
        case 'joined':
          // Without a ref the application caused the join. A reply for a room that was left meanwhile adds nothing.
          if (frame.ref === undefined && !this.#rooms.has(frame.room)) this.#addRoom(frame.room);
          this.#entered(frame);
          return settle(frame);
        case 'left':
          if (frame.ref === undefined) this.#forget(frame.room, new ChatError('not_joined', frame.reason));
          this._emit('left', { room: frame.room, reason: frame.reason ?? '', asked: frame.ref !== undefined });
          return settle(frame);
        case 'named':
          this.name = frame.name;
          settle(frame);
          return this._emit('named', { name: frame.name });
        case 'gap':
          // A notice may be among what was dropped.
          if (this.present(frame.room)) this.presence(frame.room).catch(() => {});
          return this._emit('gap', { cause: 'slow', room: frame.room, epoch: frame.epoch, from: frame.from, to: frame.to, dropped: frame.dropped });
        case 'seen': return this.#noteSeen(frame);
        case 'presence':
          this.#notePeople(frame);
          return settle(frame);
        case 'error': {
          const error = new ChatError(frame.code, frame.reason, frame.retry_after_ms);
          if (!this.#settle(frame.ref, 'reject', error)) this._emit('error', error);
          return undefined;
        }
        case 'moderation': {
          const { type, ...what } = frame;
          const room = this.#rooms.get(frame.room);
          if (room && frame.action === 'role' && frame.user === this.user) room.role = frame.value;
          if (room && frame.action === 'slow_mode') room.slowModeMs = frame.value;
          return this._emit('moderation', what);
        }
        case 'pong':
        case 'moderated':
        case 'history':
        case 'search':
        case 'members':
        case 'rooms': return settle(frame);
        default: return undefined; // from a newer server
      }
    }

    #welcome(frame) {
      const user = frame.user ?? null;
      // Read markers belong to a user. Before the first welcome nobody is known.
      if (this.id !== null && user !== this.user) for (const room of this.#rooms.values()) room.seen = room.told = 0;
      this.id = frame.id;
      this.user = user;
      this.name = frame.name;
      this.maxMessageBytes = frame.max_message_bytes ?? null;
      if (this.room === null) {
        this.room = frame.room;
        for (const item of this.#queue) item.room ??= frame.room;
        if (!this.#rooms.has(frame.room)) this.#addRoom(frame.room);
      }
      this.#openAt = Date.now();
      this.#connection.watch();
      this.#setState('open', { id: frame.id, name: frame.name, room: frame.room });
      if (this.#state !== 'open') return; // a listener closed it
      const renames = [...this.#renames];
      const wanted = renames.at(-1)?.name ?? this.#wantedName;
      if (wanted && wanted !== frame.name) this.#sendName(wanted, renames);
      else this.#settleRenames(renames, 'resolve', wanted);
      if (this.#publicState !== null) this.#request({ type: 'state', state: this.#publicState }).catch(() => {});
      // The room was left while there was no connection.
      if (!this.#rooms.has(frame.room)) this.#request({ type: 'leave', room: frame.room }).catch(() => {});
      this.#entered(frame);
      for (const [name, room] of this.#rooms) if (name !== frame.room) this.#sendJoin(name, room);
      // The server rejects messages to rooms that were never joined.
      for (const name of new Set(this.#queue.map((item) => item.room))) if (!this.#rooms.has(name)) this.#flush(name);
    }

    // The room's numbering restarts.
    #begin(room, epoch, seq) {
      room.epoch = epoch;
      room.seq = seq;
      room.skipped.clear();
      room.seen = room.told = 0;
      addBounded(this.#own, ownKey(epoch, this.id), maxOwn);
    }

    #entered(frame) {
      const room = this.#rooms.get(frame.room);
      if (!room) return;
      const { epoch, seq, resumed, complete, role, slow_mode_ms: slowModeMs } = frame;
      const before = { epoch: room.epoch, seq: room.seq };
      if (epoch !== room.epoch) this.#begin(room, epoch, resumed ? 0 : seq);
      else if (seq < room.seq) room.seq = seq;
      addBounded(this.#own, ownKey(epoch, this.id), maxOwn);
      const again = room.joined;
      room.joined = true;
      Object.assign(room, { role, slowModeMs });
      room.told = frame.seen ?? 0;
      if (room.seen > room.told) this.#tellSeen(frame.room, room).catch(() => {});
      else room.seen = room.told;
      if (!again) room.count = room.people = null; // a snapshot follows, if the room has presence
      const joined = { room: frame.room, epoch, seq, resumed, complete, ...(role === undefined ? {} : { role }), ...(room.told ? { seen: room.told } : {}) };
      if (room.replays && !room.held) this.#replay(frame.room, room);
      this._emit('joined', joined);
      if (resumed && !complete) {
        const sameEpoch = before.epoch === epoch;
        this._emit('gap', { cause: sameEpoch ? 'old' : 'epoch', room: frame.room, epoch, ...(sameEpoch ? { from: before.seq + 1 } : {}) });
      }
      for (const { resolve } of room.waiting.splice(0)) resolve(joined);
      if (!again) this.#flush(frame.room);
    }

    // The changes complete the last notice that lists everyone. A notice without people is the number alone.
    #notePeople({ room: name, count, people, joined = [], left = [], changed = [] }) {
      const room = this.#rooms.get(name);
      if (!room) return;
      room.count = count;
      if (people) room.people = new Map(people.map((person) => [personKey(person), person]));
      else if (joined.length + left.length + changed.length === 0) room.people = null;
      for (const person of left) room.people?.delete(personKey(person));
      for (const person of [...joined, ...changed]) room.people?.set(personKey(person), person);
      this._emit('presence', { ...this.present(name), joined, left, changed });
    }

    #isOwn({ epoch, from }) { return from?.id !== undefined && this.#own.has(ownKey(epoch, from.id)); }

    #noteSeen({ room: name, seq }) {
      const room = this.#rooms.get(name);
      if (!room) return;
      room.told = Math.max(room.told, seq);
      if (seq <= room.seen) return;
      room.seen = seq;
      this._emit('seen', { room: name, seq });
    }

    #asMessage(frame) {
      return { ...unpacked(frame), ephemeral: frame.ephemeral === true, own: this.#isOwn(frame) };
    }

    // Requests the history of a room that the client has entered for the first time.
    async #replay(name, room, seq = room.seq) {
      room.held ??= [];
      const { held } = room;
      const { replay } = this.#options;
      let messages = [];
      try {
        ({ messages } = await this.#request({ type: 'history', room: name, before: seq + 1, limit: replay === true ? undefined : replay }));
      } catch (error) {
        if (room.held !== held) return; // the connection was lost
        if (isPassing(error)) {
          this.#later(() => { if (room.held === held) this.#replay(name, room, seq); });
          return;
        }
        this._emit('error', error);
      }
      if (room.held !== held || this.#rooms.get(name) !== room) return;
      for (const frame of messages) if (frame.epoch === room.epoch && frame.seq <= seq) this.#tell(frame, { replayed: true });
      this.#release(room);
    }

    #release(room) {
      const { held } = room;
      Object.assign(room, { held: null, replays: false });
      for (const frame of held) this.#tell(frame);
    }

    #tell(frame, more = {}) {
      if (frame.type === 'message') this._emit('message', { ...this.#asMessage(frame), ...more });
      else this._emit('change', { ...unpacked(frame), type: frame.type, own: this.#isOwn(frame) });
    }

    #deliver(frame) {
      const room = this.#rooms.get(frame.room);
      if (frame.seq !== undefined) {
        if (!room) return; // left meanwhile
        if (frame.epoch !== room.epoch) this.#begin(room, frame.epoch, 0);
        if (frame.seq <= room.seq) return;
        room.seq = frame.seq;
        this.#skip(room);
      }
      if (!room?.held) {
        this.#tell(frame);
        return;
      }
      room.held.push(frame);
      if (room.held.length > maxHeld) this.#release(room);
    }

    // Own messages that the server does not send back are not gaps.
    #skip(room) {
      while (room.skipped.delete(room.seq + 1)) room.seq += 1;
    }

    #acknowledge(frame) {
      const request = this.#requests.get(frame.ref);
      const room = this.#rooms.get(request?.item?.room);
      if (request?.item?.exceptSelf && room && frame.epoch === room.epoch && frame.seq > room.seq) {
        room.skipped.add(frame.seq);
        this.#skip(room);
      }
      this.#settle(frame.ref, 'resolve', { ...unpacked(frame), room: request?.item?.room });
    }

    // Requests to the server

    #isReady(room) {
      return this.#state === 'open' && (this.#rooms.get(room)?.joined ?? true);
    }

    #ask(ref, request, timeoutMs = this.#options.requestTimeoutMs) {
      const connection = this.#connection;
      const frame = frameOf(request, connection.isBinary);
      const max = this.maxMessageBytes;
      // A UTF-16 unit has at most three bytes in UTF-8.
      if (max !== null && frame.length * 3 > max && bytesOf(frame) > max) {
        request.reject(this.#tooLarge());
        return;
      }
      this.#requests.set(ref, request);
      connection.send(frame);
      request.end = connection.givenBytes;
      request.size = frame.length;
      // The server cannot answer before it has all of the message.
      const wait = (sentBytes) => {
        request.timer = setTimeout(() => {
          if (sentBytes < request.end && connection.sentBytes > sentBytes) wait(connection.sentBytes);
          else this.#settle(ref, 'reject', new ChatError('timed_out', 'no answer in time'));
        }, timeoutMs);
      };
      wait(connection.sentBytes);
    }

    // Reports how much of a message has been sent, until it is answered.
    #watchProgress(ref, onProgress) {
      const connection = this.#connection;
      const request = this.#requests.get(ref);
      if (!request) return;
      const total = request.size;
      let timer;
      const look = () => {
        if (this.#requests.get(ref) !== request) {
          clearInterval(timer);
          return;
        }
        const unsent = Math.max(0, Math.min(total, request.end - connection.sentBytes));
        try {
          onProgress({ sent: total - unsent, total });
        } catch (error) {
          queueMicrotask(() => { throw error; });
        }
      };
      timer = setInterval(look, progressMs);
      look();
    }

    #settle(ref, how, value) {
      const request = this.#requests.get(ref);
      if (!request) return false;
      this.#requests.delete(ref);
      clearTimeout(request.timer);
      request[how](value);
      return true;
    }

    #request(fields) {
      return new Promise((resolve, reject) => {
        if (this.#state !== 'open') throw new ChatError('not_connected', 'there is no connection');
        const ref = this.#nextRef++;
        this.#ask(ref, { type: fields.type, room: fields.room, json: JSON.stringify({ ...fields, ref }), resolve, reject });
      });
    }

    #transmit(item) {
      const { ref, json, attachments, resolve, reject, timeoutMs, onProgress } = item;
      item.sentAt ??= Date.now();
      this.#ask(ref, { type: 'send', item, json, attachments, resolve, reject }, timeoutMs);
      if (onProgress) this.#watchProgress(ref, onProgress);
    }

    #flush(room) {
      if (!this.#isReady(room)) return;
      const due = this.#queue.filter((item) => item.room === room);
      this.#queue = this.#queue.filter((item) => item.room !== room);
      for (const item of due) {
        if (item.uncertain && Date.now() - item.sentAt > maxResendMs) item.reject(unknownOutcome());
        else this.#transmit(item);
      }
    }

    #sendJoin(name, room) {
      const position = room.epoch === null ? {} : { epoch: room.epoch, seq: room.seq };
      this.#request({ type: 'join', room: name, ...position }).catch((error) => {
        if (error.code === 'connection_lost' || this.#rooms.get(name) !== room) return;
        const asked = room.waiting.length > 0;
        if (room.joined) { // the rejoin failed
          for (const { reject } of room.waiting.splice(0)) reject(error);
          return;
        }
        if (!asked && isPassing(error)) {
          this.#later(() => { if (this.#rooms.get(name) === room && !room.joined) this.#sendJoin(name, room); });
          return;
        }
        this.#forget(name, error);
        if (!asked) this._emit('left', { room: name, reason: error.message, code: error.code, asked: false });
      });
    }

    // After a rate limit the action is retried later. A new connection performs it anyway.
    #later(action) {
      const connection = this.#connection;
      setTimeout(() => { if (this.#connection === connection) action(); }, backoffMs(0, this.#options, this.#options.random));
    }

    // One reply settles all renames that were requested without a connection.
    #sendName(name, renames) {
      this.#request({ type: 'name', name }).then((reply) => {
        this.#wantedName = name;
        this.#settleRenames(renames, 'resolve', reply.name);
      }, (error) => {
        if (error.code === 'connection_lost') return;
        if (renames.length === 0 && isPassing(error)) {
          this.#later(() => { if (this.#wantedName === name) this.#sendName(name, []); });
          return;
        }
        if (this.#wantedName === name) this.#wantedName = undefined;
        if (renames.length) this.#settleRenames(renames, 'reject', error);
        else this._emit('error', error);
      });
    }

    #settleRenames(renames, how, value) {
      this.#renames = this.#renames.filter((rename) => !renames.includes(rename));
      for (const rename of renames) rename[how](value);
    }

    #forget(name, error) {
      const room = this.#rooms.get(name);
      this.#rooms.delete(name);
      for (const { reject } of room?.waiting ?? []) reject(error);
      for (const item of this.#queue.filter((other) => other.room === name)) item.reject(error);
      this.#queue = this.#queue.filter((item) => item.room !== name);
    }
  }

  const chat = { connect: (options) => new Client(options), Client, ChatError, backoffMs, toBase64, fromBase64, version: '0.1.0' };
  if (typeof module === 'object' && module.exports) module.exports = chat;
  else globalThis.chat = chat;
})();
