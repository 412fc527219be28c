DROP INDEX `turns_leases`;--> statement-breakpoint
CREATE INDEX `turns_leases` ON `turns` (`lease_expires_at`) WHERE state = 'running';