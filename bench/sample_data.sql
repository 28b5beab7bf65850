-- sample_data.sql
--   Fills the sample invoice database (tests/fixtures/sample_schema.sql) with
--   deterministic data of a chosen size.  Every value is computed from the row's
--   number by a hash, so two loads of the same scale hold the same rows.
--
--     psql -X -d invoices -v ON_ERROR_STOP=1 -v scale=1 -f bench/sample_data.sql
--
--   scale 1 is about 1 GB of heap (indexes not counted), in rows:
--     billing.invoice_line  5,400,000   (70 % of the heap)
--     billing.invoice         900,000
--     billing.customer         60,000
--     billing.supplier          8,000
--     billing.product          20,000
--     billing.document         12,000   (jsonb, and 1 to 16 kB of bytea, in TOAST)
--     audit.log               700,000   (partitioned by month)
--   and some large objects.  Everything grows in proportion: 0.01 is a
--   demonstration of 10 MB, 4 is four times the benchmark.
--
--   Needs a superuser: foreign keys and triggers are passed over while loading
--   (session_replication_role), as the data satisfies them by construction.

\set ON_ERROR_STOP on
\if :{?scale}
\else
\set scale 0.01
\endif

SET session_replication_role = replica;
SET synchronous_commit = off;
SET client_min_messages = warning;
SET timezone = 'UTC';
SET max_parallel_workers_per_gather = 0;

SELECT greatest(10, round(8000 * :scale))::bigint AS suppliers,
	   greatest(20, round(60000 * :scale))::bigint AS customers,
	   greatest(20, round(20000 * :scale))::bigint AS products,
	   greatest(100, round(900000 * :scale))::bigint AS invoices,
	   greatest(10, round(12000 * :scale))::bigint AS documents,
	   greatest(100, round(700000 * :scale))::bigint AS log_rows,
	   greatest(3, least(50, round(20 * :scale)))::bigint AS scans
\gset

-- A number from 0 up to n (exclusive) that depends on the row and a salt only.
-- The type is unsigned after the mask; SQL functions like this one are inlined.
CREATE FUNCTION pg_temp.pick(row_no bigint, salt bigint, n bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE
RETURN (hashint8extended(row_no, salt) & 9223372036854775807) % n;

BEGIN;

INSERT INTO billing.supplier
	(supplier_id, name, vat_number, email, address, rating, tags, created_at)
OVERRIDING SYSTEM VALUE
SELECT i,
	   (ARRAY['Nordwind', 'Müller & Söhne', 'Acme "Tools"', 'Société Générale d''Outils', '東京部品',
			  'Zażółć', 'O''Brien', 'Ångström'])[1 + pg_temp.pick(i, 1, 8)] || ' ' || i,
	   'DE' || (100000000 + i),
	   'orders' || i || '@supplier.example',
	   ROW(CASE WHEN pg_temp.pick(i, 2, 3) = 0 THEN 'Am "Alten" Markt, ' || i ELSE 'Main Street ' || i END,
		   lpad(pg_temp.pick(i, 3, 100000)::text, 5, '0'),
		   (ARRAY['Köln', 'Łódź', 'Paris', 'Wien', 'Bern'])[1 + pg_temp.pick(i, 4, 5)], 'DE')::billing.address,
	   (pg_temp.pick(i, 5, 50) / 10.0)::real,
	   CASE WHEN i % 4 = 0 THEN ARRAY['preferred', 'eu'] WHEN i % 4 = 1 THEN ARRAY['a,b', 'c"d', NULL]
			ELSE '{}' END,
	   timestamptz '2018-01-01 08:00+00' + i * interval '97 minutes'
FROM generate_series(1::bigint, :suppliers) i;

INSERT INTO billing.customer
	(customer_id, name, email, phone, address, credit_limit, active, notes, created_at)
SELECT i, 'Customer ' || i || (ARRAY[' GmbH', ' Ltd', ' S.A.', ' Sp. z o.o.', ''])[1 + pg_temp.pick(i, 11, 5)],
	   CASE WHEN i % 17 <> 0 THEN 'accounts' || i || '@customer.example' END,
	   '+49 ' || (1000000 + pg_temp.pick(i, 12, 8999999)),
	   ROW('Street ' || pg_temp.pick(i, 13, 500), lpad(pg_temp.pick(i, 14, 100000)::text, 5, '0'),
		   'City ' || pg_temp.pick(i, 15, 900), 'FR')::billing.address,
	   pg_temp.pick(i, 16, 2000000) / 100.0,
	   i % 23 <> 0,
	   CASE WHEN i % 10 = 0 THEN E'calls\tback\nsecond line \\ back slash' WHEN i % 10 = 1 THEN '' END,
	   timestamptz '2019-03-01 09:30+00' + i * interval '13 minutes'
FROM generate_series(1::bigint, :customers) i;

INSERT INTO billing.product (product_id, sku, name, supplier_id, list_price, vat)
SELECT i, 'SKU-' || lpad(i::text, 8, '0'),
	   (ARRAY['Bearing', 'Drill bit', 'Cable', 'Switch', 'Paper', 'Toner', 'Valve', 'Hose'])[1 + pg_temp.pick(i, 21, 8)]
	   || ' no. ' || pg_temp.pick(i, 22, 9000),
	   1 + pg_temp.pick(i, 23, :suppliers), 1 + pg_temp.pick(i, 24, 90000) / 100.0,
	   CASE WHEN i % 5 = 0 THEN 7 ELSE 19 END
FROM generate_series(1::bigint, :products) i;

INSERT INTO billing.invoice
	(invoice_id, invoice_number, customer_id, status, issued_on, due_on, net_total, vat_total, reference,
	 updated_at)
SELECT i, 100000 + i, 1 + pg_temp.pick(i, 31, :customers),
	   (ARRAY['paid', 'paid', 'paid', 'paid', 'open', 'overdue', 'cancelled', 'draft'])
		   [1 + pg_temp.pick(i, 32, 8)]::billing.invoice_status,
	   d, d + 14 + pg_temp.pick(i, 33, 3)::integer * 15,
	   net, round(net * 0.19, 2),
	   CASE WHEN i % 3 = 0 THEN 'PO ' || upper(to_hex(pg_temp.pick(i, 34, 4294967296))) END,
	   d + time '10:00' + pg_temp.pick(i, 35, 28800000) * interval '1 ms'
FROM generate_series(1::bigint, :invoices) i,
	 LATERAL (SELECT date '2020-01-01' + (i * 2100 / :invoices)::integer AS d,
					 (100 + pg_temp.pick(i, 36, 2000000)) / 100.0::numeric AS net) v;

-- Six lines an invoice; h is one hash that gives most columns their bits.
INSERT INTO billing.invoice_line
	(line_id, invoice_id, line_no, product_id, description, quantity, unit_price, amount, delivered_on,
	 booked_at, is_credit)
SELECT i, 1 + (i - 1) / 6, 1 + (i - 1) % 6, 1 + (h & 1048575) % :products,
	   (ARRAY['Delivery of spare parts', 'Monthly maintenance', 'Bearing 6204-2RS, sealed', 'Consulting, senior',
			  'Freight and handling', 'Cable 3×1.5 mm², black', 'Toner cartridge', 'Hydraulic hose DN12',
			  'Licence renewal', 'Paper A4 80 g, box', 'Drill bit set HSS-G', 'Discount as agreed',
			  'Calibration service', 'Safety shoes S3', 'Pressure valve 10 bar', 'Travel expenses'])
		   [1 + ((h >> 20) & 15)]
	   || ', order ' || ((h >> 24) & 1048575),
	   q, p, q * p,
	   CASE WHEN (h & 31) <> 0 THEN date '2020-01-01' + (i * 350 / :invoices)::integer + ((h >> 3) & 7)::integer END,
	   timestamptz '2020-01-01 06:00+00' + (i * 30240000 / :invoices) * interval '1 second'
		   + ((h >> 30) & 16777215) * interval '3 ms',
	   ((h >> 44) & 63) = 0
FROM generate_series(1::bigint, :invoices * 6) i,
	 LATERAL (SELECT hashint8extended(i, 41) & 9223372036854775807 AS h) a,
	 LATERAL (SELECT (1 + ((h >> 50) & 31))::numeric(12,2) AS q,
					 ((100 + ((h >> 34) & 131071)) / 100.0)::numeric(12,2) AS p) b;

-- The content is not compressible, like the PDF files that it plays.
INSERT INTO billing.document
	(document_id, invoice_id, file_name, media_type, metadata, content, stored_at)
OVERRIDING SYSTEM VALUE
SELECT i, 1 + pg_temp.pick(i, 51, :invoices), 'invoice_' || i || '.pdf',
	   CASE WHEN i % 9 = 0 THEN 'image/png' ELSE 'application/pdf' END,
	   jsonb_build_object('pages', 1 + pg_temp.pick(i, 52, 12), 'title', 'Rechnung Nº ' || i || ' – "Kopie"',
						  'tags', jsonb_build_array('invoice', 'scan', i % 7, NULL),
						  'ocr', jsonb_build_object('confidence', pg_temp.pick(i, 53, 1000) / 1000.0,
													'text', repeat('Line ' || i || ' total ', 1 + (i % 40)::integer))),
	   (SELECT string_agg(sha512(int8send(i * 1000 + b)), '' ORDER BY b)
		FROM generate_series(1, 16 + pg_temp.pick(i, 54, 240)) b),
	   timestamptz '2022-01-01 12:00+00' + i * interval '7 minutes'
FROM generate_series(1::bigint, :documents) i;

INSERT INTO audit.log (log_id, logged_at, actor, action, invoice_id, detail)
OVERRIDING SYSTEM VALUE
SELECT i, timestamptz '2025-01-01 00:00+00' + (i * 31600000 / :log_rows) * interval '1 second',
	   'user' || pg_temp.pick(i, 61, 40), (ARRAY['INSERT', 'UPDATE', 'LOGIN', 'PRINT'])[1 + pg_temp.pick(i, 62, 4)],
	   1 + pg_temp.pick(i, 63, :invoices),
	   CASE WHEN i % 3 <> 0 THEN jsonb_build_object('ip', '10.0.' || pg_temp.pick(i, 64, 256) || '.' || (i % 256),
													'ms', pg_temp.pick(i, 65, 5000)) END
FROM generate_series(1::bigint, :log_rows) i;

INSERT INTO billing.session_cache
SELECT md5(i::text)::uuid, jsonb_build_object('n', i) FROM generate_series(1, 20) i;

-- Large objects, the first of them empty and the rest a few hundred kB.
UPDATE billing.document
SET scan = lo_from_bytea(0, (SELECT coalesce(string_agg(sha512(int8send(document_id * 77777 + b)), '' ORDER BY b), '')
							 FROM generate_series(1, (document_id - 1) * 500) b))
WHERE document_id <= least(:scans, 10);
SELECT format('COMMENT ON LARGE OBJECT %s IS %L', scan, 'scan of document ' || document_id || ' – größer')
FROM billing.document WHERE scan IS NOT NULL AND document_id % 2 = 0
\gexec
SELECT format('GRANT SELECT ON LARGE OBJECT %s TO pg_monitor', scan)
FROM billing.document WHERE document_id = 1
\gexec

SELECT setval(pg_get_serial_sequence('billing.supplier', 'supplier_id'), :suppliers),
	   setval(pg_get_serial_sequence('billing.customer', 'customer_id'), :customers),
	   setval(pg_get_serial_sequence('billing.product', 'product_id'), :products),
	   setval(pg_get_serial_sequence('billing.invoice', 'invoice_id'), :invoices),
	   setval('billing.invoice_number_seq', 100000 + :invoices),
	   setval(pg_get_serial_sequence('billing.invoice_line', 'line_id'), :invoices * 6),
	   setval(pg_get_serial_sequence('billing.document', 'document_id'), :documents),
	   setval(pg_get_serial_sequence('audit.log', 'log_id'), :log_rows) \g /dev/null

REFRESH MATERIALIZED VIEW billing.monthly_turnover;
COMMIT;

DROP FUNCTION pg_temp.pick(bigint, bigint, bigint);
RESET session_replication_role;
VACUUM (ANALYZE);

SELECT n.nspname || '.' || c.relname AS "table", c.reltuples::bigint AS "rows",
	   pg_size_pretty(pg_table_size(c.oid)) AS "size"
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('billing', 'audit') AND c.relkind = 'r' AND pg_table_size(c.oid) > 16 * 8192
ORDER BY pg_table_size(c.oid) DESC, 1
LIMIT 6;
