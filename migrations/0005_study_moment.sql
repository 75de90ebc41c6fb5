CREATE TABLE `amendment` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`instance` integer NOT NULL,
	`at` integer NOT NULL,
	`made_by` text NOT NULL,
	`why` text NOT NULL,
	`attributes` text NOT NULL,
	`changes` text NOT NULL,
	FOREIGN KEY (`instance`) REFERENCES `instance`(`seq`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `amendment_instance` ON `amendment` (`instance`);--> statement-breakpoint
CREATE TABLE `answer` (
	`key` text PRIMARY KEY NOT NULL,
	`found` integer NOT NULL,
	`fields` text NOT NULL,
	`answered_at` integer NOT NULL,
	`keep_until` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `answer_keep` ON `answer` (`keep_until`);--> statement-breakpoint
CREATE TABLE `errand` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`id` text NOT NULL,
	`study` integer NOT NULL,
	`round` integer NOT NULL,
	`destination` text,
	`service` text,
	`call` text,
	`given` text NOT NULL,
	`rule` text NOT NULL,
	`rule_name` text NOT NULL,
	`ruleset_digest` text,
	`after` text,
	`state` text NOT NULL,
	`reason` text,
	`status` text,
	`attempts` integer NOT NULL,
	`next_attempt_at` integer,
	`claim_token` text,
	`made_at` integer NOT NULL,
	`settled_at` integer,
	FOREIGN KEY (`study`) REFERENCES `study`(`seq`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`round`) REFERENCES `study_round`(`seq`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "errand_state" CHECK("errand"."state" IN ('PENDING', 'WAITING', 'HELD', 'REJECTED', 'FAILED', 'DELIVERED', 'DISCARDED', 'CANCELLED')),
	CONSTRAINT "errand_to" CHECK((destination IS NULL) <> (service IS NULL))
);
--> statement-breakpoint
CREATE UNIQUE INDEX `errand_id_unique` ON `errand` (`id`);--> statement-breakpoint
CREATE UNIQUE INDEX `errand_destination_once` ON `errand` (`round`,`destination`) WHERE destination IS NOT NULL;--> statement-breakpoint
CREATE UNIQUE INDEX `errand_service_once` ON `errand` (`round`,`service`,`call`,`rule_name`) WHERE service IS NOT NULL;--> statement-breakpoint
CREATE INDEX `errand_study` ON `errand` (`study`,`made_at`);--> statement-breakpoint
CREATE INDEX `errand_made` ON `errand` (`made_at`);--> statement-breakpoint
CREATE INDEX `errand_by_state` ON `errand` (`state`,`made_at`);--> statement-breakpoint
CREATE INDEX `errand_due` ON `errand` (`next_attempt_at`) WHERE service IS NOT NULL AND state = 'PENDING';--> statement-breakpoint
CREATE INDEX `errand_waiting` ON `errand` (`study`) WHERE service IS NOT NULL AND state = 'WAITING';--> statement-breakpoint
CREATE TABLE `errand_attempt` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`id` text NOT NULL,
	`errand` integer NOT NULL,
	`number` integer NOT NULL,
	`started_at` integer NOT NULL,
	`took` integer,
	`outcome` text NOT NULL,
	`status` text,
	`reason` text,
	FOREIGN KEY (`errand`) REFERENCES `errand`(`seq`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "errand_attempt_outcome" CHECK("errand_attempt"."outcome" IN ('DELIVERED', 'DELIVERED_WITH_WARNING', 'TRANSIENT', 'AMBIGUOUS', 'PERMANENT', 'INTERRUPTED'))
);
--> statement-breakpoint
CREATE UNIQUE INDEX `errand_attempt_id_unique` ON `errand_attempt` (`id`);--> statement-breakpoint
CREATE UNIQUE INDEX `errand_attempt_number` ON `errand_attempt` (`errand`,`number`);--> statement-breakpoint
CREATE TABLE `question` (
	`key` text PRIMARY KEY NOT NULL,
	`service` text NOT NULL,
	`call` text NOT NULL,
	`given` text NOT NULL,
	`asked_at` integer NOT NULL,
	`attempts` integer NOT NULL,
	`next_attempt_at` integer NOT NULL,
	`claim_token` text,
	`status` text,
	`reason` text
);
--> statement-breakpoint
CREATE INDEX `question_due` ON `question` (`next_attempt_at`);--> statement-breakpoint
CREATE TABLE `round_member` (
	`round` integer NOT NULL,
	`instance` integer NOT NULL,
	`is_new` integer NOT NULL,
	PRIMARY KEY(`round`, `instance`),
	FOREIGN KEY (`round`) REFERENCES `study_round`(`seq`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`instance`) REFERENCES `instance`(`seq`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `round_member_instance` ON `round_member` (`instance`);--> statement-breakpoint
CREATE TABLE `study_answer` (
	`study` integer NOT NULL,
	`key` text NOT NULL,
	`found` integer NOT NULL,
	`fields` text NOT NULL,
	`answered_at` integer NOT NULL,
	`asked_at` integer NOT NULL,
	PRIMARY KEY(`study`, `key`)
);
--> statement-breakpoint
CREATE TABLE `study_round` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`id` text NOT NULL,
	`study` integer NOT NULL,
	`number` integer NOT NULL,
	`settled_by` text NOT NULL,
	`state` text NOT NULL,
	`version` integer NOT NULL,
	`ruleset_digest` text,
	`opened_at` integer NOT NULL,
	`planned_at` integer,
	FOREIGN KEY (`study`) REFERENCES `study`(`seq`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "study_round_settled_by" CHECK("study_round"."settled_by" IN ('quiet', 'longest', 'retrieval', 'operator')),
	CONSTRAINT "study_round_state" CHECK("study_round"."state" IN ('OPEN', 'WAITING', 'PLANNED'))
);
--> statement-breakpoint
CREATE UNIQUE INDEX `study_round_id_unique` ON `study_round` (`id`);--> statement-breakpoint
CREATE INDEX `study_round_open` ON `study_round` (`state`) WHERE state = 'OPEN';--> statement-breakpoint
CREATE UNIQUE INDEX `study_round_number` ON `study_round` (`study`,`number`);--> statement-breakpoint
CREATE TABLE `study_timer` (
	`study` integer PRIMARY KEY NOT NULL,
	`opened_at` integer NOT NULL,
	`due_at` integer NOT NULL,
	`longest_at` integer NOT NULL,
	`settled_by` text,
	FOREIGN KEY (`study`) REFERENCES `study`(`seq`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "study_timer_settled_by" CHECK("study_timer"."settled_by" IN ('quiet', 'longest', 'retrieval', 'operator'))
);
--> statement-breakpoint
CREATE INDEX `study_timer_due` ON `study_timer` (`due_at`);--> statement-breakpoint
ALTER TABLE `delivery` ADD `errand` integer;--> statement-breakpoint
CREATE INDEX `delivery_errand` ON `delivery` (`errand`,`state`) WHERE errand IS NOT NULL;--> statement-breakpoint
ALTER TABLE `obligation` ADD `question` text;--> statement-breakpoint
ALTER TABLE `obligation` ADD `study_round` integer;--> statement-breakpoint
ALTER TABLE `obligation` ADD `follows` integer;--> statement-breakpoint
CREATE INDEX `obligation_held` ON `obligation` (`made_at`) WHERE state = 'HELD' AND follows IS NULL;--> statement-breakpoint
CREATE INDEX `obligation_open` ON `obligation` (`ruleset_digest`) WHERE delivery IS NULL AND state IN ('HELD', 'WAITING');--> statement-breakpoint
CREATE INDEX `obligation_until` ON `obligation` (`until`) WHERE state = 'WAITING' AND until IS NOT NULL;--> statement-breakpoint
CREATE INDEX `obligation_question` ON `obligation` (`question`,`state`) WHERE question IS NOT NULL;--> statement-breakpoint
CREATE INDEX `obligation_follows` ON `obligation` (`follows`) WHERE follows IS NOT NULL;--> statement-breakpoint
CREATE INDEX `obligation_round` ON `obligation` (`study_round`) WHERE study_round IS NOT NULL AND follows IS NULL;