/** The dashboard's files: read once, served with headers that let the page load nothing from elsewhere. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { messageOf, PlatformError } from '#common';

/** Path -> file beside the bundles, and its type. */
const files: Readonly<Record<string, readonly [file: string, type: string]>> = {
  '/ui/': ['dashboard.html', 'text/html; charset=utf-8'],
  '/ui/dashboard.js': ['dashboard.js', 'text/javascript; charset=utf-8'],
  '/ui/dashboard.css': ['dashboard.css', 'text/css; charset=utf-8'],
};

const contentPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export const pageHeaders: Readonly<Record<string, string>> = {
  'Content-Security-Policy': contentPolicy,
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

interface PageFile {
  readonly type: string;
  readonly zipped: Buffer;
  readonly plain: Buffer;
  readonly tag: string;
}

export class PageFiles {
  readonly #folder: string;
  readonly #read = new Map<string, PageFile>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** False for a path that is no file of the dashboard. Throws `internal` where the build is not whole. */
  serve(path: string, request: IncomingMessage, response: ServerResponse): boolean {
    const file = this.#file(path);
    if (!file) return false;
    const headers = { ...pageHeaders, 'Content-Type': file.type, 'Cache-Control': 'no-cache', ETag: file.tag };
    if (request.headers['if-none-match'] === file.tag) {
      response.writeHead(304, headers).end();
      return true;
    }
    const isZipped = String(request.headers['accept-encoding'] ?? '').includes('gzip');
    const body = isZipped ? file.zipped : file.plain;
    response.writeHead(200, {
      ...headers,
      Vary: 'Accept-Encoding',
      'Content-Length': body.length,
      ...(isZipped ? { 'Content-Encoding': 'gzip' } : {}),
    });
    response.end(body);
    return true;
  }

  #file(path: string): PageFile | undefined {
    const entry = Object.hasOwn(files, path) ? files[path] : undefined;
    if (!entry) return undefined;
    const known = this.#read.get(path);
    if (known) return known;
    const [name, type] = entry;
    try {
      const plain = readFileSync(join(this.#folder, name));
      const tag = `"${createHash('sha256').update(plain).digest('base64url').slice(0, 16)}"`;
      const file = { type, plain, zipped: gzipSync(plain, { level: 9 }), tag };
      this.#read.set(path, file);
      return file;
    } catch (error) {
      throw new PlatformError('internal', `the dashboard's ${name} cannot be read: ${messageOf(error)}`, {
        hint: 'npm run build',
      });
    }
  }
}
