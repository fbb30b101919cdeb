/** What is wrong with a key ring, as a sentence without its subject, and without any of its content. */
export class KeyRingError extends Error {
  override readonly name = 'KeyRingError';
}
