/* Instances of a target for single cases: what the engine's host does for a
 * .target file. */
#ifndef CONFORMANCE_OWN_H
#define CONFORMANCE_OWN_H

#include "scenario/engine.h"

struct target;

/* Starts copies of |t|, which has a file that says how. */
struct engine_host own_host(struct target *t);
/* Starts the client that |t| is: the command of its options with its {url}, or
 * that for sending with its {file}, too; what it says goes behind its log. */
struct engine_host client_host(struct target *t);
/* Can that be started at all?  False with one line in |err|. */
bool client_is_there(const char *command, char *err, size_t err_size);

#endif
