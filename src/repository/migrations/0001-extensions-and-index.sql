CREATE TABLE repository.extensions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    full_name text NOT NULL CHECK (octet_length(full_name) <= 150),
    short_name text NOT NULL CHECK (octet_length(short_name) <= 63),
    -- Of the newest release.
    description text NOT NULL
);

-- Names alike but for case would be one directory on some file systems, and one name to many readers.
CREATE UNIQUE INDEX extensions_full_name_key ON repository.extensions (lower(full_name COLLATE "C"));
CREATE INDEX extensions_short_name_idx ON repository.extensions (short_name);

CREATE TABLE repository.releases (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    extension_id bigint NOT NULL REFERENCES repository.extensions ON DELETE CASCADE,
    version text NOT NULL,
    -- Not chosen any more when no version is asked for, but still there for whoever has it.
    yanked boolean NOT NULL DEFAULT false,
    UNIQUE (extension_id, version)
);

CREATE TABLE repository.archives (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    release_id bigint NOT NULL REFERENCES repository.releases ON DELETE CASCADE,
    -- The identity, spelled out: full name, version, target and build.
    file text NOT NULL UNIQUE,
    -- Both null in an SQL-only archive, which suits every major and platform.
    major integer,
    platform text,
    build integer NOT NULL CHECK (build > 0),
    sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    size bigint NOT NULL CHECK (size > 0),
    manifest jsonb NOT NULL,
    uploaded_at timestamptz NOT NULL,
    CHECK ((major IS NULL) = (platform IS NULL))
);

CREATE INDEX archives_release_id_idx ON repository.archives (release_id);

-- The signed file on top of the index: one row, replaced with each publication.
CREATE TABLE repository.publication (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version bigint NOT NULL,
    published_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    envelope text NOT NULL
);

-- The index files below it, by the digest of their bytes.
CREATE TABLE repository.index_files (
    sha256 text PRIMARY KEY,
    short_name text NOT NULL,
    body text NOT NULL,
    -- Null while the publication names it; then how long a publication that named it may still be held valid.
    kept_until timestamptz
);

CREATE UNIQUE INDEX index_files_current_key ON repository.index_files (short_name) WHERE kept_until IS NULL;
