/* The canonical layout of a script. */
#ifndef SCENARIO_FMT_H
#define SCENARIO_FMT_H

#include "base/text.h"

/*
 * Lay |text| out anew: two blanks for each level, one between words, none
 * around "=" of settings and predicates, comments kept, at most one empty
 * line in a row.  The heap string, or NULL after complaints about what the
 * lexer cannot read (|file| names them).  Formatting twice changes nothing.
 */
char *script_format(const char *file, const char *text, size_t len,
    struct text *errors);

#endif
