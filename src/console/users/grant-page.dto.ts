import { IsUUID } from 'class-validator';

export class GrantPagePath {
  @IsUUID('all', { message: 'must be the id of a grant, as the page of its user shows it.' })
  id!: string;
}
