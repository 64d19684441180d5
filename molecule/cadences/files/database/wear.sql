-- The indexed column changes, so that no update stays within its page.
UPDATE entries SET at = at + interval '1 second';
UPDATE entries SET at = at - interval '1 second';
