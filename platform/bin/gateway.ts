/** The gateway process. */
import { readFileSync } from 'node:fs';
import { runGateway } from '#gateway';
import { gatewayConfigSchema, openLauncherLink } from '#model';
import { configPath, runProcess } from './process.ts';

await runProcess('gateway', async (stop) => {
  const link = openLauncherLink(() => stop('its launcher is gone'));
  const gateway = await runGateway(gatewayConfigSchema.parse(JSON.parse(readFileSync(configPath(), 'utf8'))));
  link.send({ ready: { address: gateway.address } });
  return () => gateway.close();
});
