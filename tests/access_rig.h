/* relayd, and the service that it asks who may log in: as slow and wrong as a
 * test wants it. */
#ifndef TESTS_ACCESS_RIG_H
#define TESTS_ACCESS_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include "relayd_rig.h"

#define MAX_ASKED 20

#define YES "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ntrue"

/* A connection as the service sees it. */
struct question {
	int fd;
	char text[4096]; /* what has come since say_last() */
	size_t len;
};

extern int listen_fd;
extern unsigned port;
extern struct question asked[MAX_ASKED];
extern int nasked;

void access_rig_start(void);
void access_rig_stop(void);

/* Words behind "--access-url URL", NULL-terminated. */
void configure(const char *path, const char *const *more);
/* The same with "USER:PASSWORD@" in the URL. */
void configure_user(const char *user, const char *path,
    const char *const *more);
/* Accept and read what there is. */
void take_questions(void);
bool is_whole(int i);

/* Turn until |condition|; real sockets take their time. */
#define UNTIL(condition)                                                       \
	do {                                                                   \
		for (int turns_ = 0; !(condition); turns_++) {                 \
			ck_assert_msg(turns_ < 20000, "never: %s",             \
			    #condition);                                       \
			rig_turn(&rig);                                        \
			take_questions();                                      \
			if (turns_ > 100)                                      \
				usleep(500);                                   \
		}                                                              \
	} while (0)

void say(int i, const char *text);
/* What comes on that connection is another question. */
void say_last(int i, const char *text);
void hang_up(int i);
bool was_hung_up(int i);
/* The question on connection |i| is about the key of that seed. */
void expect_key(int i, uint8_t seed_byte);
/* Of the metrics. */
uint64_t answers(const char *word);

void begin_login(struct client *c, enum rk_carrier carrier, uint8_t seed);
bool has_ended(struct client *c);
void expect_denied(struct client *c);

#endif
