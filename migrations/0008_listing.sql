DROP INDEX `audit_at`;--> statement-breakpoint
DROP INDEX `audit_by_event`;--> statement-breakpoint
DROP INDEX `audit_by_actor`;--> statement-breakpoint
DROP INDEX `audit_subject_at`;--> statement-breakpoint
ALTER TABLE `audit_event` ADD `listed` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
UPDATE `audit_event` SET listed = 1;--> statement-breakpoint
CREATE INDEX `audit_unlisted` ON `audit_event` (`at`) WHERE listed = 0;--> statement-breakpoint
CREATE INDEX `audit_at` ON `audit_event` (`at`) WHERE listed = 1;--> statement-breakpoint
CREATE INDEX `audit_by_event` ON `audit_event` (`event`,`at`) WHERE listed = 1;--> statement-breakpoint
CREATE INDEX `audit_by_actor` ON `audit_event` (`actor`,`at`) WHERE listed = 1;--> statement-breakpoint
CREATE INDEX `audit_subject_at` ON `audit_event` (`subject_id`,`at`) WHERE listed = 1;--> statement-breakpoint
DROP INDEX `instance_blob`;--> statement-breakpoint
DROP INDEX `instance_received`;--> statement-breakpoint
DROP INDEX `instance_by_state`;--> statement-breakpoint
DROP INDEX `instance_calling`;--> statement-breakpoint
DROP INDEX `instance_class`;--> statement-breakpoint
CREATE INDEX `instance_waiting` ON `instance` (`received_at`) WHERE undecided = 1;--> statement-breakpoint
CREATE INDEX `instance_blob` ON `instance` (`blob_key`) WHERE undecided = 0;--> statement-breakpoint
CREATE INDEX `instance_received` ON `instance` (`received_at`) WHERE undecided = 0;--> statement-breakpoint
CREATE INDEX `instance_by_state` ON `instance` (`state`,`received_at`) WHERE undecided = 0;--> statement-breakpoint
CREATE INDEX `instance_calling` ON `instance` (`calling_ae`,`received_at`) WHERE undecided = 0;--> statement-breakpoint
CREATE INDEX `instance_class` ON `instance` (`sop_class_uid`,`received_at`) WHERE undecided = 0;