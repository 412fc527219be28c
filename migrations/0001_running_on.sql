ALTER TABLE `turns` ADD `partial_generation` integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE `turns` ADD `resume_from` text;--> statement-breakpoint
ALTER TABLE `turns` ADD `merged` text;