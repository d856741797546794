/** Runs the floors of .dependency-cruiser.cjs over a tree and tells what it saw. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';

/** Root of the clone. */
export const projectRoot = join(import.meta.dirname, '../..');

export interface Cruise {
  /** Modules of the tree itself, packages left out. */
  readonly modules: readonly string[];
  /** "rule: from -> to", one an import that breaks a floor. */
  readonly violations: readonly string[];
}

interface Report {
  readonly modules: readonly { readonly source: string }[];
  readonly summary: { readonly violations: readonly { rule: { name: string }; from: string; to: string }[] };
}

// A report lists every import; 64 MiB is far above what a tree of this kind yields.
const reportBytesMax = 64 * 2 ** 20;

/** Cruises `root`, which has the shape of this project. Throws when the tool itself fails. */
export function cruise(root: string): Promise<Cruise> {
  const tool = join(projectRoot, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const folders = ['platform', 'proto', 'functions'];
  const args = [tool, ...folders, '--config', '.dependency-cruiser.cjs', '--output-type', 'json'];
  return new Promise((done, fail) => {
    execFile(process.execPath, args, { cwd: root, maxBuffer: reportBytesMax }, (error, stdout, stderr) => {
      // The exit code is the number of violations: only an answer that is no report is a failure of the tool.
      try {
        const report = JSON.parse(stdout) as Report;
        done({
          modules: report.modules
            .map(({ source }) => source)
            .filter((source) => /^(?:platform|proto|functions)\//.test(source)),
          violations: report.summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`),
        });
      } catch (cause) {
        fail(new Error(`dependency-cruiser failed in ${root}: ${error?.message ?? ''} ${stderr}`, { cause }));
      }
    });
  });
}
