DELETE FROM `ruleset` WHERE seq NOT IN (SELECT max(seq) FROM ruleset GROUP BY digest);--> statement-breakpoint
ALTER TABLE `ruleset` ADD `summary` text;--> statement-breakpoint
ALTER TABLE `ruleset` ADD `pin` text;--> statement-breakpoint
CREATE UNIQUE INDEX `ruleset_digest_unique` ON `ruleset` (`digest`);