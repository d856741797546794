/** The flags of `up` that say where large payloads lie. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { ClaimsShape } from '#pilot';
import { flag } from '../command.ts';

export interface ClaimsFlags {
  readonly claims?: ClaimsShape['place'];
  readonly claimsDirectory?: string;
}

export function addClaimsFlags(command: Command): Command {
  return command
    .addOption(
      flag(
        '--claims <place>',
        'where payloads over 1 MiB lie: in files that all nodes see, files of each node, or the stream',
      )
        .choices(['shared', 'node', 'stream'])
        .default('shared'),
    )
    .addOption(
      flag(
        '--claims-directory <path>',
        "where those files are (default: the pilot's directory, or /dev/shm of each node)",
      ),
    );
}

export function claimsOf({ claims = 'shared', claimsDirectory }: ClaimsFlags): ClaimsShape {
  return { place: claims, directory: claimsDirectory === undefined ? undefined : resolve(claimsDirectory) };
}
