INSERT INTO repository.extensions (full_name, short_name, description)
VALUES ($1, $2, $3)
RETURNING id, full_name, short_name, description
