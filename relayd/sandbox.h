/*
 * A filter for system calls: what a running relay needs, and nothing else.
 * Whoever takes it over by a bug starts no program, opens no file for
 * writing, and serves on no other port.
 */
#ifndef RELAYD_SANDBOX_H
#define RELAYD_SANDBOX_H

#include <stdbool.h>

/*
 * For all threads, from now on.  |new_files| is a directory in which files may
 * still be made, -1: nowhere.  True if it is there; false with a static
 * text in |*why|: the build is without it, or with a sanitizer, which calls
 * what it likes; or the kernel does not do it.
 */
bool sandbox_enter(int new_files, const char **why);

#endif
