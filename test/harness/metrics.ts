/** The gateway's door for HTTP, and the page that Prometheus reads there. */
import { post } from './https.ts';
import type { TestPilot } from './pilot.ts';

/** The address may be learnt late: a Watch begins at once. */
const answerMs = 30_000;

export async function gatewayUrl(pilot: TestPilot): Promise<string> {
  for await (const { httpUrl } of pilot.client.watch(AbortSignal.timeout(answerMs))) return httpUrl;
  throw new Error('the gateway said nothing');
}

export async function metricsOf(pilot: TestPilot): Promise<string> {
  return (await post(pilot.connection, `${await gatewayUrl(pilot)}/metrics`, '', { method: 'GET' })).text;
}
