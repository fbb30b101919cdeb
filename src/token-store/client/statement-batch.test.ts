import { describe, expect, test } from '@jest/globals';
import { StatementBatch } from './statement-batch.js';

interface Statement {
  readonly inputs: readonly number[];
  readonly isAlone: boolean;
}

/** Statements that answer when they are let go, each input with its double. */
function database(fault: (statement: Statement) => Error | null = () => null) {
  const statements: Statement[] = [];
  const held: (() => void)[] = [];
  const batch = new StatementBatch<number, number>(async (inputs, isAlone) => {
    statements.push({ inputs, isAlone });
    await new Promise<void>((resolve) => held.push(resolve));
    const thrown = fault({ inputs, isAlone });
    if (thrown !== null) throw thrown;
    // A negative one stands for a row that is locked.
    return inputs.map((input) => (input < 0 && !isAlone ? null : input * 2));
  });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const letGo = async () => {
    for (const resolve of held.splice(0)) resolve();
    await turn();
    await turn();
  };
  return { batch, statements, turn, letGo };
}

const codeOf = (code: string) => Object.assign(new Error('refused'), { code });

describe('a batch of statements', () => {
  test('is one statement for what comes in the same turn, and gives each its own output', async () => {
    const { batch, statements, turn, letGo } = database();
    const outputs = Promise.all([1, 2, 3].map((input) => batch.add(input)));
    await turn();
    await letGo();
    expect(await outputs).toEqual([2, 4, 6]);
    expect(statements).toEqual([{ inputs: [1, 2, 3], isAlone: false }]);
  });

  test('collects what comes while two statements are under way', async () => {
    const { batch, statements, turn, letGo } = database();
    const outputs: Promise<number | null>[] = [];
    for (const input of [1, 2, 3, 4, 5]) {
      outputs.push(batch.add(input));
      await turn();
    }
    await letGo();
    await letGo();
    expect(await Promise.all(outputs)).toEqual([2, 4, 6, 8, 10]);
    expect(statements.map(({ inputs }) => inputs)).toEqual([[1], [2], [3, 4, 5]]);
  });

  test('runs alone what a statement did nothing for, and lets neither the others nor later ones wait for it', async () => {
    const { batch, statements, turn, letGo } = database();
    const answered: (number | null)[] = [];
    const outputs = [1, -1, 2].map((input) => batch.add(input).then((output) => answered.push(output)));
    await turn();
    await letGo();
    expect(answered).toEqual([2, 4]);
    expect(statements[1]).toEqual({ inputs: [-1], isAlone: true });
    await letGo();
    await Promise.all(outputs);
    expect(answered).toEqual([2, 4, -2]);
  });

  test.each(['22P02', '23503', '40P01', '55P03', '57014', 'P0001'])(
    'that fails with %s fails only for the input that fails alone',
    async (code) => {
      const { batch, turn, letGo } = database(({ inputs }) => (inputs.includes(2) ? codeOf(code) : null));
      const outputs = Promise.allSettled([1, 2, 3].map((input) => batch.add(input)));
      await turn();
      await letGo();
      await letGo();
      expect((await outputs).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    },
  );

  test('fails for all when the database is down, and asks it no more', async () => {
    const { batch, statements, turn, letGo } = database(() => codeOf('ECONNREFUSED'));
    const outputs = Promise.allSettled([1, 2, 3].map((input) => batch.add(input)));
    await turn();
    await letGo();
    expect((await outputs).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(statements).toHaveLength(1);
  });
});
