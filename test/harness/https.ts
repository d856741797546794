/** Requests as a program outside sends them, with the pilot's certificates or without. */
import { type RequestOptions, request } from 'node:https';
import type { Connection } from '#model';

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** Rejects where the connection is refused or broken off. */
export function post(
  connection: Connection,
  url: string,
  body: string | Buffer,
  {
    headers = {},
    tls = connection.tls,
    method = 'POST',
  }: Pick<RequestOptions, 'headers' | 'method'> & { tls?: object } = {},
): Promise<HttpAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
  const { ca } = connection.tls;
  const sent = request(url, { method, headers: headers ?? {}, ca, ...tls, agent: false }, (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('error', reject);
    response.on('end', () =>
      resolve({
        status: response.statusCode ?? 0,
        text: Buffer.concat(chunks).toString('utf8'),
        headers: response.headers,
      }),
    );
  });
  sent.on('error', reject);
  sent.end(body);
  return promise;
}
