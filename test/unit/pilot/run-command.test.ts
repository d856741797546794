import { describe, expect, it } from 'vitest';
import { runHere } from '../../../platform/pilot/scheduler/run-command.ts';

describe('runHere()', () => {
  it('gives what was printed, and an exit code that says nothing by itself', async () => {
    expect(await runHere(['sh', '-c', 'echo out; echo err >&2; exit 3'])).toEqual({
      code: 3,
      stdout: 'out\n',
      stderr: 'err\n',
    });
  });

  it('runs in a session of its own, which Ctrl-C at the terminal does not reach', async () => {
    const { stdout } = await runHere(['sh', '-c', 'cut -d " " -f 1,6 /proc/$$/stat']);
    const [pid, session] = stdout.trim().split(' ');
    expect(session).toBe(pid);
  });

  it.each([[['no-such-program-here']], [['env', 'TZ=UTC', 'no-such-program-here']]])(
    '%j is missing, and named',
    async (argv) => {
      await expect(runHere(argv)).rejects.toMatchObject({
        code: 'not-found',
        message: '"no-such-program-here" is not on PATH',
      });
    },
  );

  it('ends what does not answer', async () => {
    await expect(runHere(['sleep', '60'], { timeoutMs: 100 })).rejects.toMatchObject({ code: 'unavailable' });
  });
});
