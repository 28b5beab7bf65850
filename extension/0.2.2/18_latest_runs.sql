
--
-- The latest runs of everything, for the status: asked often, and of all runs that there are.  What they are told apart by
-- is in columns of its own, as a role that may report can put a MB into the details of each, which would all be read.  They
-- are as long as an entry of the index has room for.
--
ALTER TABLE nex_backup.runs
	ADD COLUMN file_set text GENERATED ALWAYS AS (left(details ->> 'set', 220)) STORED,
	ADD COLUMN copy text GENERATED ALWAYS AS (left('copy in ' || (details #>> '{copy,location}')
		|| coalesce(' on ' || (details #>> '{copy,host}'), ''), 300)) STORED;
COMMENT ON COLUMN nex_backup.runs.file_set IS 'the set of configuration files';
COMMENT ON COLUMN nex_backup.runs.copy IS 'of which copy of the repository it is, if not of the repository itself';

CREATE INDEX runs_latest_idx ON nex_backup.runs (kind COLLATE "C", database COLLATE "C", file_set COLLATE "C",
		copy COLLATE "C", finished DESC, id DESC)
	WHERE finished IS NOT NULL AND state <> 'skipped' AND kind <> 'notify';
