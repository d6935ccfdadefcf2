SELECT e.full_name, e.short_name, e.description,
       coalesce(json_agg(json_build_object('version', r.version, 'yanked', r.yanked))
                FILTER (WHERE r.id IS NOT NULL), '[]') AS releases
  FROM repository.extensions e
       LEFT JOIN repository.releases r ON r.extension_id = e.id
 GROUP BY e.id
 ORDER BY e.full_name COLLATE "C"
