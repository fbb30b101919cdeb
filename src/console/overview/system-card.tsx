import type { OverviewNow } from '../../token-store/console/overview.repository.js';
import { Badge, Card, compact, Time, whole } from '../views/parts.js';

export interface SystemFacts {
  readonly version: string;
  /** The first one seals. */
  readonly keyIds: readonly string[];
  /** Those of them that do not seal yet. */
  readonly waitingKeys: readonly { readonly id: string; readonly sealsFrom: Date }[];
  /** Null: this replica is notified of changes. */
  readonly changeFeedFault: string | null;
  readonly slotLimit: number;
  readonly sendsWebhooks: boolean;
  readonly url: string;
}

/** A key of AES-GCM seals so many values at most (NIST SP 800-38D section 8.3). */
const KEY_LIMIT = 2 ** 32;

interface SystemProps {
  readonly system: SystemFacts;
  readonly current: OverviewNow;
  readonly now: Date;
}

export function System({ system, current, now }: SystemProps) {
  const { version, keyIds, waitingKeys, changeFeedFault } = system;
  const [sealing = '', ...others] = keyIds;
  const older = others.filter((id) => waitingKeys.every((waiting) => waiting.id !== id));
  const seals = current.seals[sealing] ?? 0;
  const percent = Math.ceil((100 * seals) / KEY_LIMIT);
  return (
    <Card title="This broker" width="half">
      <dl class="facts">
        <dt>Version</dt>
        <dd>{version}</dd>
        <dt>Processes</dt>
        <dd>{whole(current.processes)} sent a heartbeat in the last 10 seconds</dd>
        <dt>Change feed</dt>
        <dd>
          {changeFeedFault === null ? (
            <Badge tone="good">up</Badge>
          ) : (
            <Badge tone="bad">{changeFeedFault}</Badge>
          )}
        </dd>
        <dt>Sealing key</dt>
        <dd>
          <code>{sealing}</code>
          <div class="soft small">
            {compact(seals)} values sealed, {percent} % of what it is good for
          </div>
        </dd>
        {waitingKeys.map(({ id, sealsFrom }) => (
          <>
            <dt>Next key</dt>
            <dd>
              <code>{id}</code>
              <div class="soft small">
                seals <Time at={sealsFrom} now={now} />, when every replica has it
              </div>
            </dd>
          </>
        ))}
        <dt>Older keys</dt>
        <dd>
          {older.length === 0 ? 'None' : older.map((id) => <code>{id} </code>)}
          {older.length === 0 ? null : (
            <div class="soft small">
              <code>token-broker keys reseal</code> ends their use
            </div>
          )}
        </dd>
      </dl>
    </Card>
  );
}
