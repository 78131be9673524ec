/* What TOML writes without quotes: numbers, true and false, dates. */
#ifndef RELAYD_TOML_SCALAR_H
#define RELAYD_TOML_SCALAR_H

#include "relayd/toml.h"

/* Read the word at |*at| and leave that behind it: numbers in decimal, the
 * others as they are.  False, with |*at| as it was: it is no such thing. */
bool toml_scalar(const char **at, struct text *out, enum toml_kind *kind);

#endif
