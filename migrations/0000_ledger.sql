CREATE TABLE `attempt` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`id` text NOT NULL,
	`delivery` integer NOT NULL,
	`number` integer NOT NULL,
	`started_at` integer NOT NULL,
	`took` integer,
	`outcome` text NOT NULL,
	`status` text,
	`reason` text,
	FOREIGN KEY (`delivery`) REFERENCES `delivery`(`seq`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "attempt_outcome" CHECK("attempt"."outcome" IN ('DELIVERED', 'DELIVERED_WITH_WARNING', 'TRANSIENT', 'AMBIGUOUS', 'PERMANENT', 'INTERRUPTED'))
);
--> statement-breakpoint
CREATE UNIQUE INDEX `attempt_id_unique` ON `attempt` (`id`);--> statement-breakpoint
CREATE UNIQUE INDEX `attempt_number` ON `attempt` (`delivery`,`number`);--> statement-breakpoint
CREATE TABLE `audit_event` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`node` text NOT NULL,
	`sequence` integer NOT NULL,
	`segment` integer NOT NULL,
	`at` integer NOT NULL,
	`event` text NOT NULL,
	`actor` text NOT NULL,
	`outcome` text NOT NULL,
	`subject_kind` text,
	`subject_id` text,
	`detail` text,
	`hash` blob NOT NULL,
	CONSTRAINT "audit_subject" CHECK("audit_event"."subject_kind" IN ('Instance', 'Study', 'Delivery', 'Destination', 'Ruleset'))
);
--> statement-breakpoint
CREATE INDEX `audit_at` ON `audit_event` (`at`);--> statement-breakpoint
CREATE INDEX `audit_by_event` ON `audit_event` (`event`,`at`);--> statement-breakpoint
CREATE INDEX `audit_by_actor` ON `audit_event` (`actor`,`at`);--> statement-breakpoint
CREATE INDEX `audit_subject_at` ON `audit_event` (`subject_id`,`at`);--> statement-breakpoint
CREATE UNIQUE INDEX `audit_chain` ON `audit_event` (`node`,`sequence`);--> statement-breakpoint
CREATE TABLE `delivery` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`id` text NOT NULL,
	`instance` integer NOT NULL,
	`study` integer,
	`destination` text NOT NULL,
	`round` integer NOT NULL,
	`node` text NOT NULL,
	`state` text NOT NULL,
	`reason` text,
	`urgent` integer NOT NULL,
	`outgoing_uid` text NOT NULL,
	`content_key` blob NOT NULL,
	`attempts` integer NOT NULL,
	`next_attempt_at` integer,
	`claim_token` text,
	`claimed_by` text,
	`lease_until` integer,
	`sent_sha256` text,
	`ambiguous` integer NOT NULL,
	`sent_to` text,
	`planned_at` integer NOT NULL,
	`settled_at` integer,
	FOREIGN KEY (`instance`) REFERENCES `instance`(`seq`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "delivery_state" CHECK("delivery"."state" IN ('READY', 'SENDING', 'AWAITING_COMMITMENT', 'DELIVERED', 'REJECTED', 'FAILED', 'HELD', 'CANCELLED')),
	CONSTRAINT "delivery_claim" CHECK((state = 'SENDING') = (claim_token IS NOT NULL)),
	CONSTRAINT "delivery_due_known" CHECK(state <> 'READY' OR next_attempt_at IS NOT NULL)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `delivery_id_unique` ON `delivery` (`id`);--> statement-breakpoint
CREATE INDEX `delivery_due` ON `delivery` (`destination`,`urgent`,`next_attempt_at`) WHERE state = 'READY';--> statement-breakpoint
CREATE INDEX `delivery_retrying` ON `delivery` (`destination`,`next_attempt_at`) WHERE state = 'READY' AND attempts > 0;--> statement-breakpoint
CREATE UNIQUE INDEX `delivery_claimed` ON `delivery` (`claim_token`) WHERE claim_token IS NOT NULL;--> statement-breakpoint
CREATE INDEX `delivery_lease` ON `delivery` (`destination`,`lease_until`) WHERE state = 'SENDING';--> statement-breakpoint
CREATE INDEX `delivery_outgoing` ON `delivery` (`destination`,`outgoing_uid`);--> statement-breakpoint
CREATE INDEX `delivery_by_state` ON `delivery` (`destination`,`state`,`planned_at`);--> statement-breakpoint
CREATE INDEX `delivery_planned` ON `delivery` (`planned_at`);--> statement-breakpoint
CREATE INDEX `delivery_study` ON `delivery` (`study`,`planned_at`);--> statement-breakpoint
CREATE UNIQUE INDEX `delivery_once` ON `delivery` (`instance`,`destination`,`round`);--> statement-breakpoint
CREATE TABLE `delivery_content` (
	`delivery` integer PRIMARY KEY NOT NULL,
	`rules` text NOT NULL,
	`edits` text NOT NULL,
	`edit_version` integer NOT NULL,
	`changes` text NOT NULL,
	FOREIGN KEY (`delivery`) REFERENCES `delivery`(`seq`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `delivery_rule` (
	`rule` text NOT NULL,
	`delivery` integer NOT NULL,
	PRIMARY KEY(`rule`, `delivery`),
	FOREIGN KEY (`delivery`) REFERENCES `delivery`(`seq`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `delivery_rule_delivery` ON `delivery_rule` (`delivery`);--> statement-breakpoint
CREATE TABLE `delivery_tally` (
	`destination` text NOT NULL,
	`state` text NOT NULL,
	`n` integer NOT NULL,
	PRIMARY KEY(`destination`, `state`)
);
--> statement-breakpoint
CREATE TABLE `destination` (
	`name` text PRIMARY KEY NOT NULL,
	`paused_by` text,
	`paused_reason` text,
	`paused_until` integer,
	`down_since` integer,
	`down_failures` integer,
	`down_probe_at` integer,
	`down_reason` text,
	`notes` text
);
--> statement-breakpoint
CREATE TABLE `instance` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`id` text NOT NULL,
	`study` integer,
	`node` text NOT NULL,
	`blob_store` text NOT NULL,
	`blob_key` text NOT NULL,
	`blob_length` integer NOT NULL,
	`sha256` text NOT NULL,
	`received_at` integer NOT NULL,
	`door` text NOT NULL,
	`calling_ae` text,
	`called_ae` text,
	`peer` text,
	`association` text,
	`sop_class_uid` text NOT NULL,
	`sop_instance_uid` text NOT NULL,
	`transfer_syntax_uid` text NOT NULL,
	`study_instance_uid` text,
	`series_instance_uid` text,
	`accession_number` text,
	`patient_id` text,
	`patient_name` text,
	`modality` text,
	`unreadable` text,
	`state` text NOT NULL,
	`undecided` integer NOT NULL,
	`version` integer NOT NULL,
	`round` integer NOT NULL,
	`duplicate_of` integer,
	`spooled` integer NOT NULL,
	FOREIGN KEY (`study`) REFERENCES `study`(`seq`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "instance_door" CHECK("instance"."door" IN ('DIMSE', 'STOW', 'UPLOAD', 'FOLDER', 'RETRIEVE')),
	CONSTRAINT "instance_state" CHECK("instance"."state" IN ('PENDING', 'WAITING', 'HELD', 'DISCARDED', 'SETTLED'))
);
--> statement-breakpoint
CREATE UNIQUE INDEX `instance_id_unique` ON `instance` (`id`);--> statement-breakpoint
CREATE INDEX `instance_undecided` ON `instance` (`undecided`) WHERE undecided = 1;--> statement-breakpoint
CREATE INDEX `instance_blob` ON `instance` (`blob_key`);--> statement-breakpoint
CREATE INDEX `instance_uid` ON `instance` (`sop_instance_uid`);--> statement-breakpoint
CREATE INDEX `instance_received` ON `instance` (`received_at`);--> statement-breakpoint
CREATE INDEX `instance_study` ON `instance` (`study`,`received_at`);--> statement-breakpoint
CREATE INDEX `instance_by_state` ON `instance` (`state`,`received_at`);--> statement-breakpoint
CREATE INDEX `instance_calling` ON `instance` (`calling_ae`,`received_at`);--> statement-breakpoint
CREATE INDEX `instance_class` ON `instance` (`sop_class_uid`,`received_at`);--> statement-breakpoint
CREATE TABLE `instance_header` (
	`instance` integer PRIMARY KEY NOT NULL,
	`header` blob NOT NULL,
	FOREIGN KEY (`instance`) REFERENCES `instance`(`seq`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `mark` (
	`name` text PRIMARY KEY NOT NULL,
	`value` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `obligation` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`id` text NOT NULL,
	`instance` integer NOT NULL,
	`kind` text NOT NULL,
	`state` text NOT NULL,
	`rule` text,
	`reason` text,
	`until` integer,
	`delivery` integer,
	`ruleset_digest` text,
	`made_at` integer NOT NULL,
	FOREIGN KEY (`instance`) REFERENCES `instance`(`seq`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`delivery`) REFERENCES `delivery`(`seq`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "obligation_kind" CHECK("obligation"."kind" IN ('DELIVER', 'WAIT', 'HOLD', 'DISCARD', 'NOTIFY')),
	CONSTRAINT "obligation_state" CHECK("obligation"."state" IN ('PENDING', 'WAITING', 'HELD', 'REJECTED', 'FAILED', 'DELIVERED', 'DISCARDED', 'CANCELLED')),
	CONSTRAINT "obligation_delivery" CHECK((kind = 'DELIVER') = (delivery IS NOT NULL))
);
--> statement-breakpoint
CREATE UNIQUE INDEX `obligation_id_unique` ON `obligation` (`id`);--> statement-breakpoint
CREATE UNIQUE INDEX `obligation_delivery_unique` ON `obligation` (`delivery`);--> statement-breakpoint
CREATE INDEX `obligation_instance` ON `obligation` (`instance`);--> statement-breakpoint
CREATE TABLE `obligation_tally` (
	`state` text PRIMARY KEY NOT NULL,
	`n` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `refused_caller` (
	`calling_ae` text NOT NULL,
	`called_ae` text NOT NULL,
	`peer` text NOT NULL,
	`reason` text NOT NULL,
	`count` integer NOT NULL,
	`last_at` integer NOT NULL,
	PRIMARY KEY(`calling_ae`, `called_ae`, `peer`)
);
--> statement-breakpoint
CREATE INDEX `refused_last` ON `refused_caller` (`last_at`);--> statement-breakpoint
CREATE TABLE `ruleset` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`digest` text NOT NULL,
	`loaded_at` integer NOT NULL,
	`loaded_by` text NOT NULL,
	`files` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `study` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`study_instance_uid` text NOT NULL,
	`accession_number` text,
	`patient_id` text,
	`patient_name` text,
	`modalities` text NOT NULL,
	`state` text NOT NULL,
	`first_received_at` integer NOT NULL,
	`last_received_at` integer NOT NULL,
	CONSTRAINT "study_state" CHECK("study"."state" IN ('OPEN', 'SETTLED'))
);
--> statement-breakpoint
CREATE UNIQUE INDEX `study_study_instance_uid_unique` ON `study` (`study_instance_uid`);--> statement-breakpoint
CREATE INDEX `study_last` ON `study` (`last_received_at`);--> statement-breakpoint
CREATE INDEX `study_accession` ON `study` (`accession_number`,`last_received_at`);--> statement-breakpoint
CREATE INDEX `study_by_state` ON `study` (`state`,`last_received_at`);--> statement-breakpoint
CREATE TABLE `token` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`name` text NOT NULL,
	`sha256` text NOT NULL,
	`roles` text NOT NULL,
	`created_at` integer NOT NULL,
	`revoked_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `token_name_unique` ON `token` (`name`);--> statement-breakpoint
CREATE UNIQUE INDEX `token_sha256_unique` ON `token` (`sha256`);