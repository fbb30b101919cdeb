/** Generated from openapi.json by `npm run generate:clients`. */
export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        NewCredentialDto: {
            /**
             * @description For whom it stands, and no other
             * @example alice
             */
            user_id: string;
            /** @description The alias of the Google client; may be left out when there is a default */
            client?: string;
            /** @description Which of the user's accounts, by sub or email */
            account?: string;
            /** @description Scopes that its tokens may have, separated by spaces; left out: all that your policy allows */
            scope?: string;
            /**
             * @description Seconds
             * @default 7776000
             */
            expires_in?: number;
        };
        CreatedCredentialResponse: {
            /** @example h3k9x2mvq7aw */
            id: string;
            /** @enum {string} */
            status: "active" | "expired" | "revoked";
            /** @example alice */
            user_id: string;
            client: string | null;
            account: string | null;
            /** @description Null: all that your policy allows */
            scope: string | null;
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            expires_at: string;
            /** Format: date-time */
            revoked_at: string | null;
            /**
             * Format: date-time
             * @description To the hour
             */
            last_used_at: string | null;
            /**
             * @description The handle: `refresh_token` at POST /oauth2/token. It is shown here only
             * @example tbc_h3k9x2mvq7aw_…
             */
            credential: string;
        };
        CredentialResponse: {
            /** @example h3k9x2mvq7aw */
            id: string;
            /** @enum {string} */
            status: "active" | "expired" | "revoked";
            /** @example alice */
            user_id: string;
            client: string | null;
            account: string | null;
            /** @description Null: all that your policy allows */
            scope: string | null;
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            expires_at: string;
            /** Format: date-time */
            revoked_at: string | null;
            /**
             * Format: date-time
             * @description To the hour
             */
            last_used_at: string | null;
        };
        CredentialsResponse: {
            credentials: components["schemas"]["CredentialResponse"][];
            /** @description The cursor of the next page; null on the last. A page can hold fewer than `limit`, even none, and have a next one */
            next: string | null;
        };
        RequireAccountDto: {
            /** @example alice@example.com */
            email?: string;
            /**
             * @description Google's id of the account
             * @example 103400000000000000001
             */
            sub?: string;
            /**
             * @description A Google Workspace domain
             * @example example.com
             */
            hd?: string;
        };
        ConnectTicketDto: {
            /**
             * @description `connect`: a link to Google and back. `manage`: a link to a page where the user sees what you hold, reconnects and disconnects; of the other members it takes user_id, user_label, locale, client and return_to
             * @default connect
             * @enum {string}
             */
            purpose?: "connect" | "manage";
            /**
             * @description Your own id of the user
             * @example alice
             */
            user_id: string;
            /**
             * @description How the page names the user, in place of the id: a name, or the email address of the account
             * @example Alice Example
             */
            user_label?: string;
            /**
             * @description The language of the pages (en, id, fr, de) and of Google's; left out, it is the browser's. A language tag (RFC 5646)
             * @example fr
             */
            locale?: string;
            /** @description The alias of the Google client; may be left out when there is a default, and of a page about all clients */
            client?: string;
            /**
             * @description What you need, separated by spaces. Required, except for the purpose manage
             * @example https://www.googleapis.com/auth/yt-analytics.readonly
             */
            scope?: string;
            /**
             * @description Why you need a scope, by its name: shown beside it as your words. In the user's language, and for some of the scopes or all
             * @example {
             *       "https://www.googleapis.com/auth/yt-analytics.readonly": "To show your views beside your sales."
             *     }
             */
            reasons?: {
                [key: string]: string;
            };
            /**
             * @description The email or sub to suggest to the user
             * @example alice@example.com
             */
            account_hint?: string;
            require_account?: components["schemas"]["RequireAccountDto"];
            /** @description Where the browser goes afterwards; its origin must be in RETURN_TO_ORIGINS */
            return_to?: string;
            /**
             * @description Asks Google even when all scopes are held: to connect one more account
             * @default false
             */
            another_account?: boolean;
            /**
             * @description Google's pages that the user sees even where they are not needed: the consent screen, the account chooser, or both
             * @enum {string}
             */
            prompt?: "consent" | "select_account" | "consent select_account" | "select_account consent";
            /** @description false: the grant then holds what this connect asks for, and nothing that was granted before. Left out: what the grant held is kept */
            include_granted_scopes?: boolean;
            /**
             * @description The grant waits until your server posts connect_code to /connect/completions. Needs return_to
             * @default false
             */
            confirm?: boolean;
            /**
             * @description Connects even when Google would end another user's grant of the same account for it (slots)
             * @default false
             */
            force?: boolean;
        };
        ConnectTicketResponse: {
            /**
             * @description For GET /connect/tickets/:id
             * @example h3k9x2mvq7aw
             */
            id: string;
            /**
             * @description For one browser, for 30 minutes. With the purpose manage it leads to /me/grants
             * @example https://broker.example.com/connect?ticket=ct_h3k9x2mvq7aw_QmV0dGVyIHNhZmUgdGg
             */
            connect_url: string;
            /** Format: date-time */
            expires_at: string;
        };
        AccountResponse: {
            /** @example 103400000000000000001 */
            sub: string;
            /** @example alice@example.com */
            email: string | null;
        };
        TicketStatusResponse: {
            /** @example h3k9x2mvq7aw */
            id: string;
            /** @enum {string} */
            purpose: "connect" | "manage";
            /**
             * @description `opened`: a browser shows its page; `at_google`: its button was pressed; `pending`: the user has consented and Google has issued tokens, and the broker, or with `confirm` your server, has still to finish it. `success`, `partial`, `denied`, `failed`, `cancelled` and `expired` are ends
             * @enum {string}
             */
            state: "created" | "opened" | "at_google" | "pending" | "success" | "partial" | "denied" | "failed" | "cancelled" | "expired";
            /** @description Why it ended so (docs/connecting.md#why-a-connect-failed); null after success */
            reason: string | null;
            /** @description Of the call that changed it last, as in the log */
            request_id: string | null;
            /** @example alice */
            user_id: string;
            /** @description The alias of the Google client; `*` of a page about all clients */
            client: string;
            /** @description What was asked for, separated by spaces */
            scope: string;
            /** Format: uuid */
            grant_id: string | null;
            /** @description The account that was chosen, also where another one was required */
            account: components["schemas"]["AccountResponse"] | null;
            /** @description What the user did not allow */
            missing_scopes: string[];
            /** @description Accounts of dead grants of this user, where another account was connected: those grants stay dead. Empty as a rule */
            instead_of: components["schemas"]["AccountResponse"][];
            /** Format: date-time */
            created_at: string;
            /**
             * Format: date-time
             * @description When a browser opened it
             */
            opened_at: string | null;
            /**
             * Format: date-time
             * @description When its button was pressed
             */
            started_at: string | null;
            /** Format: date-time */
            ended_at: string | null;
            /**
             * Format: date-time
             * @description When it expires unless it ends before
             */
            expires_at: string;
        };
        CompletionDto: {
            /** @description connect_code, as the browser brought it to return_to */
            code: string;
            /** @description The user of the session that brought the code */
            user_id: string;
        };
        CompletionResponse: {
            /** @enum {string} */
            connect: "success" | "partial";
            /** Format: uuid */
            grant_id: string;
            missing_scopes: string[];
        };
        AccessPathResponse: {
            /**
             * @description The root that the call goes through
             * @example 1000000001
             */
            login_customer_id: string;
            /**
             * @description The role on the root, which holds on the account; null: Google does not say
             * @enum {string|null}
             */
            role: "ADMIN" | "STANDARD" | "READ_ONLY" | "EMAIL_ONLY" | null;
            /**
             * @description Links between the root and the account
             * @example 1
             */
            distance: number;
            /** @description Whether the header login-customer-id must be sent */
            header_needed: boolean;
        };
        ChosenPath: {
            /**
             * @description The root that the call goes through
             * @example 1000000001
             */
            login_customer_id: string;
            /**
             * @description The role on the root, which holds on the account; null: Google does not say
             * @enum {string|null}
             */
            role: "ADMIN" | "STANDARD" | "READ_ONLY" | "EMAIL_ONLY" | null;
            /**
             * @description Links between the root and the account
             * @example 1
             */
            distance: number;
            /** @description Whether the header login-customer-id must be sent */
            header_needed: boolean;
            /** @description Other access paths, the most powerful role first, then the shortest path */
            alternatives: components["schemas"]["AccessPathResponse"][];
            /**
             * Format: date-time
             * @description When the broker read the accounts from Google Ads
             */
            synced_at: string;
        };
        TokenResponse: {
            /** @example ya29.a0... */
            access_token: string;
            /** @example Bearer */
            token_type: string;
            /**
             * @description Seconds from now
             * @example 3412
             */
            expires_in: number;
            /** @description The scopes of the token, separated by spaces */
            scope: string;
            /** Format: date-time */
            expires_at: string;
            account: components["schemas"]["AccountResponse"];
            /**
             * @description The alias of the Google client
             * @example default
             */
            client: string;
            /**
             * @description Names this token, for `refused`: the first 16 hexadecimal digits of its SHA-256
             * @example 2f1c6f0b9d5a4e37
             */
            token_id: string;
            /**
             * @description With customer_id: the headers to send with the token. Empty where access is direct
             * @example {
             *       "login-customer-id": "1000000001"
             *     }
             */
            headers?: {
                [key: string]: string;
            };
            /** @description With customer_id: the chosen access path */
            ads?: components["schemas"]["ChosenPath"];
        };
        TokenEndpointResponse: {
            /** @example ya29.a0... */
            access_token: string;
            /** @example Bearer */
            token_type: string;
            /**
             * @description Seconds from now; 390 or more while the token can be refreshed
             * @example 3412
             */
            expires_in: number;
            /** @description The scopes of the token, separated by spaces */
            scope: string;
            /** @example urn:ietf:params:oauth:token-type:access_token */
            issued_token_type: string;
        };
        AuthorizationServerMetadata: {
            /** @example https://broker.example.com */
            issuer: string;
            /** @example https://broker.example.com/oauth2/token */
            token_endpoint: string;
            /** @description Empty: the broker has no authorization endpoint for clients */
            response_types_supported: string[];
            grant_types_supported: string[];
            token_endpoint_auth_methods_supported: string[];
            /** @example https://broker.example.com/docs */
            service_documentation?: string;
        };
        CustomerResponse: {
            /** @example 1000000004 */
            id: string;
            name: string | null;
            /** @description A manager, or an advertiser */
            manager: boolean;
            /**
             * @description Google's CustomerStatus
             * @example ENABLED
             */
            status: string | null;
            /** @description The managers directly above it that the user can see */
            managers: string[];
            /** @description The best first: by role, then by the shortest path */
            access: components["schemas"]["AccessPathResponse"][];
        };
        GapResponse: {
            /** @example 1000000002 */
            customer_id: string;
            /** @enum {string} */
            why: "closed" | "refused" | "blocked" | "cut_off" | "unknown" | "unreached";
            /**
             * @description Google's code, where Google refused
             * @example TWO_STEP_VERIFICATION_NOT_ENROLLED
             */
            cause: string | null;
            /**
             * @description Who can remedy it, where Google refused
             * @enum {string|null}
             */
            who_must_act: "user" | "account_admin" | "operator" | "developer" | null;
            /** @description What it means and what to do, in words */
            remedy: string | null;
        };
        CustomersResponse: {
            account: components["schemas"]["AccountResponse"];
            /**
             * @description The alias of the Google client
             * @example default
             */
            client: string;
            /**
             * Format: date-time
             * @description When the broker read the accounts from Google Ads
             */
            synced_at: string;
            /**
             * @description Seconds since then
             * @example 42
             */
            age: number;
            /** @description Whether nothing is missing: `gaps` is empty on every page */
            complete: boolean;
            /** @description In the order of their ids */
            customers: components["schemas"]["CustomerResponse"][];
            /** @description Accounts about which something is missing, and why */
            gaps: components["schemas"]["GapResponse"][];
            /** @description The cursor of the next page; null on the last. A page can hold fewer than `limit`, even none, and have a next one */
            next: string | null;
        };
        DiagnosisResponse: {
            /** @example user_revoked */
            cause: string;
            /** @enum {string} */
            confidence: "certain" | "inferred";
            /** @enum {string} */
            who_must_act: "user" | "workspace_admin" | "operator";
            detail: string;
        };
        ExpiryResponse: {
            /** Format: date-time */
            at: string;
            /** @enum {string} */
            reason: "testing_mode" | "time_based_access" | "inactivity";
        };
        GrantResponse: {
            /** Format: uuid */
            id: string;
            user_id: string;
            client: string;
            /**
             * @description Whether a person consented, or an operator gave the key of a service account
             * @enum {string}
             */
            kind: "user" | "service_account";
            account: components["schemas"]["AccountResponse"];
            /** @description The user of a Workspace that a service account acts for; null: for itself */
            subject: string | null;
            /**
             * @description `suspended`: Google disabled the account; it may become active again by itself. `revoking`: a revocation was begun and continues until Google confirms it
             * @enum {string}
             */
            status: "active" | "suspended" | "revoking" | "reconnect_required" | "revoked";
            /** @description What the user allowed */
            scope: string;
            /** @description What was asked for and not allowed */
            missing_scopes: string[];
            /** @description Why the grant gives no tokens */
            diagnosis: components["schemas"]["DiagnosisResponse"] | null;
            /** @description When it expires unless its user acts */
            expires: components["schemas"]["ExpiryResponse"] | null;
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            consented_at: string;
            /**
             * Format: date-time
             * @description When its refresh token was imported from another system; null where a consent here brought it
             */
            imported_at: string | null;
            /** Format: date-time */
            refreshed_at: string | null;
        };
        GrantsResponse: {
            grants: components["schemas"]["GrantResponse"][];
            /** @description The cursor of the next page; null on the last. A page can hold fewer than `limit`, even none, and have a next one */
            next: string | null;
        };
        ActiveTokenResponse: {
            /** @description Null for one that no grant here uses, and for one of a grant that your policy does not cover */
            grant_id: string | null;
            /**
             * Format: date-time
             * @description Null for one of a grant that your policy does not cover, and for an imported one
             */
            issued_at: string | null;
            /** @description Whether its grant still refreshes with it */
            current: boolean;
            /** @description False where an imported token, whose age is not known, may be evicted before it or after it */
            certain: boolean;
        };
        SlotsResponse: {
            /** @description Active refresh tokens that Google allows an account per client */
            limit: number;
            used: number;
            free: number;
            /** @description Whether nine tenths are taken */
            nearly_full: boolean;
            /** @description Active refresh tokens of the account across all clients here */
            used_by_account: number;
            /** @description Whether these are nine tenths of ACCOUNT_SLOT_LIMIT: Google has a limit for them, which it does not publish */
            account_nearly_full: boolean;
            /** @description Which one Google evicts first; with the next consent when none is free */
            next_evicted: components["schemas"]["ActiveTokenResponse"] | null;
        };
        GrantDetailResponse: {
            /** Format: uuid */
            id: string;
            user_id: string;
            client: string;
            /**
             * @description Whether a person consented, or an operator gave the key of a service account
             * @enum {string}
             */
            kind: "user" | "service_account";
            account: components["schemas"]["AccountResponse"];
            /** @description The user of a Workspace that a service account acts for; null: for itself */
            subject: string | null;
            /**
             * @description `suspended`: Google disabled the account; it may become active again by itself. `revoking`: a revocation was begun and continues until Google confirms it
             * @enum {string}
             */
            status: "active" | "suspended" | "revoking" | "reconnect_required" | "revoked";
            /** @description What the user allowed */
            scope: string;
            /** @description What was asked for and not allowed */
            missing_scopes: string[];
            /** @description Why the grant gives no tokens */
            diagnosis: components["schemas"]["DiagnosisResponse"] | null;
            /** @description When it expires unless its user acts */
            expires: components["schemas"]["ExpiryResponse"] | null;
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            consented_at: string;
            /**
             * Format: date-time
             * @description When its refresh token was imported from another system; null where a consent here brought it
             */
            imported_at: string | null;
            /** Format: date-time */
            refreshed_at: string | null;
            slots: components["schemas"]["SlotsResponse"];
        };
        SiblingResponse: {
            /** Format: uuid */
            id: string;
            client: string;
            user_id: string;
        };
        DisconnectResponse: {
            /** @description How many other grants Google ends with it, of any user */
            also_revoked_total: number;
            /** @description Those of them that your policy covers; the first 100 */
            also_revoked: components["schemas"]["SiblingResponse"][];
            dry_run: boolean;
            /** @enum {string} */
            mode: "local" | "revoke";
            disconnected: components["schemas"]["GrantResponse"];
        };
        ImportItemDto: {
            /**
             * @description Your own id of the user
             * @example alice
             */
            user_id: string;
            /** @description The alias of the Google client that obtained the token; may be left out when there is a default */
            client?: string;
            /**
             * @description Never shown again, in no response, report or log
             * @example 1//0abc
             */
            refresh_token: string;
            /**
             * @description The grant gets these, and openid and the email address, and no others; left out: all that the token covers
             * @example [
             *       "https://www.googleapis.com/auth/yt-analytics.readonly"
             *     ]
             */
            scopes?: string[];
            /**
             * @description The account's `sub`, or an email address; compared with what Google says, and needed where Google says nothing
             * @example 103400000000000000001
             */
            account?: string;
        };
        ImportGrantsDto: {
            grants: components["schemas"]["ImportItemDto"][];
            /**
             * @description Whether another token takes the place of the one that an active grant has
             * @default false
             */
            replace?: boolean;
            /**
             * @description Asks Google, and stores nothing
             * @default false
             */
            dry_run?: boolean;
        };
        ImportSummary: {
            imported: number;
            replaced: number;
            unchanged: number;
            refused: number;
            postponed: number;
        };
        ItemResponse: {
            user_id: string | null;
            client: string | null;
            /**
             * @description `postponed`: nothing was decided; send the item again
             * @enum {string}
             */
            status: "imported" | "replaced" | "unchanged" | "refused" | "postponed";
            /**
             * @description Why it is refused or postponed
             * @enum {string|null}
             */
            cause: "invalid_item" | "unknown_client" | "not_allowed" | "dead_token" | "wrong_client" | "client_misconfigured" | "policy_rejected" | "scope_missing" | "account_unknown" | "wrong_account" | "other_token" | "token_in_use" | "being_revoked" | "google_unavailable" | "not_attempted" | null;
            /** @description What happened, and what to do next */
            detail: string | null;
            /** @description invalid_item: what is wrong with each field */
            errors?: {
                [key: string]: string;
            };
            /** @description scope_missing: what the token does not cover */
            missing_scopes?: string[];
            /**
             * @description Google gave another refresh token in place of this one, and nothing is stored: this one may not work any more.
             * @enum {boolean}
             */
            token_replaced?: true;
            /** Format: uuid */
            grant_id: string | null;
            account: components["schemas"]["AccountResponse"] | null;
            /** @description What the grant covers */
            scope: string | null;
            /** @description The place of the item in `grants`, from 0 */
            index: number;
        };
        ImportGrantsResponse: {
            dry_run: boolean;
            summary: components["schemas"]["ImportSummary"];
            /** @description One for each item, in their order */
            results: components["schemas"]["ItemResponse"][];
        };
        EndedGrantResponse: {
            /** Format: uuid */
            id: string;
            client: string;
            account: components["schemas"]["AccountResponse"];
            /**
             * @description `revoked`: revoked at Google, and deleted here. `revoking`: not revoked at Google yet; it is deleted once that is done. No token is issued meanwhile, and the broker asks Google again until it confirms. `deleted`: deleted here only. `kept`: not changed
             * @enum {string}
             */
            outcome: "revoked" | "revoking" | "deleted" | "kept";
            /**
             * @description Why Google is not asked with `mode=revoke`. `dead`: it gives no tokens any more. `service_account`: its key stays valid at Google until it is deleted in the Google console. `client_unknown`: its client is not in GOOGLE_CLIENT_SECRETS, so which others Google would end with it is not known; use `mode=local`. `integrity_failed`: it was changed outside the broker, so its refresh token does not open; the log says why; once it is looked into, use `mode=local`
             * @enum {string|null}
             */
            reason: "dead" | "service_account" | "client_unknown" | "integrity_failed" | null;
        };
        OffboardResponse: {
            /** @description How many other grants Google ends with it, of any user */
            also_revoked_total: number;
            /** @description Those of them that your policy covers; the first 100 */
            also_revoked: components["schemas"]["SiblingResponse"][];
            /** @example alice */
            user_id: string;
            dry_run: boolean;
            /** @enum {string} */
            mode: "local" | "revoke";
            /** @description False: call it again, until it is true */
            complete: boolean;
            /** @description What became of each, the oldest first; 100 a call */
            grants: components["schemas"]["EndedGrantResponse"][];
            /** @description Delegated credentials for this user that were revoked */
            credentials_revoked: number;
            /** @description Connects of this user under way that were cancelled: they bring no grant */
            connects_cancelled: number;
        };
        AuditEventResponse: {
            /** Format: uuid */
            id: string;
            /** Format: date-time */
            at: string;
            /**
             * @description How often: equal token events within a moment are one event
             * @example 1
             */
            count: number;
            /**
             * Format: date-time
             * @description When the last of them happened
             */
            last_at: string;
            /** @example token.issue */
            action: string;
            /** @description `ok`, another success of the action, or the code of the refusal */
            outcome: string;
            /** @description Who acted: a service's name, or `user`, `google`, `operator`, `broker` */
            actor: string;
            /** @description The service that acted, or that the event concerns */
            service_id: string | null;
            user_id: string | null;
            client: string | null;
            /** Format: uuid */
            grant_id: string | null;
            /** @description Names the call in the broker's log */
            request_id: string | null;
            details: {
                [key: string]: unknown;
            };
        };
        AuditResponse: {
            /** @description Newest first */
            events: components["schemas"]["AuditEventResponse"][];
            /** @description The cursor of the next page; null on the last. A page can hold fewer than `limit`, even none, and have a next one */
            next: string | null;
        };
        /**
         * @description Stable: write your code against this. More may be added
         * @enum {string}
         */
        ProblemCode: "invalid_request" | "unauthenticated" | "not_allowed" | "insufficient_scope" | "no_ads_access" | "not_connected" | "not_found" | "method_not_allowed" | "ambiguous_account" | "slots_full" | "reconnect_required" | "rate_limited" | "internal_error" | "integrity_failed" | "client_misconfigured" | "google_unavailable" | "cell_unavailable" | "database_unavailable" | "clock_skewed" | "issuer_unavailable";
        /** @description A refusal (RFC 9457). Members that not all problems have name the codes that have them */
        Problem: {
            /** @description A URN with the code */
            type: string;
            status: number;
            /** @description What happened, in general */
            title: string;
            code: components["schemas"]["ProblemCode"];
            /** @description What happened, and what to do next */
            detail: string;
            /** @description Names this request in the broker's log and audit trail */
            request_id: string;
            /** @description invalid_request: what is wrong with each field */
            errors?: {
                [key: string]: string;
            };
            /** @description invalid_request: why a link, a state or a form is refused; no_ads_access: why not */
            reason?: string;
            /** @description insufficient_scope: what the user did not allow */
            missing_scopes?: string[];
            /** @description A link that takes the user to consent; works once, for 30 minutes */
            connect_url?: string;
            /** @description ambiguous_account, not_connected: which accounts there are; 100 at most */
            accounts?: components["schemas"]["AccountResponse"][];
            /** @description reconnect_required, client_misconfigured: why; see docs/grants.md. no_ads_access: Google's code */
            cause?: string;
            /** @enum {string} */
            confidence?: "certain" | "inferred";
            /**
             * @description Who can put it right; account_admin and developer: no_ads_access only
             * @enum {string}
             */
            who_must_act?: "user" | "workspace_admin" | "account_admin" | "operator" | "developer";
            /** @description slots_full: how the account stands with this client */
            slots?: {
                limit: number;
                used: number;
                free: number;
            };
            /** @description client_misconfigured: Google's own code */
            google_error?: string;
            /** @description client_misconfigured: Google's own words */
            google_error_description?: string;
            /**
             * @description A refused security event: the code of RFC 8935
             * @enum {string}
             */
            err?: "invalid_request" | "invalid_key" | "invalid_issuer" | "invalid_audience";
            /** @description A refused security event: the same as detail, under the name of RFC 8935 */
            description?: string;
            /** @description no_ads_access: the Google Ads account */
            customer_id?: string;
            /** @description no_ads_access: the highest role found */
            best_role?: string | null;
            /** @description no_ads_access: the role that was requested */
            min_role?: string | null;
            /** @description no_ads_access: the most powerful role that was allowed */
            max_role?: string | null;
            /**
             * Format: date-time
             * @description no_ads_access: as of when
             */
            synced_at?: string;
            /** @description Seconds, as in Retry-After */
            retry_after?: number;
        };
        /** @description A user connected an account, or connected it again after the grant was dead */
        GrantConnectedEvent: {
            /** @enum {string} */
            type: "grant.connected";
            /**
             * Format: date-time
             * @description When it happened
             */
            timestamp: string;
            data: {
                /**
                 * Format: uuid
                 * @example dc85a7c8-5388-48bf-9945-9b4cdc9fa43e
                 */
                grant_id: string;
                /** @example alice */
                user_id: string;
                /** @example default */
                client: string;
                account: components["schemas"]["AccountResponse"];
                /** @enum {string} */
                status: "active" | "suspended" | "reconnect_required" | "revoked";
                /** @example https://www.googleapis.com/auth/yt-analytics.readonly openid */
                scope: string;
                /** @example user_revoked */
                cause?: string;
                /**
                 * @example inferred
                 * @enum {string}
                 */
                confidence?: "certain" | "inferred";
                /**
                 * @example user
                 * @enum {string}
                 */
                who_must_act?: "user" | "workspace_admin" | "operator";
                /** @example The user must connect again. */
                detail?: string;
            };
        };
        /** @description A grant of another system was imported */
        GrantImportedEvent: {
            /** @enum {string} */
            type: "grant.imported";
            /**
             * Format: date-time
             * @description When it happened
             */
            timestamp: string;
            data: {
                /**
                 * Format: uuid
                 * @example dc85a7c8-5388-48bf-9945-9b4cdc9fa43e
                 */
                grant_id: string;
                /** @example alice */
                user_id: string;
                /** @example default */
                client: string;
                account: components["schemas"]["AccountResponse"];
                /** @enum {string} */
                status: "active" | "suspended" | "reconnect_required" | "revoked";
                /** @example https://www.googleapis.com/auth/yt-analytics.readonly openid */
                scope: string;
                /** @example user_revoked */
                cause?: string;
                /**
                 * @example inferred
                 * @enum {string}
                 */
                confidence?: "certain" | "inferred";
                /**
                 * @example user
                 * @enum {string}
                 */
                who_must_act?: "user" | "workspace_admin" | "operator";
                /** @example The user must connect again. */
                detail?: string;
                /**
                 * @description Whether its token took the place of the one that an active grant had
                 * @example false
                 */
                replaced: boolean;
            };
        };
        /** @description The user allowed more, or Google's answer showed that it is less now */
        GrantScopesChangedEvent: {
            /** @enum {string} */
            type: "grant.scopes_changed";
            /**
             * Format: date-time
             * @description When it happened
             */
            timestamp: string;
            data: {
                /**
                 * Format: uuid
                 * @example dc85a7c8-5388-48bf-9945-9b4cdc9fa43e
                 */
                grant_id: string;
                /** @example alice */
                user_id: string;
                /** @example default */
                client: string;
                account: components["schemas"]["AccountResponse"];
                /** @enum {string} */
                status: "active" | "suspended" | "reconnect_required" | "revoked";
                /** @example https://www.googleapis.com/auth/yt-analytics.readonly openid */
                scope: string;
                /** @example user_revoked */
                cause?: string;
                /**
                 * @example inferred
                 * @enum {string}
                 */
                confidence?: "certain" | "inferred";
                /**
                 * @example user
                 * @enum {string}
                 */
                who_must_act?: "user" | "workspace_admin" | "operator";
                /** @example The user must connect again. */
                detail?: string;
            };
        };
        /** @description The grant will end at a known time if it is left as it is */
        GrantExpiringEvent: {
            /** @enum {string} */
            type: "grant.expiring";
            /**
             * Format: date-time
             * @description When it happened
             */
            timestamp: string;
            data: {
                /**
                 * Format: uuid
                 * @example dc85a7c8-5388-48bf-9945-9b4cdc9fa43e
                 */
                grant_id: string;
                /** @example alice */
                user_id: string;
                /** @example default */
                client: string;
                account: components["schemas"]["AccountResponse"];
                /** @enum {string} */
                status: "active" | "suspended" | "reconnect_required" | "revoked";
                /** @example https://www.googleapis.com/auth/yt-analytics.readonly openid */
                scope: string;
                /** @example user_revoked */
                cause?: string;
                /**
                 * @example inferred
                 * @enum {string}
                 */
                confidence?: "certain" | "inferred";
                /**
                 * @example user
                 * @enum {string}
                 */
                who_must_act?: "user" | "workspace_admin" | "operator";
                /** @example The user must connect again. */
                detail?: string;
                /**
                 * @example {
                 *       "at": "2026-11-29T11:58:00.000Z",
                 *       "reason": "testing_mode"
                 *     }
                 */
                expires: {
                    /** Format: date-time */
                    at: string;
                    /** @enum {string} */
                    reason: "testing_mode" | "time_based_access" | "inactivity";
                };
            };
        };
        /** @description No tokens come from this grant any more; the cause is that of its diagnosis */
        GrantReconnectRequiredEvent: {
            /** @enum {string} */
            type: "grant.reconnect_required";
            /**
             * Format: date-time
             * @description When it happened
             */
            timestamp: string;
            data: {
                /**
                 * Format: uuid
                 * @example dc85a7c8-5388-48bf-9945-9b4cdc9fa43e
                 */
                grant_id: string;
                /** @example alice */
                user_id: string;
                /** @example default */
                client: string;
                account: components["schemas"]["AccountResponse"];
                /** @enum {string} */
                status: "active" | "suspended" | "reconnect_required" | "revoked";
                /** @example https://www.googleapis.com/auth/yt-analytics.readonly openid */
                scope: string;
                /** @example user_revoked */
                cause: string;
                /**
                 * @example inferred
                 * @enum {string}
                 */
                confidence: "certain" | "inferred";
                /**
                 * @example user
                 * @enum {string}
                 */
                who_must_act: "user" | "workspace_admin" | "operator";
                /** @example The user must connect again. */
                detail: string;
            };
        };
        /** @description A service disconnected the grant, or Google deleted the account */
        GrantDisconnectedEvent: {
            /** @enum {string} */
            type: "grant.disconnected";
            /**
             * Format: date-time
             * @description When it happened
             */
            timestamp: string;
            data: {
                /**
                 * Format: uuid
                 * @example dc85a7c8-5388-48bf-9945-9b4cdc9fa43e
                 */
                grant_id: string;
                /** @example alice */
                user_id: string;
                /** @example default */
                client: string;
                account: components["schemas"]["AccountResponse"];
                /** @enum {string} */
                status: "active" | "suspended" | "reconnect_required" | "revoked";
                /** @example https://www.googleapis.com/auth/yt-analytics.readonly openid */
                scope: string;
                /** @example user_revoked */
                cause?: string;
                /**
                 * @example inferred
                 * @enum {string}
                 */
                confidence?: "certain" | "inferred";
                /**
                 * @example user
                 * @enum {string}
                 */
                who_must_act?: "user" | "workspace_admin" | "operator";
                /** @example The user must connect again. */
                detail?: string;
                /**
                 * @description Whether it was ended there as well
                 * @example true
                 */
                revoked_at_google: boolean;
            };
        };
        /** @description The account has nine tenths or more of the refresh tokens that Google allows it for this client */
        SlotsNearlyFullEvent: {
            /** @enum {string} */
            type: "slots.nearly_full";
            /**
             * Format: date-time
             * @description When it happened
             */
            timestamp: string;
            data: {
                /**
                 * Format: uuid
                 * @example dc85a7c8-5388-48bf-9945-9b4cdc9fa43e
                 */
                grant_id: string;
                /** @example alice */
                user_id: string;
                /** @example default */
                client: string;
                account: components["schemas"]["AccountResponse"];
                /** @enum {string} */
                status: "active" | "suspended" | "reconnect_required" | "revoked";
                /** @example https://www.googleapis.com/auth/yt-analytics.readonly openid */
                scope: string;
                /** @example user_revoked */
                cause?: string;
                /**
                 * @example inferred
                 * @enum {string}
                 */
                confidence?: "certain" | "inferred";
                /**
                 * @example user
                 * @enum {string}
                 */
                who_must_act?: "user" | "workspace_admin" | "operator";
                /** @example The user must connect again. */
                detail?: string;
                /**
                 * @example {
                 *       "limit": 100,
                 *       "used": 90,
                 *       "free": 10
                 *     }
                 */
                slots: {
                    limit: number;
                    used: number;
                    free: number;
                };
            };
        };
        /** @description The account has nine tenths or more of ACCOUNT_SLOT_LIMIT refresh tokens across all clients; the limit of Google is not published */
        SlotsAccountNearlyFullEvent: {
            /** @enum {string} */
            type: "slots.account_nearly_full";
            /**
             * Format: date-time
             * @description When it happened
             */
            timestamp: string;
            data: {
                /**
                 * Format: uuid
                 * @example dc85a7c8-5388-48bf-9945-9b4cdc9fa43e
                 */
                grant_id: string;
                /** @example alice */
                user_id: string;
                /** @example default */
                client: string;
                account: components["schemas"]["AccountResponse"];
                /** @enum {string} */
                status: "active" | "suspended" | "reconnect_required" | "revoked";
                /** @example https://www.googleapis.com/auth/yt-analytics.readonly openid */
                scope: string;
                /** @example user_revoked */
                cause?: string;
                /**
                 * @example inferred
                 * @enum {string}
                 */
                confidence?: "certain" | "inferred";
                /**
                 * @example user
                 * @enum {string}
                 */
                who_must_act?: "user" | "workspace_admin" | "operator";
                /** @example The user must connect again. */
                detail?: string;
                /**
                 * @example {
                 *       "limit": 200,
                 *       "used": 180
                 *     }
                 */
                slots: {
                    limit: number;
                    used: number;
                };
            };
        };
        /** @description An operator tests whether webhooks arrive. It is sent once; accept it, and do nothing */
        WebhookTestEvent: {
            /** @enum {string} */
            type: "webhook.test";
            /**
             * Format: date-time
             * @description When it happened
             */
            timestamp: string;
            data: {
                /**
                 * @description Always `operator`
                 * @example operator
                 */
                sent_by: string;
            };
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
export type WebhookBody =
    | components["schemas"]["GrantConnectedEvent"]
    | components["schemas"]["GrantImportedEvent"]
    | components["schemas"]["GrantScopesChangedEvent"]
    | components["schemas"]["GrantExpiringEvent"]
    | components["schemas"]["GrantReconnectRequiredEvent"]
    | components["schemas"]["GrantDisconnectedEvent"]
    | components["schemas"]["SlotsNearlyFullEvent"]
    | components["schemas"]["SlotsAccountNearlyFullEvent"]
    | components["schemas"]["WebhookTestEvent"];
