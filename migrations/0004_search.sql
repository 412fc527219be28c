-- The search index (src/store/search-index.ts). Its terms are made by the service, so the tokenizer only parts them at spaces.
CREATE VIRTUAL TABLE `search_index` USING fts5(terms, content='', contentless_delete=1, detail=none, tokenize="ascii tokenchars '_'");
--> statement-breakpoint
-- Up to which event it has come: `mark` is the event's rowid, the session and seq say which one it is, should the table be
-- another one some day. `swept_seq`: the event after it deletes a chat, whose messages have left the index up to here.
CREATE TABLE `search_state` (
	`id` integer PRIMARY KEY NOT NULL,
	`mark` integer DEFAULT 0 NOT NULL,
	`mark_session` text,
	`mark_seq` integer,
	`swept_seq` integer DEFAULT 0 NOT NULL,
	`holder` text,
	`lease_expires_at` integer DEFAULT 0 NOT NULL
);
--> statement-breakpoint
INSERT INTO `search_state` (`id`) VALUES (1);
