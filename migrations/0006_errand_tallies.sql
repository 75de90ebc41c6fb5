CREATE TRIGGER errand_owed AFTER INSERT ON errand WHEN NEW.service IS NOT NULL BEGIN
  INSERT INTO obligation_tally (state, n) VALUES (NEW.state, 1) ON CONFLICT (state) DO UPDATE SET n = n + 1;
END;
--> statement-breakpoint
CREATE TRIGGER errand_moved AFTER UPDATE OF state ON errand WHEN NEW.service IS NOT NULL AND OLD.state <> NEW.state BEGIN
  UPDATE obligation_tally SET n = n - 1 WHERE state = OLD.state;
  INSERT INTO obligation_tally (state, n) VALUES (NEW.state, 1) ON CONFLICT (state) DO UPDATE SET n = n + 1;
END;
--> statement-breakpoint
CREATE TRIGGER errand_gone AFTER DELETE ON errand WHEN OLD.service IS NOT NULL BEGIN
  UPDATE obligation_tally SET n = n - 1 WHERE state = OLD.state;
END;
