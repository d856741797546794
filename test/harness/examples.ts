/** The examples of all help texts, and what has to be there before one of them is run. */
import { PassThrough } from 'node:stream';
import type { Command } from 'commander';
import { type CliContext, createProgram } from '#cli';
import type { ExampleScene, ShownExample } from './example-scene.ts';

/** Examples that need what this scene has not, and the test that runs them there. */
export const elsewhere: readonly (readonly [example: RegExp, where: string])[] = [
  [
    /^pilotfish up --(nodes|resource|traces|claims|store-size)/,
    'contract/pilot-schedulers, ssh, three-brokers, traces, claims, full-stream',
  ],
  [/^pilotfish pilot (extend|shrink)/, 'contract/pilot-schedulers: local:// has nobody to ask for nodes'],
  [/^pilotfish down$/, 'contract/cli-pilot'],
  [/^pilotfish dev$/, 'dev: a pilot of its own'],
  [/^pilotfish bench/, 'bench: takes a study'],
  [/^pilotfish replay/, 'main-job: takes a scan'],
  [/lightsource .*file=scan\.h5/, 'source: takes a scan'],
  [/^pilotfish top --count 20/, 'here with 1: twenty decisions take minutes'],
  [/ \| source$|<\(pilotfish completion zsh\)/, 'unit/completion: takes that shell'],
];

/** What is run here. */
export const isHere = ({ line }: Example) => !elsewhere.some(([pattern]) => pattern.test(line));

/** Whether it goes on until Ctrl-C. */
export const goesOn = ({ line }: Pick<Example, 'line'>): boolean =>
  /^pilotfish (dashboard|dev|top( |$)(?!.*--count)|logs .*-f |audit tail -f|tail (?!.*--count)|source run .*--for)/.test(
    line,
  );

/** What takes away what others need comes last. */
const lastOnes = ['rm', 'auth revoke', 'auth rotate', 'down'];

export interface Example {
  /** The words of the command. */
  readonly command: string;
  readonly line: string;
  readonly hasOutput: boolean;
}

function examplesOf(command: Command, path: readonly string[] = []): Example[] {
  if (command.commands.length > 0) return command.commands.flatMap((sub) => examplesOf(sub, [...path, sub.name()]));
  const shown = new PassThrough();
  command.configureOutput({ writeOut: (text) => shown.write(text) }).outputHelp();
  const text = String(shown.read()).split('Examples:')[1] ?? '';
  const hasOutput = command.options.some(({ long }) => long === '--output');
  return [...text.matchAll(/^ {2}\$ (.*)$/gm)].map(([, line]) => ({
    command: path.join(' '),
    line: (line ?? '').replace(/ +#.*$/, ''),
    hasOutput,
  }));
}

/** All examples, in the order of the help; what takes away what others need comes last. */
export function allExamples(): Example[] {
  return examplesOf(createProgram(silent, () => undefined)).sort((one, other) => isLast(one) - isLast(other));
}

const nothing = new PassThrough();
const silent: CliContext = {
  stdin: nothing,
  stdout: nothing,
  stderr: nothing,
  env: {},
  toolsFile: '',
  signal: new AbortController().signal,
};
const isLast = ({ command }: Example) => Number(lastOnes.indexOf(command) + 1);

/** The example with the names of this scene, which is brought to where the example may follow. */
async function prepared(scene: ExampleScene, { command, line }: Example): Promise<string> {
  let ready = line.replace(/p-7k2m|p-7e9j/, command === 'down' ? await scene.another() : scene.pilot.id);
  if (/^(promote|rm|alias set)$/.test(command)) await scene.deployEcho();
  if (command === 'promote') await scene.deployEcho(true);
  if (command === 'rollback') await scene.stableEcho();
  if (command === 'calls cancel') ready = ready.replace('gridrec.x7Kq20aBcDeF', await scene.call('wait'));
  if (ready.includes('gridrec.x7Kq20aBcDeF')) ready = ready.replace('gridrec.x7Kq20aBcDeF', await scene.call('slice'));
  if (command.startsWith('dlq')) {
    const [one = '', two = ''] = await scene.letters();
    ready = ready.replace(/\b17\b/, one).replace(/\b18\b/, two);
  }
  if (command === 'auth revoke') ready = ready.replace('t-8h3kq2mz', await scene.token());
  // The other example of it has taken n3 already.
  if (command === 'node drain' && line.includes('--grace')) ready = ready.replace('n3', 'n2');
  if (command === 'secret rm') await scene.secret();
  if (command === 'tail') await scene.numbers();
  return ready;
}

/** Runs it as a reader would; what goes on by itself is ended by Ctrl-C once it has said something. */
export async function runExample(
  scene: ExampleScene,
  example: Example,
): Promise<ShownExample & { readonly line: string }> {
  const line = await prepared(scene, example);
  const told = new AbortController();
  const deciding = example.command === 'top' ? scene.keepDeciding(told.signal) : undefined;
  const shown = await scene.run(line, goesOn({ line }));
  told.abort();
  await deciding;
  return { ...shown, line };
}
