INSERT INTO repository.archives (release_id, file, major, platform, build, sha256, size, manifest, uploaded_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
