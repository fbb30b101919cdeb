import { IsIn, IsOptional, IsString, IsUUID, Matches, MaxLength } from 'class-validator';
import { ENDED_GRANT_OUTCOMES, type EndedGrantOutcome } from '../domain/grant/ended-grant.js';
import { DISCONNECT_MODES, type DisconnectMode } from '../grants/disconnect-grant.js';
import { IgnoreUnknown } from '../http/validation/ignore-unknown.decorator.js';

/*
 * What the page of a user's grants and its forms send. `ticket` is the text of the link at first, and the id of the ticket from
 * then on: only a browser with the ticket's cookie can use the id.
 */

const MAX_LINK_LENGTH = 200;
const NOT_OURS = { message: 'is not as the page made it.' };

/** What happened before the page is shown again; anyone can write such an address, and gets a fixed text. */
export const DONE: readonly (EndedGrantOutcome | 'gone')[] = [
  ...(Object.keys(ENDED_GRANT_OUTCOMES) as EndedGrantOutcome[]),
  'gone',
];

@IgnoreUnknown()
export class MyGrantsQuery {
  @IsString({ message: 'is missing: open the link exactly as the app gave it to you.' })
  @MaxLength(MAX_LINK_LENGTH, { message: 'is too long: open the link exactly as the app gave it to you.' })
  ticket!: string;

  @IsOptional()
  @IsString()
  @MaxLength(1000)
  cursor?: string;

  @IsOptional()
  @IsIn(DONE, NOT_OURS)
  done?: (typeof DONE)[number];

  /** How a reconnect ended, as every app sees it. */
  @IsOptional()
  @Matches(/^[a-z]{1,20}$/, NOT_OURS)
  connect?: string;

  @IsOptional()
  @Matches(/^[a-z_]{1,64}$/, NOT_OURS)
  connect_error?: string;

  @IsOptional()
  @Matches(/^[a-z]{1,20}$/, NOT_OURS)
  connect_account?: string;
}

/** The button of the link's page. */
export class BeginForm {
  @IsString({ message: 'is missing: open the link exactly as the app gave it to you.' })
  @MaxLength(MAX_LINK_LENGTH, { message: 'is too long: open the link exactly as the app gave it to you.' })
  ticket!: string;
}

/** A button of one grant. */
export class GrantForm extends BeginForm {
  @IsUUID('all', NOT_OURS)
  grant!: string;
}

/** The address of the page with the effects of a disconnect. */
@IgnoreUnknown()
export class EffectsQuery extends GrantForm {}

export class DisconnectForm extends GrantForm {
  /** Whose effects the user saw. */
  @IsIn(DISCONNECT_MODES, NOT_OURS)
  mode!: DisconnectMode;
}
