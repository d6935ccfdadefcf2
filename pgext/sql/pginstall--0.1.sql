/* pginstall--0.1.sql */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION pginstall" to load this file. \quit

-- The record: which provider an extension came from. An oid alone would not do: it is another's after a restore, and a
-- dropped extension's may be given again. Always read joined to pg_extension, as the view does.
CREATE TABLE pginstall.record (
	extension oid PRIMARY KEY,
	name text NOT NULL,
	full_name text NOT NULL,
	version text NOT NULL,
	digest text NOT NULL,
	repository text NOT NULL,
	installed_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE pginstall.record IS 'where the extensions installed through pginstall came from; read it through pginstall.installed';
COMMENT ON COLUMN pginstall.record.version IS 'of the archive that was installed';
COMMENT ON COLUMN pginstall.record.digest IS 'SHA-256 of that archive';
COMMENT ON COLUMN pginstall.record.repository IS 'its name in the settings of the sidecar';
SELECT pg_catalog.pg_extension_config_dump('pginstall.record', '');

CREATE VIEW pginstall.installed AS
	SELECT r.name, e.extversion AS sql_version, r.full_name, r.version, r.digest, r.repository, r.installed_at
	FROM pg_catalog.pg_extension e
	JOIN pginstall.record r
		ON r.extension OPERATOR(pg_catalog.=) e.oid
		AND r.name OPERATOR(pg_catalog.=) e.extname::pg_catalog.text;
COMMENT ON VIEW pginstall.installed IS 'extensions of this database that were installed through pginstall';
GRANT USAGE ON SCHEMA pginstall TO PUBLIC;
GRANT SELECT ON pginstall.installed TO PUBLIC;

CREATE FUNCTION pginstall.sidecar_search(text) RETURNS jsonb
	LANGUAGE c STRICT VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'pginstall_search';
CREATE FUNCTION pginstall.sidecar_status() RETURNS jsonb
	LANGUAGE c STRICT VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'pginstall_status';

CREATE FUNCTION pginstall.search(pattern text, OUT name text, OUT full_name text, OUT version text,
		OUT description text, OUT repository text, OUT installable boolean) RETURNS SETOF record
	LANGUAGE sql STRICT VOLATILE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
	SELECT x.name, x.full_name, x.version, x.description, x.repository, x.installable
	FROM jsonb_to_recordset(pginstall.sidecar_search(pattern) -> 'extensions')
		AS x(name text, full_name text, version text, description text, repository text, installable boolean)
	ORDER BY x.name, x.full_name
$$;
COMMENT ON FUNCTION pginstall.search(text) IS 'extensions whose full name or description contains the text, in the repositories that this server''s sidecar knows';

CREATE FUNCTION pginstall.available(OUT name text, OUT full_name text, OUT version text,
		OUT description text, OUT repository text) RETURNS SETOF record
	LANGUAGE sql STRICT VOLATILE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
	SELECT s.name, s.full_name, s.version, s.description, s.repository FROM pginstall.search('') AS s WHERE s.installable
$$;
COMMENT ON FUNCTION pginstall.available() IS 'extensions that CREATE EXTENSION could install on this server and machine';

CREATE FUNCTION pginstall.status(OUT sidecar_version text, OUT target text, OUT directory text, OUT repository text,
		OUT uri text, OUT index_version bigint, OUT updated timestamptz, OUT expires timestamptz) RETURNS SETOF record
	LANGUAGE sql STRICT VOLATILE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
	SELECT s ->> 'version', s ->> 'target', s ->> 'directory', r.name, r.uri, r.index_version, r.updated, r.expires
	FROM pginstall.sidecar_status() AS s
	LEFT JOIN LATERAL jsonb_to_recordset(s -> 'repositories')
		AS r(name text, uri text, index_version bigint, updated timestamptz, expires timestamptz) ON true
$$;
COMMENT ON FUNCTION pginstall.status() IS 'the sidecar that serves this server, and a row for each of its repositories';

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA pginstall FROM PUBLIC;
