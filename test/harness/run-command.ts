/** One command line inside of this process, with a home of its own; in a pipe, with nothing on its stdin. */
import { PassThrough } from 'node:stream';
import { runCli } from '#cli';

export async function runCommand(home: string, argv: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  stdin.end();
  const signal = new AbortController().signal;
  const context = { stdin, stdout, stderr, env: { PILOTFISH_HOME: home, ...env }, toolsFile: '', signal };
  const code = await runCli(context, argv);
  return { code, stdout: String(stdout.read() ?? ''), stderr: String(stderr.read() ?? '') };
}
