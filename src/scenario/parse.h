/* .rly text -> struct script.  Errors name file, line, column, what was
 * expected and, where one is likely, the word that was meant. */
#ifndef SCENARIO_PARSE_H
#define SCENARIO_PARSE_H

#include "base/text.h"
#include "scenario/scenario.h"

/*
 * Parse and check a file (or |text| as if it were |file|).  All errors are
 * collected, one a line, "FILE:LINE:COL: …".  NULL if there were any.
 * Includes are searched beside the including file, then in |lib_dir|.
 */
struct script *script_load(const char *file, const char *lib_dir,
    struct text *errors);
struct script *script_parse(const char *file, const char *text, size_t len,
    const char *lib_dir, struct text *errors);
void script_free(struct script *s); /* NULL is fine */

/*
 * Includes that lie in no folder, such as those inside a program: |find| gets
 * the path beside the including file and the name as it was written, and
 * gives text that lives on, or NULL.  It is asked before the folders where
 * the script itself came as text, behind them where it came from a file.
 */
typedef const char *(
    *script_include_fn)(const char *path, const char *name, size_t *len);
void script_set_includes(script_include_fn find);

/* What a target can have, and the dialects it can speak: NULL-terminated. */
const char *const *capability_words(void);

/* The procedure of that name, or NULL. */
const struct proc *script_proc(const struct script *s, const char *name);

#endif
