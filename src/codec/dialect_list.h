/* Every dialect of this build, one line each, the default first.  A line
 * X(name) stands for rk_dialect_name in dialect_name.c. */
#ifndef RK_DIALECT_LIST_H
#define RK_DIALECT_LIST_H

#include "dialect.h"

#define RK_DIALECT_LIST(X) X(iroh_v3)

#define RK_DECLARE_DIALECT(name)                                               \
	extern const struct rk_dialect rk_dialect_##name;
RK_DIALECT_LIST(RK_DECLARE_DIALECT)
#undef RK_DECLARE_DIALECT

#endif
