CREATE TABLE `files` (
	`id` text PRIMARY KEY NOT NULL,
	`user_id` integer NOT NULL,
	`name` text NOT NULL,
	`mime_type` text NOT NULL,
	`size` integer NOT NULL,
	`sha256` text NOT NULL,
	`create_time` text NOT NULL,
	`deleted_at` text
);
--> statement-breakpoint
CREATE INDEX `files_owner` ON `files` (`user_id`,`create_time`,`id`);--> statement-breakpoint
CREATE TABLE `graph_checkpoints` (
	`thread_id` text NOT NULL,
	`checkpoint_ns` text NOT NULL,
	`checkpoint_id` text NOT NULL,
	`parent_checkpoint_id` text,
	`checkpoint_type` text NOT NULL,
	`checkpoint` blob NOT NULL,
	`metadata_type` text NOT NULL,
	`metadata` blob NOT NULL,
	PRIMARY KEY(`thread_id`, `checkpoint_ns`, `checkpoint_id`)
);
--> statement-breakpoint
CREATE TABLE `graph_writes` (
	`thread_id` text NOT NULL,
	`checkpoint_ns` text NOT NULL,
	`checkpoint_id` text NOT NULL,
	`task_id` text NOT NULL,
	`idx` integer NOT NULL,
	`channel` text NOT NULL,
	`value_type` text NOT NULL,
	`value` blob NOT NULL,
	PRIMARY KEY(`thread_id`, `checkpoint_ns`, `checkpoint_id`, `task_id`, `idx`)
);
--> statement-breakpoint
UPDATE `messages` SET `reply_to` = (SELECT b.`answer_id` FROM `turns` t JOIN `turns` b ON b.`session_id` = t.`session_id` AND b.`seq` < t.`seq` WHERE t.`id` = `messages`.`turn_id` ORDER BY b.`seq` DESC LIMIT 1) WHERE NOT `is_bot` AND `turn_id` IS NOT NULL;--> statement-breakpoint
ALTER TABLE `sessions` ADD `head` text;--> statement-breakpoint
UPDATE `sessions` SET `head` = (SELECT coalesce((SELECT a.`id` FROM `messages` a WHERE a.`id` = t.`answer_id`), t.`message_id`) FROM `turns` t WHERE t.`session_id` = `sessions`.`id` ORDER BY t.`seq` DESC LIMIT 1);--> statement-breakpoint
DROP INDEX `turns_checkpoint`;--> statement-breakpoint
ALTER TABLE `inputs` ADD `fields` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `inputs` ADD `expires_at` text;--> statement-breakpoint
CREATE INDEX `inputs_expiry` ON `inputs` (`expires_at`) WHERE closed_at is null and expires_at is not null;--> statement-breakpoint
ALTER TABLE `inputs` DROP COLUMN `schema`;--> statement-breakpoint
ALTER TABLE `messages` ADD `comment` text;--> statement-breakpoint
ALTER TABLE `messages` ADD `copied` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `sessions` ADD `likes` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `sessions` ADD `dislikes` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `sessions` ADD `copies` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `sessions` ADD `read_seq` integer DEFAULT 0 NOT NULL;