/* Which bytes may stand where in HTTP/1.1; inside the codec only. */
#ifndef RK_HTTP_CLASS_H
#define RK_HTTP_CLASS_H

#include <stdint.h>

enum rk_http_class {
	RK_HTTP_TOKEN = 1,   /* RFC 9110 section 5.6.2 */
	RK_HTTP_VISIBLE = 2, /* what may stand in a request target */
	RK_HTTP_TEXT = 4     /* what may stand in a value or a reason */
};

/* Bits of enum rk_http_class, by byte. */
extern const uint8_t rk_http_classes[256];

#endif
