import { describe, expect, test } from '@jest/globals';
import { exportCursor, positionAt, readExportCursor } from './list-position.js';

const ID = '0192f0c1-2b3c-7d4e-8f90-a1b2c3d4e5f6';
const NIL = '00000000-0000-0000-0000-000000000000';

describe('the cursor of the audit export', () => {
  test.each([
    ['2026-11-28T12:00:00.123Z', NIL],
    [`2026-11-28T12:00:00.123Z_${ID}`, ID],
    [`0001-01-01T00:00:00.000Z_${ID}`, ID],
    ['2024-02-29T23:59:59.999Z', NIL],
    ['9999-12-31T23:59:59.999Z', NIL],
  ])('%s is read, and written as it was', (text, id) => {
    const position = readExportCursor(text);
    expect(position).toEqual({ recordedAt: new Date(text.slice(0, 24)), id });
    expect(position && exportCursor(position)).toBe(text);
  });

  test.each(['2026-11-28T12:00:00Z', '2026-11-28T12:00:00.0Z'])(
    'may be the time %s, written shorter',
    (text) => {
      expect(readExportCursor(text)).toEqual(positionAt(new Date('2026-11-28T12:00:00.000Z')));
    },
  );

  test.each([
    '',
    'yesterday',
    '2026-11-28',
    '2026-11-28T12:00Z',
    '2026-11-28 12:00:00Z',
    '2026-11-28T12:00:00',
    '2026-11-28T12:00:00+00:00',
    '2026-11-28T12:00:00z',
    '2026-11-28T12:00:00.1234Z',
    '2026-11-28T12:00:00Z\n',
    ' 2026-11-28T12:00:00Z',
    '+002026-11-28T12:00:00Z',
    '0000-01-01T00:00:00Z',
    // A Date makes March of it.
    '2026-02-29T00:00:00Z',
    '2026-11-31T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-11-28T24:00:00Z',
    '2026-11-28T12:60:00Z',
    '2026-12-31T23:59:60Z',
    '２０２６-11-28T12:00:00Z',
    `2026-11-28T12:00:00Z_`,
    `2026-11-28T12:00:00Z_${ID.toUpperCase()}`,
    `2026-11-28T12:00:00Z_${ID}0`,
    `2026-11-28T12:00:00Z_${ID.slice(0, -1)}`,
    `_${ID}`,
    ID,
  ])('is none in %j', (text) => {
    expect(readExportCursor(text)).toBeNull();
  });
});
