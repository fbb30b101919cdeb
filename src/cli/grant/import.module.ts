import { Module } from '@nestjs/common';
import { GoogleModule } from '../../google/google.module.js';
import { AccountsOfImports } from '../../grants/accounts-of-imports.js';
import { ImportGrants } from '../../grants/import-grants.js';
import { ReplacedTokens } from '../../grants/replaced-tokens.js';
import { VerifyRefreshToken } from '../../grants/verify-refresh-token.js';

/** The use case of grants/ that the command needs, without the routes and jobs of that module. */
@Module({
  imports: [GoogleModule],
  providers: [ImportGrants, AccountsOfImports, ReplacedTokens, VerifyRefreshToken],
})
export class ImportModule {}
