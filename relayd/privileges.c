/* setgroups, setgid, setuid, and proof that there is no way back. */
#include "config.h"

#include "relayd/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "relayd/conf.h"

static bool
become(const struct passwd *pw)
{
	return initgroups(pw->pw_name, pw->pw_gid) == 0 &&
	    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) == 0 &&
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == 0;
}

static const struct passwd *
find(const char *user, char *err, size_t err_size)
{
	const struct passwd *pw;

	errno = 0;
	pw = getpwnam(user);
	if (pw == NULL)
		snprintf(err, err_size, "user %s: %s", user,
		    errno != 0 ? strerror(errno) : "there is no such user");
	return pw;
}

bool
privileges_find(const char *user, char *err, size_t err_size)
{
	return find(user, err, err_size) != NULL;
}

bool
privileges_drop(const char *user, char *err, size_t err_size)
{
	const struct passwd *pw = find(user, err, err_size);

	if (pw == NULL)
		return false;
	if (getuid() == pw->pw_uid && geteuid() == pw->pw_uid)
		return true;
	if (geteuid() != 0) {
		snprintf(err, err_size, "user %s: only root can become that",
		    user);
		return false;
	}
	if (!become(pw)) {
		snprintf(err, err_size, "user %s: %s", user, strerror(errno));
		return false;
	}
	if (pw->pw_uid != 0 && (setuid(0) == 0 || seteuid(0) == 0)) {
		snprintf(err, err_size, "user %s: root could come back", user);
		return false;
	}
	log_info("privileges-dropped user=%s", user);
	return true;
}

static void
check_file(const char *path)
{
	if (path != NULL && access(path, R_OK) != 0)
		log_warn("reload-will-fail file=%s reason=\"%s\"", path,
		    strerror(errno));
}

void
privileges_check_files(const struct conf *conf)
{
	check_file(conf->file);
	check_file(conf->cert);
	check_file(conf->key);
	check_file(conf->access_ca);
	for (size_t i = 0; i < conf->nkey_files; i++)
		check_file(conf->key_files[i]);
}
