import { existsSync, readFileSync } from 'node:fs';
import type { INestApplicationContext } from '@nestjs/common';
import { ServiceStore } from '../../src/domain/ports/service-store.js';
import { CreateService } from '../../src/services/create-service.js';
import { readKey, sameHash } from '../../src/services/service-key.js';
import type { DataFolder } from './data-folder.js';

const FILE = 'sample-app.key';
const NAME = 'Sample app';
const MAY_ALL = { clients: ['*'], scopes: ['*'], users: ['*'], audit: true };

/** The sample app's service key: the one in the data folder, or a new one where the database does not know that. */
export async function sampleAppKey(broker: INestApplicationContext, folder: DataFolder): Promise<string> {
  const path = folder.file(FILE);
  const kept = existsSync(path) ? readFileSync(path, 'utf8') : '';
  if (await isInForce(broker, kept)) return kept;
  const name = await freeName(broker);
  const { key } = await broker.get(CreateService).create(name, MAY_ALL);
  return folder.write(FILE, key.reveal());
}

async function isInForce(broker: INestApplicationContext, text: string): Promise<boolean> {
  const presented = readKey(text);
  const service = presented && (await broker.get(ServiceStore).find(presented.id));
  const held = service?.revokedAt ? undefined : service?.credential;
  return held?.kind === 'key' && !!presented && sameHash(held.keyHash, presented.hash);
}

/** A service keeps its name for good, also when its key got lost. */
async function freeName(broker: INestApplicationContext): Promise<string> {
  const store = broker.get(ServiceStore);
  const names = [...(await store.list()), ...(await store.listUnverified())].map(({ name }) => name);
  let name = NAME;
  for (let number = 2; names.includes(name); number++) name = `${NAME} ${number}`;
  return name;
}
