SELECT r.extension_id, r.version, r.yanked, a.file, a.major, a.platform, a.build, a.sha256, a.size, a.manifest, a.uploaded_at
  FROM repository.releases r
       JOIN repository.archives a ON a.release_id = r.id
 WHERE r.extension_id = ANY ($1::bigint[])
 ORDER BY a.file COLLATE "C"
