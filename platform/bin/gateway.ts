/** The gateway process. */
import { readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { runGateway } from '#gateway';
import { gatewayConfigSchema, openLauncherLink } from '#model';
import { configPath, runProcess } from './process.ts';

// The dashboard's files lie beside this bundle, or where bundles go when it runs from source.
const assets =
  extname(import.meta.filename) === '.ts' ? join(import.meta.dirname, '..', '..', 'dist') : import.meta.dirname;

await runProcess('gateway', async (stop, stopped) => {
  const link = openLauncherLink(() => stop('its launcher is gone'));
  const config = gatewayConfigSchema.parse(JSON.parse(readFileSync(configPath(), 'utf8')));
  const gateway = await runGateway(config, stop, { signal: stopped, assets });
  link.send({ ready: { address: gateway.address } });
  return () => gateway.close();
});
