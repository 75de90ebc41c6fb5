CREATE TRIGGER delivery_made AFTER INSERT ON delivery BEGIN
  INSERT INTO delivery_tally (destination, state, n) VALUES (NEW.destination, NEW.state, 1)
    ON CONFLICT (destination, state) DO UPDATE SET n = n + 1;
END;
--> statement-breakpoint
CREATE TRIGGER delivery_moved AFTER UPDATE OF state ON delivery WHEN OLD.state <> NEW.state BEGIN
  UPDATE delivery_tally SET n = n - 1 WHERE destination = OLD.destination AND state = OLD.state;
  INSERT INTO delivery_tally (destination, state, n) VALUES (NEW.destination, NEW.state, 1)
    ON CONFLICT (destination, state) DO UPDATE SET n = n + 1;
END;
--> statement-breakpoint
CREATE TRIGGER delivery_forgotten AFTER DELETE ON delivery BEGIN
  UPDATE delivery_tally SET n = n - 1 WHERE destination = OLD.destination AND state = OLD.state;
END;
--> statement-breakpoint
CREATE TRIGGER obligation_made AFTER INSERT ON obligation BEGIN
  INSERT INTO obligation_tally (state, n) VALUES (NEW.state, 1) ON CONFLICT (state) DO UPDATE SET n = n + 1;
END;
--> statement-breakpoint
CREATE TRIGGER obligation_moved AFTER UPDATE OF state ON obligation WHEN OLD.state <> NEW.state BEGIN
  UPDATE obligation_tally SET n = n - 1 WHERE state = OLD.state;
  INSERT INTO obligation_tally (state, n) VALUES (NEW.state, 1) ON CONFLICT (state) DO UPDATE SET n = n + 1;
END;
--> statement-breakpoint
CREATE TRIGGER obligation_forgotten AFTER DELETE ON obligation BEGIN
  UPDATE obligation_tally SET n = n - 1 WHERE state = OLD.state;
END;
--> statement-breakpoint
CREATE TRIGGER instance_made AFTER INSERT ON instance WHEN NEW.undecided = 1 BEGIN
  INSERT INTO obligation_tally (state, n) VALUES ('UNDECIDED', 1) ON CONFLICT (state) DO UPDATE SET n = n + 1;
END;
--> statement-breakpoint
CREATE TRIGGER instance_decided AFTER UPDATE OF undecided ON instance WHEN OLD.undecided <> NEW.undecided BEGIN
  INSERT INTO obligation_tally (state, n) VALUES ('UNDECIDED', NEW.undecided - OLD.undecided)
    ON CONFLICT (state) DO UPDATE SET n = n + NEW.undecided - OLD.undecided;
END;
--> statement-breakpoint
CREATE TRIGGER instance_forgotten AFTER DELETE ON instance WHEN OLD.undecided = 1 BEGIN
  UPDATE obligation_tally SET n = n - 1 WHERE state = 'UNDECIDED';
END;
