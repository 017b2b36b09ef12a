// All texts of the page, in English and Korean. A value is a text, or a function that returns one.
import { lookOf, revealed, shown } from './names.js';

const tables = {
  en: {
    app: 'Chat',
    rooms: 'Rooms',
    joinLabel: 'Room to join',
    joinPlaceholder: 'Another room',
    join: 'Join',
    leave: (room) => `Leave ${revealed(room)}`,
    unread: (count) => `${count} unread`,
    you: 'You',
    changeName: 'Change name',
    otherRooms: 'Other rooms',
    people: 'People here',
    peopleCount: (count) => (count === 1 ? '1 person' : `${count} people`),
    peopleMore: (count) => `and ${count} more`,
    away: 'Away',
    peopleForbidden: 'This server does not show who is here.',
    retryNow: 'Try again now',
    messageLabel: 'Message',
    messagePlaceholder: 'Write a message',
    send: 'Send',
    attach: 'Send a file',
    dropHere: 'Drop files here to send them',
    log: (room) => `Messages in ${revealed(room)}`,
    nameTitle: 'What should we call you?',
    nameHelp: 'Everyone in your rooms sees this name. You can change it at any time.',
    nickname: 'Nickname',
    guest: (number) => `guest-${number}`,
    later: 'Later',
    save: 'Save',
    named: (name) => `You are now ${shown(name)}.`,
    connecting: 'Connecting…',
    open: 'Connected',
    waiting: 'Reconnecting…',
    offline: 'Offline',
    closed: 'Not connected',
    lostFor: (seconds) => (seconds > 0 ? `Connection lost. Trying again in ${seconds} s.` : 'Connection lost. Trying again…'),
    offlineLong: 'You seem to be offline. Your messages will be sent when you are back online.',
    refused: (reason) => `The server closed the connection${reason ? `: ${revealed(reason)}` : '.'}`,
    emptyTitle: 'It is quiet here',
    emptyText: 'Say hello. Anyone with the address of this page can join.',
    loading: 'Loading…',
    beginning: 'This is where the conversation begins.',
    notKept: 'Earlier messages are no longer available.',
    gap: 'Some messages could not be loaded.',
    epoch: 'The server restarted. Some messages may be missing.',
    newMessages: 'New messages',
    toNewest: 'Jump to the newest message',
    newBelow: (count) => (count === 1 ? '1 new message' : `${count} new messages`),
    sending: 'Sending…',
    sendingPart: (percent) => `Sending… ${percent}%`,
    failed: 'Not sent',
    failedFor: (reason) => `Not sent: ${reason}`,
    retry: 'Retry',
    discard: 'Discard',
    binary: (size) => `[${size} of data]`,
    download: 'Download',
    image: 'Image',
    showImage: (size) => (size ? `Show image (${count(size.width)} × ${count(size.height)} pixels)` : 'Show image'),
    showAll: (length) => `Show all (${count(length)} characters)`,
    server: 'Server',
    someone: 'Someone',
    announcement: 'Announcement',
    typing: (names) => (names.length > 2 ? 'Several people are typing…'
      : `${names.join(' and ')} ${names.length === 1 ? 'is' : 'are'} typing…`),
    left: (room, reason) => `You are no longer in ${revealed(room)}${reason ? `: ${revealed(reason)}` : '.'}`,
    tooLong: 'That is too long for one message.',
    fileTooLarge: (size) => `The file is too large. This server accepts up to ${size}.`,
    fileTooLargeHere: 'The file is too large for this server.',
    tooManyFiles: (max) => `You can send up to ${max} files at a time.`,
    errors: {
      invalid_room: 'A room name must have 1 to 128 bytes, without / , ? or #.',
      invalid_argument: 'The server does not accept that.',
      forbidden: 'The server does not allow that.',
      banned: 'You are banned from this room for a while.',
      rate_limited: 'Too many requests. Wait a moment.',
      too_many: 'You are in too many rooms.',
      too_large: 'That is too long for one message.',
      not_joined: 'You are not in this room.',
      timed_out: 'The server did not answer.',
      muted: 'You are muted in this room.',
      slow_mode: 'This room is in slow mode. Wait a little before the next message.',
      read_only: 'Only moderators may write in this room.',
      name_taken: 'Somebody in this room has this name, or one that looks like it.',
      repeated: 'You have just sent this. Wait a little before you repeat it.',
      no_links: 'You are new in this room. You can send links later.',
      unavailable: 'The server cannot save or load messages at the moment.',
      queue_full: 'Too many messages are waiting for the connection.',
      not_connected: 'There is no connection.',
      connection_lost: 'The connection was lost.',
      unknown_outcome: 'The connection was lost. The message may or may not have been sent.',
      closed: 'Not connected.',
      unreadable: 'The file could not be read.',
    },
  },
  ko: {
    app: '채팅',
    rooms: '대화방',
    joinLabel: '참여할 대화방',
    joinPlaceholder: '대화방 이름 입력',
    join: '입장',
    leave: (room) => `${revealed(room)} 나가기`,
    unread: (count) => `안 읽은 메시지 ${count}개`,
    you: '나',
    changeName: '닉네임 변경',
    otherRooms: '다른 대화방',
    people: '참여자',
    peopleCount: (count) => `${count}명`,
    peopleMore: (count) => `외 ${count}명`,
    away: '자리 비움',
    peopleForbidden: '이 서버는 참여자 목록을 공개하지 않습니다.',
    retryNow: '지금 다시 시도',
    messageLabel: '메시지',
    messagePlaceholder: '메시지를 입력하세요',
    send: '보내기',
    attach: '파일 보내기',
    dropHere: '여기에 파일을 놓으면 전송됩니다',
    log: (room) => `${revealed(room)} 대화`,
    nameTitle: '어떻게 불러 드릴까요?',
    nameHelp: '대화방의 모든 참여자에게 보이는 닉네임입니다. 언제든지 변경할 수 있습니다.',
    nickname: '닉네임',
    guest: (number) => `손님 ${number}`,
    later: '나중에',
    save: '저장',
    named: (name) => `닉네임이 ‘${shown(name)}’(으)로 변경되었습니다.`,
    connecting: '연결 중…',
    open: '연결됨',
    waiting: '재연결 중…',
    offline: '오프라인',
    closed: '연결 안 됨',
    lostFor: (seconds) => (seconds > 0 ? `연결이 끊겼습니다. ${seconds}초 후 다시 연결합니다.` : '연결이 끊겼습니다. 재연결 중…'),
    offlineLong: '인터넷 연결을 확인해 주세요. 메시지는 다시 연결되면 전송됩니다.',
    refused: (reason) => `서버에서 연결을 종료했습니다${reason ? `: ${revealed(reason)}` : '.'}`,
    emptyTitle: '아직 대화가 없습니다',
    emptyText: '첫 메시지를 보내 보세요. 이 페이지의 주소를 아는 사람은 누구나 참여할 수 있습니다.',
    loading: '불러오는 중…',
    beginning: '여기가 대화의 시작입니다.',
    notKept: '이전 메시지는 더 이상 볼 수 없습니다.',
    gap: '일부 메시지를 불러오지 못했습니다.',
    epoch: '서버가 재시작되어 일부 메시지가 누락되었을 수 있습니다.',
    newMessages: '새 메시지',
    toNewest: '최신 메시지로 이동',
    newBelow: (count) => `새 메시지 ${count}개`,
    sending: '전송 중…',
    sendingPart: (percent) => `전송 중… ${percent}%`,
    failed: '전송 실패',
    failedFor: (reason) => `전송 실패: ${reason}`,
    retry: '다시 보내기',
    discard: '보내지 않기',
    binary: (size) => `[데이터 ${size}]`,
    download: '다운로드',
    image: '이미지',
    showImage: (size) => (size ? `이미지 보기 (${count(size.width)} × ${count(size.height)}픽셀)` : '이미지 보기'),
    showAll: (length) => `전체 보기 (${count(length)}자)`,
    server: '서버',
    someone: '누군가',
    announcement: '공지',
    typing: (names) => (names.length > 2 ? '여러 명이 입력 중입니다…' : `${names.map((name) => `${name} 님`).join(', ')}이 입력 중입니다…`),
    left: (room, reason) => `‘${revealed(room)}’ 대화방에서 퇴장되었습니다${reason ? `: ${revealed(reason)}` : '.'}`,
    tooLong: '메시지가 너무 깁니다. 나누어 보내 주세요.',
    fileTooLarge: (size) => `파일이 너무 큽니다. 이 서버에서는 ${size}까지 보낼 수 있습니다.`,
    fileTooLargeHere: '파일이 너무 커서 이 서버로 보낼 수 없습니다.',
    tooManyFiles: (max) => `파일은 한 번에 ${max}개까지 보낼 수 있습니다.`,
    errors: {
      invalid_room: '대화방 이름은 1~128바이트여야 하며 / , ? # 문자를 사용할 수 없습니다.',
      invalid_argument: '사용할 수 없는 값입니다.',
      forbidden: '서버에서 허용하지 않는 작업입니다.',
      banned: '당분간 이 대화방에 들어갈 수 없습니다.',
      rate_limited: '요청이 너무 많습니다. 잠시 후 다시 시도해 주세요.',
      too_many: '참여할 수 있는 대화방 수를 넘었습니다.',
      too_large: '메시지가 너무 깁니다. 나누어 보내 주세요.',
      not_joined: '참여하지 않은 대화방입니다.',
      timed_out: '서버가 응답하지 않습니다.',
      muted: '이 방에서 발언이 금지되었습니다.',
      slow_mode: '느린 모드입니다. 잠시 뒤에 다시 보내 주세요.',
      read_only: '이 방에서는 운영자만 글을 쓸 수 있습니다.',
      name_taken: '이 방에서 이미 사용 중이거나 비슷해 보이는 닉네임입니다.',
      repeated: '방금 보낸 메시지와 같습니다. 잠시 뒤에 다시 보내 주세요.',
      no_links: '이 방에 처음 온 사람은 아직 링크를 보낼 수 없습니다.',
      unavailable: '지금은 메시지를 저장하거나 불러올 수 없습니다.',
      queue_full: '전송을 기다리는 메시지가 너무 많습니다.',
      not_connected: '연결되어 있지 않습니다.',
      connection_lost: '연결이 끊겼습니다.',
      unknown_outcome: '연결이 끊겨 전송 여부를 확인할 수 없습니다.',
      closed: '연결되어 있지 않습니다.',
      unreadable: '파일을 읽을 수 없습니다.',
    },
  },
};

export const language = (navigator.languages ?? []).map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => tables[tag]) ?? 'en';
const table = tables[language];

export function t(key, ...about) {
  const value = table[key];
  return typeof value === 'function' ? value(...about) : value;
}

// Includes the reason that the application gave.
export function errorText({ code, message }) {
  if (code === 'forbidden' && message && message !== 'forbidden') return `${table.errors.forbidden} (${revealed(message)})`;
  return table.errors[code] ?? revealed(message);
}

// maxBytes: of a message; null when the server did not say it.
export function fileErrorText(error, maxBytes) {
  if (error.code !== 'too_large') return errorText(error);
  return maxBytes === null ? t('fileTooLargeHere') : t('fileTooLarge', sizeText(maxBytes));
}

// The server gives guests English names, guest-12 for client 12. The page shows them in its own language.
export const localName = (id, name) => (name === `guest-${id}` ? t('guest', id) : name);

// Names, in any language, that people cannot use unmarked.
const reserved = new Set(Object.values(tables).flatMap(({ you, server, someone, announcement }) => [you, server, someone, announcement]).map(lookOf));
const guestLooks = Object.values(tables).map(({ guest }) => lookOf(guest('')));

// True when a name imitates the server, another guest, or a connection number.
export function isClaim(name, id) {
  const look = lookOf(name);
  const guest = guestLooks.find((prefix) => look.startsWith(prefix) && /^\d+$/.test(look.slice(prefix.length)));
  return reserved.has(look) || (guest !== undefined && look !== `${guest}${id}`) || /#\d+$/.test(look);
}

// Fills in the texts of elements that refer to them.
export function fillIn(root) {
  document.documentElement.lang = language;
  for (const element of root.querySelectorAll('[data-text]')) element.textContent = t(element.dataset.text);
  for (const element of root.querySelectorAll('[data-label]')) element.setAttribute('aria-label', t(element.dataset.label));
  for (const element of root.querySelectorAll('[data-title]')) element.title = t(element.dataset.title);
  for (const element of root.querySelectorAll('[data-placeholder]')) element.placeholder = t(element.dataset.placeholder);
}

const format = (options) => new Intl.DateTimeFormat(language, options);
const dayFormat = format({ dateStyle: 'full' });
const timeFormat = format({ timeStyle: 'short' });
const fullFormat = format({ dateStyle: 'full', timeStyle: 'medium' });
export const dayText = (time) => dayFormat.format(time);
export const timeText = (time) => timeFormat.format(time);
export const fullTimeText = (time) => fullFormat.format(time);

const units = ['byte', 'kilobyte', 'megabyte'];
const sizeFormats = units.map((unit, power) => new Intl.NumberFormat(language,
  { style: 'unit', unit, unitDisplay: power ? 'short' : 'long', maximumFractionDigits: 1 }));
export function sizeText(bytes) {
  const power = Math.min(2, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return sizeFormats[power].format(bytes / 1000 ** power);
}

const countFormat = new Intl.NumberFormat(language);
function count(number) {
  return countFormat.format(number);
}

export const byName = new Intl.Collator(language, { numeric: true }).compare;
