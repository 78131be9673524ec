/* Two ends of a stream; see stream_ends.h. */
#include "config.h"

#include "stream_ends.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support.h"

struct loop *loop;
struct peer a, b;
int raw;

void
setup_ends(void)
{
	loop = loop_new();
	ck_assert_ptr_nonnull(loop);
	peer_init(&a);
	peer_init(&b);
	raw = -1;
}

void
teardown_ends(void)
{
	peer_clear(&a);
	peer_clear(&b);
	if (raw >= 0)
		close(raw);
	loop_free(loop);
	clock_unfake();
}

void
connect_streams(enum pair_kind kind)
{
	int fds[2];

	make_pair(kind, fds);
	a.stream = stream_new(loop, fds[0], peer_on_event, &a);
	b.stream = stream_new(loop, fds[1], peer_on_event, &b);
	ck_assert_ptr_nonnull(a.stream);
	ck_assert_ptr_nonnull(b.stream);
}

void
connect_raw(enum pair_kind kind)
{
	int fds[2];

	make_pair(kind, fds);
	a.stream = stream_new(loop, fds[0], peer_on_event, &a);
	raw = fds[1];
	set_blocking(raw);
}

void
connect_raw_small(enum pair_kind kind)
{
	connect_raw(kind);
	make_buffers_small(stream_fd(a.stream));
	make_buffers_small(raw);
}

void
raw_close(void)
{
	close(raw);
	raw = -1;
}

void
raw_reset(enum pair_kind kind)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	if (kind == PAIR_SOCKETPAIR) {
		ck_assert(stream_write(a.stream, "unread", 6));
		ck_assert_uint_eq(stream_queued(a.stream), 0);
	}
	setsockopt(raw, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	raw_close();
}

bool
read_exactly(int fd, void *buf, size_t len)
{
	return recv(fd, buf, len, MSG_WAITALL) == (ssize_t)len;
}

void
fill_bulk(uint8_t *p, uint64_t seed)
{
	test_fill(&seed, p, BULK);
}
