-- Replaced by the migrations before this one. One by one: a cluster drops no two of them in one statement.
DROP INDEX "refresh_tokens_prefix_hash_idx";
DROP INDEX "refresh_tokens_sha512_hash_idx";
DROP INDEX "refresh_tokens_account_sub_client_sequence_idx";
