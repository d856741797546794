/** YAML for `-o yaml`, loaded only then; in a chunk of its own, because a dynamic import of CommonJS loses its names there. */
import { stringify } from 'yaml';

export function yamlText(value: object): string {
  return stringify(value);
}
