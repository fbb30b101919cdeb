import { Matches } from 'class-validator';

/** The path of a form about one ticket, credential or webhook. What no id can be reaches neither a query nor the audit trail. */
export class IdPath {
  @Matches(/^[\w-]{1,100}$/, { message: 'must be an id as the list shows it.' })
  id!: string;
}
