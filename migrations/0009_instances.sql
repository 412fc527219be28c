CREATE TABLE `instances` (
	`id` text PRIMARY KEY NOT NULL,
	`lease_expires_at` integer NOT NULL
);
--> statement-breakpoint
DROP INDEX `turns_leases`;--> statement-breakpoint
CREATE INDEX `turns_held` ON `turns` (`instance`,`id`,`generation`) WHERE state = 'running';