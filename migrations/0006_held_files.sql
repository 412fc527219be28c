ALTER TABLE `files` ADD `held_for` text;--> statement-breakpoint
CREATE INDEX `files_held` ON `files` (`held_for`) WHERE held_for is not null;