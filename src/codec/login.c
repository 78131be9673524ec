/* What the login machines of all dialects have in common. */
#include "config.h"

#include "codec/login.h"

#include <string.h>

void
rk_login_init(struct rk_login *l, const struct rk_dialect *d, enum rk_role role,
    const struct rk_login_params *params)
{
	memset(l, 0, sizeof(*l));
	l->dialect = d;
	l->role = role;
	l->state = RK_LOGIN_PENDING;
	l->params = *params;
}

/* A full buffer is the caller's to mend; everything else is final. */
static int
conclude(struct rk_login *l, int err)
{
	if (err != RK_OK && err != RK_ERR_SPACE) {
		l->state = RK_LOGIN_REFUSED;
		l->error = err;
	}
	return err;
}

int
rk_login_start(struct rk_login *l, struct rk_writer *out)
{
	if (l->state != RK_LOGIN_PENDING)
		return RK_ERR_ARGUMENT;
	return conclude(l, l->dialect->login->start(l, out));
}

int
rk_login_input(struct rk_login *l, const struct rk_raw_frame *raw,
    struct rk_writer *out)
{
	if (l->state != RK_LOGIN_PENDING)
		return RK_ERR_ARGUMENT;
	return conclude(l, l->dialect->login->input(l, raw, out));
}

int
rk_login_access(struct rk_login *l, bool allowed, struct rk_writer *out)
{
	if (l->state != RK_LOGIN_ASKED)
		return RK_ERR_ARGUMENT;
	return conclude(l, l->dialect->login->access(l, allowed, out));
}
