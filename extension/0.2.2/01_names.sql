-- Names lead to PostgreSQL's objects, or are qualified.
SET LOCAL search_path = pg_catalog, pg_temp;

