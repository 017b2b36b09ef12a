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
    file: 'File',
    edited: 'edited',
    deleted: 'This message was deleted.',
    actions: 'Message actions',
    actionsOf: (name, text) => `Actions for: ${name}: ${text}`,
    ever: 'an unlimited time',
    nothing: 'Nothing can be done with this message',
    reply: 'Reply',
    copy: 'Copy text',
    copied: 'Copied',
    notCopied: 'The browser does not allow copying.',
    edit: 'Edit',
    delete: 'Delete',
    deleteTitle: 'Delete this message for everyone?',
    report: 'Report',
    reportTitle: 'Report this message to the operators?',
    reported: 'The message was reported.',
    excerpt: (name, text) => `${name}: ${text}`,
    reactions: 'Reactions',
    reactWith: (reaction) => `React with ${reaction}`,
    reaction: (reaction, count) => `${reaction} ${count === 1 ? '1 person' : `${count} people`}`,
    quoteOf: (name, text) => `In reply to ${name}: ${text}. Show the original.`,
    originalUnknown: 'In reply to an earlier message. Load it.',
    originalGone: 'The original message is no longer available.',
    replyingTo: (name, text) => `Reply to ${name}: ${text}`,
    editing: 'Editing your message',
    cancel: 'Cancel',
    reason: 'Reason (optional)',
    waitFor: (time) => `You can write again in ${time}.`,
    unknownHere: 'This server does not offer that.',
    roomMenu: 'Moderate this room',
    moderate: (name) => `Moderate ${name}`,
    moderateThis: (name) => `Moderate ${name}…`,
    mute: (time) => `Mute for ${time}`,
    unmute: 'Unmute',
    kick: 'Remove from the room',
    ban: (time) => `Ban for ${time}`,
    banTitle: (name) => `Ban ${name}?`,
    banText: (time) => `They are removed, and cannot come back for ${time}.`,
    banYes: 'Ban',
    clear: 'Delete all messages',
    clearTitle: (name) => `Delete all messages of ${name}?`,
    clearText: 'All kept messages of this person in this room are deleted for everyone.',
    clearYes: 'Delete all',
    makeRole: {
      member: 'Make member',
      moderator: 'Make moderator',
    },
    roles: {
      guest: 'guest',
      member: 'member',
      moderator: 'moderator',
      owner: 'owner',
    },
    slowMode: (time) => `Slow mode: one message per ${time}`,
    slowModeOff: 'Slow mode off',
    readOnly: 'Only moderators may write',
    readOnlyOff: 'Everyone may write',
    membersOnly: 'Members only',
    membersOnlyOff: 'Open to guests',
    close: 'Close the room',
    closeTitle: (room) => `Close ${revealed(room)}?`,
    closeText: 'Everyone leaves, and all messages are deleted.',
    closeYes: 'Close the room',
    moderated: {
      kick: (who) => `${who} was removed from the room.`,
      ban: (who, time) => `${who} was banned for ${time}.`,
      ban_off: (who) => `${who} is no longer banned.`,
      mute: (who, time) => `${who} was muted for ${time}.`,
      mute_off: (who) => `${who} is no longer muted.`,
      clear: (who) => `The messages of ${who} were deleted.`,
      role: (who, role) => `The role of ${who} is now: ${role}.`,
      slow_mode: (who, time) => `Slow mode: one message per ${time}.`,
      slow_mode_off: () => 'Slow mode is off.',
      read_only: () => 'Only moderators may write now.',
      read_only_off: () => 'Everyone may write again.',
      members_only: () => 'The room is for members only.',
      members_only_off: () => 'The room is open to guests.',
      close: () => 'The room was closed.',
    },
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
      no_such_message: 'This message is no longer kept, or was deleted.',
      no_such_client: 'This person is not connected any more.',
      unsupported: 'The server cannot do that.',
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
    file: '파일',
    edited: '수정됨',
    deleted: '삭제된 메시지입니다.',
    actions: '메시지 메뉴',
    actionsOf: (name, text) => `메시지 메뉴: ${name}: ${text}`,
    ever: '무기한',
    nothing: '이 메시지로 할 수 있는 작업이 없습니다',
    reply: '답장',
    copy: '텍스트 복사',
    copied: '복사했습니다.',
    notCopied: '브라우저에서 복사를 허용하지 않습니다.',
    edit: '수정',
    delete: '삭제',
    deleteTitle: '모두에게서 이 메시지를 삭제할까요?',
    report: '신고',
    reportTitle: '이 메시지를 운영자에게 신고할까요?',
    reported: '메시지를 신고했습니다.',
    excerpt: (name, text) => `${name}: ${text}`,
    reactions: '반응',
    reactWith: (reaction) => `${reaction} 반응 남기기`,
    reaction: (reaction, count) => `${reaction} ${count} 명`,
    quoteOf: (name, text) => `답장의 원본: ${name}: ${text}. 원본 보기`,
    originalUnknown: '이전 메시지에 대한 답장입니다. 원본 불러오기',
    originalGone: '원본 메시지를 더 이상 볼 수 없습니다.',
    replyingTo: (name, text) => `${name} 님에게 답장: ${text}`,
    editing: '메시지 수정 중',
    cancel: '취소',
    reason: '사유 (선택)',
    waitFor: (time) => `${time} 후에 다시 쓸 수 있습니다.`,
    unknownHere: '이 서버에서는 지원하지 않는 기능입니다.',
    roomMenu: '대화방 관리',
    moderate: (name) => `${name} 님 관리`,
    moderateThis: (name) => `${name} 님 관리…`,
    mute: (time) => `${time} 동안 발언 금지`,
    unmute: '발언 금지 해제',
    kick: '대화방에서 내보내기',
    ban: (time) => `${time} 동안 차단`,
    banTitle: (name) => `${name} 님을 차단할까요?`,
    banText: (time) => `대화방에서 내보내며 ${time} 동안 다시 들어올 수 없습니다.`,
    banYes: '차단',
    clear: '모든 메시지 삭제',
    clearTitle: (name) => `${name} 님의 메시지를 모두 삭제할까요?`,
    clearText: '이 대화방에 남아 있는 이 사람의 모든 메시지가 모두에게서 삭제됩니다.',
    clearYes: '모두 삭제',
    makeRole: {
      member: '일반 회원으로 변경',
      moderator: '운영자로 지정',
    },
    roles: {
      guest: '손님',
      member: '회원',
      moderator: '운영자',
      owner: '방장',
    },
    slowMode: (time) => `느린 모드: ${time}에 메시지 한 개`,
    slowModeOff: '느린 모드 끄기',
    readOnly: '운영자만 글쓰기',
    readOnlyOff: '모두 글쓰기 허용',
    membersOnly: '회원 전용',
    membersOnlyOff: '손님 입장 허용',
    close: '대화방 닫기',
    closeTitle: (room) => `‘${revealed(room)}’ 대화방을 닫을까요?`,
    closeText: '모두 퇴장되고 모든 메시지가 삭제됩니다.',
    closeYes: '대화방 닫기',
    moderated: {
      kick: (who) => `${who} 님을 대화방에서 내보냈습니다.`,
      ban: (who, time) => `${who} 님을 ${time} 동안 차단했습니다.`,
      ban_off: (who) => `${who} 님의 차단을 해제했습니다.`,
      mute: (who, time) => `${who} 님의 발언을 ${time} 동안 금지했습니다.`,
      mute_off: (who) => `${who} 님의 발언 금지를 해제했습니다.`,
      clear: (who) => `${who} 님의 메시지를 모두 삭제했습니다.`,
      role: (who, role) => `${who} 님의 역할: ${role}`,
      slow_mode: (who, time) => `느린 모드: ${time}에 메시지 한 개만 보낼 수 있습니다.`,
      slow_mode_off: () => '느린 모드를 껐습니다.',
      read_only: () => '이제 운영자만 글을 쓸 수 있습니다.',
      read_only_off: () => '이제 모두 글을 쓸 수 있습니다.',
      members_only: () => '회원 전용 대화방이 되었습니다.',
      members_only_off: () => '손님도 들어올 수 있습니다.',
      close: () => '대화방을 닫았습니다.',
    },
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
      no_such_message: '더 이상 보관되지 않거나 삭제된 메시지입니다.',
      no_such_client: '이미 연결이 끊긴 사람입니다.',
      unsupported: '서버에서 할 수 없는 작업입니다.',
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

const durations = [['day', 86_400_000], ['hour', 3_600_000], ['minute', 60_000], ['second', 1000]];
const durationFormats = new Map(durations.map(([unit]) => (
  [unit, new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'long', maximumFractionDigits: 1 })])));

// In the largest unit that counts it exactly; a part of a second is shown as such.
export function durationText(ms) {
  if (ms > Number.MAX_SAFE_INTEGER) return t('ever');
  const [unit, size] = durations.find(([, one]) => ms >= one && ms % one === 0) ?? durations.at(-1);
  return durationFormats.get(unit).format(ms / size);
}

export const byName = new Intl.Collator(language, { numeric: true }).compare;
