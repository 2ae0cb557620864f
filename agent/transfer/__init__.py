"""Files to and from remote systems: http, https, ftp, ftps (explicit) and sftp."""
