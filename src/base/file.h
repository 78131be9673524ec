/* Whether a file can be read to its end. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

/*
 * Why |path| cannot be read as a whole, in a static text; NULL if it can.  A
 * pipe or a device is refused: reading it may wait, or go on, for ever.  The
 * null device is an empty file.
 */
const char *file_trouble(const char *path);

#endif
