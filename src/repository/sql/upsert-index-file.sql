INSERT INTO repository.index_files (sha256, short_name, body)
VALUES ($1, $2, $3)
ON CONFLICT (sha256) DO UPDATE SET kept_until = NULL
