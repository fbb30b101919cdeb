import { existsSync, readFileSync } from 'node:fs';
import type { INestApplicationContext } from '@nestjs/common';
import { isKeyOf, readKey } from '../../src/services/service-key.js';
import { ServiceRegistry } from '../../src/services/service-registry.js';
import { ServicesRepository } from '../../src/token-store/services/services.repository.js';
import type { DataFolder } from './data-folder.js';

const FILE = 'sample-app.key';
const NAME = 'Sample app';
const RIGHTS = { audit: true, disconnect: true, revoke: true, force: false, import: true };
const MAY_ALL = { clients: ['*'], scopes: ['*'], users: ['*'], ...RIGHTS };

/** The sample app's service key: the one in the data folder, or a new one where the database does not have it. */
export async function sampleAppKey(broker: INestApplicationContext, folder: DataFolder): Promise<string> {
  const path = folder.file(FILE);
  const kept = existsSync(path) ? readFileSync(path, 'utf8') : '';
  if (await isUsable(broker, kept)) return kept;
  const name = await freeName(broker);
  const { key } = await broker.get(ServiceRegistry).create(name, MAY_ALL);
  return folder.write(FILE, key.reveal());
}

async function isUsable(broker: INestApplicationContext, text: string): Promise<boolean> {
  const presented = readKey(text);
  const service = presented && (await broker.get(ServicesRepository).find(presented.id));
  // A service from before services had these rights could not do what the sample app and the examples in /docs do.
  const isAble = service?.policy.disconnect && service.policy.revoke && service.policy.import;
  return !!presented && !!service && !service.revokedAt && !!isAble && isKeyOf(service, presented);
}

/** A service keeps its name, also when its key is lost. */
async function freeName(broker: INestApplicationContext): Promise<string> {
  const services = broker.get(ServicesRepository);
  let name = NAME;
  for (let number = 2; await services.findNamed(name); number++) name = `${NAME} ${number}`;
  return name;
}
