/*
 * libevent keeps a few bytes for each descriptor it has ever seen, as long as
 * the loop lives.  Between the things of a connection, which come and go, they
 * would hold on to every page where one lies, and a crowd that has gone would
 * leave most of its memory behind.  So what is small lies in blocks of its
 * own; these stay.
 */
#include "config.h"

#include "net/event_memory.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#define SMALL           32
#define PIECES_IN_BLOCK 1024

struct piece {
	bool is_small;
	struct piece *next; /* when it is small and free */
	_Alignas(max_align_t) unsigned char bytes[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct piece *free_pieces;

/* Another block; false: no memory. */
static bool
add_block(void)
{
	size_t size = sizeof(struct piece) + SMALL;
	unsigned char *block = malloc(PIECES_IN_BLOCK * size);

	if (block == NULL)
		return false;
	for (size_t i = PIECES_IN_BLOCK; i-- > 0;) {
		struct piece *p = (void *)(block + i * size);

		p->is_small = true;
		p->next = free_pieces;
		free_pieces = p;
	}
	return true;
}

static struct piece *
take_small(void)
{
	struct piece *p;

	pthread_mutex_lock(&lock);
	if (free_pieces == NULL)
		add_block();
	p = free_pieces;
	if (p != NULL)
		free_pieces = p->next;
	pthread_mutex_unlock(&lock);
	return p;
}

static void
put_small(struct piece *p)
{
	pthread_mutex_lock(&lock);
	p->next = free_pieces;
	free_pieces = p;
	pthread_mutex_unlock(&lock);
}

static struct piece *
piece_of(void *bytes)
{
	return (void *)((unsigned char *)bytes - offsetof(struct piece, bytes));
}

static struct piece *
take_large(struct piece *old, size_t size)
{
	struct piece *p = NULL;

	if (size <= SIZE_MAX - sizeof(*p))
		p = realloc(old, sizeof(*p) + size);
	if (p != NULL)
		p->is_small = false;
	return p;
}

static void *
take(size_t size)
{
	struct piece *p = size <= SMALL ? take_small() : take_large(NULL, size);

	return p != NULL ? p->bytes : NULL;
}

static void
give_back(void *bytes)
{
	if (bytes == NULL)
		return;
	if (piece_of(bytes)->is_small)
		put_small(piece_of(bytes));
	else
		free(piece_of(bytes));
}

static void *
take_other(void *bytes, size_t size)
{
	struct piece *p;

	if (bytes == NULL)
		return take(size);
	if (!piece_of(bytes)->is_small) {
		p = take_large(piece_of(bytes), size);
	} else if (size <= SMALL) {
		return bytes;
	} else if ((p = take_large(NULL, size)) != NULL) {
		memcpy(p->bytes, bytes, SMALL);
		give_back(bytes);
	}
	return p != NULL ? p->bytes : NULL;
}

static void
init(void)
{
	event_set_mem_functions(take, take_other, give_back);
}

void
event_memory_init(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, init);
}
