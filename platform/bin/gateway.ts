/** The gateway process. */
import { extname, join } from 'node:path';
import { runGateway } from '#gateway';
import { gatewayConfigSchema, openLauncherLink } from '#model';
import { preloadServer } from '#rpc';
import { readConfig, runProcess } from './process.ts';

// The dashboard's files lie beside this bundle, or where bundles go when it runs from source.
const assets =
  extname(import.meta.filename) === '.ts' ? join(import.meta.dirname, '..', '..', 'dist') : import.meta.dirname;

await runProcess('gateway', async (stop, stopped) => {
  const link = openLauncherLink(() => stop('its launcher is gone'));
  await preloadServer();
  const config = await readConfig(gatewayConfigSchema, stopped);
  const gateway = await runGateway(config, stop, { signal: stopped, assets });
  link.send({ ready: { address: gateway.address } });
  return () => gateway.close();
});
