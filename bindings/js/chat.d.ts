// The types of chat.js. As a classic script it is the global `chat`.
export as namespace chat;

export const version: string;

/** Connects, and reconnects until close(), or until a close code of the server says that reconnecting is useless. */
export function connect(options?: ConnectOptions | string | URL): Client;

/** A random delay below a ceiling, which doubles with each attempt (counted from 0) within the bounds. */
export function backoffMs(
  attempt: number,
  bounds?: { reconnectMinMs: number; reconnectMaxMs: number },
  random?: () => number,
): number;

export function toBase64(bytes: Uint8Array): string;
export function fromBase64(text: string): Uint8Array;

export interface ConnectOptions {
  /** A ws:, wss:, http: or https: URL. In a browser it may be relative to the page. Default: "/chat.v1". */
  url?: string | URL;
  /** The first room. Default: the server's default room. */
  room?: string;
  /** The last known position in that room, from an earlier `positions`. The server sends the messages after it. */
  epoch?: string;
  seq?: number;
  /** More rooms to join. */
  rooms?: Array<string | RoomPosition>;
  /** The requested display name. */
  name?: string;
  /** `client.own` of an earlier client, for example before a reload. Its messages count as own messages. */
  own?: readonly string[];
  /** A token for the application, sent in the URL. If it is a function, it is called before each attempt. */
  token?: string | (() => string | Promise<string>);
  /** A WebSocket implementation, for example `ws`, when there is no global WebSocket. */
  WebSocket?: WebSocketConstructor;
  /** Whether to reconnect after a lost connection: true (default, see docs/chat-js.md), false, or a function. */
  reconnect?: boolean | ((loss: { code: number; reason: string }) => boolean);
  /** The bounds of the delay's ceiling. Defaults: 1,000 and 30,000. */
  reconnectMinMs?: number;
  reconnectMaxMs?: number;
  /** A connection that lasted this long resets the delays. Default: 10,000. */
  stableMs?: number;
  /** The time limit until the server's welcome. Default: 20,000. */
  connectTimeoutMs?: number;
  /** The silence before a ping (25,000), and the further silence before the connection counts as lost (10,000). */
  pingIntervalMs?: number;
  pingTimeoutMs?: number;
  /** The time limit for every request, including messages. Default: 30,000. */
  requestTimeoutMs?: number;
  /** Limits on messages that wait for a connection: 100 messages and 1,048,576 bytes. 0: they fail immediately. */
  queueMessages?: number;
  queueBytes?: number;
  /** The limit on bytes that the WebSocket has not sent yet. Above it, requests fail. Default: 16,777,216. */
  bufferBytes?: number;
  /** Whether to send messages again whose acknowledgement was lost. The server publishes each one once. Default: true. */
  resend?: boolean;
  /** Whether to offer chat.v1.binary, so that attachments are sent as bytes instead of base64. Default: true. */
  binary?: boolean;
  /** The number of kept messages to deliver after the first join of a room, before new ones; true: all. Default: false. */
  replay?: boolean | number;
  /** A random number from 0 to 1, for the delays. Default: Math.random. */
  random?: () => number;
}

export interface WebSocketConstructor {
  new (url: string, protocols?: string | string[]): unknown;
}

export interface RoomPosition {
  room: string;
  epoch?: string;
  seq?: number;
}

/** A value in an outgoing message: JSON, with bytes anywhere in it. */
export type Value = string | number | boolean | null | ArrayBuffer | ArrayBufferView | Value[] | { [key: string]: Value };

/** A value in a received message: bytes are Uint8Array. */
export type Received = string | number | boolean | null | Uint8Array | Received[] | { [key: string]: Received };

export interface SendOptions {
  /** Default: `client.room`. */
  room?: string;
  /** Sent with the message. */
  attributes?: Record<string, string>;
  /** The message is neither numbered nor kept, and never waits for a connection. */
  ephemeral?: boolean;
  /** The sender does not receive it. */
  exceptSelf?: boolean;
  /** The number of the message that this one answers. */
  replyTo?: number;
  /** The message's own id, 1 to 255 visible ASCII characters; the server publishes it once. Default: a random one. */
  id?: string;
  resend?: boolean;
  timeoutMs?: number;
  /** Called while the message is being sent, with bytes of the message. */
  onProgress?: (progress: { sent: number; total: number }) => void;
}

export interface FileOptions extends SendOptions {
  /** Default: the name of a File; otherwise "file". */
  name?: string;
  /** Default: "file". */
  event?: string;
}

export type Outgoing = SendOptions & { event?: string } & ({ text: string; args?: undefined } | { args: readonly Value[]; text?: undefined });

export interface Ack {
  room?: string;
  /** Absent when the message has no number. */
  seq?: number;
  epoch?: string;
  /** The answer of the application. */
  args?: Received[];
  attachments?: Uint8Array[];
}

export interface Message {
  /** Absent for an announcement to everyone. */
  room?: string;
  seq?: number;
  epoch?: string;
  /** Milliseconds since 1970, UTC. */
  time: number;
  /** Without an id, the sender is the application. Names are not unique and may imitate others; only the id
   * identifies a person. */
  from: { id?: string; name?: string };
  event: string;
  /** A message has either text or args. */
  text?: string;
  args?: Received[];
  /** The bytes in args, in order. */
  attachments?: Uint8Array[];
  attributes?: Record<string, string>;
  ephemeral: boolean;
  /** The number of the message that it answers. */
  reply_to?: number;
  /** The time of its last edit. */
  edited?: number;
  /** It was deleted: its text is empty. */
  deleted?: true;
  reactions?: { reaction: string; count: number }[];
  /** Whether this client sent it, on this connection or an earlier one. */
  own: boolean;
  /** True for a message of the history that the option `replay` asked for. */
  replayed?: true;
}

export interface Joined {
  room: string;
  epoch: string;
  /** The number of the newest message at the time of joining. */
  seq: number;
  resumed: boolean;
  complete: boolean;
  /** Absent for members and guests. */
  role?: Role;
  /** How far the user has read; absent when nothing is known of it. */
  seen?: number;
}

export interface Left {
  room: string;
  reason: string;
  /** False: the server removed the client, or rejected the rejoin after a reconnect. */
  asked: boolean;
  /** The error code of a rejected rejoin. */
  code?: string;
}

/** Messages that will not arrive by themselves. history() may still have them. */
export interface Gap {
  /** slow: the client read too slowly; old: it was away too long; epoch: the numbering restarted. */
  cause: 'slow' | 'old' | 'epoch';
  /** Absent for announcements to everyone. */
  room?: string;
  epoch?: string;
  from?: number;
  to?: number;
  dropped?: number;
}

export type Status =
  | { state: 'connecting'; attempt: number }
  | { state: 'open'; id: string; name: string; room: string }
  | { state: 'waiting'; code: number; reason: string; attempt: number; delayMs: number }
  | { state: 'closed'; code: number; reason: string; asked: boolean };

export interface History {
  room: string;
  epoch: string;
  seq: number;
  /** True if no message above `after` and below `before` is missing. */
  complete: boolean;
  messages: Message[];
}

export interface Found extends Omit<History, 'complete'> {
  /** False if older messages may have the words too: then continue with `before`. */
  complete: boolean;
  before?: number;
}

export interface Member {
  id: string;
  name: string;
}

/** A person in a room: a user, who may have several clients there, or a guest. */
export interface Person {
  /** The user id; absent for a guest. */
  user?: string;
  /** The id of a guest's client; absent for a user. */
  id?: string;
  name: string;
  /** What the person tells with setState(). By convention an object; `away: true` in it says that the person is away. */
  state?: Received;
}

export interface Present {
  room: string;
  /** The people in the room. */
  count: number;
  /** All of them; null when only their number is known. */
  people: Person[] | null;
}

export interface Presence extends Present {
  joined: Person[];
  left: Person[];
  /** People with a new name or state. */
  changed: Person[];
}

export interface RoomInfo {
  name: string;
  epoch: string;
  seq: number;
  members: number;
  history: number;
}

/** A kept message of the room was edited, deleted or given a reaction, or a reaction was taken back. */
export interface Change {
  type: 'edit' | 'delete' | 'react';
  room: string;
  seq: number;
  epoch: string;
  time: number;
  from: Message['from'];
  /** The number of the message. */
  target: number;
  /** Of an edit: what the message has now. */
  text?: string;
  args?: Received[];
  attachments?: Uint8Array[];
  /** Of a reaction. */
  reaction?: string;
  added?: boolean;
  /** The users that give this reaction now. */
  count?: number;
  /** Whether this client made it, on this connection or an earlier one. */
  own: boolean;
}

export type Role = 'guest' | 'member' | 'moderator' | 'owner';

/** The target of a moderator: exactly one for kick, ban, mute, role and clear; otherwise none. docs/moderation.md. */
export interface ModerateOptions {
  /** Default: `client.room`. */
  room?: string;
  /** The id of a client, `from.id` of its messages. */
  client?: string;
  /** A user id. */
  user?: string;
  /** An address or an address block, of a ban. */
  address?: string;
  /** Of a ban or a mute; 0 lifts it. */
  durationMs?: number;
  /** Of slow_mode: milliseconds; of members_only and read_only: true or false; of role: the role. */
  value?: number | boolean | Role;
  /** For the people concerned, at most 500 bytes. */
  reason?: string;
}

/** Something was moderated. The server tells it only where its option moderation_events is set. */
export interface Moderation {
  room: string;
  time: number;
  /** An action of docs/moderation.md; later versions may add more. */
  action: string;
  /** The target: its user id and display name. */
  user?: string;
  name?: string;
  /** The display name of who moderated; absent when the application did. */
  by?: string;
  duration_ms?: number;
  value?: number | boolean | string;
  reason?: string;
}

/** The user has read up to this number, on another client. */
export interface Seen {
  room: string;
  seq: number;
}

export interface ClientEvents {
  message: Message;
  /** After the message that it refers to. */
  change: Change;
  status: Status;
  joined: Joined;
  left: Left;
  named: { name: string };
  gap: Gap;
  /** The people in a room have changed, or are known for the first time. Only where the server has presence on. */
  presence: Presence;
  moderation: Moderation;
  seen: Seen;
  error: ChatError;
}

export class ChatError extends Error {
  constructor(code: string, reason?: string, retryAfterMs?: number);
  /** A code of docs/protocol.md, or not_connected, queue_full, unknown_outcome, connection_lost, timed_out, unreadable or closed. */
  readonly code: string;
  /** After this time the same may be allowed, for example in slow mode; absent when that is not known. */
  readonly retryAfterMs?: number;
}

export class Client {
  constructor(options?: ConnectOptions | string | URL);
  /** The id on the present connection; null before the first. */
  readonly id: string | null;
  /** The user id that the server gave this client; null for a guest. */
  readonly user: string | null;
  readonly name: string | null;
  /** The room of messages that do not name one. */
  readonly room: string | null;
  readonly state: Status['state'];
  readonly positions: RoomPosition[];
  /** The largest message that the server accepts, in bytes; null when it did not say so. */
  readonly maxMessageBytes: number | null;
  /** Identifies own messages; a value for the option `own`. At most 1,000 short strings. */
  readonly own: string[];
  /** Returns a function that removes the listener. */
  on<Type extends keyof ClientEvents>(type: Type, listener: (event: ClientEvents[Type]) => void): () => void;
  once<Type extends keyof ClientEvents>(type: Type, listener: (event: ClientEvents[Type]) => void): () => void;
  off<Type extends keyof ClientEvents>(type: Type, listener: (event: ClientEvents[Type]) => void): void;
  send(message: string | Outgoing, options?: SendOptions): Promise<Ack>;
  /** Sends a message with the arguments [name, bytes]. */
  sendFile(file: Blob | ArrayBuffer | ArrayBufferView, options?: FileOptions): Promise<Ack>;
  join(room: string, position?: { epoch?: string; seq?: number }): Promise<Joined>;
  leave(room: string): Promise<void>;
  rename(name: string): Promise<string>;
  /** Replaces the text of a kept message. */
  edit(target: number, text: string, options?: { room?: string }): Promise<Ack>;
  /** Deletes a kept message; its number remains. */
  delete(target: number, options?: { room?: string }): Promise<Ack>;
  /** Gives a kept message a reaction, or takes it back. */
  react(target: number, reaction: string, options?: { room?: string; remove?: boolean }): Promise<Ack>;
  /** Reports a kept message to the application. `unknown_type` when the server has no reports. */
  report(target: number, reason?: string, options?: { room?: string }): Promise<void>;
  /** Moderates a room: "kick", "ban", "mute", "slow_mode", "members_only", "read_only", "close", "role", "clear" and what a later server
   * knows. `forbidden` unless the client's role allows it. */
  moderate(action: string, options?: ModerateOptions): Promise<void>;
  /** The client's role in a room, as of the join, or of a later event `moderation`. Default: `client.room`. */
  role(room?: string): Role;
  /** The milliseconds that the client must wait between two messages in a room, known like the role; 0: no slow mode. */
  slowModeMs(room?: string): number;
  /** The user has read up to this number; default: all that has arrived. Other clients of the user are told. `forbidden` for
   * guests. */
  seen(seq?: number, options?: { room?: string }): Promise<void>;
  /** How far the user has read, as far as this client knows; 0: unknown. Default: `client.room`. */
  seenIn(room?: string): number;
  /** The numbers after that, up to the newest one that has arrived. Changes of messages have numbers too. */
  unread(room?: string): number;
  history(options?: { room?: string; after?: number; before?: number; around?: number; limit?: number }): Promise<History>;
  /** Kept messages with all words of a text. `unknown_type` where the server does not search. */
  search(text: string, options?: { room?: string; before?: number; limit?: number }): Promise<Found>;
  members(room?: string): Promise<Member[]>;
  /** Who is in a room, as far as this client knows; null where presence is off. Default: `client.room`. */
  present(room?: string): Present | null;
  /** Asks the server who is in a room. `forbidden` where presence is off. */
  presence(room?: string): Promise<Present>;
  /** Sets what presence tells about this client, a JSON value of at most 1,024 bytes; null: nothing. Also after a reconnect. */
  setState(state?: Value): Promise<void>;
  rooms(): Promise<RoomInfo[]>;
  /** Resolves with the round trip in milliseconds. */
  ping(): Promise<number>;
  /** Connects immediately after a loss or a close. While the client is closing, connects as soon as it is closed. */
  reconnect(options?: { token?: ConnectOptions['token']; url?: string | URL }): void;
  close(code?: number, reason?: string): Promise<void>;
}
