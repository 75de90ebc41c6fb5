CREATE INDEX `instance_series` ON `instance` (`series_instance_uid`,`received_at`) WHERE undecided = 0;--> statement-breakpoint
CREATE INDEX `study_patient` ON `study` (`patient_id`);