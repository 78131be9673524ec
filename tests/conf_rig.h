/* What relayd makes of a configuration file: of text, the words of a command
 * line, and what it said to both. */
#ifndef TESTS_CONF_RIG_H
#define TESTS_CONF_RIG_H

#include "base/text.h"
#include "relayd/conf.h"

extern char path[40]; /* of the file */
extern struct conf conf;
extern struct text log_lines; /* newline behind each */
extern char err[512];         /* of the last reading */

/* The fixtures of every test. */
void conf_rig_setup(void);
void conf_rig_teardown(void);

/* "relayd --config PATH" and the words of |more|, with |text| in the file. */
enum conf_action read_file(const char *text, const char *more);
/* The same; the test fails where relayd would not run. */
void read_fine(const char *text, const char *more);
/* What would be opened: "http 127.0.0.1:80\n" and so on. */
void expect_listeners(const char *want);

#endif
