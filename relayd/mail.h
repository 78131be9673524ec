/*
 * What one event loop has to say to another.  A loop writes into trays, one
 * for each other loop, whose content is handed over at the end of the turn:
 * one lock and at most one wake-up for all of it.  What comes is read at the
 * beginning of a turn; packets in it are lent until that turn's end, so that
 * they are queued and written like those of the loop's own clients.
 */
#ifndef RELAYD_MAIL_H
#define RELAYD_MAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relayd/router.h"

#define MAIL_LOOPS_MAX 64

struct loop;
struct mailbox;
struct tls_ctx;

enum mail_kind {
	MAIL_LETTER,  /* of the router */
	MAIL_SOCKET,  /* an accepted connection */
	MAIL_STOP,    /* orderly */
	MAIL_BARRIER, /* behind all that the loop had to say when it heard
		       * of the stop */
	MAIL_IDLE,    /* the loop has no connection any more */
	MAIL_QUIT     /* end the loop */
};

struct mail {
	uint32_t size; /* of it and what follows it */
	uint8_t kind;  /* enum mail_kind */
	uint8_t from;  /* loop */
	/* MAIL_SOCKET */
	uint8_t service;
	int fd;
	struct tls_ctx *tls; /* owned; NULL: plain */
	/* MAIL_LETTER */
	struct letter letter;
	struct lent_packet packet;
};

/* Gets each piece, in order, and NULL behind the last of a turn; |m| and what
 * it points at live to mail_end_turn(). */
typedef void (*mail_fn)(void *arg, struct mail *m);

/* The box of |loop|, number |self|.  NULL: no memory, no descriptor. */
struct mailbox *mailbox_new(struct loop *loop, unsigned self, mail_fn on_mail,
    void *arg);
/* When its loop and all that write to it have ended; what was not read is
 * handed to |on_drop|. */
void mailbox_free(struct mailbox *b, mail_fn on_drop);
/* Where the tray for loop |to| is emptied. */
void mailbox_connect(struct mailbox *b, unsigned to, struct mailbox *other);

/* ---- for the loop itself ---- */

/* A new piece in the tray for |to|, with zeros but for size, kind and from.
 * Valid until the next call.  NULL: no memory. */
struct mail *mail_write(struct mailbox *b, unsigned to, enum mail_kind kind);
/* A router's letter, its packet copied. */
bool mail_write_letter(struct mailbox *b, unsigned to, const struct letter *l);
/* Hand over what is in the trays. */
void mail_hand_over(struct mailbox *b);
/* What came in this turn has been dealt with. */
void mail_end_turn(struct mailbox *b);
/*
 * So much was written that others have not read yet that the loop's clients
 * must not add to it.  It may be over after mail_hand_over(), and when mail or
 * the NULL behind it comes.
 */
bool mail_is_crowded(const struct mailbox *b);

#endif
