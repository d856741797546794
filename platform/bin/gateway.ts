/** The gateway process. */
import { readFileSync } from 'node:fs';
import { runGateway } from '#gateway';
import { gatewayConfigSchema, openLauncherLink } from '#model';
import { configPath, runProcess } from './process.ts';

await runProcess('gateway', async (stop, stopped) => {
  const link = openLauncherLink(() => stop('its launcher is gone'));
  const config = gatewayConfigSchema.parse(JSON.parse(readFileSync(configPath(), 'utf8')));
  const gateway = await runGateway(config, stop, stopped);
  link.send({ ready: { address: gateway.address } });
  return () => gateway.close();
});
