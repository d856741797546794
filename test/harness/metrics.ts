/** The page that Prometheus reads of a pilot. */
import { post } from './https.ts';
import type { TestPilot } from './pilot.ts';

/** The address may be learnt late: a Watch begins at once. */
const answerMs = 30_000;

export async function metricsOf(pilot: TestPilot): Promise<string> {
  for await (const { httpUrl } of pilot.client.watch(AbortSignal.timeout(answerMs))) {
    return (await post(pilot.connection, `${httpUrl}/metrics`, '', { method: 'GET' })).text;
  }
  throw new Error('the gateway said nothing');
}
