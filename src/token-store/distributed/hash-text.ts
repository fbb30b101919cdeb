/**
 * PostgreSQL's `hashtext` of a text in UTF-8, whose collation is deterministic: Bob Jenkins's lookup3, as src/common/hashfn.c of
 * PostgreSQL has it for little-endian servers. Citus finds the shard of a user by it. A server whose hash differs is found out when its
 * shards are read: user-shards.ts.
 */

const BLOCK = 12;
const INITIAL = 0x9e3779b9 + 3923095;

/** @returns a signed integer of 32 bits, as PostgreSQL does */
export function hashText(text: string): number {
  const bytes = Buffer.from(text, 'utf8');
  let a = (INITIAL + bytes.length) | 0;
  let b = a;
  let c = a;
  let at = 0;
  for (; bytes.length - at >= BLOCK; at += BLOCK) {
    a = (a + bytes.readInt32LE(at)) | 0;
    b = (b + bytes.readInt32LE(at + 4)) | 0;
    c = (c + bytes.readInt32LE(at + 8)) | 0;
    a = (a - c) ^ rotated(c, 4);
    c = (c + b) | 0;
    b = (b - a) ^ rotated(a, 6);
    a = (a + c) | 0;
    c = (c - b) ^ rotated(b, 8);
    b = (b + a) | 0;
    a = (a - c) ^ rotated(c, 16);
    c = (c + b) | 0;
    b = (b - a) ^ rotated(a, 19);
    a = (a + c) | 0;
    c = (c - b) ^ rotated(b, 4);
    b = (b + a) | 0;
  }
  const rest = Buffer.alloc(BLOCK);
  bytes.copy(rest, 0, at);
  a = (a + rest.readInt32LE(0)) | 0;
  b = (b + rest.readInt32LE(4)) | 0;
  // The lowest byte of the last word is kept for the length.
  c = (c + (rest.readInt32LE(8) << 8)) | 0;
  c = (c ^ b) - rotated(b, 14);
  a = (a ^ c) - rotated(c, 11);
  b = (b ^ a) - rotated(a, 25);
  c = (c ^ b) - rotated(b, 16);
  a = (a ^ c) - rotated(c, 4);
  b = (b ^ a) - rotated(a, 14);
  return ((c ^ b) - rotated(b, 24)) | 0;
}

function rotated(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
