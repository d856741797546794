/** A real Prometheus before a pilot, where the machine has one; Debian's package is named prometheus. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Connection } from '#model';
import { freePort } from './free-port.ts';

const monitoring = join(import.meta.dirname, '../../deploy/monitoring');

/** Why there is none, or false. */
export function missingPrometheus(): string | false {
  const missing = ['prometheus', 'promtool'].filter((name) => spawnSync(name, ['--version']).status !== 0);
  return missing.length > 0 && `no ${missing.join(' and ')} on PATH; apt-get install prometheus`;
}

/** What promtool says about a page of metrics; empty where it finds nothing. */
export function checkMetrics(text: string): string {
  const { stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
  return `${stdout}${stderr}`;
}

export function checkRules(): string {
  return execFileSync('promtool', ['check', 'rules', join(monitoring, 'alerts.yaml')], { encoding: 'utf8' });
}

export interface RunningPrometheus {
  /** Series that a query finds. */
  query(expression: string): Promise<{ metric: Record<string, string>; value: [number, string] }[]>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** With the settings that ship, read each second. */
export async function startPrometheus(connection: Connection, gateway: string): Promise<RunningPrometheus> {
  const folder = mkdtempSync(join(tmpdir(), 'pilotfish-prometheus-'));
  cpSync(join(monitoring, 'alerts.yaml'), join(folder, 'alerts.yaml'));
  for (const [name, text] of Object.entries(connection.tls)) writeFileSync(join(folder, `${name}.pem`), text);
  const settings = readFileSync(join(monitoring, 'prometheus.yaml'), 'utf8')
    .replace('15s', '1s')
    .replace('SERVER_NAME', connection.gateway.serverName)
    .replace('GATEWAY', gateway.replace('https://', ''));
  writeFileSync(join(folder, 'prometheus.yaml'), settings);
  execFileSync('promtool', ['check', 'config', join(folder, 'prometheus.yaml')], { stdio: 'pipe' });
  const port = await freePort();
  const child = spawn(
    'prometheus',
    [
      `--config.file=${join(folder, 'prometheus.yaml')}`,
      `--storage.tsdb.path=${join(folder, 'store')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: 'ignore' },
  );
  const exited = new Promise((resolve) => child.once('exit', resolve));
  return {
    async query(expression) {
      const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(expression)}`;
      const answer = (await (await fetch(url)).json()) as {
        status: string;
        error?: string;
        data: { result: { metric: Record<string, string>; value: [number, string] }[] };
      };
      if (answer.status !== 'success') throw new Error(`${expression}: ${answer.error}`);
      return answer.data.result;
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
