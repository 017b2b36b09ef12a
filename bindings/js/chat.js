/*
 * chat.js: a client of libchat, which speaks chat.v1 (docs/protocol.md) and comes back after every loss.
 *
 * One file for every way to load it: a classic script (global `chat`), a CommonJS module, and chat.mjs, which re-exports
 * it. It needs a WebSocket and nothing else. Helpers come first, then Connection, which is one WebSocket, then Client,
 * which outlives any number of them. What a user may call stands in chat.d.ts.
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
    resend: false,
  };

  // The attribute by which a client with `resend` knows its own message again.
  const sendIdAttribute = 'chat-send-id';
  // Each connection has an id; so many of them count as our own.
  const maxOwnIds = 100;
  // Not to be mended by coming back: docs/protocol.md. What applications invent is meant, so it is final too.
  const isFinal = (code) => [1000, 1002, 1003, 1007, 1008, 1010].includes(code) || code >= 3000;

  class ChatError extends Error {
    constructor(code, reason = code) {
      super(reason);
      this.name = 'ChatError';
      this.code = code;
    }
  }

  // Exponential with full jitter: anything from 0 to a ceiling that doubles.
  function backoffMs(attempt, { reconnectMinMs, reconnectMaxMs } = defaults, random = Math.random) {
    return random() * Math.min(reconnectMaxMs, reconnectMinMs * 2 ** Math.min(attempt, 30));
  }

  function toBase64(bytes) {
    if (bytes.toBase64) return bytes.toBase64();
    let binary = '';
    // Arguments of one call are bounded.
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

  // Bytes anywhere in the arguments become attachments, and placeholders in their stead.
  function pack(value, attachments) {
    const bytes = asBytes(value);
    if (bytes) return { _placeholder: true, num: attachments.push(toBase64(bytes)) - 1 };
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

  // A frame with arguments as its receiver wants them.
  function unpacked({ type, ref, ...rest }) {
    if (!rest.attachments) return rest;
    const attachments = rest.attachments.map(fromBase64);
    return { ...rest, attachments, args: unpack(rest.args, attachments) };
  }

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

    // A listener that throws harms neither the others nor the connection.
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

  // One WebSocket, from its opening to its loss: onFrame for each frame, and onLost once.
  class Connection {
    #options;
    #onLost;
    #frames = 0;
    #heardAt = 0;
    #timer;

    constructor(address, options, onFrame, onLost) {
      this.#options = options;
      this.#onLost = onLost;
      this.#timer = setTimeout(() => this.abandon('no welcome in time'), options.connectTimeoutMs);
      this.socket = new options.WebSocket(address, 'chat.v1');
      this.socket.onmessage = ({ data }) => {
        this.#frames += 1;
        this.#heardAt = Date.now();
        let frame;
        try {
          frame = JSON.parse(data);
        } catch {
          this.abandon('the server does not speak chat.v1', 1002);
          return;
        }
        if (typeof frame === 'object' && frame !== null) onFrame(frame);
      };
      this.socket.onerror = () => {};
      this.socket.onclose = ({ code, reason }) => this.#end(code, reason);
    }

    send(text) {
      this.socket.send(text);
    }

    // The welcome has come: from now on silence is looked into.
    watch() {
      clearTimeout(this.#timer);
      const { pingIntervalMs } = this.#options;
      const quietMs = Math.max(0, Date.now() - this.#heardAt);
      if (quietMs >= pingIntervalMs) this.probe();
      else this.#timer = setTimeout(() => this.watch(), pingIntervalMs - quietMs);
    }

    // Whatever is heard in time will do.
    probe() {
      clearTimeout(this.#timer);
      const frames = this.#frames;
      this.send('{"type":"ping"}');
      this.#timer = setTimeout(() => {
        if (this.#frames > frames) this.watch();
        else this.abandon('no answer to a ping');
      }, this.#options.pingTimeoutMs);
    }

    // A dead network does not answer a close either, so nothing waits for that.
    abandon(reason, code = 1006) {
      const { socket } = this;
      this.#end(code, reason);
      if (socket.terminate) socket.terminate();
      else socket.close();
    }

    close(code, reason) {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.abandon(reason, code), this.#options.pingTimeoutMs);
      this.socket.close(code, reason);
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
    // Told from another by whoever waited for a token meanwhile.
    #generation = 0;
    // name -> { epoch, seq: the newest that was delivered, joined: on this connection, skipped: own numbers that the
    // server keeps from us, waiting: calls of join() }
    #rooms = new Map();
    #ownIds = new Set();
    #requests = new Map();
    #nextRef = 1;
    #queue = [];
    #queuedBytes = 0;
    #wantedName;
    #renames = [];
    #forgetListeners = () => {};

    constructor(options = {}) {
      super();
      if (typeof options === 'string') options = { url: options };
      this.#options = { ...defaults, WebSocket: globalThis.WebSocket, random: Math.random };
      for (const [name, value] of Object.entries(options)) if (value !== undefined) this.#options[name] = value;
      if (!this.#options.WebSocket) throw new TypeError('there is no WebSocket here: pass one, { WebSocket }');
      addressOf(this.#options.url, {}); // throws when it is none
      this.id = null;
      this.name = null;
      this.room = this.#options.room ?? null;
      this.#wantedName = this.#options.name;
      if (this.room !== null) this.#addRoom(this.room, this.#options);
      for (const room of this.#options.rooms ?? []) {
        if (typeof room === 'string') this.#addRoom(room);
        else this.#addRoom(room.room, room);
      }
      this.#listen();
      // Whoever has called connect() adds listeners first.
      queueMicrotask(() => this.#open());
    }

    get state() { return this.#state; }

    // Where each room stands; what connect() and join() take to continue there.
    get positions() {
      return [...this.#rooms].map(([room, { epoch, seq }]) => ({ room, ...(epoch === null ? {} : { epoch, seq }) }));
    }

    send(message, options = {}) {
      return new Promise((resolve, reject) => {
        if (this.#state === 'closed') throw new ChatError('closed', 'the client is closed');
        const what = typeof message === 'string' ? { text: message } : message;
        const { text, event, args } = what;
        const { room, ephemeral, exceptSelf, timeoutMs } = { ...what, ...options };
        const mayResend = (options.resend ?? this.#options.resend) && !ephemeral && !exceptSelf;
        const ref = this.#nextRef++;
        let attributes = options.attributes ?? what.attributes;
        let sendId;
        if (mayResend) {
          sendId = globalThis.crypto?.randomUUID?.() ?? `${Math.random()}${Date.now()}${ref}`;
          attributes = { ...attributes, [sendIdAttribute]: sendId };
        }
        const attachments = [];
        const item = { ref, room: room ?? this.room, exceptSelf, mayResend, sendId, resolve, reject, timeoutMs };
        item.text = JSON.stringify({
          type: 'send',
          ref,
          room: item.room ?? undefined,
          event,
          text,
          args: args && pack(args, attachments),
          attachments: attachments.length ? attachments : undefined,
          attributes,
          ephemeral: ephemeral || undefined,
          except_self: exceptSelf || undefined,
        });
        const { queueMessages, queueBytes } = this.#options;
        if (this.#isReady(item.room) && !this.#queue.some((other) => other.room === item.room)) this.#transmit(item);
        else if (ephemeral || !queueMessages) throw new ChatError('not_connected', 'there is no connection');
        else if (this.#queue.length >= queueMessages || this.#queuedBytes + item.text.length > queueBytes) {
          throw new ChatError('queue_full', 'too much waits for the connection');
        } else this.#enqueue(item);
      });
    }

    join(room, position = {}) {
      if (this.#state === 'closed') return Promise.reject(new ChatError('closed', 'the client is closed'));
      return new Promise((resolve, reject) => {
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

    // Without a connection it is asked for when there is one.
    rename(name) {
      if (this.#state === 'closed') return Promise.reject(new ChatError('closed', 'the client is closed'));
      return new Promise((resolve, reject) => {
        this.#renames.push({ name, resolve, reject });
        if (this.#state === 'open') this.#sendName(name);
      });
    }

    async history({ room, after, limit } = {}) {
      const { messages, ...reply } = await this.#request({ type: 'history', room: room ?? this.room, after, limit });
      return { ...reply, messages: messages.map((message) => this.#asMessage(message)) };
    }

    async members(room) {
      return (await this.#request({ type: 'members', room: room ?? this.room })).members;
    }

    async rooms() {
      return (await this.#request({ type: 'rooms' })).rooms;
    }

    // How long the answer took, in milliseconds.
    async ping() {
      const sentAt = performance.now();
      await this.#request({ type: 'ping' });
      return performance.now() - sentAt;
    }

    // At once, whatever was waited for; also what was closed or refused begins anew.
    reconnect(options = {}) {
      if (this.#connection) return;
      for (const name of ['token', 'url']) if (options[name] !== undefined) this.#options[name] = options[name];
      this.#closing = null;
      this.#attempt = 0;
      this.#listen();
      this.#open();
    }

    close(code = 1000, reason = '') {
      if (this.#state === 'closed') return Promise.resolve();
      this.#closing ??= {};
      this.#closing.promise ??= new Promise((resolve) => { this.#closing.resolve = resolve; });
      const { promise } = this.#closing;
      if (this.#connection) this.#connection.close(code, reason);
      else this.#end(code, reason);
      return promise;
    }

    // ---- connections

    #setState(state, details = {}) {
      this.#state = state;
      this._emit('status', { state, ...details });
    }

    #addRoom(name, { epoch, seq } = {}) {
      const known = epoch !== undefined && epoch !== null && Number.isInteger(seq);
      const room = { epoch: known ? epoch : null, seq: known ? seq : 0, joined: false, skipped: new Set(), waiting: [] };
      this.#rooms.set(name, room);
      return room;
    }

    // A connection begins in one room; the others are joined once it is open.
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
        // No token, or an address that is none: the first may be had later.
        if (generation === this.#generation) this.#lost(address ? 1002 : 1006, error.message);
      }
    }

    #lost(code, reason) {
      const wasOpen = this.#state === 'open';
      this.#connection = null;
      for (const room of this.#rooms.values()) room.joined = false;
      const requests = [...this.#requests.values()];
      this.#requests.clear();
      const unanswered = [];
      for (const request of requests) {
        clearTimeout(request.timer);
        if (request.type === 'leave') request.resolve({});
        else if (request.type !== 'send') request.reject(new ChatError('connection_lost', 'the connection has ended'));
        else if (code === 1009) request.reject(new ChatError('too_large', 'perhaps it was this message that was too large'));
        else if (request.item.mayResend) unanswered.push(request.item);
        else request.reject(new ChatError('unknown_outcome', 'the connection ended before the message was acknowledged'));
      }
      // Before what was said later.
      for (const item of unanswered) item.uncertain = true;
      this.#queue.unshift(...unanswered);
      this.#countQueue();

      if (wasOpen && Date.now() - this.#openAt >= this.#options.stableMs) this.#attempt = 0;
      const { reconnect } = this.#options;
      const comesBack = typeof reconnect === 'function' ? reconnect({ code, reason }) : reconnect && !isFinal(code);
      if (this.#closing || !comesBack) {
        this.#end(code, reason);
        return;
      }
      const delayMs = Math.round(backoffMs(this.#attempt, this.#options, this.#options.random));
      this.#attempt += 1;
      this.#timer = setTimeout(() => this.#open(), delayMs);
      this.#setState('waiting', { code, reason, attempt: this.#attempt, delayMs });
    }

    #end(code, reason) {
      clearTimeout(this.#timer);
      this.#generation += 1;
      this.#forgetListeners();
      const error = new ChatError('closed', reason || `the connection has ended: ${code}`);
      for (const item of this.#queue.splice(0)) item.reject(item.uncertain ? new ChatError('unknown_outcome', error.message) : error);
      this.#countQueue();
      for (const room of this.#rooms.values()) for (const { reject } of room.waiting.splice(0)) reject(error);
      for (const { reject } of this.#renames.splice(0)) reject(error);
      const { asked = this.#closing !== null, resolve = () => {} } = this.#closing ?? {};
      this.#setState('closed', { code, reason, asked });
      resolve();
    }

    // What a browser notices of the network, and of who looks.
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
      // Not more often than the shortest delay, however often somebody looks.
      else if (this.#state === 'waiting' && Date.now() - this.#attemptAt >= this.#options.reconnectMinMs) this.#open();
    }

    // ---- what the server says

    #hear(frame) {
      const settle = (value) => this.#settle(frame.ref, 'resolve', value);
      switch (frame.type) {
        case 'message': return this.#deliver(frame);
        case 'welcome': return this.#welcome(frame);
        case 'ack': return this.#acknowledge(frame);
        case 'joined':
          // One that has been left meanwhile is none any more.
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
          return this._emit('gap', { cause: 'slow', room: frame.room, epoch: frame.epoch, from: frame.from, to: frame.to, dropped: frame.dropped });
        case 'error': {
          const error = new ChatError(frame.code, frame.reason);
          if (!this.#settle(frame.ref, 'reject', error)) this._emit('error', error);
          return undefined;
        }
        case 'pong':
        case 'history':
        case 'members':
        case 'rooms': return settle(frame);
        default: return undefined; // of a later server
      }
    }

    #welcome(frame) {
      this.id = frame.id;
      this.name = frame.name;
      this.#ownIds.add(frame.id);
      if (this.#ownIds.size > maxOwnIds) this.#ownIds.delete(this.#ownIds.values().next().value);
      if (this.room === null) {
        this.room = frame.room;
        for (const item of this.#queue) item.room ??= frame.room;
        if (!this.#rooms.has(frame.room)) this.#addRoom(frame.room);
      }
      this.#openAt = Date.now();
      this.#connection.watch();
      this.#setState('open', { id: frame.id, name: frame.name, room: frame.room });
      if (this.#state !== 'open') return; // a listener has closed it
      const wanted = this.#renames.at(-1)?.name ?? this.#wantedName;
      if (wanted && wanted !== frame.name) this.#sendName(wanted);
      else if (wanted) this.#settleRenames('resolve', wanted);
      // Everything was left while there was no connection.
      if (!this.#rooms.has(frame.room)) this.#request({ type: 'leave', room: frame.room }).catch(() => {});
      this.#entered(frame);
      for (const [name, room] of this.#rooms) if (name !== frame.room) this.#sendJoin(name, room);
      // What goes to a room that was never joined is the server's to refuse.
      for (const name of new Set(this.#queue.map((item) => item.room))) if (!this.#rooms.has(name)) this.#flush(name);
    }

    #entered(frame) {
      const room = this.#rooms.get(frame.room);
      if (!room) return;
      const { epoch, seq, resumed, complete } = frame;
      const before = { epoch: room.epoch, seq: room.seq };
      if (epoch !== room.epoch) {
        room.epoch = epoch;
        room.seq = resumed ? 0 : seq;
        room.skipped.clear();
      } else if (seq < room.seq) room.seq = seq;
      const again = room.joined;
      room.joined = true;
      const joined = { room: frame.room, epoch, seq, resumed, complete };
      this._emit('joined', joined);
      if (resumed && !complete) {
        const sameEpoch = before.epoch === epoch;
        this._emit('gap', { cause: sameEpoch ? 'old' : 'epoch', room: frame.room, epoch, ...(sameEpoch ? { from: before.seq + 1 } : {}) });
      }
      for (const { resolve } of room.waiting.splice(0)) resolve(joined);
      if (again || !this.#queue.some((item) => item.room === frame.room)) return;
      // Whether the unanswered ones had arrived shows once everything that was missed is here: the pong comes behind it.
      if (this.#queue.some((item) => item.room === frame.room && item.uncertain)) {
        this.#request({ type: 'ping' }).then(() => this.#flush(frame.room), () => {});
      } else this.#flush(frame.room);
    }

    #asMessage(frame) {
      return { ...unpacked(frame), ephemeral: frame.ephemeral === true, own: this.#ownIds.has(frame.from?.id) };
    }

    #deliver(frame) {
      const room = this.#rooms.get(frame.room);
      if (frame.seq !== undefined) {
        if (!room) return; // left meanwhile
        if (frame.epoch !== room.epoch) {
          room.epoch = frame.epoch;
          room.seq = 0;
          room.skipped.clear();
        }
        if (frame.seq <= room.seq) return;
        room.seq = frame.seq;
        this.#skip(room);
        this.#recognise(frame);
      }
      this._emit('message', this.#asMessage(frame));
    }

    // Own messages that the server keeps from us leave a hole that is none.
    #skip(room) {
      while (room.skipped.delete(room.seq + 1)) room.seq += 1;
    }

    // A message that was sent on an earlier connection, and whose acknowledgement was lost with that.
    #recognise(frame) {
      const id = frame.attributes?.[sendIdAttribute];
      if (!id) return;
      const index = this.#queue.findIndex((item) => item.uncertain && item.sendId === id);
      if (index < 0) return;
      const [item] = this.#queue.splice(index, 1);
      this.#countQueue();
      item.resolve({ room: item.room, seq: frame.seq, epoch: frame.epoch });
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

    // ---- what the client says

    #isReady(room) {
      return this.#state === 'open' && (this.#rooms.get(room)?.joined ?? true);
    }

    #await(ref, request, timeoutMs = this.#options.requestTimeoutMs) {
      request.timer = setTimeout(() => this.#settle(ref, 'reject', new ChatError('timed_out', 'no answer in time')), timeoutMs);
      this.#requests.set(ref, request);
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
        this.#await(ref, { type: fields.type, resolve, reject });
        this.#connection.send(JSON.stringify({ ...fields, ref }));
      });
    }

    #transmit(item) {
      this.#await(item.ref, { type: 'send', item, resolve: item.resolve, reject: item.reject }, item.timeoutMs);
      this.#connection.send(item.text);
    }

    #enqueue(item) {
      this.#queue.push(item);
      this.#countQueue();
    }

    #countQueue() {
      this.#queuedBytes = this.#queue.reduce((sum, { text }) => sum + text.length, 0);
    }

    #flush(room) {
      if (!this.#isReady(room)) return;
      const due = this.#queue.filter((item) => item.room === room);
      this.#queue = this.#queue.filter((item) => item.room !== room);
      this.#countQueue();
      for (const item of due) this.#transmit(item);
    }

    #sendJoin(name, room) {
      const position = room.epoch === null ? {} : { epoch: room.epoch, seq: room.seq };
      this.#request({ type: 'join', room: name, ...position }).catch((error) => {
        if (error.code === 'connection_lost' || this.#rooms.get(name) !== room) return;
        const asked = room.waiting.length > 0;
        this.#forget(name, error);
        if (!asked) this._emit('left', { room: name, reason: error.message, code: error.code, asked: false });
      });
    }

    #sendName(name) {
      this.#request({ type: 'name', name }).then((reply) => {
        this.#wantedName = name;
        this.#settleRenames('resolve', reply.name);
      }, (error) => {
        if (error.code === 'connection_lost') return;
        if (this.#wantedName === name) this.#wantedName = undefined;
        if (!this.#settleRenames('reject', error)) this._emit('error', error);
      });
    }

    #settleRenames(how, value) {
      const waiting = this.#renames.splice(0);
      for (const rename of waiting) rename[how](value);
      return waiting.length > 0;
    }

    #forget(name, error) {
      const room = this.#rooms.get(name);
      this.#rooms.delete(name);
      for (const { reject } of room?.waiting ?? []) reject(error);
      for (const item of this.#queue.filter((other) => other.room === name)) item.reject(error);
      this.#queue = this.#queue.filter((item) => item.room !== name);
      this.#countQueue();
    }
  }

  const chat = { connect: (options) => new Client(options), Client, ChatError, backoffMs, toBase64, fromBase64, version: '0.1.0' };
  if (typeof module === 'object' && module.exports) module.exports = chat;
  else globalThis.chat = chat;
})();
