CREATE TABLE `events` (
	`session_id` text NOT NULL,
	`seq` integer NOT NULL,
	`kind` text NOT NULL,
	`ref` text,
	`data` text,
	`trace_id` text NOT NULL,
	`create_time` text NOT NULL,
	PRIMARY KEY(`session_id`, `seq`)
);
--> statement-breakpoint
CREATE TABLE `inputs` (
	`id` text PRIMARY KEY NOT NULL,
	`session_id` text NOT NULL,
	`turn_id` text NOT NULL,
	`prompt` text NOT NULL,
	`schema` text,
	`answered_by` text,
	`create_time` text NOT NULL,
	`closed_at` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `inputs_open` ON `inputs` (`session_id`) WHERE closed_at is null;--> statement-breakpoint
CREATE TABLE `messages` (
	`id` text PRIMARY KEY NOT NULL,
	`session_id` text NOT NULL,
	`chat_id` text NOT NULL,
	`flow_id` text NOT NULL,
	`chat_type` text NOT NULL,
	`user_id` integer NOT NULL,
	`is_bot` integer NOT NULL,
	`kind` text NOT NULL,
	`state` text NOT NULL,
	`message` text,
	`parts` text NOT NULL,
	`extra` text,
	`source` integer DEFAULT 0 NOT NULL,
	`seq` integer NOT NULL,
	`turn_id` text,
	`client_id` text,
	`reply_to` text,
	`liked` integer DEFAULT 0 NOT NULL,
	`usage` text,
	`create_time` text NOT NULL,
	`deleted_at` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `messages_order` ON `messages` (`session_id`,`seq`);--> statement-breakpoint
CREATE UNIQUE INDEX `messages_once` ON `messages` (`session_id`,`user_id`,`client_id`);--> statement-breakpoint
CREATE TABLE `sessions` (
	`id` text PRIMARY KEY NOT NULL,
	`user_id` integer NOT NULL,
	`chat_id` text NOT NULL,
	`flow_id` text NOT NULL,
	`chat_type` text NOT NULL,
	`topic` text,
	`logo` text,
	`state` text NOT NULL,
	`lifecycle` text NOT NULL,
	`last_seq` integer DEFAULT 0 NOT NULL,
	`epoch` text NOT NULL,
	`create_time` text NOT NULL,
	`update_time` text NOT NULL,
	`deleted_at` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `sessions_owner_chat` ON `sessions` (`user_id`,`chat_id`);--> statement-breakpoint
CREATE INDEX `sessions_owner_recent` ON `sessions` (`user_id`,`update_time`,`id`);--> statement-breakpoint
CREATE INDEX `sessions_recent` ON `sessions` (`update_time`,`id`);--> statement-breakpoint
CREATE INDEX `sessions_flow` ON `sessions` (`flow_id`,`update_time`,`id`);--> statement-breakpoint
CREATE TABLE `turns` (
	`id` text PRIMARY KEY NOT NULL,
	`session_id` text NOT NULL,
	`message_id` text NOT NULL,
	`seq` integer NOT NULL,
	`answer_id` text NOT NULL,
	`state` text NOT NULL,
	`instance` text,
	`generation` integer DEFAULT 0 NOT NULL,
	`lease_expires_at` integer,
	`attempts` integer DEFAULT 0 NOT NULL,
	`partial_text` text DEFAULT '' NOT NULL,
	`partial_reasoning` text DEFAULT '' NOT NULL,
	`checkpoint` text,
	`stop_requested_at` text,
	`error` text,
	`trace_id` text NOT NULL,
	`language` text NOT NULL,
	`create_time` text NOT NULL,
	`start_time` text,
	`end_time` text
);
--> statement-breakpoint
CREATE INDEX `turns_order` ON `turns` (`session_id`,`seq`);--> statement-breakpoint
CREATE INDEX `turns_open` ON `turns` (`session_id`,`seq`) WHERE state in ('queued', 'running');--> statement-breakpoint
CREATE INDEX `turns_checkpoint` ON `turns` (`session_id`,`seq`) WHERE checkpoint is not null;--> statement-breakpoint
CREATE INDEX `turns_leases` ON `turns` (`state`,`lease_expires_at`);