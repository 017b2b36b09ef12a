// Detects the type and pixel size of a picture from its bytes before a browser decodes it, because a small file can be
// an enormous picture. Takes time linear in the file size and decodes nothing.

// A larger picture is shown only on request. An animation needs memory for each frame.
const maxPixels = 16_000_000;
const maxMovingPixels = 4_000_000;
const maxSide = 8192;

const text = (bytes, at, length) => String.fromCharCode(...bytes.subarray(at, at + length));
const u16 = (bytes, at) => (bytes[at] << 8) | bytes[at + 1];
const u16le = (bytes, at) => bytes[at] | (bytes[at + 1] << 8);
const u24le = (bytes, at) => u16le(bytes, at) | (bytes[at + 2] << 16);
const u32 = (bytes, at) => u16(bytes, at) * 65_536 + u16(bytes, at + 2);
const u32le = (bytes, at) => u16le(bytes, at) + u16le(bytes, at + 2) * 65_536;

// PNG 3, section 11: IHDR is the first chunk. acTL before the image data marks an animation.
function sizeOfPng(bytes) {
  if (bytes.length < 33 || text(bytes, 12, 4) !== 'IHDR') return null;
  let moving = false;
  for (let at = 8; at + 8 <= bytes.length && !moving; at += 12 + u32(bytes, at)) {
    const kind = text(bytes, at + 4, 4);
    if (kind === 'IDAT') break;
    moving = kind === 'acTL';
  }
  return { width: u32(bytes, 16), height: u32(bytes, 20), moving };
}

// ITU T.81, annex B: segments up to the frame header (SOF). The size is unknown when the height is 0, since DNL may
// specify it later.
function sizeOfJpeg(bytes) {
  let at = 2;
  while (at + 9 <= bytes.length) {
    if (bytes[at] !== 0xff) return null;
    const marker = bytes[at + 1];
    if (marker === 0xff) at += 1;
    else if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) at += 2;
    else if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) return { width: u16(bytes, at + 7), height: u16(bytes, at + 5), moving: false };
    else if (marker === 0xda || marker === 0xd9 || u16(bytes, at + 2) < 2) return null;
    else at += 2 + u16(bytes, at + 2);
  }
  return null;
}

// GIF89a: browsers enlarge the screen when a frame is larger.
function sizeOfGif(bytes) {
  if (bytes.length < 13) return null;
  let [width, height, frames] = [u16le(bytes, 6), u16le(bytes, 8), 0];
  const tableBytes = (flags) => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0);
  let at = 13 + tableBytes(bytes[10]);
  while (at < bytes.length) {
    if (bytes[at] === 0x2c && at + 10 < bytes.length) {
      frames += 1;
      width = Math.max(width, u16le(bytes, at + 1) + u16le(bytes, at + 5));
      height = Math.max(height, u16le(bytes, at + 3) + u16le(bytes, at + 7));
      at += 11 + tableBytes(bytes[at + 9]);
    } else if (bytes[at] === 0x21) at += 2;
    else break;
    while (bytes[at]) at += 1 + bytes[at];
    at += 1;
  }
  return frames ? { width, height, moving: frames > 1 } : null;
}

// RFC 9649: a canvas (VP8X), or one frame, lossy (VP8) or lossless (VP8L).
function sizeOfWebp(bytes) {
  if (bytes.length < 30) return null;
  switch (text(bytes, 12, 4)) {
    case 'VP8X': return { width: u24le(bytes, 24) + 1, height: u24le(bytes, 27) + 1, moving: (bytes[20] & 2) !== 0 };
    case 'VP8 ': return { width: u16le(bytes, 26) & 0x3fff, height: u16le(bytes, 28) & 0x3fff, moving: false };
    case 'VP8L': {
      const bits = u32le(bytes, 21);
      return { width: (bits % 16_384) + 1, height: (Math.floor(bits / 16_384) % 16_384) + 1, moving: false };
    }
    default: return null;
  }
}

const kinds = [
  ['image/png', [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a], sizeOfPng],
  ['image/jpeg', [0xff, 0xd8, 0xff], sizeOfJpeg],
  ['image/gif', [0x47, 0x49, 0x46, 0x38], sizeOfGif],
  ['image/webp', [0x52, 0x49, 0x46, 0x46, null, null, null, null, 0x57, 0x45, 0x42, 0x50], sizeOfWebp],
];

// Returns null when the bytes are not a supported picture; the sender's claims are ignored. `size` is { width, height,
// moving }, or null when unknown. `pixels` is the number of decoded pixels, Infinity for a picture that is shown only
// on request.
export function pictureOf(bytes) {
  const kind = kinds.find(([, signature]) => signature.every((byte, at) => byte === null || byte === bytes[at]));
  if (!kind) return null;
  const [type, , sizeOf] = kind;
  const found = sizeOf(bytes);
  const size = found && found.width > 0 && found.height > 0 ? found : null;
  const tooLarge = !size || size.width > maxSide || size.height > maxSide || (size.moving && size.width * size.height > maxMovingPixels);
  return { type, size, pixels: tooLarge ? Infinity : size.width * size.height };
}

// True when a message that already shows pixelsBefore pixels can show this picture without a request.
export const fits = (picture, pixelsBefore) => pixelsBefore + picture.pixels <= maxPixels;
