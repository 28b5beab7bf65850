/* extension/nex_backup--0.2.1--0.2.2.sql, made of the parts in extension/0.2.2/ and of three of 0.2.1 */

-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION nex_backup UPDATE TO '0.2.2'" to load this file. \quit

