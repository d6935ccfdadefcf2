SELECT id, full_name, short_name, description
  FROM repository.extensions
 WHERE short_name = $1
 ORDER BY full_name COLLATE "C"
