/** Bytes of an event or a result as JSON shows them: text where they are text, base64 where they are not. */
import { isUtf8 } from 'node:buffer';

export function dataRecord(data: Uint8Array): { readonly data: string } | { readonly dataBase64: string } {
  const bytes = Buffer.from(data);
  return isUtf8(bytes) ? { data: bytes.toString('utf8') } : { dataBase64: bytes.toString('base64') };
}
